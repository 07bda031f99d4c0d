"""Names of a network as identifiers: legal, unique, short, and a keyword of no emitted language.

A layer may be called ``output``, ``block1.add`` or by 300 characters; C, C++, Verilog,
SystemVerilog, VHDL, Tcl, YAML and file systems must all take what becomes of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

LONGEST = 48
"""Characters of an identifier: what is put around it stays below 63, the length that C promises
to tell apart, and far below the 255 bytes of a file's name."""

_DIGEST = 8

_C_AND_CXX = """
alignas alignof and and_eq asm atomic auto bitand bitor bool break case catch char char8_t char16_t
char32_t class co_await co_return co_yield compl complex concept const const_cast consteval
constexpr constinit continue decltype default defined delete do double dynamic_cast else enum errno
explicit export extern false final float for friend goto if import inline int int8_t int16_t int32_t
int64_t linux long main module mutable namespace new noexcept not not_eq null nullptr operator or
or_eq override private protected public register reinterpret_cast requires restrict return short
signed size_t sizeof static static_assert static_cast std struct switch template this thread_local
throw true try typedef typeid typename typeof typeof_unqual uint8_t uint16_t uint32_t uint64_t union
unix unsigned using virtual void volatile wchar_t while xor xor_eq
"""

_VERILOG = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before
begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class
clocking cmos config const constraint context continue cover covergroup coverpoint cross deassign
default defparam design disable dist do edge else end endcase endchecker endclass endclocking
endconfig endfunction endgenerate endgroup endinterface endmodule endpackage endprimitive endprogram
endproperty endsequence endspecify endtable endtask enum event eventually expect export extends
extern final first_match for force foreach forever fork forkjoin function generate genvar global
highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import incdir include
initial inout input inside instance int integer interconnect interface intersect join join_any
join_none large let liblist library local localparam logic longint macromodule matches medium
modport module nand negedge nettype new nexttime nmos nor noshowcancelled not notif0 notif1 null or
output package packed parameter pmos posedge primitive priority program property protected pull0
pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence
rcmos real realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0
rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal
showcancelled signed small soft solve specify specparam static string strong strong0 strong1 struct
super supply0 supply1 sync_accept_on sync_reject_on table tagged task this throughout time
timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef union
unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait wait_order
wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""

_VHDL = """
abs access after alias all and architecture array assert attribute begin block body buffer bus case
component configuration constant disconnect downto else elsif end entity exit file for function
generate generic group guarded if impure in inertial inout is label library linkage literal loop map
mod nand new next nor not null of on open or others out package port postponed procedure process
protected pure range record register reject rem report return rol ror select severity shared signal
sla sll sra srl subtype then to transport type unaffected units until use variable wait when while
with xnor xor
"""

_TCL_YAML_FILES = """
aux com1 com2 com3 com4 com5 com6 com7 com8 com9 con eval exec exit expr false incr lappend lindex
list llength lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9 n no none null nul off on prn proc puts
set source true unset upvar y yes
"""

KEYWORDS = frozenset(" ".join((_C_AND_CXX, _VERILOG, _VHDL, _TCL_YAML_FILES)).split())
"""Words that no identifier may be, whatever the case of their letters."""


def identifier(name: str, longest: int = LONGEST) -> str:
    """``name`` as an identifier of at most ``longest`` (16 or more) ASCII characters: a letter,
    then letters, digits and single underscores. The same name gives the same identifier anywhere.

    Examples: ``block1.add`` gives ``block1_add``, ``output`` gives ``output_x``, ``1st`` gives
    ``x1st``. A name that is too long is cut and ends in eight digits of its SHA-256.
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    if not plain[:1].isalpha():
        plain = f"x{plain}"
    if len(plain) > longest:
        digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:_DIGEST]
        plain = f"{plain[: longest - _DIGEST - 1].rstrip('_')}_{digest}"
    return f"{plain}_x" if plain.lower() in KEYWORDS else plain


class Identifiers:
    """Identifiers of one scope, each given once; two that differ in case alone are the same, since
    files and VHDL ignore it.

    Example: ``add`` asked for twice gives ``add`` and ``add_2``.
    """

    def __init__(self, taken: Iterable[str] = (), longest: int = LONGEST) -> None:
        self._taken = {name.lower() for name in taken}
        self._longest = longest

    def fresh(self, name: str) -> str:
        """An identifier like ``name`` that was not given before."""
        found = identifier(name, self._longest)
        count = 1
        while found.lower() in self._taken:
            count += 1
            suffix = f"_{count}"
            found = identifier(name, self._longest - len(suffix)) + suffix
        self._taken.add(found.lower())
        return found


def one_line(text: str, longest: int = 80) -> str:
    """``text`` for a comment or a heading of any language: printable ASCII in one line of at most
    ``longest`` characters, that ends no comment, continues no line and marks nothing up.

    Example: ``a*/\\nb|c`` gives ``a__ b_c``.
    """
    spaced = re.sub(r"\s+", " ", text).strip()
    plain = re.sub(r"[^A-Za-z0-9 ()+,.:;=@%-]", "_", spaced)
    return plain if len(plain) <= longest else f"{plain[: longest - 3]}..."
