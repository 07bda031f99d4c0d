// A tensor as bytes from the link in, as a stream of beats to the core out.
//
// An element of BITS bits takes BYTES bytes, least significant first; what they hold above BITS
// is dropped. The write position starts at byte 0 (`restart`) and goes up by one with `step`.
module hwk_input_buffer #(
    parameter ELEMENTS = 1,  // of a beat
    parameter BITS = 8,      // of an element
    parameter BYTES = 1,     // of an element on the link: 1, 2 or 4
    parameter BEATS = 1      // of a tensor
) (
    input  wire                     clk,
    input  wire                     rst,
    input  wire                     restart,
    input  wire                     step,
    input  wire                     write,  // stores `byte_in` at the position
    input  wire [7:0]               byte_in,
    output wire                     at_last,  // the position is the tensor's last byte
    input  wire                     start,  // streams the tensor once
    output wire                     first,  // its first beat is being taken
    output wire [ELEMENTS*BITS-1:0] s_data,
    output reg                      s_valid,
    input  wire                     s_ready
);
  localparam LANES = ELEMENTS * BYTES;
  localparam LANE_BITS = LANES > 1 ? $clog2(LANES) : 1;
  localparam BEAT_BITS = BEATS > 1 ? $clog2(BEATS) : 1;

  (* ram_style = "block" *)
  reg [ELEMENTS*BITS-1:0] memory[0:BEATS-1];

  reg [LANE_BITS-1:0] lane;
  reg [BEAT_BITS-1:0] row;
  wire last_lane = lane == LANES - 1;
  assign at_last = last_lane && row == BEATS - 1;

  always @(posedge clk) begin
    if (restart) begin
      lane <= 0;
      row <= 0;
    end else if (step) begin
      lane <= last_lane ? {LANE_BITS{1'b0}} : lane + 1'b1;
      if (last_lane) row <= row + 1'b1;
    end
  end

  genvar e, k;
  generate
    for (e = 0; e < ELEMENTS; e = e + 1) begin : element
      for (k = 0; k < BYTES && 8 * k < BITS; k = k + 1) begin : part
        localparam WIDTH = BITS - 8 * k < 8 ? BITS - 8 * k : 8;
        always @(posedge clk)
          if (write && lane == e * BYTES + k)
            memory[row][e*BITS+8*k+:WIDTH] <= byte_in[WIDTH-1:0];
      end
    end
  endgenerate

  // The next beat is read while this one is taken: a beat a cycle.
  reg [BEAT_BITS-1:0] beat, beat_after;
  reg [ELEMENTS*BITS-1:0] head;
  wire fire = s_valid && s_ready;
  wire [BEAT_BITS-1:0] address = fire ? beat_after : beat;

  assign s_data = head;
  assign first = fire && beat == 0;

  always @(posedge clk) begin
    head <= memory[address];
    if (rst) begin
      s_valid <= 1'b0;
      beat <= 0;
      beat_after <= 1;
    end else if (start) begin
      s_valid <= 1'b1;
    end else if (fire) begin
      if (beat == BEATS - 1) begin
        s_valid <= 1'b0;
        beat <= 0;
        beat_after <= 1;
      end else begin
        beat <= beat_after;
        beat_after <= beat_after + 1'b1;
      end
    end
  end
endmodule
