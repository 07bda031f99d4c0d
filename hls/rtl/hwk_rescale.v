// Sums to integers of the next layer, LANES at a time:
// clamp(round((((x + OFFSET) * factor << LEFT) + added) / 2**SHIFT) + ZERO, LOW, HIGH).
//
// KIND of the factor: 0 one; 1 a power of two, as the shift to the left; 2 an integer below
// 2**F_BITS. ROUNDING of what was added to: 0 down (half a step in it makes that half up), 2 half to
// even, where added holds half a step, 3 twice: by 2**31 half up, then by 2**right half away from
// zero, where right is the R_BITS above the factor, 4 half away from zero.
//
// A factor and what is added are FACTOR and ADDED, or a field of a stored word each where
// FACTOR_BITS (F_BITS + R_BITS) and ADDED_BITS are not 0, the factor below. A word of the image
// holds the fields of LANES channels; the beats go round GROUPS words.
module hwk_rescale #(
    parameter LANES = 1,
    parameter GROUPS = 1,
    parameter KIND = 0,
    parameter ROUNDING = 0,
    parameter IN_BITS = 16,
    parameter IN_SIGNED = 1,
    parameter F_BITS = 1,
    parameter R_BITS = 0,
    parameter LEFT = 0,
    parameter FACTOR_BITS = 0,
    parameter ADDED_BITS = 0,
    parameter X_BITS = 17,    // of x + OFFSET, signed
    parameter P_BITS = 17,    // of the product and of it with what is added, signed
    parameter SHIFT = 0,
    parameter Q_BITS = 10,    // of the rounded product and zero point, signed
    parameter CLAMPS = 1,     // 0: no result leaves LOW..HIGH
    parameter [F_BITS+R_BITS-1:0] FACTOR = 0,
    parameter signed [P_BITS-1:0] ADDED = 0,
    parameter signed [63:0] OFFSET = 0,
    parameter signed [63:0] ZERO = 0,
    parameter signed [63:0] LOW = 0,
    parameter signed [63:0] HIGH = 0,
    parameter OUT_BITS = 8,
    parameter IMAGE = ""
) (
    input  wire                      clk,
    input  wire                      rst,
    input  wire [LANES*IN_BITS-1:0]  s_data,
    input  wire                      s_valid,
    output wire                      s_ready,
    output wire [LANES*OUT_BITS-1:0] m_data,
    output wire                      m_valid,
    input  wire                      m_ready
);
    localparam FIELD = FACTOR_BITS + ADDED_BITS;  // stored bits of a channel
    localparam WORD = FIELD ? LANES * FIELD : 1;
    localparam G = GROUPS > 1 ? $clog2(GROUPS) : 1;
    localparam signed [63:0] ONE = 1;
    localparam signed [P_BITS-1:0] HALF = SHIFT > 0 ? ONE << (SHIFT > 0 ? SHIFT - 1 : 0) : 0;
    localparam signed [Q_BITS-1:0] LOWEST = LOW;
    localparam signed [Q_BITS-1:0] HIGHEST = HIGH;

    reg         valid0, valid1, valid2, valid3;
    reg [G-1:0] group;
    wire move3 = !valid3 || m_ready;
    wire move2 = !valid2 || move3;
    wire move1 = !valid1 || move2;
    wire move0 = !valid0 || move1;
    assign s_ready = move0;
    assign m_valid = valid3;

    always @(posedge clk) begin
        if (move0 && s_valid) group <= group == GROUPS - 1 ? {G{1'b0}} : group + 1'b1;
        if (move0) valid0 <= s_valid;
        if (move1) valid1 <= valid0;
        if (move2) valid2 <= valid1;
        if (move3) valid3 <= valid2;
        if (rst) begin
            group <= 0;
            valid0 <= 1'b0;
            valid1 <= 1'b0;
            valid2 <= 1'b0;
            valid3 <= 1'b0;
        end
    end

    wire [WORD-1:0] stored;
    reg  [WORD-1:0] stored1;
    generate
        if (FIELD > 0) begin : kept
            hwk_rom #(.WIDTH(WORD), .DEPTH(GROUPS), .IMAGE(IMAGE)) rom (
                .clk(clk), .enable(move0), .address(group), .data(stored));
        end else begin : none
            assign stored = 1'b0;
        end
    endgenerate
    always @(posedge clk) if (move1) stored1 <= stored;

    genvar l;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            wire [IN_BITS-1:0] in = s_data[l*IN_BITS +: IN_BITS];
            wire signed [IN_BITS:0] extended = {IN_SIGNED ? in[IN_BITS-1] : 1'b0, in};
            wire [F_BITS+R_BITS-1:0] factor, factor1;
            wire signed [P_BITS-1:0] added;
            if (FACTOR_BITS > 0) begin : factors
                assign factor = stored[l*FIELD +: FACTOR_BITS];
                assign factor1 = stored1[l*FIELD +: FACTOR_BITS];
            end else begin : one_factor
                assign factor = FACTOR;
                assign factor1 = FACTOR;
            end
            if (ADDED_BITS > 0) begin : sums
                assign added = $signed(stored1[l*FIELD + FACTOR_BITS +: ADDED_BITS]);
            end else begin : one_sum
                assign added = ADDED;
            end
            reg  signed [X_BITS-1:0] x;
            reg  signed [P_BITS-1:0] p;
            wire signed [P_BITS-1:0] wide = x;
            wire signed [Q_BITS-1:0] q;

            // Stage 0: the input. Stage 1: its product.
            always @(posedge clk) if (move0) x <= extended + OFFSET;
            if (KIND == 0) begin : unscaled
                always @(posedge clk) if (move1) p <= wide << LEFT;
            end else if (KIND == 1) begin : shifted
                always @(posedge clk) if (move1) p <= wide << factor[F_BITS-1:0] << LEFT;
            end else begin : multiplied
                wire signed [F_BITS:0] m = {1'b0, factor[F_BITS-1:0]};
                wire signed [P_BITS-1:0] product = x * m;
                always @(posedge clk) if (move1) p <= product << LEFT;
            end

            // Stage 2: rounding.
            if (ROUNDING == 3) begin : twice
                reg  [R_BITS-1:0] right2;
                reg  signed [P_BITS-1:0] h;
                always @(posedge clk) if (move2) begin
                    h <= (p + HALF) >>> SHIFT;
                    right2 <= factor1[F_BITS +: R_BITS];
                end
                wire signed [P_BITS-1:0] half = right2 == 0 ? 0 : ONE << (right2 - 1'b1);
                wire signed [P_BITS-1:0] away = h < 0 && right2 != 0 ? half - 1 : half;
                wire signed [P_BITS-1:0] rounded = (h + away) >>> right2;
                assign q = rounded;
            end else begin : once
                reg  signed [Q_BITS-1:0] r;
                wire signed [P_BITS-1:0] sum =
                    p + (ROUNDING == 4 ? (p < 0 && SHIFT > 0 ? HALF - 1 : HALF) : added);
                wire signed [P_BITS-1:0] down = sum >>> SHIFT;
                // A sum without a remainder was a tie: the step before it is the even one, or it is.
                wire tie = ROUNDING == 2 && SHIFT > 0 && (sum & ~({P_BITS{1'b1}} << SHIFT)) == 0;
                wire signed [P_BITS-1:0] rounded = {down[P_BITS-1:1], down[0] && !tie};
                always @(posedge clk) if (move2) r <= rounded;
                assign q = r;
            end

            // Stage 3: zero point and clamp.
            wire signed [Q_BITS-1:0] moved = q + ZERO;
            reg  [OUT_BITS-1:0] out;
            always @(posedge clk) if (move3) begin
                if (CLAMPS && moved < LOWEST) out <= LOWEST;
                else if (CLAMPS && moved > HIGHEST) out <= HIGHEST;
                else out <= moved;
            end
            assign m_data[l*OUT_BITS +: OUT_BITS] = out;
        end
    endgenerate
endmodule
