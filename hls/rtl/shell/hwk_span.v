// From the first beat of the first input to the last beat of the last output of an inference. One input
// and one output take no logic.
module hwk_span #(
    parameter INPUTS = 1,
    parameter OUTPUTS = 1
) (
    input  wire               clk,
    input  wire               start,
    input  wire [INPUTS-1:0]  first,      // the first beat of each input is being taken
    input  wire [OUTPUTS-1:0] last,       // the last beat of each output is being taken
    output wire               first_beat,
    output wire               last_beat
);
  generate
    if (INPUTS == 1) begin : one_input
      assign first_beat = first;
    end else begin : inputs
      reg begun;
      assign first_beat = |first && !begun;
      always @(posedge clk)
        if (start) begun <= 1'b0;
        else if (|first) begun <= 1'b1;
    end
    if (OUTPUTS == 1) begin : one_output
      assign last_beat = last;
    end else begin : outputs
      reg [OUTPUTS-1:0] ended;
      assign last_beat = |last && &(ended | last);
      always @(posedge clk)
        if (start) ended <= {OUTPUTS{1'b0}};
        else ended <= ended | last;
    end
  endgenerate
endmodule
