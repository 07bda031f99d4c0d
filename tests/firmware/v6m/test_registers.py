"""Thumb-1 assembly gives back the registers of its callers (Arm, IHI 0042, 6.1.1).

PUSH and POP reach r0 .. r7 alone, so r8 .. r11 go through them, by hand; no caller may notice today
when one is left out, and any compiler's next version may.
"""

from __future__ import annotations

import re

import pytest

from hwkit import resources

_FUNCTION = re.compile(r"naked\)\)[^(]*?(hwk_\w+)\((?:(?!__asm__).)*__asm__\((.*?)\);", re.DOTALL)
_MACRO = re.compile(r"#define (\w+)(?:\([^)]*\))?[ \\]*\n((?:.*\\\n)*.*)\n")
_HIGH = ("r8", "r9", "r10", "r11")


def functions() -> dict[str, list[str]]:
    """Instructions of each function in assembly, macros put in."""
    found = {}
    for path in sorted((resources.folder("firmware") / "kernels" / "v6m").glob("*.h")):
        text = path.read_text()
        macros = dict(_MACRO.findall(text))
        for name, body in _FUNCTION.findall(text):
            for macro, content in macros.items():
                literal = content.replace("\\", r"\\")
                body = re.sub(rf"\b{macro}\b(?:\([^)]*\))?", literal, body)
            found[name] = re.findall(r'"\s*([a-z][^"\\]*)', body)
    return found


@pytest.mark.parametrize("name", sorted(functions()))
def test_what_is_saved_is_given_back(name: str) -> None:
    lines = functions()[name]
    pushes = [k for k, line in enumerate(lines) if line.startswith("push")]
    pops = [k for k, line in enumerate(lines) if line.startswith("pop")]
    assert len(pushes) == len(pops) and lines[pushes[0]] == "push {r4, r5, r6, r7, lr}"
    assert lines[pops[-1]] == "pop {r4, r5, r6, r7, pc}"
    body = lines[pushes[-1] + 1 : pops[0]]
    written = {high for high in _HIGH if any(re.match(rf"(mov|add) {high},", b) for b in body)}
    if len(pushes) == 1:
        assert not written
        return
    assert len(pushes) == 2
    moves = [re.match(r"mov (r\d+), (r\d+)$", line) for line in lines]
    saved = {m[2]: m[1] for m in moves[pushes[0] : pushes[1]] if m}
    given_back = {m[1]: m[2] for m in moves[pops[0] : pops[1]] if m}
    assert saved == given_back and set(saved) == written
    pushed, popped = (re.findall(r"r\d+", lines[k]) for k in (pushes[1], pops[0]))
    assert pushed == popped and set(saved.values()) <= set(pushed)
