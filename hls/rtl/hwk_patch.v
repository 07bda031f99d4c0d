// Sliding window, all taps in a beat: hwk_window where a kernel is read in one cycle.
//
// The map comes as in hwk_window. A beat holds the words of a window's KERNEL_H x KERNEL_W places,
// rows first, the first in the lowest bits; the groups of a place follow each other, or with one
// group its beat comes REPEATS times. Every row of the ring is a memory of its own: a column of all
// taps is read in a cycle, and the columns before it are kept in registers. So a row of windows
// takes a cycle for each word of a row of the map and of the padding beside it. As in hwk_window a
// word can be read the cycle after it was written, and a row is given back when no later window
// needs it.
module hwk_patch #(
    parameter WORD = 8,
    parameter HEIGHT = 1,
    parameter WIDTH = 1,
    parameter GROUPS = 1,
    parameter KERNEL_H = 1,
    parameter KERNEL_W = 1,
    parameter STRIDE_H = 1,
    parameter STRIDE_W = 1,
    parameter DILATION_H = 1,
    parameter DILATION_W = 1,
    parameter PAD_TOP = 0,
    parameter PAD_LEFT = 0,
    parameter OUT_H = 1,
    parameter OUT_W = 1,
    parameter ROWS = 2,  // at most 2 * HEIGHT
    parameter REPEATS = 1,  // 1 with several groups
    parameter [WORD-1:0] PAD = 0
) (
    input  wire                               clk,
    input  wire                               rst,
    input  wire [WORD-1:0]                    s_data,
    input  wire                               s_valid,
    output wire                               s_ready,
    output wire [KERNEL_H*KERNEL_W*WORD-1:0]  m_data,
    output wire                               m_valid,
    input  wire                               m_ready
);
    localparam ROW = WIDTH * GROUPS;  // words
    localparam SPAN_H = (KERNEL_H - 1) * DILATION_H + (OUT_H - 1) * STRIDE_H + STRIDE_H;
    localparam REACH_H = (KERNEL_H - 1) * DILATION_H;  // from the first row of a window to its last
    localparam REACH_W = (KERNEL_W - 1) * DILATION_W;
    localparam COLUMNS = (OUT_W - 1) * STRIDE_W + REACH_W + 1;
    localparam KEPT = REACH_W * GROUPS;  // words of a row before the one that is read
    localparam Y = $clog2(HEIGHT + SPAN_H + PAD_TOP + 1) + 2;  // signed rows
    localparam C = $clog2((COLUMNS + WIDTH + PAD_LEFT + 1) * GROUPS + 1) + 1;  // signed words
    localparam A = ROW > 1 ? $clog2(ROW) : 1;
    localparam R = $clog2(2 * ROWS + 1);
    localparam U = $clog2(REACH_W + STRIDE_W + 1);

    // Steps in the ring are taken modulo its size beforehand: one conditional subtraction each.
    localparam STEP_OY = STRIDE_H % ROWS;
    localparam STEP_FRAME = HEIGHT % ROWS;
    localparam FIRST = (ROWS - PAD_TOP % ROWS) % ROWS;

    function [R-1:0] around(input [R-1:0] row);
        around = row >= ROWS ? row - ROWS : row;
    endfunction

    // Writing: what hwk_rows counts, and the row of the ring.
    reg  [R-1:0] w_row;
    wire         write;
    wire [C-1:0] w_place;  // word in the row
    wire [Y-1:0] w_y;
    wire [1:0]   w_frame;

    always @(posedge clk) begin
        if (write && w_place == ROW - 1) w_row <= around(w_row + 1'b1);
        if (rst) w_row <= 0;
    end

    // Reading: the row of windows, the word in the rows, and how many columns a window still waits.
    reg [$clog2(OUT_H+1)-1:0]    oy;
    reg [$clog2(COLUMNS+1)-1:0]  column;
    reg [$clog2(GROUPS+1)-1:0]   g;
    reg [U-1:0]                  missing;
    reg signed [Y-1:0] window_y;
    reg signed [C-1:0] place;
    reg [R-1:0] window_row, frame_row;
    reg [1:0]   r_frame;

    wire g_last = g == GROUPS - 1;
    wire row_done = g_last && column == COLUMNS - 1;
    wire frame_done = row_done && oy == OUT_H - 1;
    wire beside = place < 0 || place >= ROW;  // the map

    // All rows of a window are there when its last one is, or the map's.
    wire signed [Y-1:0] bottom = window_y + REACH_H;
    wire signed [Y-1:0] lowest = bottom < HEIGHT ? bottom : HEIGHT - 1;
    wire [1:0] ahead = w_frame - r_frame;  // 3: the writer is still in the frame before
    wire same_row = w_y == $unsigned(lowest);
    wire written = ahead == 2'd1 || ahead == 2'd2
        || (ahead == 2'd0 && ($signed(w_y) > lowest || (same_row && w_place > $unsigned(place))));
    wire there = beside || lowest < 0 || written;

    reg q_valid, q_whole;
    reg [$clog2(REPEATS+1)-1:0] repeats;
    wire leave = q_valid && (!q_whole || (m_ready && repeats == REPEATS - 1));
    wire step = there && (!q_valid || leave);
    assign m_valid = q_valid && q_whole;

    wire [R-1:0] next_window_row = around(window_row + STEP_OY);
    wire [R-1:0] next_frame_row = around(frame_row + STEP_FRAME);
    wire signed [Y-1:0] next_window_y = window_y + STRIDE_H;

    always @(posedge clk) begin
        if (!q_valid || leave) q_valid <= there;
        if (m_valid && m_ready) repeats <= repeats == REPEATS - 1 ? 0 : repeats + 1'b1;
        if (step) begin
            q_whole <= missing == 0;
            g <= g_last ? 0 : g + 1'b1;
            place <= row_done ? -PAD_LEFT * GROUPS : place + 1'b1;
            if (g_last) begin
                column <= row_done ? 0 : column + 1'b1;
                missing <= row_done ? REACH_W : missing == 0 ? STRIDE_W - 1 : missing - 1'b1;
            end
            if (row_done) begin
                oy <= frame_done ? 0 : oy + 1'b1;
                window_y <= frame_done ? -PAD_TOP : next_window_y;
                window_row <= frame_done ? next_frame_row : next_window_row;
            end
            if (frame_done) begin
                frame_row <= next_frame_row;
                r_frame <= r_frame + 1'b1;
            end
        end
        if (rst) begin
            q_valid <= 1'b0;
            repeats <= 0;
            g <= 0;
            column <= 0;
            missing <= REACH_W;
            place <= -PAD_LEFT * GROUPS;
            oy <= 0;
            window_y <= -PAD_TOP;
            window_row <= FIRST;
            frame_row <= FIRST;
            r_frame <= 0;
        end
    end

    // A word of every row of the ring.
    wire [ROWS*WORD-1:0] read;
    genvar r, ky, k;
    generate
        for (r = 0; r < ROWS; r = r + 1) begin : ring
            reg [WORD-1:0] memory [0:ROW-1];
            reg [WORD-1:0] q;
            always @(posedge clk) begin
                if (write && w_row == r) memory[w_place[A-1:0]] <= s_data;
                if (step) q <= memory[place[A-1:0]];
            end
            assign read[r*WORD +: WORD] = q;
        end
        // Of each row of the window the word that is read, and those of the columns before it.
        for (ky = 0; ky < KERNEL_H; ky = ky + 1) begin : row
            wire signed [Y-1:0] y = window_y + ky * DILATION_H;
            reg [R-1:0] from;
            reg         outside;
            always @(posedge clk) if (step) begin
                from <= around(window_row + (ky * DILATION_H) % ROWS);
                outside <= beside || y < 0 || y >= HEIGHT;
            end
            wire [WORD-1:0] word = outside ? PAD : read[from*WORD +: WORD];
            wire [(KEPT+1)*WORD-1:0] line;  // the newest in the lowest bits
            if (KEPT > 0) begin : several
                reg [KEPT*WORD-1:0] kept;
                always @(posedge clk) if (leave) kept <= line[KEPT*WORD-1:0];
                assign line = {kept, word};
            end else begin : one
                assign line = word;
            end
            for (k = 0; k < KERNEL_W; k = k + 1) begin : tap
                assign m_data[(ky*KERNEL_W+k)*WORD +: WORD] =
                    line[(KERNEL_W-1-k)*DILATION_W*GROUPS*WORD +: WORD];
            end
        end
    endgenerate

    hwk_rows #(.HEIGHT(HEIGHT), .ROW(ROW), .ROWS(ROWS), .Y(Y), .C(C)) rows (
        .clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready),
        .window_y(window_y), .frame_done(step && frame_done),
        .write(write), .place(w_place), .y(w_y), .frame(w_frame));
endmodule
