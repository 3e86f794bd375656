"""Small cases of ODIN and tinyODIN, computed by hand from specs/odin.md section 3, in both engines.

An event whose REQ rises in cycle 0 is seen in 2, so its operation begins in 3; ACK of a push is low again in 7.
"""

from typing import Any

import numpy as np
import pytest

from neurosim.engine.sequence import Sequence, play
from neurosim.microcode import CLOCK
from neurosim.sequenced import load_sequenced
from neurosim.sequencer import Sequencer, SequencerState, build_sequencer
from neurosim.stimulus import Events

OPEN = "core.registers.open_loop=true"
QUIET: dict[str, int] = {"threshold": 255}
FIRES: dict[str, int] = {"threshold": 0}
SPIKE, VIRTUAL, SYNAPSE = 5 << 8 | 0x07, 5 << 8 | 0x41, 0x10000 | 5 << 8 | 8


@pytest.fixture(params=["compiled", "reference"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Bench:
    """A chip with all neurons alike but for a few, empty synapses but for row 5, and whatever waits in the queue."""

    def __init__(
        self, *overrides: str, chip: str = "odin", neurons: dict[int, dict[str, int]] | None = None,
        quiet: dict[str, int] = QUIET, code: int = 0, waiting: tuple[int, ...] = (), up: int = 0,
    ) -> None:  # fmt: skip
        self.sequencer: Sequencer = build_sequencer(load_sequenced(chip, overrides))
        core = self.sequencer.chip.core
        words = []
        for n in range(core.neuron.entries):
            values = (neurons or {}).get(n, quiet)
            word = 0 if core.neuron.selects is None else 1 << core.neuron.selects
            words.append(word + sum(value << core.neuron.fields[name][0] for name, value in values.items()))
        codes = np.zeros((256, 256), np.uint16)
        codes[5] = code
        flags = np.full(256, up, np.uint8), np.zeros(256, np.uint8)
        self.state: SequencerState = self.sequencer.new_state(words, codes, flags)
        self.state.queue[: len(waiting)] = waiting
        self.state.clock[CLOCK.level] = len(waiting)

    def run(self, engine: str, *words: int, last: int = 100_000) -> Sequence:
        """All words at cycle 0, one after the other."""
        events = Events(np.zeros(len(words), np.int64), np.array(words, np.int64))
        return play(self.sequencer, self.state, events, last, engine=engine, record=True)

    def membrane(self, n: int) -> int:
        return int(self.state.field[0, n])


def log(run: Sequence) -> list[tuple[Any, ...]]:
    """(state, first cycle, first cycle after) of all operations."""
    return [(run.state_of(int(row[0])), int(row[1]), int(row[2])) for row in run.operations]


def states(run: Sequence) -> list[str]:
    return [state for state, _, _ in log(run)]


@pytest.mark.parametrize(
    ("word", "expected", "strobes", "low"),
    [
        (SPIKE, [("PUSH", 3, 4), ("WAIT_REQDN", 4, 7), ("POP_NEUR", 8, 520)], [256, 256, 32, 32], 7),
        (VIRTUAL, [("PUSH", 3, 4), ("WAIT_REQDN", 4, 7), ("POP_VIRT", 8, 10)], [1, 1, 0, 0], 7),
        (SYNAPSE, [("SYNAPSE", 3, 5), ("WAIT_REQDN", 5, 8)], [1, 1, 1, 1], 8),
        (5 << 8 | 0xFF, [("TREF", 3, 5), ("WAIT_REQDN", 5, 8)], [1, 1, 0, 0], 8),
        (0x7F, [("TREF", 3, 515), ("WAIT_REQDN", 515, 518)], [256, 256, 0, 0], 518),
        (5 << 8 | 0x80, [("BIST", 3, 67), ("WAIT_REQDN", 67, 70)], [0, 0, 32, 32], 70),
        (0, [("BIST", 3, 16387), ("WAIT_REQDN", 16387, 16390)], [0, 0, 8192, 8192], 16390),
        (5 << 8 | 0x01, [("PUSH", 3, 4), ("WAIT_REQDN", 4, 7), ("POP_NEUR", 8, 520)], [256, 256, 32, 32], 7),
        (5 << 8 | 0x0F, [("PUSH", 3, 4), ("WAIT_REQDN", 4, 7), ("POP_VIRT", 8, 10)], [1, 1, 0, 0], 7),
    ],
)  # fmt: skip
def test_what_an_event_costs(word: int, expected: list[Any], strobes: list[int], low: int, engine: str) -> None:
    run = Bench().run(engine, word)
    assert log(run) == expected
    assert run.operations[:, 4:].sum(axis=0).tolist() == strobes
    assert run.handshakes.tolist() == [[0, low]]
    assert run.end == expected[-1][2]  # the first WAIT in which nothing is left to do


def test_the_sender_takes_its_time(engine: str) -> None:
    """ACK falls d + 3 cycles behind the service; the next REQ rises e cycles later."""
    run = Bench("link.drop_cycles=[4, 0]", "link.gap_cycles=[6, 1]").run(engine, SYNAPSE, SYNAPSE, SYNAPSE)
    assert run.handshakes.tolist() == [[0, 12], [18, 26], [27, 39]]


def test_queued_spikes_follow_each_other_every_513_cycles(engine: str) -> None:
    run = Bench(waiting=(1, 2, 3)).run(engine)
    assert log(run) == [("POP_NEUR", 1, 513), ("POP_NEUR", 514, 1026), ("POP_NEUR", 1027, 1539)]


@pytest.mark.parametrize(("neuron", "synapse_reads"), [(3, 32), (7, 32 + 13)])
def test_a_spike_freezes_the_sweep(neuron: int, synapse_reads: int, engine: str) -> None:
    """a + r + 6 = 13 more read strobes of the next neuron, and of its word if it is the first of one."""
    bench = Bench(OPEN, "link.acknowledge_cycles=[2]", "link.release_cycles=[5]", neurons={neuron: FIRES})
    run = bench.run(engine, SPIKE)
    assert log(run)[2] == ("POP_NEUR", 8, 520 + 13)
    assert run.operations[2, 4:].tolist() == [256 + 13, 256, synapse_reads, 32]
    assert run.outputs.tolist() == [[8 + 2 * neuron + 2, neuron]]
    assert (run.count("output_busy"), run.count("frozen_cycles")) == (13, 13)


def test_a_spike_of_the_last_neuron_holds_wait_instead(engine: str) -> None:
    slow = ("link.acknowledge_cycles=[2]", "link.release_cycles=[5]")
    run = Bench(OPEN, *slow, neurons={255: FIRES}, waiting=(1, 2)).run(engine)
    assert run.outputs.tolist() == [[513, 255], [513 + 526, 255]]
    assert log(run) == [("POP_NEUR", 1, 513), ("POP_NEUR", 527, 1039)]  # silent from 526 on


def test_a_pop_state_is_held_and_so_is_wait(engine: str) -> None:
    """Busy for 13 cycles: AER_POP of tinyODIN waits in all of them, WAIT of ODIN as well."""
    slow = (OPEN, "core.registers.last_neuron=3", "link.acknowledge_cycles=[2]", "link.release_cycles=[5]")
    tiny = Bench(*slow, chip="tinyodin", quiet=TINY, neurons={3: FIRES}).run(engine, 5)
    assert [tiny.count(name) for name in ("pop_cycles", "pop_held_cycles", "held_cycles")] == [1, 13, 0]
    odin = Bench(*slow, neurons={3: FIRES}, waiting=(1, 2)).run(engine)
    assert [odin.count(name) for name in ("pop_held_cycles", "held_cycles", "frozen_cycles")] == [0, 26, 0]


def test_push_and_release_are_not_held(engine: str) -> None:
    """A time reference fires neuron 5 through its last cycle; the port is busy until 29, ACK falls on time."""
    run = Bench(OPEN, "link.acknowledge_cycles=[19]", neurons={5: FIRES}).run(engine, 5 << 8 | 0xFF, SPIKE)
    assert run.outputs[0].tolist() == [5, 5]
    assert run.handshakes[0].tolist() == [0, 8]
    assert log(run)[2] == ("PUSH", 31, 32)  # WAIT is: busy from 5 to 29


def test_the_controller_tells_of_popped_spikes(engine: str) -> None:
    run = Bench("core.registers.output_source=controller", "core.registers.watched_neuron=10").run(engine, SPIKE)
    assert run.outputs.tolist() == [[8 + 2 * 10 + 2, 5]]
    assert log(run)[2] == ("POP_NEUR", 8, 526)


# ---- the queue and the arbiter ---------------------------------------------------------------------------------


def test_a_push_into_a_full_queue_is_dropped_even_as_its_head_leaves(engine: str) -> None:
    bench = Bench(neurons={255: FIRES}, waiting=tuple(range(32)))
    run = bench.run(engine, last=513)
    assert [run.count(name) for name in ("pushed", "dropped", "popped", "max_fill")] == [0, 1, 1, 32]
    assert bench.state.entries() == list(range(1, 32))
    assert run.outputs.tolist() == [[513, 255]]  # it is heard outside all the same


def test_push_and_pop_in_one_cycle_leave_the_level(engine: str) -> None:
    bench = Bench(neurons={255: FIRES}, waiting=tuple(range(31)))
    run = bench.run(engine, last=513)
    assert [run.count(name) for name in ("pushed", "dropped", "popped", "max_fill")] == [1, 0, 1, 31]
    assert bench.state.entries() == [*range(1, 31), 255]


def test_a_full_queue_comes_before_the_input_which_comes_before_the_queue(engine: str) -> None:
    """A time reference makes 40 neurons fire; while the last transfer goes on, the next word is seen."""
    firing = {n: FIRES for n in range(216, 256)}
    bench = Bench("link.acknowledge_cycles=[30]", neurons=firing)
    run = bench.run(engine, 0x7F, SYNAPSE, SYNAPSE)
    assert states(run)[:6] == ["TREF", "WAIT_REQDN", "POP_NEUR", "SYNAPSE", "WAIT_REQDN", "POP_NEUR"]
    assert run.count("max_fill") == 32
    few = Bench("link.acknowledge_cycles=[30]", neurons={n: FIRES for n in range(250, 256)})
    assert states(few.run(engine, 0x7F, SYNAPSE, last=5000))[:3] == ["TREF", "WAIT_REQDN", "SYNAPSE"]


def test_bistability_waits_for_an_empty_queue(engine: str) -> None:
    run = Bench(waiting=(1, 2)).run(engine, 5 << 8 | 0x80)
    assert states(run) == ["POP_NEUR", "POP_NEUR", "BIST", "WAIT_REQDN"]


# ---- what is computed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "overrides", "membrane"),
    [(8 | 3, [], 13), (3, [], 10), (3, ["core.registers.propagate_unmapped=true"], 13)],
)
def test_a_single_synapse_obeys_its_mapping_bit(code: int, overrides: list[str], membrane: int, engine: str) -> None:
    bench = Bench(*overrides, quiet={"threshold": 255, "membrane": 10}, code=code)
    bench.run(engine, SYNAPSE)
    assert [bench.membrane(n) for n in (7, 8, 9)] == [10, membrane, 10]


@pytest.mark.parametrize(("on", "word", "moved"), [
    ("false", SYNAPSE, []), ("true", SYNAPSE, [8]), ("false", SPIKE, list(range(256))), ("true", VIRTUAL, []),
])  # fmt: skip
def test_who_learns_from_which_event(on: str, word: int, moved: list[int], engine: str) -> None:
    bench = Bench(OPEN, f"core.registers.learn_on_events={on}", code=8 | 3, up=1)
    bench.run(engine, word)
    codes = bench.sequencer.synapses(bench.state)
    assert np.flatnonzero(codes[5] == 8 | 4).tolist() == moved
    assert (codes[5] == 8 | 3).sum() == 256 - len(moved) and not codes[4].any()


def test_weights_are_used_before_and_flags_before_they_move(engine: str) -> None:
    """Neuron 8 fires by its old weight 3; its flag, set before, lifts the synapse; its word clears the flag."""
    bench = Bench(OPEN, neurons={8: {"threshold": 3}}, code=8 | 3, up=1)
    run = bench.run(engine, SPIKE)
    assert run.outputs[:, 1].tolist() == [8]
    assert bench.sequencer.synapses(bench.state)[5, 8] == 8 | 4
    assert not bench.state.up.any()  # no neuron here learns, so every write clears its flags


# ---- edges ---------------------------------------------------------------------------------------------------------

SINGLE = ("core.neuron.entries=1", "core.synapse.rows=1", "core.registers.last_neuron=0", "core.watch.neuron=[]")


def small(engine: str, overrides: tuple[str, ...], words: list[int], code: list[list[int]], **word: int) -> Sequence:
    """ODIN with fewer neurons and rows, and operands as narrow as they can be; all neurons alike."""
    chip = load_sequenced("odin", [OPEN, *overrides])
    fields = chip.core.neuron.fields
    sequencer = build_sequencer(chip)
    memory = 1 + sum(value << fields[name][0] for name, value in word.items())  # type: ignore[index]
    state = sequencer.new_state([memory] * chip.core.neuron.entries, np.array(code))
    events = Events(np.zeros(len(words), np.int64), np.array(words))
    run = play(sequencer, state, events, 100_000, engine=engine, record=True)
    assert run.count("popped") + run.count("dropped") == run.count("pushed")
    return run


def narrow(row_bits: int, neuron_bits: int) -> tuple[str, ...]:
    places = {"spike": (row_bits, None), "virtual": (None, neuron_bits), "synapse": (row_bits, neuron_bits),
              "reference_one": (None, neuron_bits), "bistability_row": (row_bits, None)}  # fmt: skip
    low = {"spike": (0, 0), "virtual": (0, 0), "synapse": (8, 0), "reference_one": (0, 8), "bistability_row": (8, 0)}
    return tuple(
        f"core.operations.{name}.{what}=[{low[name][k]}, {bits}]"
        for name, sizes in places.items() for k, (what, bits) in enumerate(zip(("row", "neuron"), sizes, strict=True))
        if bits is not None
    )  # fmt: skip


def test_a_chip_of_one_neuron_and_one_row(engine: str) -> None:
    """Numbers wrap: row and neuron are 0 whatever the word says. The spike meets the weight 3 of its threshold."""
    run = small(engine, (*SINGLE, *narrow(1, 1)), [SPIKE, SYNAPSE | 0x101, 0x1FF], [[8 | 3]], threshold=3)
    assert states(run) == ["PUSH", "WAIT_REQDN", "POP_NEUR", "SYNAPSE", "WAIT_REQDN", "TREF", "WAIT_REQDN"]
    assert run.outputs[:, 1].tolist() == [0, 0]
    assert run.operations[2, 4:].tolist() == [1, 1, 1, 1]


def test_operands_beyond_the_last_row_and_neuron_wrap(engine: str) -> None:
    """Five neurons, three rows: row 3 is row 0, neuron 6 is neuron 1. Row 0 has weight 3 onto neuron 1 alone."""
    sizes = ("core.neuron.entries=5", "core.synapse.rows=3", "core.registers.last_neuron=4", "core.watch.neuron=[]")
    code = [[8, 8 | 3, 8, 8, 8], [8] * 5, [8] * 5]
    run = small(engine, (*sizes, *narrow(2, 3)), [3 << 8 | 0x07, 0x10000 | 3 << 8 | 6], code, threshold=3)
    assert run.outputs[:, 1].tolist() == [1, 1]


def test_events_far_away(engine: str) -> None:
    """Beyond 2^31 and 2^40; the reference engine sleeps until they come."""
    bench = Bench(OPEN, neurons={8: {"threshold": 3}}, code=8 | 3)
    events = Events(np.array([1 << 32, 1 << 40]), np.array([SYNAPSE, SYNAPSE]))
    run = play(bench.sequencer, bench.state, events, engine=engine, record=True)
    assert run.outputs.tolist() == [[(1 << 32) + 5, 8], [(1 << 40) + 5, 8]]
    assert run.handshakes.tolist() == [[1 << 32, (1 << 32) + 8], [1 << 40, (1 << 40) + 8]]
    cut = play(bench.sequencer, bench.state, Events(np.array([1 << 50]), np.array([SPIKE])), 1 << 45, engine=engine)
    assert cut.end == 1 << 45


def test_words_of_62_bits(engine: str) -> None:
    wide = ("core.input.word_bits=62", f"core.words=[{{mask: {1 << 61}, match: {1 << 61}, operation: reference_one}}, "
            "{mask: 0, match: 0, operation: push}]", "core.operations.reference_one.neuron=[53, 8]")  # fmt: skip
    run = Bench(OPEN, *wide, neurons={8: FIRES}).run(engine, 1 << 61 | 8 << 53)
    assert run.outputs[:, 1].tolist() == [8] and run.operations[0, 3] == 1 << 61 | 8 << 53


@pytest.mark.parametrize("chip", ["odin", "tinyodin"])
def test_neurons_that_nobody_loaded_keep_silent(chip: str, engine: str) -> None:
    """In a closed loop any spike would begin an endless run."""
    sequencer = build_sequencer(load_sequenced(chip))
    words = np.array([5, 5]) if chip == "tinyodin" else np.array([SPIKE, VIRTUAL])
    run = play(sequencer, sequencer.new_state(), Events(np.zeros(2, np.int64), words), 20_000, engine=engine)
    assert run.count("spikes") == 0 and run.end < 20_000


# ---- the watch point ---------------------------------------------------------------------------------------------

WATCHED = {"threshold": 255, "membrane": 40, "learns": 1, "theta_membrane": 42, "theta_1": 1, "theta_2": 7,
           "theta_3": 7, "calcium": 5}  # fmt: skip
STATE = 1 << 6 | 5 << 2  # up, calcium 5


def watching(neuron: int, *overrides: str, word: dict[str, int] = WATCHED, up: int = 0) -> Bench:
    registers = ("watch=true", f"watched_neuron={neuron}", "watched_row=5")
    named = [f"core.registers.{register}" for register in registers]
    return Bench(OPEN, *named, *overrides, neurons={neuron: word}, code=8 | 3, up=up)


def test_neuron_and_synapse_in_one_cycle(engine: str) -> None:
    """Neuron 8 and its word are written in 25: state, membrane, synapse, each a + r + 7 behind the one before."""
    run = watching(8).run(engine, SPIKE)
    assert run.outputs.tolist() == [[26, STATE], [33, 43], [40, 0xF0 | 8 | 3]]
    assert run.count("output_busy") == 20  # 26 to 45
    assert log(run)[2] == ("POP_NEUR", 8, 520 + 20)
    slow = watching(8, "link.acknowledge_cycles=[2]", "link.release_cycles=[1, 4]", up=1).run(engine, SPIKE)
    assert slow.outputs.tolist() == [[26, STATE], [26 + 10, 43], [26 + 10 + 13, 0xF0 | 8 | 4]]
    assert slow.count("output_busy") == 49 + 2 + 1 + 5 - 26 + 1


def test_the_synapse_first_if_its_word_was(engine: str) -> None:
    """The word of neuron 9 is written in 25 with neuron 8, neuron 9 six cycles later than else."""
    run = watching(9).run(engine, SPIKE)
    assert run.outputs.tolist() == [[26, 0xF0 | 8 | 3], [34, STATE], [41, 43]]
    assert log(run)[2] == ("POP_NEUR", 8, 520 + 6 + 13)


def test_other_writes_that_are_watched(engine: str) -> None:
    single = watching(8).run(engine, SYNAPSE)
    assert single.outputs.tolist() == [[5, STATE], [12, 43], [19, 0xFB]]
    assert log(single) == [("SYNAPSE", 3, 5), ("WAIT_REQDN", 5, 8)]
    neighbour = watching(9).run(engine, SYNAPSE)
    assert neighbour.outputs.tolist() == [[5, 0xFB]]
    reference = watching(8).run(engine, 8 << 8 | 0xFF)
    assert reference.outputs.tolist() == [[5, 5 << 2 | 1 << 5], [12, 40]]
    settled = watching(9).run(engine, 5 << 8 | 0x80)
    assert settled.outputs.tolist() == [[3 + 3 + 1, 0xF0 | 8 | 2]]
    assert log(settled)[0] == ("BIST", 3, 67 + 6)
    elsewhere = watching(9).run(engine, 6 << 8 | 0x80)
    assert len(elsewhere.outputs) == 0


@pytest.mark.parametrize(("disabled", "event"), [(0, 1), (1, 0)])
def test_the_event_bit_is_a_spike_that_others_see(disabled: int, event: int, engine: str) -> None:
    run = watching(8, word={"threshold": 0, "disabled": disabled}).run(engine, SPIKE)
    assert run.outputs[:2, 1].tolist() == [event << 7, 0]


@pytest.mark.parametrize(("word", "event"), [(SPIKE, 0), (8 << 8 | 0x07, 1), (8 << 8 | 0xFF, 0)])
def test_the_event_bit_is_the_own_spike_with_the_controller_as_source(word: int, event: int, engine: str) -> None:
    run = watching(8, "core.registers.output_source=controller", word=FIRES).run(engine, word)
    assert run.outputs[0, 1] == event << 7
    assert len(run.outputs) == (3 if word == SPIKE else 2)


# ---- tinyODIN ----------------------------------------------------------------------------------------------------

TINY = {"threshold": 0x7FF}


def test_a_short_loop_and_a_pop_of_its_own(engine: str) -> None:
    run = Bench("core.registers.last_neuron=3", chip="tinyodin", quiet=TINY).run(engine, 5, 0x1FF)
    assert log(run)[:4] == [("PUSH", 3, 4), ("WAIT_REQDN", 4, 7), ("POP_NEUR", 8, 16), ("AER_POP", 16, 17)]
    assert run.operations[2, 4:].tolist() == [4, 4, 2, 0]  # selected in both cycles, never written
    assert log(run)[4] == ("TREF", 18, 26)


def test_a_spike_of_the_last_neuron_holds_the_pop(engine: str) -> None:
    bench = Bench(OPEN, "core.registers.last_neuron=3", chip="tinyodin", quiet=TINY, neurons={3: FIRES})
    run = bench.run(engine, 5)
    assert run.outputs.tolist() == [[16, 3]]
    assert log(run)[3] == ("AER_POP", 16, 23)  # busy from 16 to 21
    assert run.count("popped") == 1


def test_a_row_of_no_weight_in_a_virtual_word_is_a_spike(engine: str) -> None:
    run = Bench(chip="tinyodin", quiet=TINY).run(engine, 0x200 | 0 << 4 | 7, 0x200 | 3 << 4 | 7)
    assert states(run).count("POP_NEUR") == states(run).count("POP_VIRT") == 1
