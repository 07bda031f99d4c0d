// A memory image, read a cycle after its address, or with it where REGISTERED is 0; a single word is
// a constant.
//
// The file IMAGE lies beside this one. Synthesis finds it there or in its project; a simulation finds
// it beside this file as it was named when it was compiled, or in the folder of +images=FOLDER, and
// ends where there is none. Without a name every word is 0.
module hwk_rom #(
    parameter WIDTH = 8,
    parameter DEPTH = 1,
    parameter IMAGE = "",
    parameter REGISTERED = 1
) (
    input  wire                                       clk,
    input  wire                                       enable,
    input  wire [(DEPTH > 1 ? $clog2(DEPTH) : 1)-1:0] address,
    output wire [WIDTH-1:0]                           data
);
    reg [WIDTH-1:0] words [0:DEPTH-1];

    generate
        if (IMAGE == "") begin : empty
            integer k;
            initial for (k = 0; k < DEPTH; k = k + 1) words[k] = {WIDTH{1'b0}};
        end else begin : filled
`ifdef SYNTHESIS
            initial $readmemh(IMAGE, words);
`else
            string path;
            integer length, file;
            initial begin
                if ($value$plusargs("images=%s", path)) path = {path, "/"};
                else begin
                    path = `__FILE__;
                    length = path.len();
                    while (length > 0 && path.getc(length - 1) != "/") length = length - 1;
                    path = path.substr(0, length - 1);  // "" where length is 0
                end
                path = $sformatf("%s%s", path, IMAGE);
                file = $fopen(path, "r");
                if (file == 0)
                    $fatal(1, "no memory image %s: simulate where the core was compiled, or with +images=FOLDER", path);
                $fclose(file);
                $readmemh(path, words);
            end
`endif
        end
        if (DEPTH == 1) begin : constant
            assign data = words[0];
        end else if (REGISTERED) begin : memory
            reg [WIDTH-1:0] q;
            always @(posedge clk) if (enable) q <= words[address];
            assign data = q;
        end else begin : table_in_logic
            assign data = words[address];
        end
    endgenerate
endmodule
