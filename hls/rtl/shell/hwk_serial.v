// hwk_device on a serial line; the LED is lit while it works on a request.
//
// Reset lasts for 2**RESET_LOG2 cycles after `locked`: memories of some parts can't be read at once
// after configuration.
module hwk_serial #(
    parameter DIVIDER = 104,
    parameter RESET_LOG2 = 10
) (
    input  wire clk,
    input  wire locked,
    input  wire rx,
    output wire tx,
    output wire led
);
  reg [RESET_LOG2:0] since_start = 0;
  wire rst = !since_start[RESET_LOG2];
  always @(posedge clk)
    if (!locked) since_start <= 0;
    else if (rst) since_start <= since_start + 1'b1;

  wire [7:0] rx_data, tx_data;
  wire rx_valid, rx_ready, tx_valid, tx_ready, idle;

  hwk_uart_rx #(.DIVIDER(DIVIDER)) receiver (
      .clk(clk), .rst(rst), .pin(rx), .data(rx_data), .valid(rx_valid), .ready(rx_ready)
  );
  hwk_device device (
      .clk(clk), .rst(rst),
      .rx_data(rx_data), .rx_valid(rx_valid), .rx_ready(rx_ready),
      .tx_data(tx_data), .tx_valid(tx_valid), .tx_ready(tx_ready), .idle(idle)
  );
  hwk_uart_tx #(.DIVIDER(DIVIDER)) transmitter (
      .clk(clk), .rst(rst), .pin(tx), .data(tx_data), .valid(tx_valid), .ready(tx_ready)
  );
  assign led = !idle;
endmodule
