"""Faults in Python, by syntax: what is not computed with (annotations, messages) stays."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.mutants.mutation import Mutation

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "+",
    ast.FloorDiv: "*",
    ast.Div: "*",
    ast.Mod: "//",
    ast.LShift: ">>",
    ast.RShift: "<<",
    ast.BitAnd: "|",
    ast.BitOr: "&",
}
_COMPARISONS: dict[type[ast.AST], str] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}
_PAIRS = (
    ("low", "high"),
    ("min", "max"),
    ("minimum", "maximum"),
    ("any", "all"),
    ("ceil", "floor"),
    ("top", "left"),
    ("bottom", "right"),
    ("top", "bottom"),
    ("left", "right"),
    ("positive", "negative"),
    ("multiplier", "shift"),
    ("rows", "columns"),
    ("stride", "dilation"),
    ("inputs", "outputs"),
    ("input", "output"),
)
_SYMMETRIC = ("min", "max", "np.minimum", "np.maximum", "isinstance", "cast", "srdhm")
"""Calls whose arguments may change places, or must not for the types."""
_OTHER_NAMES = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}


def mutations(path: str, text: str) -> Iterator[Mutation]:
    """Faults in a module's text."""
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    # ast counts bytes; sources here are nearly ASCII.
    characters = [0]
    for character in text:
        characters.extend([characters[-1] + 1] * len(character.encode()))

    def at(line: int, column: int) -> int:
        return characters[starts[line - 1] + column]

    def span(node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return at(node.lineno, node.col_offset), at(node.end_lineno, node.end_col_offset)

    def put(node: ast.expr | ast.stmt, after: str, rule: str) -> Mutation:
        return Mutation(path, *span(node), after, rule)

    def source(node: ast.expr | ast.keyword) -> str:
        start, end = span(node)
        return text[start:end]

    def between(left: ast.expr, right: ast.expr, old: str, new: str, rule: str) -> Mutation:
        start, end = span(left)[1], span(right)[0]
        middle = text[start:end]
        where = start + middle.index(old)
        return Mutation(path, where, where + len(old), new, rule)

    for node in _computing(ast.parse(text)):
        match node:
            case ast.BinOp(left, operator, right) if type(operator) in _OPERATORS:
                old = _SYMBOLS[type(operator)]
                yield between(left, right, old, _OPERATORS[type(operator)], "operator")
            case ast.AugAssign(target, operator, value):
                if type(operator) in _OPERATORS:
                    old, new = _SYMBOLS[type(operator)], _OPERATORS[type(operator)]
                    yield between(target, value, f"{old}=", f"{new}=", "operator")
                yield put(node, "pass", "dropped line")
            case ast.Compare(left, operators, comparators):
                for compared, a, b in zip(
                    operators, [left, *comparators], comparators, strict=False
                ):
                    old, new = _SYMBOLS[type(compared)], _COMPARISONS[type(compared)]
                    yield between(a, b, old, new, "comparison")
            case ast.BoolOp(operator, values):
                old, new = ("and", "or") if isinstance(operator, ast.And) else ("or", "and")
                for a, b in pairwise(values):
                    yield between(a, b, old, new, "and, or")
                    yield put(node, source(values[0]), "dropped condition")
            case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
                yield put(node, f"({source(operand)})", "sign")
            case ast.Constant(bool() as value):
                yield put(node, str(not value), "constant")
            case ast.Constant(int() as value):
                yield put(node, str(value + 1), "off by one")
                yield put(node, str(value - 1) if value else "-1", "off by one")
            case ast.If(test) | ast.While(test) | ast.IfExp(test):
                yield put(test, f"(not ({source(test)}))", "condition")
                if not isinstance(node, ast.While):
                    yield put(test, "False", "dropped branch")
            case ast.Expr(ast.Call()):
                yield put(node, "pass", "dropped line")
            case ast.Attribute(owner, name) if name in _OTHER_NAMES:
                yield put(node, f"{source(owner)}.{_OTHER_NAMES[name]}", "wrong operand")
            case ast.Name(name, ast.Load()) if name in _OTHER_NAMES:
                yield put(node, _OTHER_NAMES[name], "wrong operand")
            case ast.Tuple(elements, ast.Load()) if len(elements) == 2:
                one, two = map(source, elements)
                start, end = span(elements[0])[0], span(elements[1])[1]
                middle = text[span(elements[0])[1] : span(elements[1])[0]]
                yield Mutation(path, start, end, f"{two}{middle}{one}", "swapped")
            case ast.Call(function, arguments, keywords):
                if source(function) in _SYMMETRIC:
                    arguments = []
                for a, b in pairwise(arguments):
                    if isinstance(a, ast.Starred) or isinstance(b, ast.Starred):
                        continue
                    start, end = span(a)[0], span(b)[1]
                    middle = text[span(a)[1] : span(b)[0]]
                    yield Mutation(path, start, end, source(b) + middle + source(a), "swapped")
                for keyword in keywords:
                    if keyword.arg not in (None, "strict") and (arguments or len(keywords) > 1):
                        start, end = span(keyword)
                        rest = text[end:].lstrip()
                        if rest.startswith(","):
                            end = text.index(",", end) + 1
                        yield Mutation(path, start, end, "", "dropped argument")


_SYMBOLS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Div: "/",
    ast.Mod: "%",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}


def _computing(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below ``node`` but annotations, decorators, raised errors and formatted text."""
    for name, field in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params", "bases"):
            continue
        for child in field if isinstance(field, list) else [field]:
            if isinstance(child, ast.Raise | ast.JoinedStr | ast.Assert):
                continue
            if isinstance(child, ast.Assign) and _is_alias(child):
                continue
            if isinstance(child, ast.BinOp) and isinstance(node, ast.Call) and _is_type_test(node):
                continue
            if isinstance(child, ast.AST):
                yield child
                yield from _computing(child)


def _is_type_test(node: ast.Call) -> bool:
    """``isinstance(x, A | B)``."""
    return isinstance(node.func, ast.Name) and node.func.id == "isinstance"


def _is_alias(node: ast.Assign) -> bool:
    """A type's other name at module level, such as ``Step = Callable[[Array], Array]``."""
    return (
        isinstance(node.value, ast.Subscript)
        and isinstance(node.value.value, ast.Name)
        and (node.value.value.id in ("Callable", "Mapping", "dict", "tuple", "list"))
    )
