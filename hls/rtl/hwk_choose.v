// a where s is at least FROM, else b; of three streams beat by beat, LANES integers at a time.
module hwk_choose #(
    parameter LANES = 1,
    parameter S_BITS = 8,
    parameter S_SIGNED = 0,
    parameter signed [63:0] FROM = 0,
    parameter BITS = 8
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire [LANES*S_BITS-1:0] s_data,
    input  wire                    s_valid,
    output wire                    s_ready,
    input  wire [LANES*BITS-1:0]   a_data,
    input  wire                    a_valid,
    output wire                    a_ready,
    input  wire [LANES*BITS-1:0]   b_data,
    input  wire                    b_valid,
    output wire                    b_ready,
    output wire [LANES*BITS-1:0]   m_data,
    output wire                    m_valid,
    input  wire                    m_ready
);
    reg  there;
    wire enable = !there || m_ready;
    assign s_ready = enable && a_valid && b_valid;
    assign a_ready = enable && s_valid && b_valid;
    assign b_ready = enable && s_valid && a_valid;
    assign m_valid = there;

    always @(posedge clk) begin
        if (enable) there <= s_valid && a_valid && b_valid;
        if (rst) there <= 1'b0;
    end

    genvar l;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            wire [S_BITS-1:0] s = s_data[l*S_BITS +: S_BITS];
            wire signed [S_BITS:0] wide = {S_SIGNED ? s[S_BITS-1] : 1'b0, s};
            reg  [BITS-1:0] out;
            always @(posedge clk) if (enable)
                out <= wide >= FROM ? a_data[l*BITS +: BITS] : b_data[l*BITS +: BITS];
            assign m_data[l*BITS +: BITS] = out;
        end
    endgenerate
endmodule
