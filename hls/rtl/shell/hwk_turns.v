// Several tensors as one string of bytes: which of them the position is in. One tensor takes no logic.
module hwk_turns #(
    parameter COUNT = 1
) (
    input  wire             clk,
    input  wire             restart,  // the position becomes the first byte of the first tensor
    input  wire             step,     // it goes up by one
    input  wire [COUNT-1:0] at_last,  // it is the last byte of that tensor, where it is in it
    output wire [COUNT-1:0] turn      // the tensor, one bit
);
  generate
    if (COUNT == 1) begin : one
      assign turn = 1'b1;
    end else begin : several
      reg [COUNT-1:0] held;
      assign turn = held;
      always @(posedge clk)
        if (restart) held <= {{COUNT - 1{1'b0}}, 1'b1};
        else if (step && |(held & at_last)) held <= held << 1;
    end
  endgenerate
endmodule
