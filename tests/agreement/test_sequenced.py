"""Both engines agree on random sequenced chips: in every cycle, strobe, count and word; and runs add up."""

import numpy as np
import pytest
from hypothesis import event, given, target

from neurosim.engine.sequence import Sequence
from neurosim.microcode import CLOCK
from neurosim.sequencer import Sequencer, SequencerState
from neurosim.stimulus import Events

from .sequences import Sequenced, run, sequenced
from .strategies import examples

COUNTED = ("push_cycles", "loop_cycles", "frozen_cycles", "pop_cycles", "pop_held_cycles",
           "release_cycles", "bistable_cycles")  # fmt: skip
STROBES = ("neuron_reads", "neuron_writes", "synapse_reads", "synapse_writes")


def difference(one: Sequence, other: Sequence) -> str:
    """What two runs report differently; '' if nothing."""
    for name in ("operations", "outputs", "handshakes"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if not np.array_equal(mine, theirs):
            pairs = enumerate(zip(mine, theirs, strict=False))
            at = next((k for k, (a, b) in pairs if (a != b).any()), min(len(mine), len(theirs)))
            return f"{name}[{at}]: {mine[at : at + 1].tolist()} and {theirs[at : at + 1].tolist()}"
    wrong = [name for name, place in CLOCK._asdict().items() if one.counts[place] != other.counts[place]]
    wrong += [name for name in ("begin", "end") if getattr(one, name) != getattr(other, name)]
    return ", ".join(wrong)


def difference_of(one: SequencerState, other: SequencerState, *but: int) -> str:
    """Where two states differ, these places of the clock aside; '' if nowhere."""
    arrays = ("field", "up", "down", "code")
    wrong = [name for name in arrays if not np.array_equal(getattr(one, name), getattr(other, name))]
    wrong += [name for name, k in CLOCK._asdict().items() if k not in but and one.clock[k] != other.clock[k]]
    return ", ".join(wrong + ["queue"] * (one.entries() != other.entries()))


@examples(180)
@given(sequenced())
def test_both_engines_agree_on_random_chips(case: Sequenced) -> None:
    sequencer, state, events = case.build()
    fast, fast_end = run(sequencer, state, events, case.last, "compiled")
    slow, slow_end = run(sequencer, state, events, case.last, "reference")
    assert not (found := difference(slow, fast)), found
    assert not (found := difference_of(slow_end, fast_end)), found
    adds_up(sequencer, state, slow, slow_end)
    target(fast.count("max_fill"), label="fill")
    target(fast.count("frozen_cycles"), label="frozen")
    event(f"served {min(len(fast.handshakes), 3)}")


def adds_up(sequencer: Sequencer, start: SequencerState, found: Sequence, end: SequencerState) -> None:
    """What holds for every run whatever the chip."""
    log, core, link = found.operations, sequencer.chip.core, sequencer.chip.link
    busy = sum(found.count(name) for name in COUNTED)
    assert busy == int((log[:, 2] - log[:, 1]).sum())
    assert [found.count(name) for name in STROBES] == log[:, 4:].sum(axis=0).tolist()
    waited = sum(int(b - a) for a, b in zip([found.begin, *log[:, 2]], [*log[:, 1], found.end], strict=True))
    assert waited + busy == found.cycles
    assert 0 <= found.count("held_cycles") <= waited
    held = sum(found.count(name) for name in ("held_cycles", "frozen_cycles", "pop_held_cycles"))
    assert held <= found.count("output_busy")
    follows = log[:, 0] >= len(sequencer.states)  # the release of the port, a pop state: at once; else WAIT between
    assert ((log[1:, 1] == log[:-1, 2]) == follows[1:]).all() and (log[1:, 1] >= log[:-1, 2]).all()
    assert found.count("pushed") - found.count("popped") == len(end.entries()) - len(start.entries())
    assert found.count("max_fill") <= core.queue.depth
    sent = np.arange(len(found.outputs))
    length = np.take(link.acknowledge_cycles, sent, mode="wrap") + np.take(link.release_cycles, sent, mode="wrap")
    last = found.outputs[:, 0] + length + 2 * core.output.synchroniser_cycles + 1
    assert (found.outputs[1:, 0] > last[:-1]).all()
    transfers = int((last - found.outputs[:, 0] + 1).sum())
    assert found.count("output_busy") >= transfers
    assert core.registers.watch or found.count("output_busy") == transfers
    high = [(int(up), int(down)) for up, down in found.handshakes]
    assert all(b[0] >= a[1] for a, b in zip(high, high[1:], strict=False))


@pytest.mark.parametrize("engines", [("compiled", "compiled"), ("reference", "reference"), ("compiled", "reference")])
def test_a_run_in_two_pieces_is_the_run(engines: tuple[str, str]) -> None:
    """Cut anywhere: with a word at the port, events in the queue, from one engine to the other."""

    @examples(40)
    @given(sequenced())
    def cut(case: Sequenced) -> None:
        sequencer, state, events = case.build()
        whole, whole_end = run(sequencer, state, events, case.last, "compiled")
        one, half = run(sequencer, state, events, case.last // 3, engines[0])
        served = len(one.handshakes)
        two, end = run(sequencer, half, Events(events.time[served:], events.word[served:]), case.last, engines[1])
        both = one + two
        for name in ("operations", "outputs", "handshakes"):
            assert np.array_equal(getattr(whole, name), getattr(both, name)), name
        # the number of the event at the port, and the last activity, are those of the last piece
        assert not (found := difference_of(whole_end, end, CLOCK.event, CLOCK.end, CLOCK.max_fill)), found
        assert both.count("max_fill") == whole.count("max_fill")

    cut()
