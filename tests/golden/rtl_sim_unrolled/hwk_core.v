// Made by hwkit.
// One inference each cycle, 1 cycles after it entered: the network's adders between
// registers that all advance together, unless a result waits at the end.

module hwk_core (
    input wire clk,
    input wire rst,
    input wire [32-1:0] s_data,
    input wire [1-1:0] s_valid,
    output wire [1-1:0] s_ready,
    output wire [24-1:0] m_data,
    output wire [1-1:0] m_valid,
    input wire [1-1:0] m_ready
);

reg [1-1:0] full;
wire done = m_ready[0];
assign m_valid = full[1-1];
wire advance = done || !full[1-1];
wire free = advance;
wire enter = free && &s_valid;
assign s_ready = free;

always @(posedge clk)
    if (rst) full <= 1'd0;
    else if (advance) full <= enter;

wire [22-1:0] next0;
reg [22-1:0] stage0;
hwk_core_stage0 logic0 (.model_inp(s_data), .model_out(next0));
always @(posedge clk) if (advance) stage0 <= next0;

assign m_data[7:0] = {stage0[7:0]};
assign m_data[15:8] = {{2{stage0[13]}}, stage0[13:8]};
assign m_data[23:16] = {stage0[21:14]};
endmodule
