// Sums of products: PE outputs at a time, from SIMD inputs of TAPS places a cycle.
//
// An output group is FOLDS beats of TAPS x SIMD integers; GROUPS of them follow each other, each
// with weights of its own. With LANEWISE 0 every output sums all inputs of its beats; with LANEWISE 1
// output p sums input p / (PE / SIMD) of each place alone, as depthwise convolution and pooling do. The result
// is exact modulo 2**ACC; ACC is wide enough for what the weights can give, so it is exact.
//
// KIND of the weights: 0 binary, multiplied in logic; 1 binary, multiplied by a DSP block where
// there is one; 2 HOT signed powers of two each, shifted and added; 3 all one; 4 none: the output
// is the largest input, of one place a beat; 5 one bit, as the inputs have, and of both 1 is +1 and 0 is -1: equal bits
// count 2, and the bias is lower by the number of products. A word of the weight image holds PE x
// TERMS weights, the first in the lowest bits; a K-hot weight is HOT fields of (shift, sign,
// present). A word of the bias image holds PE integers of ACC bits.
module hwk_matrix #(
    parameter PE = 1,
    parameter SIMD = 1,
    parameter TAPS = 1,
    parameter FOLDS = 1,
    parameter GROUPS = 1,
    parameter LANEWISE = 0,
    parameter KIND = 0,
    parameter A_BITS = 8,
    parameter A_SIGNED = 0,
    parameter W_BITS = 8,
    parameter HOT = 1,
    parameter S_BITS = 3,  // of a shift
    parameter PRODUCT = 16,  // bits of a product, at most ACC
    parameter ACC = 16,
    parameter BIASES = GROUPS,  // 1: every group starts from the same word
    parameter WEIGHTS = "",
    parameter BIAS = ""
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire [TAPS*SIMD*A_BITS-1:0] s_data,
    input  wire                        s_valid,
    output wire                        s_ready,
    output wire [PE*ACC-1:0]           m_data,
    output wire                        m_valid,
    input  wire                        m_ready
);
    localparam TERMS = LANEWISE ? TAPS : TAPS * SIMD;
    localparam TIMES = PE / SIMD;  // outputs of one input, lane-wise
    localparam FIELD = KIND == 2 ? HOT * (S_BITS + 2) : W_BITS;
    localparam WORD = PE * TERMS * FIELD;
    localparam DEPTH = FOLDS * GROUPS;
    localparam P = DEPTH > 1 ? $clog2(DEPTH) : 1;
    localparam F = FOLDS > 1 ? $clog2(FOLDS) : 1;
    localparam G = GROUPS > 1 ? $clog2(GROUPS) : 1;
    localparam WIDE = PRODUCT + $clog2(TERMS);
    localparam SUM = WIDE < ACC ? WIDE : ACC;  // bits of the sum over a beat

    // Each stage moves when the next one is free or moves: beats close up while an output waits.
    reg  valid0, valid1, valid2, done;
    wire move3 = !done || m_ready;
    wire move2 = !valid2 || move3;
    wire move1 = !valid1 || move2;
    wire move0 = !valid0 || move1;
    assign s_ready = move0;
    assign m_valid = done;

    // Stage 0: the beat, and beside it its weights.
    reg [TAPS*SIMD*A_BITS-1:0] beat;
    reg [P-1:0] at;
    reg [F-1:0] fold;
    reg         first0, last0, first1, last1, first2, last2;
    wire        fold_last = fold == FOLDS - 1;
    wire        take = s_valid && move0;

    always @(posedge clk) begin
        if (take) begin
            beat <= s_data;
            at <= at == DEPTH - 1 ? {P{1'b0}} : at + 1'b1;
            fold <= fold_last ? {F{1'b0}} : fold + 1'b1;
            first0 <= fold == 0;
            last0 <= fold_last;
        end
        if (move0) valid0 <= s_valid;
        if (move1) begin
            valid1 <= valid0;
            first1 <= first0;
            last1 <= last0;
        end
        if (move2) begin
            valid2 <= valid1;
            first2 <= first1;
            last2 <= last1;
        end
        if (move3) done <= valid2 && last2;
        if (rst) begin
            at <= 0;
            fold <= 0;
            valid0 <= 1'b0;
            valid1 <= 1'b0;
            valid2 <= 1'b0;
            done <= 1'b0;
        end
    end

    wire [WORD-1:0] weights;
    generate
        if (KIND < 3 || KIND == 5) begin : stored
            hwk_rom #(.WIDTH(WORD), .DEPTH(DEPTH), .IMAGE(WEIGHTS)) rom (
                .clk(clk), .enable(move0), .address(at), .data(weights));
        end else begin : none
            assign weights = {WORD{1'b0}};
        end
    endgenerate

    // The bias of the group whose sum begins in stage 3 next.
    reg  [G-1:0]      turn;
    wire [PE*ACC-1:0] bias;
    hwk_rom #(.WIDTH(PE*ACC), .DEPTH(BIASES), .IMAGE(BIAS)) biases (
        .clk(clk), .enable(move2), .address(BIASES > 1 ? turn : 1'b0), .data(bias));
    always @(posedge clk) begin
        if (move2 && valid1 && last1) turn <= turn == GROUPS - 1 ? {G{1'b0}} : turn + 1'b1;
        if (rst) turn <= 0;
    end

    genvar p, t;
    generate
        for (p = 0; p < PE; p = p + 1) begin : unit
            // Stage 1: products. Stage 2: the sum over a beat, a chain that synthesis balances.
            wire [(TERMS+1)*SUM-1:0] partial;
            reg  signed [SUM-1:0] sum;
            assign partial[SUM-1:0] = 0;
            for (t = 0; t < TERMS; t = t + 1) begin : term
                wire signed [PRODUCT-1:0] product;
                reg  signed [PRODUCT-1:0] q;
                hwk_product #(
                    .KIND(KIND), .A_BITS(A_BITS), .A_SIGNED(A_SIGNED), .W_BITS(W_BITS), .HOT(HOT),
                    .S_BITS(S_BITS), .FIELD(FIELD), .OUT(PRODUCT)
                ) multiply (
                    .a(beat[(LANEWISE ? t * SIMD + p / TIMES : t)*A_BITS +: A_BITS]),
                    .w(weights[(p*TERMS+t)*FIELD +: FIELD]),
                    .product(product));
                always @(posedge clk) if (move1) q <= product;
                assign partial[(t+1)*SUM +: SUM] = $signed(partial[t*SUM +: SUM]) + q;
            end
            always @(posedge clk) if (move2) sum <= partial[TERMS*SUM +: SUM];

            // Stage 3: the sum over the beats of a group, from the bias on; or the maximum.
            reg  signed [ACC-1:0] result;
            wire signed [ACC-1:0] start = first2 ? bias[p*ACC +: ACC] : result;
            always @(posedge clk) if (move3 && valid2) begin
                if (KIND == 4) begin
                    if (first2 || sum > result) result <= sum;
                end else begin
                    result <= start + (KIND == 5 ? sum * 2 : sum);
                end
            end
            assign m_data[p*ACC +: ACC] = result;
        end
    endgenerate
endmodule
