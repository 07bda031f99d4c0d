// Where the largest of BEATS * LANES integers is, the first of equals; counted from 0.
module hwk_argmax #(
    parameter LANES = 1,
    parameter BEATS = 2,
    parameter IN_BITS = 8,
    parameter IN_SIGNED = 0,
    parameter OUT_BITS = 1
) (
    input  wire                     clk,
    input  wire                     rst,
    input  wire [LANES*IN_BITS-1:0] s_data,
    input  wire                     s_valid,
    output wire                     s_ready,
    output wire [OUT_BITS-1:0]      m_data,
    output wire                     m_valid,
    input  wire                     m_ready
);
    localparam [IN_BITS-1:0]  TOP = 1'b1 << (IN_BITS - 1);
    localparam [OUT_BITS-1:0] STEP = LANES[OUT_BITS-1:0];
    localparam integer        ENDS = (BEATS - 1) * LANES;
    localparam [OUT_BITS-1:0] LAST = ENDS[OUT_BITS-1:0];

    // A tournament within the beat: of two neighbours the larger goes on, the left one of equals.
    // With the top bit turned, signed integers compare as unsigned ones.
    reg [LANES*IN_BITS-1:0]  keys;
    reg [LANES*OUT_BITS-1:0] lanes;
    integer l, span;
    always @* begin
        keys = s_data ^ {LANES{IN_SIGNED ? TOP : {IN_BITS{1'b0}}}};
        for (l = 0; l < LANES; l = l + 1) lanes[l*OUT_BITS +: OUT_BITS] = l[OUT_BITS-1:0];
        for (span = 1; span < LANES; span = 2 * span)
            for (l = 0; l + span < LANES; l = l + 2 * span)
                if (keys[(l+span)*IN_BITS +: IN_BITS] > keys[l*IN_BITS +: IN_BITS]) begin
                    keys[l*IN_BITS +: IN_BITS] = keys[(l+span)*IN_BITS +: IN_BITS];
                    lanes[l*OUT_BITS +: OUT_BITS] = lanes[(l+span)*OUT_BITS +: OUT_BITS];
                end
    end

    reg [IN_BITS-1:0]  largest;  // of the beats before
    reg [OUT_BITS-1:0] place;
    reg [OUT_BITS-1:0] first;    // place of the beat's first integer
    reg                there;

    assign m_data = place;
    assign m_valid = there;
    assign s_ready = !there || m_ready;

    always @(posedge clk) begin
        if (s_ready) begin
            there <= s_valid && first == LAST;
            if (s_valid) begin
                if (first == {OUT_BITS{1'b0}} || keys[IN_BITS-1:0] > largest) begin
                    largest <= keys[IN_BITS-1:0];
                    place <= first + lanes[OUT_BITS-1:0];
                end
                first <= first == LAST ? {OUT_BITS{1'b0}} : first + STEP;
            end
        end
        if (rst) begin
            there <= 1'b0;
            first <= {OUT_BITS{1'b0}};
        end
    end
endmodule
