// The words of a tensor in another order: any of them, as often as wanted.
//
// A tensor is SIZE words. Of each come out OUTER rows of INNER words: word rows[i] + places[j] of
// the tensor for every row i and place j. The buffer is a ring of DEPTH words, a power of two,
// that runs on from one tensor to the next. A word can be read the cycle after it was written; with
// every row the ring learns the first word that this row or a later one reads, and takes what is
// less than DEPTH words above it.
//
// Words are counted without end, modulo 2**BITS. A word of the image ROWS holds rows[i] above the
// first word still wanted, both of BITS bits; one of PLACES holds places[j] modulo 2**BITS.
module hwk_gather #(
    parameter WIDTH = 8,
    parameter SIZE = 2,
    parameter OUTER = 1,
    parameter INNER = 2,
    parameter DEPTH = 4,
    parameter BITS = 5,  // 2**BITS is at least 4 * SIZE + 2 * DEPTH
    parameter ROWS = "",
    parameter PLACES = ""
) (
    input  wire             clk,
    input  wire             rst,
    input  wire [WIDTH-1:0] s_data,
    input  wire             s_valid,
    output wire             s_ready,
    output wire [WIDTH-1:0] m_data,
    output wire             m_valid,
    input  wire             m_ready
);
    localparam A = DEPTH > 1 ? $clog2(DEPTH) : 1;
    localparam I = OUTER > 1 ? $clog2(OUTER) : 1;
    localparam J = INNER > 1 ? $clog2(INNER) : 1;

    reg [WIDTH-1:0] memory [0:DEPTH-1];

    // Writing. What is held is negative while words come that nobody reads.
    reg  [BITS-1:0] written, floor;
    wire [BITS-1:0] held = written - floor;
    assign s_ready = held[BITS-1] || held < DEPTH;

    always @(posedge clk) begin
        if (s_valid && s_ready) begin
            memory[written[A-1:0]] <= s_data;
            written <= written + 1'b1;
        end
        if (rst) written <= 0;
    end

    // Addresses, ahead of what is read. Stage 1: row and place of a word.
    reg           valid1, valid2, last1;
    reg  [I-1:0]  i;
    reg  [J-1:0]  j;
    wire          step;
    wire          move2 = !valid2 || step;
    wire          move1 = !valid1 || move2;
    wire          j_last = j == INNER - 1;
    wire          i_last = i == OUTER - 1;
    wire [2*BITS-1:0] row;
    wire [BITS-1:0]   place;

    hwk_rom #(.WIDTH(2*BITS), .DEPTH(OUTER), .IMAGE(ROWS)) rows (
        .clk(clk), .enable(move1), .address(i), .data(row));
    hwk_rom #(.WIDTH(BITS), .DEPTH(INNER), .IMAGE(PLACES)) places (
        .clk(clk), .enable(move1), .address(j), .data(place));

    // Stage 2: the word, and the first that is still wanted.
    reg [BITS-1:0] base, word;
    always @(posedge clk) begin
        if (move1) begin
            valid1 <= 1'b1;
            last1 <= i_last && j_last;
            j <= j_last ? {J{1'b0}} : j + 1'b1;
            if (j_last) i <= i_last ? {I{1'b0}} : i + 1'b1;
        end
        if (move2) begin
            valid2 <= valid1;
            if (valid1) begin
                word <= base + row[BITS +: BITS] + place;
                floor <= base + row[BITS-1:0];
                if (last1) base <= base + SIZE;
            end
        end
        if (rst) begin
            i <= 0;
            j <= 0;
            valid1 <= 1'b0;
            valid2 <= 1'b0;
            base <= 0;
            floor <= 0;
        end
    end

    // Reading.
    reg  [WIDTH-1:0] q;
    reg              q_valid;
    wire             enable = !q_valid || m_ready;
    wire [BITS-1:0]  above = written - word;
    wire             there = !above[BITS-1] && above != 0;
    assign step = valid2 && there && enable;
    assign m_data = q;
    assign m_valid = q_valid;

    always @(posedge clk) begin
        if (step) q <= memory[word[A-1:0]];
        if (enable) q_valid <= step;
        if (rst) q_valid <= 1'b0;
    end
endmodule
