// Radiona ULX3S with LFE5U-25F; no hardware has run it yet. Generated.
module top (
    input  wire clock_pin,
    input  wire uart_rx,
    output wire uart_tx,
    output wire led,
    output wire high
);
  wire clk, locked, lit;

  EHXPLLL #(
      .CLKI_DIV(1), .CLKFB_DIV(2), .CLKOP_DIV(8), .FEEDBK_PATH("CLKOP"),
      .CLKOP_ENABLE("ENABLED"), .CLKOP_CPHASE(7), .CLKOP_FPHASE(0),
      .OUTDIVIDER_MUXA("DIVA")
  ) pll (
      .CLKI(clock_pin), .CLKFB(clk), .CLKOP(clk), .LOCK(locked), .RST(1'b0), .STDBY(1'b0),
      .PHASESEL0(1'b0), .PHASESEL1(1'b0), .PHASEDIR(1'b0), .PHASESTEP(1'b0),
      .PHASELOADREG(1'b0), .PLLWAKESYNC(1'b0), .ENCLKOP(1'b0)
  );

  hwk_serial #(.DIVIDER(50), .RESET_LOG2(16)) serial (
      .clk(clk), .locked(locked), .rx(uart_rx), .tx(uart_tx), .led(lit)
  );
  assign led = lit;
  assign high = 1'b1;
endmodule
