// One wide beat to RATIO narrow beats, the lowest bits first.
module hwk_narrow #(
    parameter WIDTH = 8,  // of a narrow beat
    parameter RATIO = 2
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire [RATIO*WIDTH-1:0] s_data,
    input  wire                   s_valid,
    output wire                   s_ready,
    output wire [WIDTH-1:0]       m_data,
    output wire                   m_valid,
    input  wire                   m_ready
);
    localparam INDEX = $clog2(RATIO + 1);

    reg [RATIO*WIDTH-1:0] beat;
    reg [INDEX-1:0]       left;

    assign m_data = beat[WIDTH-1:0];
    assign m_valid = left != 0;
    assign s_ready = left == 0 || (left == 1 && m_ready);

    always @(posedge clk) begin
        if (s_valid && s_ready) begin
            beat <= s_data;
            left <= RATIO;
        end else if (m_valid && m_ready) begin
            beat <= beat >> WIDTH;
            left <= left - 1'b1;
        end
        if (rst) left <= 0;
    end
endmodule
