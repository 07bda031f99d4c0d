// The WORDS words of the image, again and again.
module hwk_constant #(
    parameter WIDTH = 8,
    parameter WORDS = 1,
    parameter IMAGE = ""
) (
    input  wire             clk,
    input  wire             rst,
    output wire [WIDTH-1:0] m_data,
    output wire             m_valid,
    input  wire             m_ready
);
    localparam A = WORDS > 1 ? $clog2(WORDS) : 1;

    reg [A-1:0] at;
    reg         there;
    wire        enable = !there || m_ready;
    assign m_valid = there;

    hwk_rom #(.WIDTH(WIDTH), .DEPTH(WORDS), .IMAGE(IMAGE)) rom (
        .clk(clk), .enable(enable), .address(at), .data(m_data));

    always @(posedge clk) begin
        if (enable) begin
            at <= at == WORDS - 1 ? {A{1'b0}} : at + 1'b1;
            there <= 1'b1;
        end
        if (rst) begin
            at <= 0;
            there <= 1'b0;
        end
    end
endmodule
