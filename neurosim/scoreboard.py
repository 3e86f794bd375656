"""What `neurosim compare` shows: the table of a study, and the progress of its runs.

Nothing is printed here, except by the progress display on the stream that it is given.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from neurosim.compare import Event
from neurosim.comparison import KEYS, TARGETS, Comparison
from neurosim.kernel import COMPILING, cache_is_warm
from neurosim.plot import ENERGIES
from neurosim.report import three_digits

__all__ = ["comparison_tables", "show_runs"]

_LINE_EVERY_S = 10.0
_NOTE = (
    "* Pareto: no other row is at least as accurate and as cheap. Training is compared as a whole. How sure: every "
    "price is moved through its band, the same for both rows; 'certainly' if the order holds at all prices, else the "
    "share of random prices, each drawn apart, at which the row is below the next one. Accuracy: difference in "
    "points, its 95 % interval over the seeds (Welch)."
)


def comparison_tables(found: Comparison) -> RenderableType:
    """The tables of a study, row by row from the cheapest training on, and the cells that could not be run."""
    table = found.table
    parts: list[RenderableType] = [_results(table), _cost(table)]
    if len(table) > 1:
        parts += [_sureness(table), Text(_NOTE)]
    failed = found.cells[found.cells["reason"] != ""]
    for entry in failed.to_dict("records"):
        axes = [f"{entry[key]}" for key in ("rule", "chip", "bits", "rounding", "backward") if _known(entry[key])]
        parts.append(Text(f"not run: {', '.join(axes)}, seed {entry['seed']}: {entry['reason']}"))
    return Group(*parts)


def _known(value: Any) -> bool:
    return value is not None and value == value


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)


def _results(table: pd.DataFrame) -> Table:
    """Accuracy and energy. What is the same in all rows stands in the title."""
    varied = [key for key in KEYS if table[key].nunique() > 1]
    first = table.iloc[0]
    fixed = ", ".join(_value(key, first[key]) for key in KEYS if key not in varied)
    images = f"{first['dataset']}, {first['train']:,} training and {first['test']:,} test images"
    shown = _table(f"{images}; {fixed}" if fixed else images)
    for name in ("row", *varied):
        shown.add_column(name)
    for name in ("accuracy (%)", "mJ the training", "nJ an inference"):
        shown.add_column(name, justify="right")
    for row in table.to_dict("records"):
        spread = f" ± {row['accuracy_sd']:.2f}" if row["seeds"] > 1 else ""
        accuracy = f"{row['accuracy']:.2f}{spread} {row['readout']}"
        bands = [_band(row, mode) for mode in ("train", "inference")]
        shown.add_row(str(row["row"]), *(str(row[key]) for key in varied), accuracy, *bands)
    return shown


def _value(key: str, value: Any) -> str:
    return f"{value} bits" if key == "bits" else str(value).replace("_", " ") if key == "backward" else str(value)


def _band(row: Mapping[Any, Any], mode: str) -> str:
    low, mid, high = (three_digits(row[ENERGIES[mode].format(end)]) for end in ("low", "mid", "high"))
    return f"{'* ' if row[f'pareto_{mode}'] else ''}{mid} ({low} to {high})"


def _sureness(table: pd.DataFrame) -> Table:
    shown = _table("how sure: each row against the next")
    shown.add_column("rows")
    for name in ("accuracy", "training energy", "inference energy"):
        shown.add_column(name, justify="right")
    for row in table.to_dict("records")[:-1]:
        told = (row[f"{name}_against_next"] for name in ("accuracy", "train", "inference"))
        shown.add_row(f"{row['row']}, {row['row'] + 1}", *told)
    return shown


def _cost(table: pd.DataFrame) -> Table:
    shown = _table("training / inference, per sample")
    shown.add_column("row")
    targets = [f"uJ to {target} %" for target in TARGETS]
    for name in ("presentations", *targets, "nJ", "us", "accesses", "extra bits of learning"):
        shown.add_column(name, justify="right")
    shown.add_column("bottleneck")
    for row in table.to_dict("records"):
        shown.add_row(
            str(row["row"]),
            f"{row['presentations']:,}",
            *(_number(row[f"to{target}_mid_uj"]) for target in TARGETS),
            f"{three_digits(row['train_mid_nj'])} / {three_digits(row['inference_mid_nj'])}",
            f"{three_digits(row['train_us'])} / {three_digits(row['inference_us'])}",
            f"{three_digits(row['train_accesses'])} / {three_digits(row['inference_accesses'])}",
            _number(row["learning_bits"]),
            "\n".join(dict.fromkeys((row["train_bottleneck"], row["inference_bottleneck"]))),
        )
    return shown


def _number(value: Any) -> str:
    return three_digits(float(value)) if _known(value) else "-"


@contextmanager
def show_runs(stream: TextIO | None = None) -> Iterator[Callable[[Event], None]]:
    """Progress of a study on `stream` (stderr): a bar a running cell on a terminal, else a line now and then."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield _line_writer(stream)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    tasks: dict[tuple[int, str], TaskID] = {}
    with Progress(*columns, console=Console(file=stream)) as bar:
        whole = bar.add_task("study", total=None)

        def advance(event: Event) -> None:
            if event.what == "warm":
                bar.update(whole, total=event.total)
                bar.console.print(_start(event))
            elif event.what in _TITLES:
                key = (event.cell, event.what)
                if key not in tasks:
                    tasks[key] = bar.add_task(f"{event.name}: {_TITLES[event.what]}", total=event.total)
                bar.update(tasks[key], completed=event.done)
            else:
                for key in [key for key in tasks if key[0] == event.cell]:
                    bar.remove_task(tasks.pop(key))
                bar.advance(whole)
                bar.console.print(f"{event.name}: {_ENDS[event.what]}")

        yield advance


_TITLES = {"train": "training", "test": "testing"}
_ENDS = {"done": "done", "cached": "done before", "failed": "could not be run"}


def _start(event: Event) -> str:
    return f"{event.total} runs" + ("" if cache_is_warm() else f"; first {COMPILING}")


def _line_writer(stream: TextIO) -> Callable[[Event], None]:
    last: dict[int, float] = {}
    ended, whole = 0, 0

    def write(event: Event) -> None:
        nonlocal ended, whole
        if event.what == "warm":
            whole = event.total
            line = _start(event)
        elif event.what in _TITLES:
            if time.monotonic() - last.setdefault(event.cell, time.monotonic()) < _LINE_EVERY_S:
                return
            last[event.cell] = time.monotonic()
            line = f"{event.name}: {_TITLES[event.what]} {event.done:,} of {event.total:,}"
        else:
            ended += 1
            line = f"{event.name}: {_ENDS[event.what]} ({ended} of {whole})"
        stream.write(line + "\n")
        stream.flush()

    return write
