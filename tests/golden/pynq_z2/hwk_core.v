// Made by hwkit: the layers of one network. The modules in it are written by hand.
module hwk_core (
    input  wire clk,
    input  wire rst,
    input  wire [7:0] s_data,
    input  wire [0:0] s_valid,
    output wire [0:0] s_ready,
    output wire [23:0] m_data,
    output wire [0:0] m_valid,
    input  wire [0:0] m_ready
);
    wire [7:0] s_x_data;
    wire s_x_valid, s_x_ready;
    wire [38:0] s_fc_data;
    wire s_fc_valid, s_fc_ready;
    wire [23:0] s_fc_rescale_data;
    wire s_fc_rescale_valid, s_fc_rescale_ready;
    wire [23:0] s_fc_rescale_fifo_data;
    wire s_fc_rescale_fifo_valid, s_fc_rescale_fifo_ready;
    wire [23:0] s_sink_data;
    wire s_sink_valid, s_sink_ready;
    assign {s_x_data} = s_data;
    assign {s_x_valid} = s_valid;
    assign s_ready = {s_x_ready};
    assign m_data = {s_sink_data};
    assign m_valid = {s_sink_valid};
    assign {s_sink_ready} = m_ready;
    hwk_matrix #(.PE(3), .SIMD(1), .TAPS(1), .FOLDS(4), .GROUPS(1), .LANEWISE(0), .KIND(0), .A_BITS(8), .A_SIGNED(1), .W_BITS(4), .PRODUCT(11), .ACC(13), .WEIGHTS("fc_weights_80509233.hex"), .BIASES(1), .BIAS("fc_bias_6f926013.hex"))
        fc (.clk(clk), .rst(rst), .s_data(s_x_data), .s_valid(s_x_valid), .s_ready(s_x_ready), .m_data(s_fc_data), .m_valid(s_fc_valid), .m_ready(s_fc_ready));
    hwk_rescale #(.LANES(3), .KIND(0), .ROUNDING(2), .F_BITS(1), .R_BITS(0), .LEFT(0), .IN_BITS(13), .IN_SIGNED(1), .X_BITS(13), .P_BITS(13), .Q_BITS(10), .SHIFT(5), .OFFSET(0), .ZERO(0), .LOW(-128), .HIGH(127), .CLAMPS(0), .OUT_BITS(8), .FACTOR(1'h0), .ADDED(13'h10))
        fc_rescale (.clk(clk), .rst(rst), .s_data(s_fc_data), .s_valid(s_fc_valid), .s_ready(s_fc_ready), .m_data(s_fc_rescale_data), .m_valid(s_fc_rescale_valid), .m_ready(s_fc_rescale_ready));
    hwk_fifo #(.WIDTH(24), .DEPTH(2))
        fc_rescale_fifo (.clk(clk), .rst(rst), .s_data(s_fc_rescale_data), .s_valid(s_fc_rescale_valid), .s_ready(s_fc_rescale_ready), .m_data(s_fc_rescale_fifo_data), .m_valid(s_fc_rescale_fifo_valid), .m_ready(s_fc_rescale_fifo_ready));
    hwk_resize #(.LANES(3), .IN_BITS(8), .IN_SIGNED(1), .OUT_BITS(8))
        sink (.clk(clk), .rst(rst), .s_data(s_fc_rescale_fifo_data), .s_valid(s_fc_rescale_fifo_valid), .s_ready(s_fc_rescale_fifo_ready), .m_data(s_sink_data), .m_valid(s_sink_valid), .m_ready(s_sink_ready));
    hwk_tap #(.WIDTH(24), .NAME("s_fc_rescale_fifo")) s_fc_rescale_fifo_tap (.clk(clk), .rst(rst), .data(s_fc_rescale_fifo_data), .valid(s_fc_rescale_fifo_valid), .ready(s_fc_rescale_fifo_ready));
endmodule
