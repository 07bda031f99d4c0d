// 1BitSquared iCEBreaker (iCE40 UP5K); no hardware has run it yet. Generated.
module top (
    input  wire clock_pin,
    input  wire uart_rx,
    output wire uart_tx,
    output wire led
);
  wire clk, locked, lit;

  assign clk = clock_pin;
  assign locked = 1'b1;

  hwk_serial #(.DIVIDER(104), .RESET_LOG2(14)) serial (
      .clk(clk), .locked(locked), .rx(uart_rx), .tx(uart_tx), .led(lit)
  );
  assign led = !lit;
endmodule
