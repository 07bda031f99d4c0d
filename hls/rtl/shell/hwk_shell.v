// The wire protocol of docs/protocol.md, spoken by the FPGA itself: a byte stream on one side, the
// buffers of the model's inputs and outputs, each a string of bytes, on the other.
//
// One memory holds the request and then its answer. Its addresses wrap: a frame's body begins at
// -10, so that its payload begins at -4 and, when the whole body with its CRC is in, the write
// address is the payload's size. The last CONSTANT_BYTES before address -10 hold what never
// changes: the answer to INFO and, behind it, the four bytes of the self-test's expected CRC.
//
// To the host the core is one layer. A request with the sequence number of the one before it is
// executed again, not answered from memory: every command gives the same answer twice (COUNTER
// apart), because an inference leaves its inputs in place; where there are states, it does not run
// again. One with the next number is the next. INFO begins a session at any number but those of the
// last 256; another request is LATE and not obeyed. READ_LAYER, STACK, MEMORY_TEST, READ_STATE and
// WRITE_STATE are answered with UNKNOWN_COMMAND.
//
// The self-test's input is a pseudo-random sequence: the CRC's register, all ones at first, takes
// eight zero bits for each byte, which is then its low eight bits. With states four inferences follow
// each other, and the register takes turns: the sequence goes on, and so does the CRC of the outputs.
module hwk_shell #(
    parameter FRAME_LOG2 = 9,       // bytes of the frame's memory, log2
    parameter PAYLOAD_BYTES = 256,  // longest payload
    parameter INPUT_BYTES = 1,
    parameter OUTPUT_BYTES = 1,
    parameter INFO_BYTES = 61,      // of the answer to INFO
    parameter STATEFUL = 0,         // the core has states
    parameter CONSTANT_BYTES = 65,  // those and the expected CRC
    parameter [8*CONSTANT_BYTES-1:0] CONSTANTS = 0
) (
    input  wire       clk,
    input  wire       rst,
    input  wire [7:0] rx_data,
    input  wire       rx_valid,
    output wire       rx_ready,
    output wire [7:0] tx_data,
    output wire       tx_valid,
    input  wire       tx_ready,
    output wire       idle,            // waits for a request
    // The buffers' positions, the core's start and end.
    output wire       input_restart,
    output wire       input_step,
    output wire       input_write,
    output wire [7:0] input_byte,
    output wire       output_restart,
    output wire       output_step,
    input  wire [7:0] output_byte,
    output wire       start,
    output wire       clear,           // the core's states become what they are at first
    input  wire       first_beat,      // the core takes the first beat of its inputs
    input  wire       last_beat        // the core gives the last beat of its outputs
);
  localparam N = FRAME_LOG2;
  localparam LONGEST = INPUT_BYTES > OUTPUT_BYTES ? INPUT_BYTES : OUTPUT_BYTES;
  // Bits of a position in a tensor or in the frame's memory.
  localparam W = $clog2(LONGEST + 1) > N ? $clog2(LONGEST + 1) : N;

  localparam [N-1:0] HEADER = -10, SEQUENCE = -8, LENGTH = -6, PAYLOAD = -4;
  localparam [N-1:0] INFO_AT = -10 - CONSTANT_BYTES;
  localparam [N-1:0] EXPECTED_AT = INFO_AT + INFO_BYTES;

  localparam [3:0] INFO = 1, LOAD_INPUT = 2, INFER = 3, READ_OUTPUT = 4, READ_CYCLES = 5;
  localparam [3:0] SELFTEST = 7, ECHO = 9, RUN = 10, COUNTER = 12, RESET = 13;

  localparam [3:0] OK = 0, BAD_CRC = 1, BAD_FRAME = 2, UNKNOWN_COMMAND = 3, BAD_ARGUMENT = 4;
  localparam [3:0] NO_INPUT = 5, NO_OUTPUT = 6, LATE = 8;

  // A pair NAME, NAME_STEP moves one byte in two cycles: a memory is read, its byte is used.
  localparam [4:0] RECEIVE = 0, CHECK = 1, DISPATCH = 2, RANGE = 3, FILL = 4, FILL_STEP = 5;
  localparam [4:0] START = 6, WAIT = 7, DRAIN = 8, DRAIN_STEP = 9, COPY = 10, COPY_STEP = 11;
  localparam [4:0] WORD = 12, HEAD = 13, COVER = 14, COVER_STEP = 15, SCAN = 16, SCAN_STEP = 17;
  localparam [4:0] CODE = 18, SEND = 19, SEND_STEP = 20, END = 21;

  localparam [31:0] RESIDUE = 32'hDEBB20E3;

  reg [4:0] state;
  reg [N-1:0] from, to;       // where the frame's memory is read and written next
  reg [W-1:0] index, limit;   // a position in a tensor and where it ends; in SCAN, in the frame
  reg [W-1:0] first, count;   // the request's arguments: u32 each
  reg first_large, count_large;
  reg [N-1:0] payload;        // bytes of it, as the header says
  reg payload_large;
  reg [3:0] command;
  reg command_large;
  reg [3:0] status;
  reg [15:0] sequence_number, last_sequence;
  reg in_session;             // there is a last sequence
  reg refused;                // the frame itself, not its command
  reg [W-1:0] loaded;         // bytes of the input, from the first one without a gap
  reg computed;               // there is an output
  reg [7:0] run;              // bytes of a COBS run that are left
  reg started, owes_zero, full;
  reg longest_run;
  reg [2:0] part;             // byte of a word or of the header
  reg sealing;                // the word is the answer's CRC
  reg [31:0] counter, elapsed;
  reg timing;
  reg again;                  // the request repeats the one before
  reg [1:0] steps;            // of the self-test, that are done
  reg [31:0] resting;         // the self-test's other register

  (* ram_style = "block" *)
  reg [7:0] memory[0:(1<<N)-1];
  reg [7:0] stored;
  reg write;
  reg [N-1:0] write_at;
  reg [7:0] write_byte;
  integer i;
  initial
    for (i = 0; i < CONSTANT_BYTES; i = i + 1)
      memory[(1<<N)-10-CONSTANT_BYTES+i] = CONSTANTS[8*i+:8];
  always @(posedge clk) begin
    stored <= memory[state == SCAN ? index[N-1:0] : from];
    if (write) memory[write_at] <= write_byte;
  end

  // A byte that comes in is a code, or one of the run that the last code began.
  wire crc_busy;
  wire take = rx_ready && rx_valid;
  wire in_run = run != 8'd0;
  wire append = take && rx_data != 8'd0 && (in_run || owes_zero);
  wire [7:0] appended = in_run ? rx_data : 8'd0;
  wire no_room = to == PAYLOAD_BYTES;
  wire store = append && !no_room;
  wire cut_short = &to[N-1:4];  // header or CRC are not whole
  assign rx_ready = state == RECEIVE && !crc_busy;
  assign idle = state == RECEIVE;

  // A byte of an argument at its place in the word, and whether the word has more than W bits.
  wire [31:0] placed = {24'd0, appended} << 8 * to[1:0];
  wire above = placed >> W != 0;
  // How many requests ago this one was sent; 16'hFFFF: it is the next.
  wire [15:0] behind = last_sequence - sequence_number;
  wire next = behind == 16'hFFFF;
  wire begins = !in_session || command == INFO && !command_large && behind >= 16'd256 && !next;

  wire selftest = command == SELFTEST;
  wire loads = command == LOAD_INPUT;
  wire reads = command == READ_OUTPUT;
  wire at_limit = index == limit;
  wire wanted = index >= first;
  wire [W:0] range_end = first + count;
  wire past_end = range_end > (reads ? OUTPUT_BYTES : INPUT_BYTES);

  // A part that follows the last one goes where that ended; others are looked for from the start.
  wire follows = loads && first == loaded && first != 0;
  assign input_restart = state == RANGE && !reads && !past_end && !follows;
  assign input_step = state == FILL_STEP && !crc_busy;
  assign input_write = input_step && wanted;
  assign output_restart = state == RANGE;
  assign output_step = state == DRAIN_STEP;
  wire repeated = STATEFUL != 0 && again && !selftest;
  assign start = state == START && !repeated;
  assign clear = STATEFUL != 0 && !command_large
      && (state == DISPATCH && (selftest || command == RESET) || state == COPY && selftest);

  // The self-test of a core with states: its two registers change places.
  wire all_steps = STATEFUL == 0 || steps == 2'd3;
  wire step_done = state == DRAIN && !crc_busy && at_limit && selftest && !all_steps;
  wire exchange = STATEFUL != 0 && selftest && (state == START || step_done);
  wire swaps = STATEFUL != 0 && selftest && (state == WAIT || state == RANGE && steps != 2'd0);
  always @(posedge clk)
    if (STATEFUL == 0 || state == DISPATCH) {resting, steps} <= {32'hFFFFFFFF, 2'd0};
    else begin
      if (exchange) resting <= crc;
      if (step_done) steps <= steps + 2'd1;
    end

  wire [31:0] crc;
  hwk_crc32 crc32 (
      .clk(clk),
      .restart(rst || state == END || (state == RANGE || state == WAIT) && !swaps || state == HEAD),
      .load(exchange),
      .loaded(resting),
      .start(store || state == COVER_STEP
             || selftest && (state == FILL && !at_limit || state == DRAIN_STEP)),
      .byte_in(state == RECEIVE ? appended : state == FILL ? 8'd0
               : state == DRAIN_STEP ? output_byte : stored),
      .busy(crc_busy),
      .value(crc)
  );
  assign input_byte = selftest ? crc[7:0] : stored;

  assign tx_valid = state == CODE || state == SEND_STEP || state == END;
  assign tx_data = state == CODE ? run + 8'd1 : state == SEND_STEP ? stored : 8'd0;

  // What goes into the frame's memory, and where.
  wire [31:0] word = sealing || selftest ? ~crc : command == READ_CYCLES ? elapsed
      : command == COUNTER ? counter : 32'd1;
  wire [15:0] answer_bytes = {{(16 - N) {1'b0}}, to - PAYLOAD};
  always @* begin
    write = store;
    write_at = to;
    write_byte = appended;
    case (state)
      DRAIN_STEP: begin
        write = wanted && !selftest;
        write_byte = output_byte;
      end
      COPY_STEP: begin
        write = 1'b1;
        write_byte = stored;
      end
      WORD: begin
        write = 1'b1;
        write_byte = word[8*part[1:0]+:8];
      end
      HEAD: begin
        // Command and sequence are the request's, unless that could not be read.
        write = refused || part == 3'd1 || part[2];
        write_at = HEADER + part;
        case (part)
          3'd1: write_byte = {4'd0, status};
          3'd4: write_byte = answer_bytes[7:0];
          3'd5: write_byte = answer_bytes[15:8];
          default: write_byte = 8'd0;
        endcase
      end
      default: ;
    endcase
  end

  always @(posedge clk) begin
    if (state != WORD) counter <= counter + 32'd1;  // stands still while it is read
    if (first_beat) elapsed <= 32'd0;
    else if (timing) elapsed <= elapsed + 32'd1;
    if (first_beat || last_beat) timing <= first_beat && !last_beat;

    case (state)
      RECEIVE: if (take) begin
        if (rx_data == 8'd0) begin
          if (started) state <= CHECK;
        end else begin
          started <= 1'b1;
          if (in_run) run <= run - 8'd1;
          else begin
            run <= rx_data - 8'd1;
            owes_zero <= rx_data != 8'd255;
          end
          if (append && no_room) full <= 1'b1;
        end
        if (store) begin
          to <= to + 1'b1;
          case (to)
            HEADER: {command_large, command} <= {|appended[7:4], appended[3:0]};
            LENGTH: payload[7:0] <= appended;
            LENGTH + 1: {payload_large, payload[N-1:8]} <= {|appended[7:N-8], appended[N-9:0]};
            SEQUENCE, SEQUENCE + 1: sequence_number <= {appended, sequence_number[15:8]};
            PAYLOAD: {first_large, first} <= appended;
            PAYLOAD + 1, PAYLOAD + 2, PAYLOAD + 3:
            {first_large, first} <= {first_large || above, first | placed[W-1:0]};
            0: {count_large, count} <= appended;
            1, 2, 3: {count_large, count} <= {count_large || above, count | placed[W-1:0]};
            default: ;
          endcase
        end
      end

      CHECK: begin
        state <= DISPATCH;
        status <= OK;
        if (full || in_run || cut_short || crc != RESIDUE || payload != to || payload_large) begin
          status <= !full && !in_run && !cut_short && crc != RESIDUE ? BAD_CRC : BAD_FRAME;
          refused <= 1'b1;
          to <= PAYLOAD;
          state <= HEAD;
        end else if (!begins && !next && behind != 16'd0) begin
          status <= LATE;
          to <= PAYLOAD;
          state <= HEAD;
        end else begin
          last_sequence <= sequence_number;
          again <= in_session && behind == 16'd0;
          in_session <= 1'b1;
          if (begins) begin
            loaded <= 0;
            computed <= 1'b0;
          end
        end
      end

      DISPATCH: begin
        to <= PAYLOAD;
        from <= PAYLOAD;
        index <= 0;
        state <= HEAD;
        case (command_large ? 4'd0 : command)
          INFO: begin
            from <= INFO_AT;
            limit <= INFO_BYTES;
            state <= COPY;
          end
          ECHO: to <= payload + PAYLOAD;
          LOAD_INPUT: begin
            from <= 0;
            count <= payload - 4;
            if (payload < 4 || first_large || first > loaded) status <= BAD_ARGUMENT;
            else state <= RANGE;
          end
          RUN: begin
            first <= 0;
            count <= INPUT_BYTES;
            loaded <= 0;
            if (payload != INPUT_BYTES || OUTPUT_BYTES > PAYLOAD_BYTES) status <= BAD_ARGUMENT;
            else state <= RANGE;
          end
          SELFTEST: begin
            first <= 0;
            count <= INPUT_BYTES;
            loaded <= 0;
            state <= RANGE;
          end
          INFER:
          if (payload != 4 || first_large || first != 0) status <= BAD_ARGUMENT;
          else if (loaded != INPUT_BYTES) status <= NO_INPUT;
          else state <= START;
          READ_OUTPUT:
          if (!computed) status <= NO_OUTPUT;
          else if (payload != 8 || first_large || count_large || count > PAYLOAD_BYTES)
            status <= BAD_ARGUMENT;
          else state <= RANGE;
          READ_CYCLES:
          if (payload != 4) status <= BAD_ARGUMENT;
          else if (first == 0 && !first_large) state <= WORD;
          COUNTER: state <= WORD;
          RESET: if (payload != 0) status <= BAD_ARGUMENT;
          default: status <= UNKNOWN_COMMAND;
        endcase
      end

      RANGE: begin
        if (follows) index <= first;
        limit <= range_end[W-1:0];
        state <= reads ? DRAIN : FILL;
        if (past_end) begin
          status <= BAD_ARGUMENT;
          state <= HEAD;
        end else if (loads) loaded <= range_end[W-1:0];
      end

      FILL: state <= !at_limit ? FILL_STEP : loads ? HEAD : START;
      FILL_STEP: if (!crc_busy) begin
        index <= index + 1'b1;
        if (wanted) from <= from + 1'b1;
        state <= FILL;
      end

      START: state <= WAIT;
      WAIT: begin
        index <= 0;
        limit <= OUTPUT_BYTES;
        if (last_beat || repeated) begin
          computed <= 1'b1;
          state <= command == INFER ? WORD : DRAIN;
        end
      end

      DRAIN: if (!crc_busy) begin
        state <= DRAIN_STEP;
        if (at_limit) begin
          from <= EXPECTED_AT;
          index <= 0;
          limit <= 4;
          state <= step_done ? RANGE : selftest ? COPY : HEAD;
        end
      end
      DRAIN_STEP: begin
        index <= index + 1'b1;
        if (write) to <= to + 1'b1;
        state <= DRAIN;
      end

      COPY: state <= !at_limit ? COPY_STEP : selftest ? WORD : HEAD;
      COPY_STEP: begin
        index <= index + 1'b1;
        from <= from + 1'b1;
        to <= to + 1'b1;
        state <= COPY;
      end

      WORD: begin
        part <= part + 3'd1;
        to <= to + 1'b1;
        if (part == 3'd3) begin
          part <= 0;
          from <= HEADER;
          index[N-1:0] <= HEADER;
          run <= 0;
          state <= sealing ? SCAN : HEAD;
        end
      end

      HEAD: begin
        part <= part + 3'd1;
        from <= HEADER;
        if (part == 3'd5) begin
          part <= 0;
          state <= COVER;
        end
      end
      COVER: if (!crc_busy) begin
        sealing <= from == to;
        state <= from == to ? WORD : COVER_STEP;
      end
      COVER_STEP: begin
        from <= from + 1'b1;
        state <= COVER;
      end

      // COBS: find the run's end, send its length and its bytes.
      SCAN: state <= index[N-1:0] == to || run == 8'd254 ? CODE : SCAN_STEP;
      SCAN_STEP: begin
        state <= SCAN;
        if (stored == 8'd0) state <= CODE;
        else begin
          run <= run + 8'd1;
          index <= index + 1'b1;
        end
      end
      CODE: if (tx_ready) begin
        longest_run <= run == 8'd254;
        state <= SEND;
      end
      SEND: begin
        state <= in_run ? SEND_STEP : from == to ? END : SCAN;
        // A run that ended at a zero stands for that zero; a longest one stands for nothing.
        if (!in_run && from != to && !longest_run) begin
          from <= from + 1'b1;
          index <= index + 1'b1;
        end
      end
      SEND_STEP: if (tx_ready) begin
        from <= from + 1'b1;
        run <= run - 8'd1;
        state <= SEND;
      end
      END: if (tx_ready) state <= RECEIVE;
      default: state <= RECEIVE;
    endcase

    if (rst || state == END) begin
      to <= HEADER;
      run <= 8'd0;
      part <= 3'd0;
      {started, owes_zero, full, refused, sealing} <= 5'd0;
    end
    if (rst) begin
      state <= RECEIVE;
      loaded <= 0;
      computed <= 1'b0;
      in_session <= 1'b0;
      timing <= 1'b0;
      counter <= 32'd0;
      elapsed <= 32'd0;
    end
  end
endmodule
