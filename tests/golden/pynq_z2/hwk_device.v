// Core and shell of model golden: a byte stream in, a byte stream out. Generated.
module hwk_device (
    input  wire       clk,
    input  wire       rst,
    input  wire [7:0] rx_data,
    input  wire       rx_valid,
    output wire       rx_ready,
    output wire [7:0] tx_data,
    output wire       tx_valid,
    input  wire       tx_ready,
    output wire       idle
);
  wire input_restart, input_step, input_write, output_restart, output_step, start;
  wire [7:0] input_byte, output_byte;
  wire first_beat, last_beat;
  wire [7:0] s_data;
  wire s_valid, s_ready;
  wire [7:0] m_data;
  wire m_valid, m_ready;

  hwk_shell #(
      .FRAME_LOG2(11),
      .PAYLOAD_BYTES(1024),
      .INPUT_BYTES(4),
      .OUTPUT_BYTES(3),
      .INFO_BYTES(66),
      .CONSTANT_BYTES(70),
      .CONSTANTS(560'h96e0c1776e65646c6f6721214b69594901ff970e6147a55284f58bf8b0654465b2604b9f24bb00eacf2400000000077359400000000000000003000000040000000104000001)
  ) shell (
      .clk(clk), .rst(rst),
      .rx_data(rx_data), .rx_valid(rx_valid), .rx_ready(rx_ready),
      .tx_data(tx_data), .tx_valid(tx_valid), .tx_ready(tx_ready), .idle(idle),
      .input_restart(input_restart), .input_step(input_step), .input_write(input_write),
      .input_byte(input_byte),
      .output_restart(output_restart), .output_step(output_step), .output_byte(output_byte),
      .start(start), .first_beat(first_beat), .last_beat(last_beat)
  );

  hwk_input_buffer #(
      .ELEMENTS(1), .BITS(8), .BYTES(1),
      .BEATS(4)
  ) source (
      .clk(clk), .rst(rst),
      .restart(input_restart), .step(input_step), .write(input_write), .byte_in(input_byte),
      .start(start), .first(first_beat),
      .s_data(s_data), .s_valid(s_valid), .s_ready(s_ready)
  );

  hwk_core core (
      .clk(clk), .rst(rst),
      .s_data(s_data), .s_valid(s_valid), .s_ready(s_ready),
      .m_data(m_data), .m_valid(m_valid), .m_ready(m_ready)
  );

  hwk_output_buffer #(
      .ELEMENTS(1), .BITS(8), .SIGNED(1),
      .BYTES(1), .BEATS(3)
  ) sink (
      .clk(clk), .rst(rst),
      .start(start), .m_data(m_data), .m_valid(m_valid), .m_ready(m_ready), .last(last_beat),
      .restart(output_restart), .step(output_step), .byte_out(output_byte)
  );
endmodule
