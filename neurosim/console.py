"""What the command line shows: tables of results, occupancy and hardware cards, and progress.

Nothing is printed here: the functions return what `neurosim.cli` prints.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from neurosim.card import Card
from neurosim.occupancy import RESOURCES
from neurosim.partition import Occupancy
from neurosim.report import three_digits
from neurosim.session import Progress

__all__ = ["card_table", "layer_table", "occupancy_table", "show_progress", "summary_tables"]

_LINE_EVERY_S = 10.0


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)


def _band(entry: Mapping[str, float]) -> str:
    low, mid, high = (three_digits(entry[key]) for key in ("low", "mid", "high"))
    return f"{mid} ({low} to {high})"


def summary_tables(summary: Mapping[str, Any]) -> RenderableType:
    """The report of a run as tables: training and inference side by side."""
    columns = [
        (mode, title)
        for mode, title in (("train", "training"), ("inference", "inference"))
        if mode in summary
    ]
    table = _table(f"{summary['name']}, costs {summary['costs']}")
    table.add_column("per sample, unless it says otherwise")
    for _, title in columns:
        table.add_column(title, justify="right")
    sections = [summary[mode] for mode, _ in columns]
    for label, values in _rows(sections):
        if label is None:
            table.add_section()
        else:
            table.add_row(label, *values)
    notes = [Text(f"Prices: {summary['costs']}: {summary['prices']}.")] if "prices" in summary else []
    notes += [_programmed(summary)] if "programmed" in summary else []
    return Group(_accuracy(summary), table, _extra(summary), *notes, _community(summary))


def _rows(sections: list[Mapping[str, Any]]) -> Iterator[tuple[str | None, list[str]]]:
    def row(label: str, value: Callable[[Mapping[str, Any]], str]) -> tuple[str, list[str]]:
        return label, [value(section) for section in sections]

    yield row("samples in all", lambda s: f"{s['samples']:,}")
    yield row("cycles", lambda s: three_digits(s["cycles_per_sample"]))
    yield row("latency (us)", lambda s: three_digits(s["latency_us_per_sample"]))
    yield row("bottleneck", lambda s: str(s["bottleneck"]["text"]))
    yield None, []
    yield row("energy (nJ), mid (low to high)", lambda s: _band(s["energy_nj_per_sample"]))
    for kind in ("phase", "unit"):
        names = _names(s["energy_nj_per_sample"][f"by_{kind}"] for s in sections)
        for name in names:
            yield row(f"  {kind} {name}", lambda s, n=name, k=kind: _part(s, k, n))  # type: ignore[misc]
    yield None, []
    for memory in _names(s["memory_accesses_per_sample"] for s in sections):
        for access in ("read", "write"):
            if not any(s["memory_accesses_per_sample"].get(memory, {}).get(access) for s in sections):
                continue
            yield row(f"{memory} memory, words {access}", lambda s, m=memory, a=access: _access(s, m, a))  # type: ignore[misc]
    yield None, []
    yield row("spikes", lambda s: three_digits(s["spikes_per_sample"]["total"]))
    for phase in _names(s["synaptic_ops_per_sample"] for s in sections):
        yield row(f"synaptic ops, {phase}", lambda s, p=phase: _number(s["synaptic_ops_per_sample"].get(p)))  # type: ignore[misc]
    yield None, []
    yield row("wall time in all (s)", lambda s: three_digits(s["wall_s"]))


def _names(maps: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for entries in maps for name in entries))


def _number(value: float | None) -> str:
    return "-" if value is None else three_digits(value)


def _part(section: Mapping[str, Any], kind: str, name: str) -> str:
    entry = section["energy_nj_per_sample"][f"by_{kind}"].get(name)
    return "-" if entry is None else _band(entry)


def _access(section: Mapping[str, Any], memory: str, access: str) -> str:
    entry = section["memory_accesses_per_sample"].get(memory)
    return "-" if entry is None else three_digits(entry[access])


def _accuracy(summary: Mapping[str, Any]) -> Text:
    found = summary["accuracy"]
    if found.get("readout") == "membrane":
        return Text.assemble(
            "test accuracy: ",
            (f"{found['test_membrane']:.2f} % membrane", "bold"),
            f" (the label's has the largest membrane at the end), {found['test']:.2f} % by winner counts "
            f"({found['test_strict']:.2f} % strict)",
        )
    ties = found.get("ties", "the membrane")
    return Text.assemble(
        "test accuracy: ",
        (f"{found['test_strict']:.2f} % strict", "bold"),
        f" (label has the only largest count), {found['test']:.2f} % argmax, "
        f"{found['test_membrane']:.2f} % with ties decided by {ties} (our extension)",
    )


def _extra(summary: Mapping[str, Any]) -> Text:
    memory = summary.get("learning_memory")
    if not memory:
        return Text("")
    names = {"synapse_bits": "synapses", "neuron_bits": "neurons", "axon_bits": "axons", "copy_bits": "mirrored copies"}
    parts = ", ".join(f"{names[key]} {bits:,}" for key, bits in memory.items() if bits and key in names)
    return Text(f"Learning takes {memory['total_bits']:,} bits besides what inference needs ({parts or 'none'}).")


def _programmed(summary: Mapping[str, Any]) -> Text:
    words = summary["programmed"]
    return Text(
        f"Not timed or priced: {words['synapse_words']:,} words of synapses and {words['neuron_words']:,} of neurons, "
        f"written over the programming port before {words['when']}."
    )


def _community(summary: Mapping[str, Any]) -> Text:
    entry = summary["inference"]["community_45nm_fp32"]
    return Text(
        "For comparison, the community's count (0.9 pJ an addition, 4.6 pJ a multiply-add; 45 nm, FP32, "
        "no memory): "
        f"{_number(entry['spiking_nj'])} nJ for this network's synaptic additions, "
        f"{_number(entry['dense_nj'])} nJ for the dense network; the inference energy above is "
        f"{_number(entry['ratio_to_spiking'])} and {_number(entry['ratio_to_dense'])} times that."
    )


def occupancy_table(title: str, rows: Iterable[Occupancy]) -> Table:
    """Used and offered of every resource, one line a core; empty cores are counted in the last line.

    A second line says how much of it the mirrored copies take.
    """
    table = _table(title)
    table.add_column("core", justify="right")
    table.add_column("holds")
    for resource in RESOURCES:
        table.add_column(resource, justify="right")
    empty = 0
    for row in rows:
        if not row.parts:
            empty += 1
            continue
        cells = [
            f"{used:,} / {offered:,} ({100 * used / offered:.0f} %)" + (f"\n{extra:,} for copies" if extra else "")
            for used, offered, extra in zip(row.used, row.offered, row.extra, strict=True)
        ]
        table.add_row(str(row.core), "\n".join(row.parts), *cells)
    if empty:
        table.caption = f"{empty} cores are empty"
        table.caption_justify = "left"
    return table


def layer_table(title: str, rows: Iterable[tuple[str, int, int]]) -> Table:
    """Used and offered of every resource of a sequenced core."""
    table = _table(title)
    table.add_column("resource")
    for column in ("used", "offered"):
        table.add_column(column, justify="right")
    for name, used, offered in rows:
        table.add_row(name, f"{used:,} ({100 * used / offered:.0f} %)", f"{offered:,}")
    return table


_PLACES = (
    ("synapse", ", besides the weight"),
    ("neuron", ", besides the membrane"),
    ("hidden neuron", ""),
    ("neuron register", ""),
    ("axon", ", besides the row address"),
    ("copied axon", ""),
    ("axon register", ""),
)


def _state(card: Card, place: str) -> str:
    """Bits of state at one place, in all and word by word."""
    words = [
        f"{word.bits} {word.name}" + (" (inference, too)" if word.inference else "")
        for word in card.words
        if word.place == place
    ]
    return f"{card.bits(place)} bits" + (f": {', '.join(words)}" if words else "")


def _accesses(card: Card) -> Iterator[str]:
    for access in card.accesses:
        yield f"{access.phase}: per {access.event}: {access.memory} {access.reads} + {access.writes}"


def card_table(name: str, title: str, source: str, card: Card, chip: str) -> Table:
    """The hardware card of a rule."""
    table = _table(f"{name}: {title}\n{source}")
    table.show_header = False
    table.add_column()
    table.add_column()
    rows = (
        *((f"state per {place}{rest}", _state(card, place)) for place, rest in _PLACES if rest or card.bits(place)),
        ("spike history", f"{card.history_bits} slots" if card.history_bits else "none"),
        ("random bits", "\n".join(f"{bits} per {event}" for event, bits in card.random_bits if bits) or "none"),
        ("backward path", "needed: transposed read, mirrored copy or crossbar" if card.backward_path else "not needed"),
        ("online in time", "yes: learns in every step" if card.online_in_time else "no: learns after the sample"),
        ("phases", ", ".join(card.phases)),
        ("operators", "\n".join(card.operators)),
        ("accesses (words read, written)", "\n".join(_accesses(card))),
        ("number formats of", chip),
    )
    for row in rows:
        table.add_row(*row)
    return table


@contextmanager
def show_progress(stream: TextIO = sys.stderr) -> Iterator[Callable[[Progress], None]]:
    """Progress of a session on `stream`: bars on a terminal, else a line at every stage and now and then."""
    if not stream.isatty():
        yield _line_writer(stream)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[right]:.1f} % right"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    tasks: dict[str, TaskID] = {}
    with Bar(*columns, console=Console(file=stream)) as bar:

        def advance(p: Progress) -> None:
            if p.stage not in tasks:
                tasks[p.stage] = bar.add_task(_TITLES[p.stage], total=p.total, right=0.0)
            bar.update(tasks[p.stage], completed=p.done, right=100 * p.right)

        yield advance


_TITLES = {"train": "training", "test": "testing"}


def _line_writer(stream: TextIO) -> Callable[[Progress], None]:
    shown: dict[str, Progress] = {}  # by stage
    last = time.monotonic() - _LINE_EVERY_S

    def write(p: Progress) -> None:
        nonlocal last
        if p.done == p.total or time.monotonic() - last >= _LINE_EVERY_S:
            last = time.monotonic()
            before = shown.get(p.stage)
            done, seconds = (p.done - before.done, p.wall_s - before.wall_s) if before else (p.done, p.wall_s)
            shown[p.stage] = p
            rate = done / seconds if seconds > 0 else 0.0
            stream.write(
                f"{_TITLES[p.stage]}: {p.done:,} of {p.total:,}, {100 * p.right:.1f} % right lately, "
                f"{three_digits(rate)} samples/s\n"
            )
            stream.flush()

    return write
