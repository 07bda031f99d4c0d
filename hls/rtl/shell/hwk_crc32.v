// CRC-32 (IEEE 802.3, reflected; as zlib.crc32), one bit a cycle: a byte takes eight.
//
// `value` is the register, whose complement is the CRC. After a message and its own CRC
// (little-endian) it is 32'hDEBB20E3, whatever the message was.
module hwk_crc32 (
    input  wire        clk,
    input  wire        restart,  // the register becomes all ones
    input  wire        load,     // or `loaded`; not while `busy`
    input  wire [31:0] loaded,
    input  wire        start,    // takes `byte_in`; not while `busy`
    input  wire [7:0]  byte_in,
    output wire        busy,
    output reg  [31:0] value
);
  reg [7:0] pending;
  reg [3:0] left;
  wire feedback = value[0] ^ pending[0];

  assign busy = left != 4'd0;

  initial left = 4'd0;

  always @(posedge clk) begin
    if (start) begin
      pending <= byte_in;
      left <= 4'd8;
    end else if (busy) begin
      pending <= {1'b0, pending[7:1]};
      left <= left - 4'd1;
    end
    if (restart) value <= 32'hFFFFFFFF;
    else if (load) value <= loaded;
    else if (busy) value <= {1'b0, value[31:1]} ^ (feedback ? 32'hEDB88320 : 32'd0);
  end
endmodule
