// Records a stream in a simulation that asks for it by +taps=FOLDER: FOLDER/NAME gets a line for
// each beat, the time and the data in hexadecimal. Elsewhere nothing.
module hwk_tap #(
    parameter WIDTH = 8,
    parameter NAME = "tap"
) (
    input wire             clk,
    input wire             rst,
    input wire [WIDTH-1:0] data,
    input wire             valid,
    input wire             ready
);
`ifndef SYNTHESIS
    integer file = 0;
    string  folder;
    initial if ($value$plusargs("taps=%s", folder)) file = $fopen({folder, "/", NAME}, "w");
    always @(posedge clk)
        if (file != 0 && !rst && valid && ready) $fdisplay(file, "%0d %h", $time, data);
    final if (file != 0) $fclose(file);
`endif
endmodule
