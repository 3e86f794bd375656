"""A `Sequence` for the eye: Chrome's trace format, which Perfetto (ui.perfetto.dev) and chrome://tracing open.

Tracks: what the controller did, with word and memory strobes; transfers of both ports; the level of the queue.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.engine.sequence import Sequence
from neurosim.errors import ConfigError
from neurosim.image import Ints
from neurosim.trace import write_file

__all__ = ["queue_level", "save_timeline", "timeline"]

_CONTROLLER, _INPUT, _OUTPUT = range(1, 4)  # tracks
_STROBES = ("neuron_reads", "neuron_writes", "synapse_reads", "synapse_writes")


def timeline(run: Sequence) -> dict[str, Any]:
    """The trace of a recorded run that began with the first transfer of the chip; times in microseconds.

    Raises ConfigError if the run was not recorded (`play(..., record=True)`).
    """
    if not len(run.operations) and run.count("served"):
        raise ConfigError("timeline: expected a recorded run: play(..., record=True)")
    names = ((_CONTROLLER, "controller"), (_INPUT, "input port"), (_OUTPUT, "output port"))
    events: list[dict[str, Any]] = [
        {"name": "process_name", "ph": "M", "pid": 1, "args": {"name": run.sequencer.name}},
        *({"name": "thread_name", "ph": "M", "pid": 1, "tid": tid, "args": {"name": name}} for tid, name in names),
    ]
    return {"traceEvents": [*events, *_operations(run), *_transfers(run), *_level(run)], "displayTimeUnit": "ns"}


def save_timeline(run: Sequence, path: str | Path) -> None:
    """Write the trace to a JSON file."""
    content = json.dumps(timeline(run), separators=(",", ":")).encode()
    write_file(Path(path), lambda file: file.write(content))


def _slice(run: Sequence, track: int, name: str, first: int, after: int, args: dict[str, Any]) -> dict[str, Any]:
    mhz = run.sequencer.chip.clock_mhz
    times = {"ts": first / mhz, "dur": (after - first) / mhz}
    return {"name": name, "ph": "X", "pid": 1, "tid": track, **times, "args": {"cycle": first, **args}}


def _operations(run: Sequence) -> Iterator[dict[str, Any]]:
    for kind, first, after, word, *strobes in run.operations.tolist():
        args = {"word": hex(word), **dict(zip(_STROBES, strobes, strict=True))}
        yield _slice(run, _CONTROLLER, run.state_of(kind), first, after, args)


def _transfers(run: Sequence) -> Iterator[dict[str, Any]]:
    for number, (first, after) in enumerate(run.handshakes.tolist()):
        yield _slice(run, _INPUT, f"event {number}", first, after, {})
    link, synchroniser = run.sequencer.chip.link, run.sequencer.chip.core.output.synchroniser_cycles
    for k, (cycle, word) in enumerate(run.outputs.tolist()):
        there, back = (delays[k % len(delays)] for delays in (link.acknowledge_cycles, link.release_cycles))
        yield _slice(run, _OUTPUT, str(word), cycle, cycle + there + back + 2 * synchroniser + 2, {"word": word})


def _level(run: Sequence) -> Iterator[dict[str, Any]]:
    mhz = run.sequencer.chip.clock_mhz
    for cycle, level in queue_level(run).tolist():
        yield {"name": "queue", "ph": "C", "pid": 1, "ts": cycle / mhz, "args": {"entries": level}}


def queue_level(run: Sequence) -> Ints:
    """Level of the queue after each change, int64[changes, 2] cycle and entries, for a run that began with it empty.

    Empty where spikes enter the queue and no output word tells of them.
    """
    core = run.sequencer.chip.core
    seen = core.registers.output_source == "neuron" and not core.registers.watch
    if not (core.registers.open_loop or seen):
        return np.zeros((0, 2), np.int64)
    names, popped = list(core.operations), {line.operation for line in core.entries}
    changes: list[tuple[int, int]] = []
    for kind, _, after, *_ in run.operations.tolist():
        if kind >= len(names):  # the release of the input port, or a pop of its own
            if kind > len(names):
                changes.append((after, -1))
        elif core.operations[names[kind]].does == "push":
            changes.append((after, 1))
        elif names[kind] in popped and core.operations[names[kind]].pop_state is None:
            changes.append((after, -1))
    if not core.registers.open_loop:
        changes += [(cycle, 1) for cycle in run.outputs[:, 0].tolist()]
    level, found = 0, []
    for cycle, change in sorted(changes, key=lambda item: (item[0], -item[1])):  # full is seen before a pop
        level = min(level + change, core.queue.depth)
        found.append((cycle, level))
    return np.array(found, np.int64).reshape(-1, 2)
