// (a + A_OFFSET) * (b + B_OFFSET) of two streams beat by beat, LANES integers at a time.
module hwk_mul #(
    parameter LANES = 1,
    parameter A_BITS = 8,
    parameter A_SIGNED = 0,
    parameter B_BITS = 8,
    parameter B_SIGNED = 0,
    parameter signed [63:0] A_OFFSET = 0,
    parameter signed [63:0] B_OFFSET = 0,
    parameter X_BITS = 9,  // of a + A_OFFSET, signed
    parameter Y_BITS = 9,  // of b + B_OFFSET, signed
    parameter OUT_BITS = 18
) (
    input  wire                      clk,
    input  wire                      rst,
    input  wire [LANES*A_BITS-1:0]   a_data,
    input  wire                      a_valid,
    output wire                      a_ready,
    input  wire [LANES*B_BITS-1:0]   b_data,
    input  wire                      b_valid,
    output wire                      b_ready,
    output wire [LANES*OUT_BITS-1:0] m_data,
    output wire                      m_valid,
    input  wire                      m_ready
);
    // Stage 0: both factors. Stage 1: their product.
    reg  valid0, valid1;
    wire move1 = !valid1 || m_ready;
    wire move0 = !valid0 || move1;
    assign a_ready = move0 && b_valid;
    assign b_ready = move0 && a_valid;
    assign m_valid = valid1;

    always @(posedge clk) begin
        if (move0) valid0 <= a_valid && b_valid;
        if (move1) valid1 <= valid0;
        if (rst) begin
            valid0 <= 1'b0;
            valid1 <= 1'b0;
        end
    end

    genvar l;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            wire [A_BITS-1:0] a = a_data[l*A_BITS +: A_BITS];
            wire [B_BITS-1:0] b = b_data[l*B_BITS +: B_BITS];
            wire signed [A_BITS:0] wide_a = {A_SIGNED ? a[A_BITS-1] : 1'b0, a};
            wire signed [B_BITS:0] wide_b = {B_SIGNED ? b[B_BITS-1] : 1'b0, b};
            reg  signed [X_BITS-1:0] x;
            reg  signed [Y_BITS-1:0] y;
            reg  signed [OUT_BITS-1:0] out;
            always @(posedge clk) begin
                if (move0) begin
                    x <= wide_a + A_OFFSET;
                    y <= wide_b + B_OFFSET;
                end
                if (move1) out <= x * y;
            end
            assign m_data[l*OUT_BITS +: OUT_BITS] = out;
        end
    endgenerate
endmodule
