"""The command line: parse, call a flow, print. No logic lives here.

Exit codes: 0 done; 1 the answer is no; 2 bad input or a missing tool; 3 a device or a tool failed.
Heavy imports happen inside the commands, so that ``hwkit --help`` starts at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from hwkit.errors import HwkitError
from hwkit.version import __version__

F = TypeVar("F", bound=Callable[..., Any])

_INTERNAL = 3
_LONGEST_LINE = 1000
_MAX_REPEATS = 100_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the ``hwkit`` script; leaves through ``sys.exit``.

    SIGTERM and SIGHUP leave that way too, so that compilers are stopped and half-made folders
    removed as they are for Ctrl-C.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminated)
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result = hwkit.main(args=arguments, prog_name="hwkit", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        return 2
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "hwkit"
        _complain(f"{error.format_message()} See '{command} --help'.")
        return 2
    except (click.exceptions.Abort, KeyboardInterrupt):
        _complain("interrupted")
        return 130
    except HwkitError as error:
        _complain(str(error))
        return error.exit_code
    except ModuleNotFoundError as error:
        _complain(f"{error.name} is not installed; pip install 'hwkit[all]', or see hwkit doctor")
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        _complain(f"{error.filename or 'system'}: {error.strerror or error}; check disk and rights")
        return 2
    except MemoryError:
        _complain("out of memory; use fewer inputs (-n) or a smaller batch")
        return 2
    except Exception as error:  # The last line of defence: a bug must not greet a user as a trace.
        if os.environ.get("HWKIT_DEBUG"):
            raise
        _complain(
            f"internal error: {type(error).__name__}: {error}; "
            "this is a bug, run again with HWKIT_DEBUG=1 and report what it prints"
        )
        return _INTERNAL


def _terminated(number: int, frame: object) -> None:
    sys.exit(128 + number)


def _complain(message: str) -> None:
    line = _plain(" ".join(message.split()))
    if len(line) > _LONGEST_LINE:
        line = f"{line[: _LONGEST_LINE // 2]} ... {line[-_LONGEST_LINE // 2 :]}"
    click.echo(f"hwkit: {line}", err=True)


def _plain(text: str) -> str:
    """``text`` from a file, safe on a terminal: escapes and line ends are shown, not obeyed."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2))


def _example(text: str) -> dict[str, str]:
    return {"epilog": f"Example: {text}"}


def _board(command: F) -> F:
    return click.option("--board", required=True, metavar="B", help="See 'hwkit boards'.")(command)


def _port(command: F) -> F:
    return click.option(
        "--port",
        metavar="URL",
        help="A device that already runs the artifact: /dev/ttyACM0, socket://host:port.",
    )(command)


def _artifact(command: F) -> F:
    return click.option(
        "--artifact",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Run what lies in this folder, left by 'hwkit deploy', as it is now.",
    )(command)


def _json(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


_MODEL = click.argument("model", metavar="M.hwk", type=click.Path(path_type=Path))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hwkit")
def hwkit() -> None:
    """Quantized networks on FPGAs, microcontrollers and edge runtimes, exact to the integer."""


@hwkit.command(**_example("hwkit doctor --json"))
@_json
def doctor(as_json: bool) -> None:
    """Every tool, emulator, runtime and board: present and version, or how to get it."""
    from hwkit.flow import doctor as flow

    found = flow.examine()
    if as_json:
        _print_json(found)
        return
    for tool in found["tools"]:
        state = tool["version"] or f"missing: {tool['remedy']}"
        click.echo(f"{tool['name']:<22}{tool['lane']:<10}{state}")
    for board in found["boards"]:
        state = "ready" if board["ready"] else f"needs {', '.join(board['missing'])}"
        click.echo(f"{board['name']:<22}{'board':<10}{state}")


@hwkit.group(invoke_without_command=True, **_example("hwkit boards show virtual_m4"))
@_json
@click.pass_context
def boards(context: click.Context, as_json: bool) -> None:
    """The boards that hwkit knows."""
    from hwkit import boards as known

    if context.invoked_subcommand is not None:
        return
    rows = [known.load(name) for name in known.names()]
    if as_json:
        _print_json(
            [
                {"name": b.name, "title": b.title, "target": b.target, "evidence": b.evidence}
                for b in rows
            ]
        )
        return
    for board in rows:
        click.echo(f"{board.name:<20}{board.target:<8}{board.evidence:<11}{board.title}")


@boards.command("show", **_example("hwkit boards show virtual_m4"))
@click.argument("name")
@_json
def boards_show(name: str, as_json: bool) -> None:
    """Everything known of one board, and from where."""
    from hwkit import boards as known
    from hwkit.record import to_json

    record = to_json(known.load(name))
    if as_json:
        _print_json(record)
        return
    for key, value in record.items():
        if value is not None:
            click.echo(
                f"{key}: {json.dumps(value, indent=2) if isinstance(value, dict) else value}"
            )


@hwkit.command(**_example("hwkit train digits -o runs/digits"))
@click.argument("recipe", metavar="RECIPE.toml")
@click.option("-o", "--out", required=True, metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--plan",
    metavar="PLAN.json",
    type=click.Path(path_type=Path),
    help="Widths by layer, from 'hwkit allocate'.",
)
@_json
def train(recipe: str, out: Path, plan: Path | None, as_json: bool) -> None:
    """Quantization-aware training; RECIPE is a file or the name of a recipe that hwkit ships."""
    from hwkit.flow.training import train as flow

    facts = flow(recipe, out, plan, _progress())
    if as_json:
        _print_json(facts)
        return
    accuracy = facts["accuracy"]
    click.echo(
        f"{out}: accuracy float {accuracy['float']:.4f}, fake-quantized "
        f"{accuracy['fake_quantized']:.4f}, integer {accuracy['integer']:.4f}"
    )


@hwkit.command("import", **_example("hwkit import model.tflite -o model.hwk"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, metavar="M.hwk", type=click.Path(path_type=Path))
def import_(file: Path, out: Path) -> None:
    """QONNX (.onnx) or int8 .tflite to an integer graph."""
    from hwkit.flow.models import load

    graph = load(file)
    graph.save(str(out))
    click.echo(f"{out}: {len(graph.nodes)} nodes")


@hwkit.command(**_example("hwkit inspect model.hwk"))
@_MODEL
@_json
def inspect(model: Path, as_json: bool) -> None:
    """Per layer: op, shape, bits, MACs, weight bytes; totals; peak activation bytes."""
    from hwkit.flow.models import inspect as flow
    from hwkit.flow.models import load

    facts = flow(load(model))
    if as_json:
        _print_json(facts)
        return
    for row in facts["layers"]:
        shape = "x".join(str(n) for n in row["output_shape"])
        bits = "-" if row["weight_bits"] is None else row["weight_bits"]
        click.echo(
            f"{row['index']:>3} {_plain(row['name']):<28.28} {row['op']:<16} {shape:<12} "
            f"{row['output_type']:<4} w{bits:<3} {row['macs']:>11} MACs {row['weight_bytes']:>8} B"
        )
    total = facts["total"]
    click.echo(
        f"total {total['macs']} MACs, {total['weight_bytes']} B of weights, "
        f"{facts['peak_activation_bytes']} B of activations at the peak"
    )


@hwkit.command(**_example("hwkit predict model.hwk -i x.npy -o y.npy --board virtual_m4"))
@_MODEL
@click.option("-i", "--input", "source", required=True, metavar="x.npy", type=click.Path())
@click.option("-o", "--output", required=True, metavar="y.npy", type=click.Path(path_type=Path))
@click.option("--board", metavar="B", help="Build and run there; without it the interpreter.")
@_port
@_artifact
def predict(
    model: Path,
    source: str,
    output: Path,
    board: str | None,
    port: str | None,
    artifact: Path | None,
) -> None:
    """Integers in, integers out; the first axis is the batch."""
    from hwkit.flow.models import load, load_array, save_array
    from hwkit.flow.verify import predict as flow

    with _busy(f"{board or 'interpreter'}: predicting"):
        y = flow(load(model), load_array(source), board, port, artifact)
    save_array(output, y)


@hwkit.command(**_example("hwkit verify model.hwk --board virtual_m4 -n 100"))
@_MODEL
@_board
@click.option("-n", "samples", default=16, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("-i", "--input", "source", metavar="x.npy", type=click.Path(), help="These instead.")
@_port
@_artifact
@_json
def verify(
    model: Path,
    board: str,
    samples: int,
    seed: int,
    source: str | None,
    port: str | None,
    artifact: Path | None,
    as_json: bool,
) -> int:
    """Board against interpreter: exit 0 only if every integer is equal."""
    from hwkit.flow.models import load, load_array
    from hwkit.flow.verify import verify as flow

    with _busy(f"{board}: verifying"):
        result = flow(
            load(model),
            board,
            None if source is None else load_array(source),
            samples=samples,
            seed=seed,
            port=port,
            artifact_folder=artifact,
        )
    if as_json:
        _print_json(result.to_json())
        return 0 if result.exact else 1
    click.echo(
        f"{board}: {result.inputs} inputs, {result.integers} integers, "
        f"{result.differing} differing, {result.moved} moved by lowering"
    )
    result.check()
    return 0


@hwkit.command(**_example("hwkit deploy model.hwk --board virtual_m4 -o build"))
@_MODEL
@_board
@click.option("-o", "--out", required=True, metavar="DIR", type=click.Path(path_type=Path))
@click.option("--flash", is_flag=True, help="Write it to the connected board.")
@click.option(
    "--package",
    "packages",
    multiple=True,
    type=click.Choice(["library", "arduino", "zephyr", "tflm"]),
    help="Leave the model as a C library, an Arduino library, a Zephyr module (microcontrollers) "
    "or a TFLM project (host_tflm) in DIR too; may be given again.",
)
@_json
def deploy(
    model: Path, board: str, out: Path, flash: bool, packages: tuple[str, ...], as_json: bool
) -> None:
    """Emit and build; DIR holds sources, artifact and deploy.json."""
    from hwkit.flow.build import deploy as flow
    from hwkit.flow.models import load

    with _busy(f"{board}: building"):
        facts = flow(load(model), board, out, packages)
    if flash:
        from hwkit.flow.build import flash as write

        write(board, out)
    if as_json:
        _print_json(facts)
        return
    sizes = {k: v for k, v in facts.items() if k.endswith("_bytes") and v is not None}
    click.echo(f"{out}/{facts['artifact']}: " + ", ".join(f"{k} {v}" for k, v in sizes.items()))


@hwkit.command(**_example("hwkit profile model.hwk --board virtual_m4 --repeats 5"))
@_MODEL
@_board
@click.option("--repeats", default=10, show_default=True, type=click.IntRange(1, _MAX_REPEATS))
@click.option("--store", metavar="DB", type=click.Path(path_type=Path), help="SQLite database.")
@_port
@_json
def profile(
    model: Path, board: str, repeats: int, store: Path | None, port: str | None, as_json: bool
) -> None:
    """Per layer and total: cycles, instructions, microseconds; stored with full context."""
    from hwkit.flow.models import load
    from hwkit.flow.profiling import profile as flow

    with _busy(f"{board}: profiling"):
        rows = flow(load(model), board, repeats=repeats, store=store, port=port)
    if as_json:
        _print_json(rows)
        return
    click.echo(f"{board}, {rows['evidence']}, median of {repeats}")
    for row in (*rows["layers"], {"index": "", "name": "total", "op": "", **rows["total"]}):
        figures = [
            "-" if row[key] is None else f"{row[key]:.1f}" if key == "us" else f"{row[key]:.0f}"
            for key in ("macs", "instructions", "cycles", "us")
        ]
        click.echo(
            f"{row['index']:>3} {_plain(row['name']):<28.28} {row['op']:<16} {figures[0]:>10} MACs "
            f"{figures[1]:>10} instr {figures[2]:>10} cycles {figures[3]:>10} us"
        )


@hwkit.command(
    **_example("hwkit allocate runs/m --board virtual_m4 --budget latency=9ms,flash=24kB -o p.json")
)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@_board
@click.option("--budget", required=True, metavar="latency=..,flash=..")
@click.option("-o", "--out", required=True, metavar="plan.json", type=click.Path(path_type=Path))
@_json
def allocate(run: Path, board: str, budget: str, out: Path, as_json: bool) -> None:
    """Bits for each layer, from what the board measured; exit 1 if the budget cannot be met."""
    from hwkit.flow.loop import allocate as flow
    from hwkit.record import to_json

    with _busy(f"{board}: measuring costs"):
        plan = flow(run, board, budget, out)
    if as_json:
        _print_json(to_json(plan))
        return
    for layer, bits in plan.weight_bits.items():
        click.echo(f"{_plain(layer):<28} {bits} bits")


@hwkit.command(**_example("hwkit report runs/demo -o report.html"))
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, metavar="report.html", type=click.Path(path_type=Path))
def report(run: Path, out: Path) -> None:
    """One self-contained HTML file from RUN/summary.json."""
    from hwkit.flow.reporting import report as flow

    flow(run, out)
    click.echo(str(out))


@hwkit.command(**_example("hwkit demo -o runs/demo"))
@click.option(
    "-o", "--out", default="runs/demo", show_default=True, type=click.Path(path_type=Path)
)
def demo(out: Path) -> None:
    """All of it on data that ships with a package: train, verify, profile, the loop, the report."""
    from hwkit.flow.demo import demo as flow

    flow(out, click.echo)


@hwkit.command(**_example("hwkit bringup nucleo_l4r5zi --flash --port /dev/ttyACM0"))
@click.argument("board")
@_port
@click.option("--flash", is_flag=True, help="Write the image to the connected board first.")
@_json
def bringup(board: str, port: str | None, flash: bool, as_json: bool) -> int:
    """Link, info, memory test, kernel golden vectors, clock: which fails, and what to look at."""
    from hwkit.flow.bringup import Step
    from hwkit.flow.bringup import bringup as flow

    def tell(step: Step) -> None:
        if not as_json:
            click.echo(f"{step.name:<8}{step.status:<9}{step.detail}")
            if step.look_at:
                click.echo(f"{'':<17}look at: {step.look_at}")

    result = flow(board, port, flash=flash, tell=tell)
    if as_json:
        _print_json(result.to_json())
    return result.exit_code


@contextmanager
def _busy(what: str) -> Iterator[None]:
    """Shows ``what`` and the seconds that pass inside the block; nothing when piped."""
    if not sys.stderr.isatty():
        yield
        return
    done, start = threading.Event(), time.monotonic()

    def show() -> None:
        while not done.wait(0.25):
            seconds = time.monotonic() - start
            click.echo(f"\r\033[K{_plain(what)} {seconds:.0f} s", err=True, nl=False)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        click.echo("\r\033[K", err=True, nl=False)


def _progress() -> Callable[[str], None]:
    """Prints a line of progress on a terminal, nothing when piped."""
    if not sys.stderr.isatty():
        return lambda line: None
    return lambda line: click.echo(f"\r\033[K{line}", err=True, nl=False)
