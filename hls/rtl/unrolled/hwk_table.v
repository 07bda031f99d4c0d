// A table in logic, as da4ml's circuits have it: parameters and ports in its order.
module hwk_table #(
    parameter IN_BITS = 8,
    parameter OUT_BITS = 8,
    parameter IMAGE = ""
) (
    input  wire [IN_BITS-1:0]  in,
    output wire [OUT_BITS-1:0] out
);
    hwk_rom #(.WIDTH(OUT_BITS), .DEPTH(1 << IN_BITS), .IMAGE(IMAGE), .REGISTERED(0)) rom (
        .clk(1'b0), .enable(1'b0), .address(in), .data(out));
endmodule
