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
  wire input_restart, input_step, input_write, output_restart, output_step, start, clear;
  wire [7:0] input_byte;
  wire [0:0] input_turn, input_at_last, first, s_valid, s_ready;
  wire [0:0] output_turn, output_at_last, last, m_valid, m_ready;
  wire first_beat, last_beat;
  wire [7:0] s_data;
  wire [23:0] m_data;
  wire [7:0] output_byte0;
  wire [7:0] output_byte = output_byte0;

  hwk_shell #(
      .FRAME_LOG2(11),
      .PAYLOAD_BYTES(1024),
      .INPUT_BYTES(4),
      .OUTPUT_BYTES(3),
      .STATEFUL(0),
      .INFO_BYTES(94),
      .CONSTANT_BYTES(98),
      .CONSTANTS(784'h96e0c1776e65646c6f6700000003000000040a1b6e18f689d1f121214b69594901ff970e6147a55284f58bf8b0654465b2604b9f24bb00eacf2400000000000000010000000000000000000000000000000000000000077359400001010104000002)
  ) shell (
      .clk(clk), .rst(rst),
      .rx_data(rx_data), .rx_valid(rx_valid), .rx_ready(rx_ready),
      .tx_data(tx_data), .tx_valid(tx_valid), .tx_ready(tx_ready), .idle(idle),
      .input_restart(input_restart), .input_step(input_step), .input_write(input_write),
      .input_byte(input_byte),
      .output_restart(output_restart), .output_step(output_step), .output_byte(output_byte),
      .start(start), .clear(clear), .first_beat(first_beat), .last_beat(last_beat)
  );

  hwk_turns #(.COUNT(1)) input_turns (
      .clk(clk), .restart(input_restart), .step(input_step), .at_last(input_at_last),
      .turn(input_turn)
  );

  hwk_turns #(.COUNT(1)) output_turns (
      .clk(clk), .restart(output_restart), .step(output_step), .at_last(output_at_last),
      .turn(output_turn)
  );

  hwk_span #(.INPUTS(1), .OUTPUTS(1)) span (
      .clk(clk), .start(start), .first(first), .last(last),
      .first_beat(first_beat), .last_beat(last_beat)
  );

  hwk_input_buffer #(
      .ELEMENTS(1), .BITS(8), .BYTES(1),
      .BEATS(4)
  ) source0 (
      .clk(clk), .rst(rst),
      .restart(input_restart), .step(input_step && input_turn[0]),
      .write(input_write && input_turn[0]), .byte_in(input_byte), .at_last(input_at_last[0]),
      .start(start), .first(first[0]),
      .s_data(s_data[7:0]), .s_valid(s_valid[0]), .s_ready(s_ready[0])
  );

  hwk_core core (
      .clk(clk), .rst(rst || clear),
      .s_data(s_data), .s_valid(s_valid), .s_ready(s_ready),
      .m_data(m_data), .m_valid(m_valid), .m_ready(m_ready)
  );

  hwk_output_buffer #(
      .ELEMENTS(3), .BITS(8), .SIGNED(1),
      .BYTES(1), .BEATS(1)
  ) sink0 (
      .clk(clk), .rst(rst),
      .start(start), .m_data(m_data[23:0]), .m_valid(m_valid[0]), .m_ready(m_ready[0]),
      .last(last[0]),
      .restart(output_restart), .step(output_step && output_turn[0]),
      .at_last(output_at_last[0]), .byte_out(output_byte0)
  );
endmodule
