// One product of hwk_matrix, in logic alone but for KIND 1.
module hwk_product #(
    parameter KIND = 0,
    parameter A_BITS = 8,
    parameter A_SIGNED = 0,
    parameter W_BITS = 8,
    parameter HOT = 1,
    parameter S_BITS = 3,
    parameter FIELD = 8,
    parameter OUT = 16
) (
    input  wire [A_BITS-1:0]     a,
    input  wire [FIELD-1:0]      w,
    output wire signed [OUT-1:0] product
);
    localparam A = A_BITS + (A_SIGNED ? 0 : 1);  // signed
    wire signed [A-1:0] x = A_SIGNED ? a : {1'b0, a};

    genvar r;
    generate
        if (KIND == 0) begin : rows
            // A row for each bit of the weight: the sum so far moves down by one place, and the bit
            // that leaves it is one of the product. The top bit of a weight counts negative.
            wire signed [W_BITS*(A+1)-1:0] sums;
            wire signed [W_BITS+A:0] whole;
            for (r = 0; r < W_BITS; r = r + 1) begin : row
                wire signed [A-1:0] part = w[r] ? x : {A{1'b0}};
                wire signed [A:0] above;
                if (r == 0) begin : first
                    assign above = 0;
                end else begin : later
                    assign above = $signed(sums[(r-1)*(A+1)+1 +: A]);
                    assign whole[r-1] = sums[(r-1)*(A+1)];
                end
                assign sums[r*(A+1) +: A+1] = r == W_BITS - 1 ? above - part : above + part;
            end
            assign whole[W_BITS+A:W_BITS-1] =
                {sums[W_BITS*(A+1)-1], sums[(W_BITS-1)*(A+1) +: A+1]};
            assign product = whole;
        end else if (KIND == 1) begin : block
            wire signed [W_BITS-1:0] y = w;
            assign product = x * y;
        end else if (KIND == 2) begin : hot
            wire signed [(HOT+1)*OUT-1:0] sums;
            assign sums[OUT-1:0] = 0;
            for (r = 0; r < HOT; r = r + 1) begin : one
                wire [S_BITS+1:0] field = w[r*(S_BITS+2) +: S_BITS+2];
                wire signed [A-1:0] part = field[S_BITS+1] ? x : {A{1'b0}};
                wire signed [OUT-1:0] wide = part;
                wire signed [OUT-1:0] moved = wide <<< field[S_BITS-1:0];
                // Minus v is ~v + 1.
                assign sums[(r+1)*OUT +: OUT] =
                    sums[r*OUT +: OUT] + (moved ^ {OUT{field[S_BITS]}}) + field[S_BITS];
            end
            assign product = sums[HOT*OUT +: OUT];
        end else if (KIND == 5) begin : equal
            assign product = w[0] == a[0];
        end else begin : whole
            assign product = x;
        end
    endgenerate
endmodule
