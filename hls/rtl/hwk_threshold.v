// LOW and how many of a channel's STEPS thresholds each integer reaches, LANES at a time: a rescale
// to few integers without a product.
//
// A word of the image holds the thresholds of LANES channels, T_BITS signed each, those of a channel
// side by side; the beats go round GROUPS words. LOW + STEPS fits in OUT_BITS.
module hwk_threshold #(
    parameter LANES = 1,
    parameter GROUPS = 1,
    parameter STEPS = 1,
    parameter IN_BITS = 16,
    parameter IN_SIGNED = 1,
    parameter T_BITS = 16,
    parameter signed [63:0] LOW = 0,
    parameter OUT_BITS = 1,
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
    localparam G = GROUPS > 1 ? $clog2(GROUPS) : 1;
    localparam WORD = LANES * STEPS * T_BITS;

    reg         valid0, valid1;
    reg [G-1:0] group;
    wire move1 = !valid1 || m_ready;
    wire move0 = !valid0 || move1;
    assign s_ready = move0;
    assign m_valid = valid1;

    // Stage 0: the beat, and beside it its thresholds.
    reg  [LANES*IN_BITS-1:0] beat;
    wire [WORD-1:0] thresholds;
    hwk_rom #(.WIDTH(WORD), .DEPTH(GROUPS), .IMAGE(IMAGE)) rom (
        .clk(clk), .enable(move0), .address(group), .data(thresholds));

    always @(posedge clk) begin
        if (move0) begin
            valid0 <= s_valid;
            beat <= s_data;
            if (s_valid) group <= group == GROUPS - 1 ? {G{1'b0}} : group + 1'b1;
        end
        if (move1) valid1 <= valid0;
        if (rst) begin
            valid0 <= 1'b0;
            valid1 <= 1'b0;
            group <= 0;
        end
    end

    // Stage 1: comparisons, counted.
    genvar l, t;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            wire [IN_BITS-1:0] in = beat[l*IN_BITS +: IN_BITS];
            wire signed [IN_BITS:0] x = {IN_SIGNED ? in[IN_BITS-1] : 1'b0, in};
            wire [(STEPS+1)*OUT_BITS-1:0] counts;
            reg  [OUT_BITS-1:0] out;
            assign counts[OUT_BITS-1:0] = LOW;
            for (t = 0; t < STEPS; t = t + 1) begin : step
                wire signed [T_BITS-1:0] least = thresholds[(l*STEPS+t)*T_BITS +: T_BITS];
                wire reached = x >= least;
                assign counts[(t+1)*OUT_BITS +: OUT_BITS] =
                    counts[t*OUT_BITS +: OUT_BITS] + reached;
            end
            always @(posedge clk) if (move1) out <= counts[STEPS*OUT_BITS +: OUT_BITS];
            assign m_data[l*OUT_BITS +: OUT_BITS] = out;
        end
    endgenerate
endmodule
