// Sliding window over a map that streams in: line buffers in, the words of each window out.
//
// A map is HEIGHT x WIDTH places of GROUPS words (consecutive channels), channels last. For every
// place of the output the words of its window come out: rows, columns, groups (LANEWISE 0), the
// whole REPEATS times; or for each group its rows and columns (LANEWISE 1). Places outside the map
// are PAD. The buffer is a ring of ROWS rows that runs on from one map to the next, so that the
// rows of the next map are written while the last windows of this one are read. A word can be read
// the cycle after it was written; a row is given back when no later window needs it.
module hwk_window #(
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
    parameter REPEATS = 1,
    parameter LANEWISE = 0,
    parameter [WORD-1:0] PAD = 0
) (
    input  wire            clk,
    input  wire            rst,
    input  wire [WORD-1:0] s_data,
    input  wire            s_valid,
    output wire            s_ready,
    output wire [WORD-1:0] m_data,
    output wire            m_valid,
    input  wire            m_ready
);
    localparam ROW = WIDTH * GROUPS;  // words
    localparam DEPTH = ROWS * ROW;
    localparam SPAN_H = (KERNEL_H - 1) * DILATION_H + (OUT_H - 1) * STRIDE_H + STRIDE_H;
    localparam SPAN_W = (KERNEL_W - 1) * DILATION_W + (OUT_W - 1) * STRIDE_W + STRIDE_W;
    localparam Y = $clog2(HEIGHT + SPAN_H + PAD_TOP + 1) + 2;  // signed rows
    localparam X = $clog2(WIDTH + SPAN_W + PAD_LEFT + 1) + 2;  // signed columns
    localparam C = $clog2((WIDTH + SPAN_W + PAD_LEFT + 1) * GROUPS + 1) + 1;  // signed words
    localparam A = $clog2(DEPTH + 1) + 1;

    // Steps in the ring are taken modulo its size beforehand: one conditional subtraction each.
    localparam STEP_KY = (DILATION_H * ROW) % DEPTH;
    localparam STEP_OY = (STRIDE_H * ROW) % DEPTH;
    localparam STEP_FRAME = (HEIGHT * ROW) % DEPTH;
    localparam FIRST = (DEPTH - (PAD_TOP * ROW) % DEPTH) % DEPTH;

    function [A-1:0] around(input [A-1:0] address);
        around = address >= DEPTH ? address - DEPTH : address;
    endfunction

    reg [WORD-1:0] memory [0:DEPTH-1];

    // Writing: what hwk_rows counts, and where.
    reg  [A-1:0] w_address;
    wire         write;
    wire [C-1:0] w_place;  // word in the row
    wire [Y-1:0] w_y;
    wire [1:0]   w_frame;

    always @(posedge clk) begin
        if (write) begin
            memory[w_address] <= s_data;
            w_address <= w_address == DEPTH - 1 ? {A{1'b0}} : w_address + 1'b1;
        end
        if (rst) w_address <= 0;
    end

    // Reading: where the window is, and where in the window.
    reg [$clog2(GROUPS+1)-1:0]   g;
    reg [$clog2(KERNEL_W+1)-1:0] kx;
    reg [$clog2(KERNEL_H+1)-1:0] ky;
    reg [$clog2(REPEATS+1)-1:0]  repeats;
    reg [$clog2(OUT_W+1)-1:0]    ox;
    reg [$clog2(OUT_H+1)-1:0]    oy;
    reg signed [Y-1:0] y, window_y;
    reg signed [X-1:0] x, window_x;
    reg signed [C-1:0] place, window_place;
    reg [A-1:0] row, window_row, frame_row;
    reg [1:0]   r_frame;

    wire g_last = g == GROUPS - 1;
    wire kx_last = kx == KERNEL_W - 1;
    wire ky_last = ky == KERNEL_H - 1;
    wire step_g = LANEWISE ? kx_last && ky_last : 1'b1;
    wire step_kx = LANEWISE ? 1'b1 : g_last;
    wire step_ky = step_kx && kx_last;
    wire taps_done = step_ky && ky_last;
    wire copy_done = taps_done && g_last;
    wire window_done = copy_done && repeats == REPEATS - 1;
    wire row_done = window_done && ox == OUT_W - 1;
    wire frame_done = row_done && oy == OUT_H - 1;

    wire on_map = y >= 0 && y < HEIGHT && x >= 0 && x < WIDTH;
    wire [C-1:0] word = place + $signed({1'b0, g});
    wire [1:0] ahead = w_frame - r_frame;  // 3: the writer is still in the frame before
    wire same_row = w_y == $unsigned(y);
    wire written = ahead == 2'd1 || ahead == 2'd2
        || (ahead == 2'd0 && ($signed(w_y) > y || (same_row && w_place > word)));
    wire there = !on_map || written;

    reg [WORD-1:0] q;
    reg            q_pad, q_valid;
    wire enable = !q_valid || m_ready;
    wire step = enable && there;
    wire [A-1:0] address = row + word;

    assign m_data = q_pad ? PAD : q;
    assign m_valid = q_valid;

    wire [A-1:0] next_window_row = around(window_row + STEP_OY);
    wire [A-1:0] next_frame_row = around(frame_row + STEP_FRAME);
    wire signed [Y-1:0] next_window_y = window_y + STRIDE_H;

    always @(posedge clk) begin
        if (step) q <= memory[address];
        if (enable) begin
            q_valid <= there;
            q_pad <= !on_map;
        end
        if (step) begin
            if (step_g) g <= g_last ? 0 : g + 1'b1;
            if (step_kx) begin
                kx <= kx_last ? 0 : kx + 1'b1;
                x <= kx_last ? window_x : x + DILATION_W;
                place <= kx_last ? window_place : place + DILATION_W * GROUPS;
            end
            if (step_ky) begin
                ky <= ky_last ? 0 : ky + 1'b1;
                y <= ky_last ? window_y : y + DILATION_H;
                row <= ky_last ? window_row : around(row + STEP_KY);
            end
            if (copy_done) repeats <= window_done ? 0 : repeats + 1'b1;
            if (window_done) begin
                ox <= row_done ? 0 : ox + 1'b1;
                x <= row_done ? -PAD_LEFT : window_x + STRIDE_W;
                window_x <= row_done ? -PAD_LEFT : window_x + STRIDE_W;
                place <= row_done ? -PAD_LEFT * GROUPS : window_place + STRIDE_W * GROUPS;
                window_place <= row_done ? -PAD_LEFT * GROUPS : window_place + STRIDE_W * GROUPS;
            end
            if (row_done) begin
                oy <= frame_done ? 0 : oy + 1'b1;
                y <= frame_done ? -PAD_TOP : next_window_y;
                window_y <= frame_done ? -PAD_TOP : next_window_y;
                row <= frame_done ? next_frame_row : next_window_row;
                window_row <= frame_done ? next_frame_row : next_window_row;
            end
            if (frame_done) begin
                frame_row <= next_frame_row;
                r_frame <= r_frame + 1'b1;
            end
        end
        if (rst) begin
            q_valid <= 1'b0;
            g <= 0;
            kx <= 0;
            ky <= 0;
            repeats <= 0;
            ox <= 0;
            oy <= 0;
            x <= -PAD_LEFT;
            window_x <= -PAD_LEFT;
            place <= -PAD_LEFT * GROUPS;
            window_place <= -PAD_LEFT * GROUPS;
            y <= -PAD_TOP;
            window_y <= -PAD_TOP;
            row <= FIRST;
            window_row <= FIRST;
            frame_row <= FIRST;
            r_frame <= 0;
        end
    end

    hwk_rows #(.HEIGHT(HEIGHT), .ROW(ROW), .ROWS(ROWS), .Y(Y), .C(C)) rows (
        .clk(clk), .rst(rst), .s_valid(s_valid), .s_ready(s_ready),
        .window_y(window_y), .frame_done(step && frame_done),
        .write(write), .place(w_place), .y(w_y), .frame(w_frame));
endmodule
