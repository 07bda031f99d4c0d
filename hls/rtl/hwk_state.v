// A tensor that outlives an inference: the BEATS beats that come in during one go out during the
// next. In the first after a reset those of the image go out (one word that is every beat where
// WORDS is 1). A beat can leave once the inference before has written it, so that no inference
// reads what is not there yet; DEPTH beats wait, BEATS of them when all is still.
module hwk_state #(
    parameter WIDTH = 8,
    parameter BEATS = 1,
    parameter DEPTH = 2,
    parameter WORDS = BEATS,
    parameter IMAGE = ""
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
    localparam A = BEATS > 1 ? $clog2(BEATS) : 1;
    localparam LAST = BEATS - 1;

    // The initial value, a beat a cycle.
    reg  [A-1:0] at;
    reg          read, there;  // all words are read; one is on the output
    wire         over = read && !there;
    wire         enable = !there || m_ready;
    wire [WIDTH-1:0] word;

    hwk_rom #(.WIDTH(WIDTH), .DEPTH(WORDS), .IMAGE(IMAGE)) initial_value (
        .clk(clk), .enable(enable), .address(WORDS > 1 ? at : {A{1'b0}}), .data(word));

    always @(posedge clk) begin
        if (enable) begin
            there <= !read;
            if (!read) begin
                at <= at + 1'b1;
                read <= at == LAST[A-1:0];
            end
        end
        if (rst) begin
            at <= 0;
            read <= 1'b0;
            there <= 1'b0;
        end
    end

    // What came in.
    wire [WIDTH-1:0] data;
    wire             valid;
    hwk_fifo #(.WIDTH(WIDTH), .DEPTH(DEPTH)) fifo (
        .clk(clk), .rst(rst),
        .s_data(s_data), .s_valid(s_valid), .s_ready(s_ready),
        .m_data(data), .m_valid(valid), .m_ready(over && m_ready));

    assign m_data = over ? data : word;
    assign m_valid = over ? valid : there;
endmodule
