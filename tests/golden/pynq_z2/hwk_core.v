// Made by hwkit: the layers of one network. The modules in it are written by hand.
module hwk_core (
    input  wire clk,
    input  wire rst,
    input  wire [7:0] s_data,
    input  wire [0:0] s_valid,
    output wire [0:0] s_ready,
    output wire [7:0] m_data,
    output wire [0:0] m_valid,
    input  wire [0:0] m_ready
);
    wire [7:0] s_x_data;
    wire s_x_valid, s_x_ready;
    wire [7:0] s_fc_window_data;
    wire s_fc_window_valid, s_fc_window_ready;
    wire [12:0] s_fc_data;
    wire s_fc_valid, s_fc_ready;
    wire [7:0] s_fc_rescale_data;
    wire s_fc_rescale_valid, s_fc_rescale_ready;
    wire [7:0] s_fc_rescale_fifo_data;
    wire s_fc_rescale_fifo_valid, s_fc_rescale_fifo_ready;
    wire [7:0] s_sink_data;
    wire s_sink_valid, s_sink_ready;
    assign {s_x_data} = s_data;
    assign {s_x_valid} = s_valid;
    assign s_ready = {s_x_ready};
    assign m_data = {s_sink_data};
    assign m_valid = {s_sink_valid};
    assign {s_sink_ready} = m_ready;
    hwk_window #(.WORD(8), .HEIGHT(1), .WIDTH(1), .GROUPS(4), .KERNEL_H(1), .KERNEL_W(1), .STRIDE_H(1), .STRIDE_W(1), .DILATION_H(1), .DILATION_W(1), .PAD_TOP(0), .PAD_LEFT(0), .OUT_H(1), .OUT_W(1), .ROWS(2), .REPEATS(3), .PAD(8'h0), .LANEWISE(0))
        fc_window (.clk(clk), .rst(rst), .s_data(s_x_data), .s_valid(s_x_valid), .s_ready(s_x_ready), .m_data(s_fc_window_data), .m_valid(s_fc_window_valid), .m_ready(s_fc_window_ready));
    hwk_matrix #(.PE(1), .SIMD(1), .TAPS(1), .FOLDS(4), .GROUPS(3), .LANEWISE(0), .KIND(0), .A_BITS(8), .A_SIGNED(1), .W_BITS(4), .PRODUCT(11), .ACC(13), .WEIGHTS("fc_weights_48950b77.hex"), .BIASES(1), .BIAS("fc_bias_8982b0e3.hex"))
        fc (.clk(clk), .rst(rst), .s_data(s_fc_window_data), .s_valid(s_fc_window_valid), .s_ready(s_fc_window_ready), .m_data(s_fc_data), .m_valid(s_fc_valid), .m_ready(s_fc_ready));
    hwk_rescale #(.LANES(1), .KIND(0), .ROUNDING(2), .F_BITS(1), .R_BITS(0), .LEFT(0), .IN_BITS(13), .IN_SIGNED(1), .X_BITS(13), .P_BITS(13), .Q_BITS(10), .SHIFT(5), .OFFSET(0), .ZERO(0), .LOW(-128), .HIGH(127), .CLAMPS(0), .OUT_BITS(8), .FACTOR(1'h0), .ADDED(13'h10))
        fc_rescale (.clk(clk), .rst(rst), .s_data(s_fc_data), .s_valid(s_fc_valid), .s_ready(s_fc_ready), .m_data(s_fc_rescale_data), .m_valid(s_fc_rescale_valid), .m_ready(s_fc_rescale_ready));
    hwk_fifo #(.WIDTH(8), .DEPTH(2))
        fc_rescale_fifo (.clk(clk), .rst(rst), .s_data(s_fc_rescale_data), .s_valid(s_fc_rescale_valid), .s_ready(s_fc_rescale_ready), .m_data(s_fc_rescale_fifo_data), .m_valid(s_fc_rescale_fifo_valid), .m_ready(s_fc_rescale_fifo_ready));
    hwk_resize #(.LANES(1), .IN_BITS(8), .IN_SIGNED(1), .OUT_BITS(8))
        sink (.clk(clk), .rst(rst), .s_data(s_fc_rescale_fifo_data), .s_valid(s_fc_rescale_fifo_valid), .s_ready(s_fc_rescale_fifo_ready), .m_data(s_sink_data), .m_valid(s_sink_valid), .m_ready(s_sink_ready));
    hwk_tap #(.WIDTH(8), .NAME("s_fc_rescale_fifo")) s_fc_rescale_fifo_tap (.clk(clk), .rst(rst), .data(s_fc_rescale_fifo_data), .valid(s_fc_rescale_fifo_valid), .ready(s_fc_rescale_fifo_ready));
endmodule
