// RATIO narrow beats to one wide beat, the first in the lowest bits.
module hwk_widen #(
    parameter WIDTH = 8,  // of a narrow beat
    parameter RATIO = 2
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire [WIDTH-1:0]       s_data,
    input  wire                   s_valid,
    output wire                   s_ready,
    output wire [RATIO*WIDTH-1:0] m_data,
    output wire                   m_valid,
    input  wire                   m_ready
);
    localparam INDEX = $clog2(RATIO);

    reg [RATIO*WIDTH-1:0] beat;
    reg [INDEX-1:0]       count;
    reg                   there;

    assign m_data = beat;
    assign m_valid = there;
    assign s_ready = !there || m_ready;

    always @(posedge clk) begin
        if (s_ready) begin
            there <= s_valid && count == RATIO - 1;
            if (s_valid) begin
                beat <= {s_data, beat[RATIO*WIDTH-1:WIDTH]};
                count <= count == RATIO - 1 ? {INDEX{1'b0}} : count + 1'b1;
            end
        end
        if (rst) begin
            there <= 1'b0;
            count <= 0;
        end
    end
endmodule
