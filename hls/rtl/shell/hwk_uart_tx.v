// Bytes to a serial line: 8 data bits, no parity, one stop bit; DIVIDER clock cycles a bit.
module hwk_uart_tx #(
    parameter DIVIDER = 104
) (
    input  wire       clk,
    input  wire       rst,
    output wire       pin,
    input  wire [7:0] data,
    input  wire       valid,
    output wire       ready
);
  localparam W = $clog2(DIVIDER);

  reg [W-1:0] wait_cycles;
  reg [3:0] left;     // bits, the start and the stop bit included
  reg [8:0] shifted;  // what comes after the bit on the line

  assign ready = left == 4'd0;
  reg level;
  assign pin = level;

  always @(posedge clk) begin
    if (ready) begin
      wait_cycles <= DIVIDER - 1;
      level <= !valid;
      if (valid) begin
        shifted <= {1'b1, data};
        left <= 4'd10;
      end
    end else if (wait_cycles != 0) begin
      wait_cycles <= wait_cycles - 1'b1;
    end else begin
      wait_cycles <= DIVIDER - 1;
      left <= left - 4'd1;
      {shifted, level} <= {1'b1, shifted};
    end
    if (rst) begin
      left <= 4'd0;
      level <= 1'b1;
    end
  end
endmodule
