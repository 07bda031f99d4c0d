// Softmax over rows of LENGTH integers, one after the other, by a sequential multiplier.
//
// The image has the exponential of each difference from the row's largest, 2**IN_BITS words of 32
// bits. KIND 0: in 2**31 parts of one; out come 2**30 parts of one, by R = floor(2**62 / sum). KIND 1:
// gemmlowp's, as TFLM has it: in 2**31 parts, those that do not count 0; out come integers of scale
// 1/256 and zero point -128, by three Newton steps. An output takes the time of a product, a row that
// of its integers twice, its reciprocal and its products.
module hwk_softmax #(
    parameter KIND = 0,
    parameter LENGTH = 2,
    parameter IN_BITS = 8,
    parameter IN_SIGNED = 1,
    parameter OUT_BITS = 32,
    parameter IMAGE = ""
) (
    input  wire                clk,
    input  wire                rst,
    input  wire [IN_BITS-1:0]  s_data,
    input  wire                s_valid,
    output wire                s_ready,
    output wire [OUT_BITS-1:0] m_data,
    output wire                m_valid,
    input  wire                m_ready
);
    localparam I = $clog2(LENGTH + 1);
    localparam A = LENGTH > 1 ? $clog2(LENGTH) : 1;
    localparam S = 33 + $clog2(LENGTH);  // bits of a sum and of a remainder, which is below 2 sums
    localparam [IN_BITS-1:0] TOP = 1'b1 << (IN_BITS - 1);
    localparam TAKE = 3'd0, SUM = 3'd1, RECIPROCAL = 3'd2, FETCH = 3'd3, PRODUCT = 3'd4, GIVE = 3'd5;
    localparam [5:0] DIVISION = 6'd62, SHIFTS = 6'd11, FETCHED = 6'd2;
    localparam signed [32:0] START = 33'sd1515870810, FACTOR = -33'sd1010580540;  // 48/17, -32/17

    reg [2:0]   state;
    reg [I-1:0] index;
    reg [5:0]   step;
    wire        last = index == LENGTH - 1;

    // The row. With the top bit turned, signed integers compare as unsigned ones.
    reg  [IN_BITS-1:0] memory [0:LENGTH-1];
    reg  [IN_BITS-1:0] largest, key, difference;
    wire [IN_BITS-1:0] in = s_data ^ (IN_SIGNED ? TOP : {IN_BITS{1'b0}});
    wire               take = s_valid && s_ready;
    assign s_ready = state == TAKE;
    always @(posedge clk) begin
        if (take) memory[index[A-1:0]] <= in;
        key <= memory[index[A-1:0]];
        difference <= largest - key;
    end

    // Its exponentials, three cycles behind the index, and their sum.
    wire [31:0] e;
    hwk_rom #(.WIDTH(32), .DEPTH(1 << IN_BITS), .IMAGE(IMAGE)) exponentials (
        .clk(clk), .enable(1'b1), .address(difference), .data(e));
    reg  [2:0]   there;
    reg  [S-1:0] sum;
    wire [S-1:0] term = KIND ? (e + 32'd2048) >> 12 : e;

    // The product of a signed and an unsigned number, 32 cycles after `start`.
    reg                 start;
    reg  signed [32:0]  a;
    reg  signed [34:0]  high;
    reg         [31:0]  low;
    reg         [5:0]   left;
    wire signed [34:0]  more = low[0] ? high + a : high;
    wire signed [66:0]  product = {high, low};
    wire signed [66:0]  doubled = (product + 67'sd1073741824) >>> 31;
    wire                multiplied = left == 6'd1;
    reg                 done;

    // The reciprocal. KIND 0: long division of 2**62, a bit a cycle. KIND 1: the sum is shifted until
    // its bit 31 is set, then Newton's steps.
    reg  [S-1:0]        remainder;
    reg  [31:0]         quotient;
    reg  [3:0]          headroom;
    reg  [2:0]          turn;
    reg  signed [32:0]  x, error;
    wire [S-1:0]        longer = {remainder[S-2:0], step == 6'd0};
    wire                goes = longer >= sum;
    wire signed [32:0]  half = {2'b0, sum[31:1]};
    wire signed [32:0]  newton = turn == 0 ? START + doubled[32:0] : x + (doubled[32:0] <<< 2);
    wire [31:0]         saturated = x[30] ? 32'h7fffffff : {x[30:0], 1'b0};

    // An output: rounded as `product / 2**32`, or doubled, then shifted and rounded.
    wire [5:0]          by = 6'd35 - headroom;
    wire signed [66:0]  shifted = (doubled + (67'sd1 <<< (by - 1'b1))) >>> by;
    wire signed [66:0]  parts = (product + 67'sd2147483648) >>> 32;
    wire signed [66:0]  moved = shifted - 67'sd128;
    wire signed [66:0]  y = KIND == 0 ? parts : moved > 67'sd127 ? 67'sd127 : moved;
    reg  [OUT_BITS-1:0] out;
    assign m_data = out;
    assign m_valid = state == GIVE;

    always @(posedge clk) begin
        start <= 1'b0;
        done <= multiplied;
        if (start) begin
            high <= 0;
            left <= 6'd32;
        end else if (left != 0) begin
            {high, low} <= {more[34], more, low[31:1]};
            left <= left - 1'b1;
        end
        there <= {there[1:0], state == SUM && index != LENGTH};
        if (there[2]) sum <= sum + term;
        case (state)
            TAKE: begin
                sum <= 0;
                if (take) begin
                    if (index == 0 || in > largest) largest <= in;
                    index <= last ? {I{1'b0}} : index + 1'b1;
                    if (last) state <= SUM;
                end
            end
            SUM: begin
                if (index != LENGTH) index <= index + 1'b1;
                step <= 0;
                turn <= 0;
                remainder <= 0;
                headroom <= 0;
                if (index == LENGTH && there == 0) state <= RECIPROCAL;
            end
            RECIPROCAL: begin
                index <= 0;
                if (KIND == 0) begin
                    step <= step + 1'b1;
                    remainder <= goes ? longer - sum : longer;
                    quotient <= {quotient[30:0], goes};
                    if (step == DIVISION) begin
                        step <= 0;
                        state <= FETCH;
                    end
                end else if (step <= SHIFTS) begin
                    step <= step + 1'b1;
                    if (!sum[31]) begin
                        sum <= sum << 1;
                        headroom <= headroom + 1'b1;
                    end
                end else if (step == SHIFTS + 1'b1) begin
                    // Turn 0 is the guess, odd ones find its error, even ones mend it.
                    start <= 1'b1;
                    step <= step + 1'b1;
                    a <= turn == 0 ? FACTOR : turn[0] ? x : error;
                    low <= turn == 0 || turn[0] ? half[31:0] : x[31:0];
                end else if (done) begin
                    step <= SHIFTS + 1'b1;
                    turn <= turn + 1'b1;
                    if (turn[0]) error <= 33'sd536870912 - doubled[32:0];
                    else x <= newton;
                    if (turn == 3'd6) begin
                        step <= 0;
                        state <= FETCH;
                    end
                end
            end
            FETCH: begin
                step <= step + 1'b1;
                if (step == FETCHED) begin
                    state <= PRODUCT;
                    start <= 1'b1;
                end
            end
            PRODUCT: begin
                step <= 0;
                if (start) begin
                    a <= KIND == 0 ? {1'b0, quotient} : {1'b0, saturated};
                    low <= e;
                end
                if (done) begin
                    out <= y[OUT_BITS-1:0];
                    state <= GIVE;
                end
            end
            GIVE: if (m_ready) begin
                index <= last ? {I{1'b0}} : index + 1'b1;
                state <= last ? TAKE : FETCH;
            end
            default: state <= TAKE;
        endcase
        if (rst) begin
            state <= TAKE;
            index <= 0;
            there <= 3'b0;
            left <= 6'd0;
            start <= 1'b0;
            done <= 1'b0;
        end
    end
endmodule
