// Rows of a map in a ring of ROWS rows that runs on from one map to the next: how far the words that
// stream in are written, and when a row may begin.
//
// A word is taken while its row has begun, and a row begins while fewer than ROWS are held. A row is
// given back, one a cycle, when it lies above window_y, the first row that the reader still needs of
// its map; frame_done says that it has read the last of a map.
module hwk_rows #(
    parameter HEIGHT = 1,
    parameter ROW = 1,  // words
    parameter ROWS = 2,  // at most 2 * HEIGHT
    parameter Y = 4,  // bits of a signed row
    parameter C = 4  // bits of a signed word of a row
) (
    input  wire                clk,
    input  wire                rst,
    input  wire                s_valid,
    output wire                s_ready,
    input  wire signed [Y-1:0] window_y,
    input  wire                frame_done,
    output wire                write,
    output reg  [C-1:0]        place,  // word in the row that comes next
    output reg  [Y-1:0]        y,  // its row
    output reg  [1:0]          frame  // its map, modulo 4
);
    localparam F = $clog2(2 * HEIGHT + 2 * ROWS + 2);  // rows, counted in a circle
    localparam H = $clog2(ROWS + 1);

    reg [H-1:0] held;
    reg         begun;
    wire        last = place == ROW - 1;

    assign write = s_valid && s_ready;
    assign s_ready = begun || held != ROWS;

    always @(posedge clk) begin
        if (write) begin
            place <= last ? {C{1'b0}} : place + 1'b1;
            begun <= !last;
            if (last) begin
                y <= y == HEIGHT - 1 ? {Y{1'b0}} : y + 1'b1;
                if (y == HEIGHT - 1) frame <= frame + 1'b1;
            end
        end
        if (rst) begin
            place <= 0;
            y <= 0;
            frame <= 0;
            begun <= 1'b0;
        end
    end

    reg [F-1:0] frame_floor, released;
    wire [Y-1:0] inner_y = window_y < 0 ? {Y{1'b0}} : window_y > HEIGHT ? HEIGHT : window_y;
    wire [F-1:0] floor = frame_floor + inner_y;
    wire release_row = released != floor && held != 0;
    wire begin_row = write && !begun;

    always @(posedge clk) begin
        if (frame_done) frame_floor <= frame_floor + HEIGHT;
        if (release_row) released <= released + 1'b1;
        if (begin_row && !release_row) held <= held + 1'b1;
        if (release_row && !begin_row) held <= held - 1'b1;
        if (rst) begin
            frame_floor <= 0;
            released <= 0;
            held <= 0;
        end
    end
endmodule
