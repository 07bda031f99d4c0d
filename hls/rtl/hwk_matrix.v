// Sums of products: PE outputs at a time, from SIMD inputs a cycle.
//
// An output group is FOLDS beats of SIMD integers; GROUPS of them follow each other, each with
// weights of its own. With LANEWISE 0 every output sums all inputs of its beats; with LANEWISE 1
// output p sums input p / (PE / SIMD) alone, as depthwise convolution and pooling do. The result
// is exact modulo 2**ACC; ACC is wide enough for what the weights can give, so it is exact.
//
// KIND of the weights: 0 binary, multiplied in logic; 1 binary, multiplied by a DSP block where
// there is one; 2 HOT signed powers of two each, shifted and added; 3 all one; 4 none: the output
// is the largest input. A word of the weight image holds PE x TERMS weights, the first in the
// lowest bits; a K-hot weight is HOT fields of (shift, sign, present). A word of the bias image
// holds PE integers of ACC bits.
module hwk_matrix #(
    parameter PE = 1,
    parameter SIMD = 1,
    parameter FOLDS = 1,
    parameter GROUPS = 1,
    parameter LANEWISE = 0,
    parameter KIND = 0,
    parameter A_BITS = 8,
    parameter A_SIGNED = 0,
    parameter W_BITS = 8,
    parameter HOT = 1,
    parameter S_BITS = 3,  // of a shift
    parameter ACC = 16,
    parameter BIASES = GROUPS,  // 1: every group starts from the same word
    parameter WEIGHTS = "",
    parameter BIAS = ""
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire [SIMD*A_BITS-1:0] s_data,
    input  wire                   s_valid,
    output wire                   s_ready,
    output wire [PE*ACC-1:0]      m_data,
    output wire                   m_valid,
    input  wire                   m_ready
);
    localparam TERMS = LANEWISE ? 1 : SIMD;
    localparam TIMES = PE / SIMD;  // outputs of one input, lane-wise
    localparam FIELD = KIND == 2 ? HOT * (S_BITS + 2) : W_BITS;
    localparam WORD = PE * TERMS * FIELD;
    localparam DEPTH = FOLDS * GROUPS;
    localparam P = DEPTH > 1 ? $clog2(DEPTH) : 1;
    localparam F = FOLDS > 1 ? $clog2(FOLDS) : 1;
    localparam G = GROUPS > 1 ? $clog2(GROUPS) : 1;
    localparam MASK = S_BITS + 1;  // place of "present" in a field

    // One enable stops all stages while an output waits.
    reg  done;
    wire enable = !done || m_ready;
    assign s_ready = enable;
    assign m_valid = done;

    // Stage 0: the beat, and beside it its weights.
    reg [SIMD*A_BITS-1:0] beat;
    reg [P-1:0] at;
    reg [F-1:0] fold;
    reg [G-1:0] group;
    reg         valid0, first0, last0, valid1, first1, last1, valid2, first2, last2;
    wire        fold_last = fold == FOLDS - 1;
    wire        take = s_valid && enable;

    always @(posedge clk) begin
        if (take) begin
            beat <= s_data;
            at <= at == DEPTH - 1 ? {P{1'b0}} : at + 1'b1;
            fold <= fold_last ? {F{1'b0}} : fold + 1'b1;
            if (fold_last) group <= group == GROUPS - 1 ? {G{1'b0}} : group + 1'b1;
        end
        if (enable) begin
            valid0 <= s_valid;
            first0 <= fold == 0;
            last0 <= fold_last;
            valid1 <= valid0;
            first1 <= first0;
            last1 <= last0;
            valid2 <= valid1;
            first2 <= first1;
            last2 <= last1;
            done <= valid2 && last2;
        end
        if (rst) begin
            at <= 0;
            fold <= 0;
            group <= 0;
            valid0 <= 1'b0;
            valid1 <= 1'b0;
            valid2 <= 1'b0;
            done <= 1'b0;
        end
    end

    wire [WORD-1:0] weights;
    generate
        if (KIND < 3) begin : stored
            hwk_rom #(.WIDTH(WORD), .DEPTH(DEPTH), .IMAGE(WEIGHTS)) rom (
                .clk(clk), .enable(enable), .address(at), .data(weights));
        end else begin : none
            assign weights = {WORD{1'b0}};
        end
    endgenerate

    wire [PE*ACC-1:0] bias;
    reg  [PE*ACC-1:0] bias1, bias2;
    hwk_rom #(.WIDTH(PE*ACC), .DEPTH(BIASES), .IMAGE(BIAS)) biases (
        .clk(clk), .enable(enable), .address(BIASES > 1 ? group : 1'b0), .data(bias));
    always @(posedge clk) if (enable) begin
        bias1 <= bias;
        bias2 <= bias1;
    end

    // A product's parts, each a row that is added: (a << shift) for the set bits of a weight.
    localparam ROWS = KIND == 0 ? W_BITS : KIND == 2 ? HOT : 1;

    genvar p;
    generate
        for (p = 0; p < PE; p = p + 1) begin : unit
            reg  [TERMS*ACC-1:0] products;
            reg  [ACC-1:0] sum, next_sum, result;
            reg  [ACC-1:0] product, row;
            reg  signed [A_BITS:0] a;
            reg  [FIELD-1:0] w;
            integer t, r;

            // Stage 1: products.
            always @(posedge clk) if (enable) begin
                for (t = 0; t < TERMS; t = t + 1) begin
                    a = 0;
                    a[A_BITS-1:0] = beat[(LANEWISE ? p / TIMES : t)*A_BITS +: A_BITS];
                    a[A_BITS] = A_SIGNED ? a[A_BITS-1] : 1'b0;
                    w = weights[(p*TERMS+t)*FIELD +: FIELD];
                    if (KIND == 1) begin
                        product = a * $signed(w);
                    end else if (KIND >= 3) begin
                        product = a;
                    end else begin
                        product = 0;
                        for (r = 0; r < ROWS; r = r + 1) begin
                            if (KIND == 0) begin
                                // The top bit of a two's complement weight counts negative.
                                row = w[r] ? a : 0;
                                row = row << r;
                                product = r == W_BITS - 1 ? product - row : product + row;
                            end else begin
                                row = a;
                                row = row << w[r*(S_BITS+2) +: S_BITS];
                                row = w[r*(S_BITS+2) + MASK] ? row : 0;
                                product = w[r*(S_BITS+2) + S_BITS] ? product - row : product + row;
                            end
                        end
                    end
                    products[t*ACC +: ACC] <= product;
                end
            end

            // Stage 2: the sum over a beat.
            always @* begin
                next_sum = 0;
                for (t = 0; t < TERMS; t = t + 1) next_sum = next_sum + products[t*ACC +: ACC];
            end
            always @(posedge clk) if (enable) sum <= next_sum;

            // Stage 3: the sum over the beats of a group, from the bias on; or the maximum.
            wire [ACC-1:0] start = bias2[p*ACC +: ACC];
            always @(posedge clk) if (enable && valid2) begin
                if (KIND == 4) begin
                    if (first2 || $signed(sum) > $signed(result)) result <= sum;
                end else begin
                    result <= (first2 ? start : result) + sum;
                end
            end
            assign m_data[p*ACC +: ACC] = result;
        end
    endgenerate
endmodule
