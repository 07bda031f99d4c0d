// A stream of beats from the core in, the same tensor as bytes for the link out.
//
// An element of BITS bits becomes BYTES bytes, least significant first, sign-extended when SIGNED.
// The read position starts at byte 0 (`restart`) and goes up by one with `step`; its byte is at
// `byte_out` from the second cycle after that on.
module hwk_output_buffer #(
    parameter ELEMENTS = 1,  // of a beat
    parameter BITS = 8,      // of an element
    parameter SIGNED = 1,
    parameter BYTES = 1,     // of an element on the link: 1, 2 or 4
    parameter BEATS = 1      // of a tensor
) (
    input  wire                     clk,
    input  wire                     rst,
    input  wire                     start,  // takes one tensor
    input  wire [ELEMENTS*BITS-1:0] m_data,
    input  wire                     m_valid,
    output wire                     m_ready,
    output wire                     last,   // the tensor's last beat is being taken
    input  wire                     restart,
    input  wire                     step,
    output wire                     at_last,  // the position is the tensor's last byte
    output wire [7:0]               byte_out
);
  localparam LANES = ELEMENTS * BYTES;
  localparam LANE_BITS = LANES > 1 ? $clog2(LANES) : 1;
  localparam BEAT_BITS = BEATS > 1 ? $clog2(BEATS) : 1;

  (* ram_style = "block" *)
  reg [ELEMENTS*BITS-1:0] memory[0:BEATS-1];

  reg taking;
  reg [BEAT_BITS-1:0] beat;
  wire fire = m_valid && taking;

  assign m_ready = taking;
  assign last = fire && beat == BEATS - 1;

  always @(posedge clk) begin
    if (fire) memory[beat] <= m_data;
    if (rst) begin
      taking <= 1'b0;
      beat <= 0;
    end else begin
      if (start) taking <= 1'b1;
      else if (last) taking <= 1'b0;
      if (fire) beat <= last ? {BEAT_BITS{1'b0}} : beat + 1'b1;
    end
  end

  reg [LANE_BITS-1:0] lane;
  reg [BEAT_BITS-1:0] row;
  reg [ELEMENTS*BITS-1:0] word;
  wire last_lane = lane == LANES - 1;
  assign at_last = last_lane && row == BEATS - 1;

  always @(posedge clk) begin
    word <= memory[row];
    if (restart) begin
      lane <= 0;
      row <= 0;
    end else if (step) begin
      lane <= last_lane ? {LANE_BITS{1'b0}} : lane + 1'b1;
      if (last_lane) row <= row + 1'b1;
    end
  end

  wire [8*LANES-1:0] extended;
  genvar e;
  generate
    for (e = 0; e < ELEMENTS; e = e + 1) begin : element
      wire [BITS-1:0] value = word[e*BITS+:BITS];
      if (8 * BYTES > BITS) begin : wider
        assign extended[8*BYTES*e+:8*BYTES] = {
          {(8 * BYTES - BITS) {SIGNED ? value[BITS-1] : 1'b0}}, value
        };
      end else begin : same
        assign extended[8*BYTES*e+:8*BYTES] = value;
      end
    end
  endgenerate

  assign byte_out = extended[8*lane+:8];
endmodule
