// a + b + OFFSET, or a - b + OFFSET, of two streams beat by beat, LANES integers at a time.
module hwk_sum #(
    parameter LANES = 1,
    parameter A_BITS = 8,
    parameter A_SIGNED = 0,
    parameter B_BITS = 8,
    parameter B_SIGNED = 0,
    parameter SUBTRACT = 0,
    parameter OUT_BITS = 9,
    parameter signed [63:0] OFFSET = 0
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
    reg  there;
    wire enable = !there || m_ready;
    assign a_ready = enable && b_valid;
    assign b_ready = enable && a_valid;
    assign m_valid = there;

    always @(posedge clk) begin
        if (enable) there <= a_valid && b_valid;
        if (rst) there <= 1'b0;
    end

    genvar l;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            wire [A_BITS-1:0] a = a_data[l*A_BITS +: A_BITS];
            wire [B_BITS-1:0] b = b_data[l*B_BITS +: B_BITS];
            wire signed [OUT_BITS:0] x = $signed({A_SIGNED ? a[A_BITS-1] : 1'b0, a});
            wire signed [OUT_BITS:0] y = $signed({B_SIGNED ? b[B_BITS-1] : 1'b0, b});
            wire signed [OUT_BITS:0] sum = (SUBTRACT ? x - y : x + y) + OFFSET;
            reg  [OUT_BITS-1:0] out;
            always @(posedge clk) if (enable) out <= sum[OUT_BITS-1:0];
            assign m_data[l*OUT_BITS +: OUT_BITS] = out;
        end
    endgenerate
endmodule
