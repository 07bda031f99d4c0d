// A memory image, read a cycle after its address; a single word is a constant.
module hwk_rom #(
    parameter WIDTH = 8,
    parameter DEPTH = 1,
    parameter IMAGE = ""
) (
    input  wire                                     clk,
    input  wire                                     enable,
    input  wire [(DEPTH > 1 ? $clog2(DEPTH) : 1)-1:0] address,
    output wire [WIDTH-1:0]                         data
);
    reg [WIDTH-1:0] words [0:DEPTH-1];
    initial $readmemh(IMAGE, words);

    generate
        if (DEPTH == 1) begin : constant
            assign data = words[0];
        end else begin : memory
            reg [WIDTH-1:0] q;
            always @(posedge clk) if (enable) q <= words[address];
            assign data = q;
        end
    endgenerate
endmodule
