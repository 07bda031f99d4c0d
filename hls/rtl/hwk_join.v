// COUNT streams after each other: of the first TURNS[0] beats, of the second TURNS[1], and so on, in
// rounds. TURNS has BITS bits for each, the first lowest.
module hwk_join #(
    parameter WIDTH = 8,
    parameter COUNT = 2,
    parameter BITS = 2,
    parameter [COUNT*BITS-1:0] TURNS = {COUNT{2'd1}}
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire [COUNT*WIDTH-1:0] s_data,
    input  wire [COUNT-1:0]       s_valid,
    output wire [COUNT-1:0]       s_ready,
    output wire [WIDTH-1:0]       m_data,
    output wire                   m_valid,
    input  wire                   m_ready
);
    reg [COUNT-1:0] turn;  // one bit is set: whose turn it is
    reg [BITS-1:0]  beat;  // of its turn
    reg [WIDTH-1:0] q;
    reg             there;

    wire enable = !there || m_ready;
    wire take = enable && (s_valid & turn) != 0;
    assign s_ready = enable ? turn : {COUNT{1'b0}};
    assign m_data = q;
    assign m_valid = there;

    reg [WIDTH-1:0] next;
    reg [BITS-1:0]  length;
    integer k;
    always @* begin
        next = 0;
        length = 0;
        for (k = 0; k < COUNT; k = k + 1) if (turn[k]) begin
            next = s_data[k*WIDTH +: WIDTH];
            length = TURNS[k*BITS +: BITS];
        end
    end

    always @(posedge clk) begin
        if (take) begin
            q <= next;
            beat <= beat == length - 1 ? {BITS{1'b0}} : beat + 1'b1;
            if (beat == length - 1) turn <= COUNT > 1 ? {turn[COUNT-2:0], turn[COUNT-1]} : turn;
        end
        if (enable) there <= take;
        if (rst) begin
            turn <= 1'b1;
            beat <= 0;
            there <= 1'b0;
        end
    end
endmodule
