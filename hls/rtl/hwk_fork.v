// Gives every beat to COUNT readers, each of which takes it when it is ready.
module hwk_fork #(
    parameter WIDTH = 8,
    parameter COUNT = 2
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire [WIDTH-1:0]       s_data,
    input  wire                   s_valid,
    output wire                   s_ready,
    output wire [COUNT*WIDTH-1:0] m_data,
    output wire [COUNT-1:0]       m_valid,
    input  wire [COUNT-1:0]       m_ready
);
    reg  [COUNT-1:0] taken;  // readers that have the present beat already
    wire [COUNT-1:0] has = taken | m_ready;

    assign m_data = {COUNT{s_data}};
    assign m_valid = {COUNT{s_valid}} & ~taken;
    assign s_ready = &has;

    always @(posedge clk) begin
        if (s_valid) taken <= s_ready ? {COUNT{1'b0}} : has;
        if (rst) taken <= {COUNT{1'b0}};
    end
endmodule
