// table[x], LANES integers at a time; the image has an entry for each of the 2**IN_BITS patterns.
module hwk_lookup #(
    parameter LANES = 1,
    parameter IN_BITS = 8,
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
    reg  there;
    wire enable = !there || m_ready;
    assign s_ready = enable;
    assign m_valid = there;

    always @(posedge clk) begin
        if (enable) there <= s_valid;
        if (rst) there <= 1'b0;
    end

    genvar l;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            hwk_rom #(.WIDTH(OUT_BITS), .DEPTH(1 << IN_BITS), .IMAGE(IMAGE)) rom (
                .clk(clk), .enable(enable),
                .address(s_data[l*IN_BITS +: IN_BITS]), .data(m_data[l*OUT_BITS +: OUT_BITS]));
        end
    endgenerate
endmodule
