"""Faults in C and Verilog, by tokens: comments, strings and directives stay, assembly does not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchmarks.mutants.mutation import Mutation

_SKIPPED = re.compile(
    r"/\*.*?\*/|//[^\n]*"  # comments
    r"|^[ \t]*(?:#|`)(?!define[^\n]*\()(?:[^\n\\]|\\\n|\\.)*"  # directives but macros with (
    r"|^[ \t]*parameter[^\n]*|^[ \t]*(?:input|output)[^\n]*"  # given by whoever uses the module
    r"|^[^\n]*\$clog2[^\n]*|\[[^\[\]\n]*:0\]|^[^\n]*localparam SPAN_[^\n]*",  # widths
    re.DOTALL | re.MULTILINE,
)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')

_OPERATORS = {
    "<": ("<=",),
    ">": (">=",),
    "<=": ("<",),
    ">=": (">",),
    "==": ("!=",),
    "!=": ("==",),
    "+": ("-",),
    "-": ("+",),
    "*": ("+",),
    "/": ("*",),
    "%": ("/",),
    "<<": (">>",),
    ">>": ("<<",),
    "<<<": (">>>",),
    ">>>": ("<<<", ">>"),
    "&": ("|",),
    "|": ("&",),
    "^": ("|",),
    "&&": ("||",),
    "||": ("&&",),
    "+=": ("-=",),
    "-=": ("+=",),
    "|=": ("&=",),
    "&=": ("|=",),
}
# With a blank on both sides, as all sources here have it: unary operators and pointers are others.
_OPERATOR = re.compile(
    r"(?<=[ ])(?:<<<|>>>|<<|>>|<=|>=|==|!=|&&|\|\||[-+|&]=|[-<>+*/%&|^])(?=[ \n])"
)
_NUMBER = re.compile(r"(?<![\w.'])(0x[0-9a-fA-F]+|\d+)(u|U|LL|ULL|u?ll)?(?![\w.'])")
_BIT = re.compile(r"1'b[01]")
_NEGATION = re.compile(r"(?<=[(\s,!?:])(?:[!~](?=[\w($])|-(?=[a-zA-Z(]))")
_CONDITION = re.compile(r"\b(if|while) \(")
_CALL = re.compile(r"\b\w+\(")
_CAST = re.compile(r"\((u?)int(8|16|32|64)_t\)")
_STATEMENT = re.compile(
    r"^[ \t]+(?!return\b|else\b|if\b|for\b|case\b|break;|continue;)"
    r"(?:[*(\w][\w\[\].\->()*+ ]*? (?:[-+|&^*]|<<|>>)?(?:=|<=) [^;\n]*;|\w+\([^;\n]*\);)"
    r"[ \t]*$",
    re.MULTILINE,
)
_DECLARATION = re.compile(
    r"^[ \t]*(?:static |const |register )*(?:u?int\d*_t|int|unsigned|size_t|char|void|wire|reg"
    r"|assign|localparam|parameter|\w+_t)\b"
)
_PARAMETER = re.compile(r"(?:__attribute__|const|void|u?int\d*_t|\w+_t|int|unsigned|size_t)\b")
_INSTRUCTION_NUMBER = re.compile(r"#(\d+)|(?<=, )(\d+)(?=\()")
_INSTRUCTIONS = (
    ("add", "sub"),
    ("lsl", "lsr"),
    ("asr", "lsr"),
    ("srai", "srli"),
    ("sxtb", "uxtb"),
    ("bne", "beq"),
    ("blo", "bls"),
    ("bhi", "bhs"),
    ("smlad", "smladx"),
    ("mla", "mls"),
)
_PAIRS = (
    ("height", "width"),
    ("rows", "columns"),
    ("row", "column"),
    ("top", "left"),
    ("low", "high"),
    ("LOW", "HIGH"),
    ("LOWEST", "HIGHEST"),
    ("lowest_shift", "highest_shift"),
    ("INT32_MAX", "INT32_MIN"),
    ("multiplier", "shift"),
    ("x", "y"),
    ("input_channels", "output_channels"),
    ("kernel_height", "kernel_width"),
    ("stride_height", "stride_width"),
    ("stride_h", "stride_w"),
    ("input_height", "input_width"),
    ("output_height", "output_width"),
    ("dilation_height", "dilation_width"),
    ("hwk_min", "hwk_max"),
    ("sum0", "sum1"),
    ("a", "b"),
    ("first0", "last0"),
    ("move1", "move2"),
    ("move2", "move3"),
    ("head", "tail"),
    ("push", "pop"),
    ("s_valid", "m_valid"),
    ("s_ready", "m_ready"),
    ("KERNEL_H", "KERNEL_W"),
    ("STRIDE_H", "STRIDE_W"),
    ("DILATION_H", "DILATION_W"),
    ("HEIGHT", "WIDTH"),
    ("PAD_TOP", "PAD_LEFT"),
)
_SYMMETRIC = ("hwk_min(", "hwk_max(", "hwk_wrapping_add(", "hwk_high_product(", "defined(")
_OTHER_NAMES: dict[str, list[str]] = {}
for _a, _b in _PAIRS:
    _OTHER_NAMES.setdefault(_a, []).append(_b)
    _OTHER_NAMES.setdefault(_b, []).append(_a)
_NAME = re.compile(r"\b[A-Za-z_]\w*\b")


def mutations(path: str, text: str) -> Iterator[Mutation]:
    """Faults in a file's text."""
    verilog = path.endswith(".v")
    strings = [] if verilog else [m.span() for m in _STRING.finditer(_blank(_SKIPPED, text))]
    code = _blank(_STRING, _blank(_SKIPPED, text))
    yield from _assembly(path, text, strings)
    yield from _tokens(path, code, verilog)
    for match in _CONDITION.finditer(code):
        start = match.end() - 1
        end = _closing(code, start) + 1
        yield Mutation(path, start, end, f"(!{text[start:end]})", "condition")
        if match[1] == "if":
            yield Mutation(path, start, end, "(0)", "dropped branch")
    for match in _CALL.finditer(code):
        if match[0] in _SYMMETRIC:
            continue
        yield from _swapped(path, text, code, match.end() - 1)
    for match in _STATEMENT.finditer(code):
        if not _DECLARATION.match(match[0]):
            yield Mutation(path, *match.span(), "", "dropped line")


def _tokens(path: str, code: str, verilog: bool) -> Iterator[Mutation]:
    for match in _OPERATOR.finditer(code):
        if verilog and match[0] == "<=" and not _in_parentheses(code, match.start()):
            continue
        for other in _OPERATORS[match[0]]:
            yield Mutation(path, *match.span(), other, "operator")
    for match in _NUMBER.finditer(code):
        value, suffix = int(match[1], 0), match[2] or ""
        show = hex if match[1].startswith("0x") else str
        yield Mutation(path, *match.span(), show(value + 1) + suffix, "off by one")
        lower = show(value - 1) + suffix if value else "-1"
        yield Mutation(path, *match.span(), lower, "off by one")
    for match in _NEGATION.finditer(code):
        yield Mutation(path, *match.span(), "", "sign")
    for match in _NAME.finditer(code):
        for other in _OTHER_NAMES.get(match[0], ()):
            yield Mutation(path, *match.span(), other, "wrong operand")
    if verilog:
        for match in _BIT.finditer(code):
            other = "1'b0" if match[0].endswith("1") else "1'b1"
            yield Mutation(path, *match.span(), other, "constant")
        return
    for match in _CAST.finditer(code):
        sign = "" if match[1] else "u"
        yield Mutation(path, *match.span(), f"({sign}int{match[2]}_t)", "sign")
        if match[2] in ("32", "64"):
            half = int(match[2]) // 2
            yield Mutation(path, *match.span(), f"({match[1]}int{half}_t)", "width")


def _assembly(path: str, text: str, strings: list[tuple[int, int]]) -> Iterator[Mutation]:
    """Immediates and instructions in the strings of inline assembly."""
    for start, end in strings:
        content = text[start:end]
        if not content.rstrip('"').endswith("\\n"):
            continue
        for match in _INSTRUCTION_NUMBER.finditer(content):
            where = 1 if match[1] else 2
            value = int(match[where])
            for other in (value + 1, value - 1 if value else 4):
                at = (start + match.start(where), start + match.end(where))
                yield Mutation(path, *at, str(other), "immediate")
        for one, two in _INSTRUCTIONS:
            for old, new in ((one, two), (two, one)):
                if match_ := re.match(rf'"{old}(?=s?[ .])', content):
                    at = (start + 1, start + match_.end())
                    yield Mutation(path, *at, new, "instruction")
        yield Mutation(path, start, end, '""', "dropped instruction")


def _swapped(path: str, text: str, code: str, opening: int) -> Iterator[Mutation]:
    """Neighbouring arguments of a call exchanged."""
    closing = _closing(code, opening)
    cuts, depth = [opening], 0
    for k in range(opening + 1, closing):
        depth += (code[k] in "([{") - (code[k] in ")]}")
        if code[k] == "," and depth == 0:
            cuts.append(k)
    cuts.append(closing)
    for a, b, c in zip(cuts, cuts[1:], cuts[2:], strict=False):
        first, second = text[a + 1 : b].strip(), text[b + 1 : c].strip()
        if first != second and not _PARAMETER.match(first):
            lead = "" if a == opening else " "
            yield Mutation(path, a + 1, c, f"{lead}{second}, {first}", "swapped")


def _closing(code: str, opening: int) -> int:
    depth = 0
    for k in range(opening, len(code)):
        depth += (code[k] in "([{") - (code[k] in ")]}")
        if depth == 0:
            return k
    return len(code) - 1


def _in_parentheses(code: str, at: int) -> bool:
    start = max(code.rfind(";", 0, at), code.rfind("begin", 0, at), code.rfind("\n\n", 0, at))
    before = code[start + 1 : at]
    # The head of an if is complete before an assignment.
    return before.count("(") > before.count(")") or "wire" in before or "assign" in before


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """``text`` with blanks for what matches; lines and places stay."""
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
