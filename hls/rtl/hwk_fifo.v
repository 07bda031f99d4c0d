// First in, first out, for DEPTH beats or one more.
//
// Up to 16 beats lie in registers or LUT memory and appear on the output one cycle after they
// came; more lie in block memory behind an output register and appear two cycles after.
module hwk_fifo #(
    parameter WIDTH = 8,
    parameter DEPTH = 2
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
    localparam COUNT = $clog2(DEPTH + 1);
    localparam INDEX = DEPTH > 1 ? $clog2(DEPTH) : 1;

    reg [WIDTH-1:0] memory [0:DEPTH-1];
    reg [INDEX-1:0] head, tail;
    reg [COUNT-1:0] held;
    reg             full;

    wire push = s_valid && s_ready;
    wire pop;
    assign s_ready = !full;

    always @(posedge clk) begin
        if (push) begin
            memory[tail] <= s_data;
            tail <= tail == DEPTH - 1 ? {INDEX{1'b0}} : tail + 1'b1;
        end
        if (pop) head <= head == DEPTH - 1 ? {INDEX{1'b0}} : head + 1'b1;
        if (push && !pop) begin
            held <= held + 1'b1;
            full <= held == DEPTH - 1;
        end
        if (pop && !push) begin
            held <= held - 1'b1;
            full <= 1'b0;
        end
        if (rst) begin
            head <= 0;
            tail <= 0;
            held <= 0;
            full <= 1'b0;
        end
    end

    generate
        if (DEPTH <= 16) begin : shallow
            assign m_data = memory[head];
            assign m_valid = held != 0;
            assign pop = m_valid && m_ready;
        end else begin : deep
            reg [WIDTH-1:0] front;
            reg             there;
            assign m_data = front;
            assign m_valid = there;
            assign pop = held != 0 && (!there || m_ready);
            always @(posedge clk) begin
                if (pop) front <= memory[head];
                if (!there || m_ready) there <= held != 0;
                if (rst) there <= 1'b0;
            end
        end
    endgenerate

`ifndef SYNTHESIS
    // The most beats ever held, told at the end of a simulation that asks for it.
    integer most;
    initial most = 0;
    always @(posedge clk) if (!rst && held > most) most <= held;
    final if ($test$plusargs("fifos")) $display("fifo %m %0d %0d", most, DEPTH);
`endif
endmodule
