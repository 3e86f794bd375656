"""The compiled engine of sequenced chips, from Python: arrays for the kernel, and logs that are emptied when full."""

import time
from collections.abc import Callable

import numpy as np

from neurosim.engine.compiled import bound
from neurosim.engine.controller import FULL, PAUSED, Sequenced
from neurosim.engine.sequence import Sequence, counted
from neurosim.image import Ints
from neurosim.microcode import CLOCK
from neurosim.sequencer import Sequencer, SequencerState
from neurosim.stimulus import Events

__all__ = ["play"]

_ROWS = 1 << 14
_SLICE = 1 << 24  # cycles of a call at most, so that Ctrl-C and progress have their say


def play(
    sequencer: Sequencer,
    state: SequencerState,
    events: Events,
    last: int,
    record: bool,
    progress: Callable[[int], None],
) -> Sequence:
    """See sequence.play."""
    kernel = bound("sequenced", neuron=sequencer.neuron, rule=sequencer.rule)
    rows, logged = _ROWS if record else 0, np.zeros(3, np.int64)
    room = _ROWS + sequencer.controls.neurons
    logs = np.zeros((rows, 8), np.int64), np.zeros((room, 2), np.int64), np.zeros((rows, 2), np.int64)
    clock = state.clock
    clock[CLOCK.event], clock[CLOCK.max_fill] = 0, clock[CLOCK.level]
    m = Sequenced(
        sequencer.controls, sequencer.tables, state.field, state.up, state.down, state.code, state.queue, clock,
        np.zeros(sequencer.controls.per_word, np.int64), events.time, events.word, *logs, logged,
    )  # fmt: skip
    before, strobes = clock.copy(), np.zeros(4, np.int64)
    kept: tuple[list[Ints], ...] = ([], [], [])
    said, why = time.monotonic(), FULL
    while why in (FULL, PAUSED):
        why = kernel.run_sequence(m, sequencer.constants, last, int(clock[CLOCK.now]) + _SLICE, strobes)
        for rows_of, log, number in zip(kept, logs, logged, strict=True):
            rows_of.append(log[: min(int(number), len(log))].copy())
        logged[:] = 0
        if time.monotonic() - said > 1:
            said = time.monotonic()
            progress(int(clock[CLOCK.now]))
    operations, outputs, handshakes = (np.concatenate(rows_of) for rows_of in kept)
    begin, end = int(before[CLOCK.now]), int(clock[CLOCK.now])
    return Sequence(sequencer, outputs, operations, handshakes, counted(before, clock), begin, end)
