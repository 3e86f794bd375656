"""Running a sequenced chip: from events to what its ports, its controller and its memories did."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from neurosim.errors import ConfigError
from neurosim.image import Ints
from neurosim.microcode import CLOCK
from neurosim.sequencer import Sequencer, SequencerState
from neurosim.stimulus import Events

__all__ = ["ENDLESS", "Sequence", "check_events", "counted", "play"]

ENDLESS = 1 << 58


@dataclass(frozen=True)
class Sequence:
    """What happened. Runs of consecutive events add with `+`.

    operations: kind, first cycle, first cycle after, word or queue entry, reads and writes of neuron memory, and of
    synapse memory (strobes); kinds: the operations in the order of the chip file, then the release of the input port,
    then the pop state of each operation. Empty, like the handshakes, unless it was recorded.
    """

    sequencer: Sequencer
    outputs: Ints  # [words, 2] cycle of REQ, word
    operations: Ints  # [operations, 8]
    handshakes: Ints  # [input events, 2] cycles of REQ up and of ACK down
    counts: Ints  # as SequencerState.clock, of this run
    begin: int  # cycle in which it began
    end: int  # cycle of the next decision

    def __add__(self, other: "Sequence") -> "Sequence":
        counts = self.counts + other.counts
        counts[CLOCK.max_fill] = max(self.counts[CLOCK.max_fill], other.counts[CLOCK.max_fill])
        return replace(
            self,
            outputs=np.concatenate([self.outputs, other.outputs]),
            operations=np.concatenate([self.operations, other.operations]),
            handshakes=np.concatenate([self.handshakes, other.handshakes]),
            counts=counts,
            end=other.end,
        )

    @property
    def cycles(self) -> int:
        """Cycles from the beginning to the next decision."""
        return self.end - self.begin

    def count(self, name: str) -> int:
        """One of the numbers of `Clock` that are counted."""
        return int(self.counts[getattr(CLOCK, name)])

    def state_of(self, kind: int) -> str:
        """Name of the controller's state for a kind of operation."""
        states = self.sequencer.states
        if kind < len(states):
            return states[kind]
        if kind == len(states):
            return self.sequencer.chip.core.input.release_state
        operation = list(self.sequencer.chip.core.operations.values())[kind - len(states) - 1]
        return operation.pop_state or ""


def check_events(sequencer: Sequencer, events: Events) -> None:
    """Raise ConfigError for a word that the input port is too narrow for."""
    bits = sequencer.chip.core.input.word_bits
    wide = np.flatnonzero(events.word >> bits)
    if len(wide):
        raise ConfigError(f"events: word {wide[0]}: expected {bits} bits, got {int(events.word[wide[0]]):#x}")


def play(
    sequencer: Sequencer,
    state: SequencerState,
    events: Events,
    last: int = ENDLESS,
    *,
    engine: str = "compiled",
    record: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Sequence:
    """Feed `events` and run until nothing is left to do, or the first decision from cycle `last` on; changes `state`.

    Without `last` a closed loop of neurons that excite each other never ends.
    `record` keeps operations and handshakes. `progress` is called with the cycle about once a second.
    Raises ConfigError for an unknown engine or a word that is too wide.
    """
    check_events(sequencer, events)
    if engine == "compiled":
        from neurosim.engine import compiled_sequence

        return compiled_sequence.play(sequencer, state, events, last, record, progress)
    if engine == "reference":
        from neurosim.engine.reference import sequence

        return sequence.play(sequencer, state, events, last, record, progress)
    raise ConfigError(f"engine: expected one of compiled, reference, got '{engine}'")


def counted(before: Ints, after: Ints) -> Ints:
    """What a run counted: differences, but of the fullest the queue has been."""
    result = after - before
    result[CLOCK.max_fill] = after[CLOCK.max_fill]
    return result
