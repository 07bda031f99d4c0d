// The same integers in another width, LANES at a time: wires alone.
module hwk_resize #(
    parameter LANES = 1,
    parameter IN_BITS = 8,
    parameter IN_SIGNED = 0,
    parameter OUT_BITS = 8
) (
    input  wire                      clk,
    input  wire                      rst,
    input  wire [LANES*IN_BITS-1:0]  s_data,
    input  wire                      s_valid,
    output wire                      s_ready,
    output wire [LANES*OUT_BITS-1:0] m_data,
    output wire                      m_valid,
    input  wire                      m_ready
);
    assign m_valid = s_valid;
    assign s_ready = m_ready;

    genvar l;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            wire [IN_BITS-1:0] in = s_data[l*IN_BITS +: IN_BITS];
            wire [IN_BITS+OUT_BITS-1:0] wide = {{OUT_BITS{IN_SIGNED ? in[IN_BITS-1] : 1'b0}}, in};
            assign m_data[l*OUT_BITS +: OUT_BITS] = wide[OUT_BITS-1:0];
        end
    endgenerate
endmodule
