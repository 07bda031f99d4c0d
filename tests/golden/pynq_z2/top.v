// TUL PYNQ-Z2 (Zynq-7020): counts estimated by Yosys, Vivado project. Generated.
module top (
    input  wire clock_pin,
    input  wire uart_rx,
    output wire uart_tx,
    output wire led
);
  wire clk, locked, lit;

  assign clk = clock_pin;
  assign locked = 1'b1;

  hwk_serial #(.DIVIDER(1085), .RESET_LOG2(17)) serial (
      .clk(clk), .locked(locked), .rx(uart_rx), .tx(uart_tx), .led(lit)
  );
  assign led = lit;
endmodule
