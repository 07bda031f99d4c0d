// Serial line to bytes: 8 data bits, no parity, one stop bit; DIVIDER clock cycles a bit, from 4 on.
//
// A byte stays valid until it is taken or the next one has come in.
module hwk_uart_rx #(
    parameter DIVIDER = 104
) (
    input  wire       clk,
    input  wire       rst,
    input  wire       pin,
    output reg  [7:0] data,
    output reg        valid,
    input  wire       ready
);
  localparam W = $clog2(DIVIDER + DIVIDER / 2);

  reg [1:0] settled;  // the pin, brought into this clock
  reg [W-1:0] wait_cycles;
  reg [3:0] left;     // bits, the stop bit included
  reg [7:0] shifted;
  wire idle = left == 4'd0;

  always @(posedge clk) begin
    settled <= {settled[0], pin};
    if (valid && ready) valid <= 1'b0;
    if (idle) begin
      // From the start bit's edge to the middle of the first data bit.
      wait_cycles <= DIVIDER + DIVIDER / 2 - 2;
      if (!settled[1]) left <= 4'd9;
    end else if (wait_cycles != 0) begin
      wait_cycles <= wait_cycles - 1'b1;
    end else begin
      wait_cycles <= DIVIDER - 1;
      left <= left - 4'd1;
      if (left != 4'd1) shifted <= {settled[1], shifted[7:1]};
      else if (settled[1]) begin  // a stop bit that is low ends no byte
        data <= shifted;
        valid <= 1'b1;
      end
    end
    if (rst) begin
      settled <= 2'b11;
      left <= 4'd0;
      valid <= 1'b0;
    end
  end
endmodule
