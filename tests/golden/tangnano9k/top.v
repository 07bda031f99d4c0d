// Sipeed Tang Nano 9K (Gowin GW1NR-9C); no hardware has run it yet. Generated.
module top (
    input  wire clock_pin,
    input  wire uart_rx,
    output wire uart_tx,
    output wire led
);
  wire clk, locked, lit;

  assign clk = clock_pin;
  assign locked = 1'b1;

  hwk_serial #(.DIVIDER(234), .RESET_LOG2(15)) serial (
      .clk(clk), .locked(locked), .rx(uart_rx), .tx(uart_tx), .led(lit)
  );
  assign led = !lit;
endmodule
