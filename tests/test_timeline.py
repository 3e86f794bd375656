"""Timelines: slices that lie within the run, one a word, operation and transfer, and the level of the queue."""

import json
from pathlib import Path

import numpy as np
import pytest

from neurosim.assembler import Assembler, neuron_word
from neurosim.engine.sequence import Sequence, play
from neurosim.errors import ConfigError
from neurosim.microcode import CLOCK
from neurosim.sequenced import load_sequenced
from neurosim.sequencer import build_sequencer
from neurosim.stimulus import Events
from neurosim.timeline import queue_level, save_timeline, timeline


def recorded(chip_name: str, threshold: int, record: bool = True, *overrides: str) -> Sequence:
    """A closed loop: a spike fires some neurons, whose spikes queue up."""
    chip = load_sequenced(chip_name, overrides)
    sequencer = build_sequencer(chip)
    code = np.zeros((256, 256), np.uint16)
    code[0, 1:6] = 8 + 7 if chip_name == "odin" else 7
    state = sequencer.new_state([neuron_word(chip, threshold=threshold)] * 256, code)
    sent = Assembler(chip).spikes()[[0, 9, 0]]
    return play(sequencer, state, Events(np.zeros(3, np.int64), sent), record=record)


@pytest.mark.parametrize("chip", ["odin", "tinyodin"])
def test_slices_and_levels(chip: str, tmp_path: Path) -> None:
    run = recorded(chip, 5)
    save_timeline(run, tmp_path / "run.json")
    events = json.loads((tmp_path / "run.json").read_text())["traceEvents"]
    slices = [event for event in events if event["ph"] == "X"]
    assert [sum(s["tid"] == track for s in slices) for track in (1, 2, 3)] == [len(run.operations), 3, len(run.outputs)]
    last = max(s["args"]["cycle"] + s["dur"] * 75 for s in slices)
    assert last == pytest.approx(run.end, abs=2) and min(s["dur"] for s in slices) > 0
    reads = sum(s["args"]["neuron_reads"] for s in slices if s["tid"] == 1)
    assert reads == run.count("neuron_reads")
    level = queue_level(run)
    assert run.count("spikes") == len(run.outputs) > 0
    assert level[:, 1].max() == run.counts[CLOCK.max_fill] and level[-1, 1] == 0 and level[:, 1].min() >= 0
    assert sum(event["ph"] == "C" for event in events) == len(level) == run.count("pushed") + run.count("popped")


def test_a_full_queue_drops() -> None:
    run = recorded("odin", 5, True, "core.queue.depth=2")
    assert run.count("dropped") > 0 and queue_level(run)[:, 1].max() == 2 and queue_level(run)[-1, 1] == 0


def test_what_cannot_be_seen_is_left_out_or_refused() -> None:
    watched = recorded("odin", 5, True, "core.registers.watch=true")
    assert len(queue_level(watched)) == 0 and not any(e["ph"] == "C" for e in timeline(watched)["traceEvents"])
    with pytest.raises(ConfigError, match="expected a recorded run"):
        timeline(recorded("odin", 5, record=False))
