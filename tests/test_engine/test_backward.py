"""The three ways back of the errors: the same weights, bit for bit, at different costs, counted by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurosim.chip import load_chip
from neurosim.core import BACKWARD
from neurosim.engine import Run, simulate
from neurosim.engine.reference import backward
from neurosim.engine.run import EVENTS
from neurosim.engine.verify import verify
from neurosim.errors import SimulationError
from neurosim.image import Image, State
from neurosim.learning import load_rule
from neurosim.network import mlp
from neurosim.ops import Op, Phase, Unit
from neurosim.place import place
from neurosim.stimulus import Batch

SIZES = (30, 26, 18, 10)
SPLIT = ("core.neuron.entries=40", "core.axon.entries=64", "noc.rows=3", "noc.columns=3")  # 30 | 26 | 18 | 10
SMALL = (*SPLIT, "core.neuron.entries=14")  # 14 + 12, 9 + 9: sums come in parts
CHIPS = {
    "one core a layer": ("tiny", SPLIT),
    "layers in parts": ("tiny", SMALL),
    "multicast": ("tiny", (*SMALL, "noc.multicast=true", "noc.link.width_bits=64")),
    "several layers a core": ("tiny", ()),
    "two ports, odd words": ("tiny", (*SMALL, "core.synapse.ports=2", "core.synapse.banks=3", "core.learning.lanes=3",
                                      "core.synapse.word_bits=48", "core.learning.slots_per_cycle=7")),
}  # fmt: skip


def put(way: str, case: str, *more: str, **settings: Any) -> tuple[Image, State, Batch]:
    """Image, state and three learning samples."""
    name, overrides = CHIPS[case]
    rule = load_rule("desire_bp")
    chip = load_chip(name, [*overrides, *more, f"core.learning.backward={way}"])
    image = place(mlp(SIZES), chip, rule, rule.Settings(**settings), dropout_hidden=0.2)
    rng = np.random.default_rng(4)
    values = rng.choice([0, 60, 180, 255], (3, SIZES[0])).astype(np.uint8)
    state = image.new_state(7, [2 * w for w in image.random_weights(3)])
    return image, state, Batch(values, rng.integers(0, 10, 3), 5, np.full(3, image.rate(0.0047)), True)


def learn(way: str, case: str, *more: str, engine: str = "compiled", **settings: Any) -> tuple[Image, State, Run]:
    """What three samples make of the weights, and what that took."""
    image, state, batch = put(way, case, *more, **settings)
    return image, state, simulate(image, state, batch, engine)


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("case", CHIPS)
def test_three_ways_one_result(case: str, graded: bool) -> None:
    settings = {"graded": graded, "theta_hidden": 0.02}
    start = put(BACKWARD[0], case)[1].weights
    found = [learn(way, case, **settings) for way in BACKWARD]
    for _, state, run in found:
        assert state.weights.tobytes() == found[0][1].weights.tobytes()
        assert np.array_equal(run.output_counts, found[0][2].output_counts)
    assert np.count_nonzero(found[0][1].weights[30 * 26 :] != start[30 * 26 :]) > 50  # copies had much to learn


@pytest.mark.parametrize("way", BACKWARD)
@pytest.mark.parametrize("case", CHIPS)
def test_both_engines_agree_on_every_way(case: str, way: str) -> None:
    image, state, batch = put(way, case)
    assert verify(image, state, batch) is None


def test_mirrored_counts_by_hand() -> None:
    """One core a layer: each emitted desire is one packet, one axon word read and written, one row of the copy."""
    image, state, batch = put("mirrored", "one core a layer")
    run = simulate(image, state, batch, record=True)
    assert run.events is not None
    emitted = run.events[run.events[:, 1] == EVENTS.index("emit"), 4].tolist()  # kinds; 3 + q: errors of projection q
    sent = [emitted.count(3 + q) for q in (1, 2)]
    cores = image.slices.core.tolist()
    error, update = run.counts[Phase.ERROR], run.counts[Phase.UPDATE]
    assert min(sent) > 0
    for q, words in ((1, 7), (2, 5)):  # 26 and 18 neurons, four weights a word
        core, size = cores[q], SIZES[q]
        assert error[core, Op.AXON_READ] == error[core, Op.AXON_WRITE] == sent[q - 1]
        assert error[core, Op.SYNAPSE_READ] == words * sent[q - 1]
        assert error[core, Op.ERROR_MAC] == size * sent[q - 1]
        assert error[core, Op.ACCUMULATOR_READ] == size * (sent[q - 1] + 3)  # rows, and the soma's sweep
        assert error[core, Op.DESIRE_UPDATE] == 3 * size
        cycles = run.cycles[Phase.ERROR, core, Unit.SYNAPSE, 0]
        assert cycles == sent[q - 1] * -(-size // 8)  # eight lanes
        # Words of all axons and of all mirrored rows; those that held something are cleared.
        assert update[core, Op.AXON_READ] == 3 * (SIZES[q - 1] + SIZES[q + 1])
    assert error[cores[3], Op.ACCUMULATOR_READ] == 0  # outputs know their desire from their count


def test_crossbar_counts_by_hand() -> None:
    """Of every block of four pre neurons a word for each active post, and no row."""
    rows, columns = (learn(way, "one core a layer") for way in ("transposed_read", "crossbar"))
    image, run = columns[0], columns[2]
    for q in (1, 2):
        core = int(image.slices.core[q + 1])
        macs = int(run.counts[Phase.ERROR, core, Op.ERROR_MAC])
        assert macs == rows[2].counts[Phase.ERROR, core, Op.ERROR_MAC] > 0
        assert run.counts[Phase.ERROR, core, Op.COLUMN_READ] == macs // SIZES[q] * -(-SIZES[q] // 4)
    assert run.counts[Phase.ERROR, :, Op.SYNAPSE_READ].sum() == 0
    assert rows[2].counts[:, :, Op.COLUMN_READ].sum() == 0
    assert np.array_equal(run.links, rows[2].links)  # the same errors travel
    assert np.array_equal(run.counts[Phase.UPDATE], rows[2].counts[Phase.UPDATE])


def test_columns_that_meet_in_a_bank_wait() -> None:
    """Ten outputs in one bank take ten cycles a block, of which nine wait; in sixteen banks none does."""
    wide = ("core.learning.lanes=64",)
    slow = learn("crossbar", "one core a layer", "core.synapse.banks=1", *wide)
    fast = learn("crossbar", "one core a layer", "core.synapse.banks=32", *wide)
    core = int(slow[0].slices.core[3])
    assert slow[2].cycles[Phase.ERROR, core, Unit.LEARNING, 3] == 0  # one bank: nobody could have been faster
    assert slow[2].counts[Phase.ERROR, core, Op.COLUMN_READ] == fast[2].counts[Phase.ERROR, core, Op.COLUMN_READ]
    busy = [run.cycles[Phase.ERROR, core, Unit.LEARNING, 0] for _, _, run in (slow, fast)]
    blocks = 3 * -(-SIZES[2] // 4)
    assert busy[1] <= 3 * SIZES[3] + blocks and busy[0] > busy[1]


def test_a_copy_with_other_random_bits_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference engine keeps the copies and compares: equal generators are what holds them together."""
    image, state, batch = put("mirrored", "layers in parts")
    simulate(image, state.copy(), batch, "reference")
    monkeypatch.setattr(backward, "ROUND", 17)
    with pytest.raises(SimulationError, match=r"mirrored copy of projection \d on core \d: \d+ weights have diverged"):
        simulate(image, state, batch, "reference")


def test_copies_are_never_apart_in_a_long_run() -> None:
    """Forty samples on small layers; `check` compares every copy after each."""
    image, state, batch = put("mirrored", "layers in parts", graded=True, theta_hidden=0.02)
    rng = np.random.default_rng(0)
    values = rng.choice([0, 60, 180, 255], (40, SIZES[0])).astype(np.uint8)
    long = replace(batch, values=values, labels=rng.integers(0, 10, 40), rates=np.full(40, batch.rates[0]))
    simulate(image, state, long, "reference")


def test_desires_travel_once_where_one_flit_is_enough() -> None:
    """A desire of 12 + 6 + 2 + 5 + 20 bits fits a flit of 64, and then goes to both cores of a layer together."""
    one, two = (learn("mirrored", "layers in parts", *more)[0] for more in ((), ("noc.link.width_bits=64",)))
    together = learn("mirrored", "multicast")[0]
    narrow = learn("mirrored", "multicast", "noc.link.width_bits=44")[0]
    assert [int(image.kinds.flits[4]) for image in (one, two, together, narrow)] == [2, 1, 1, 2]
    last = len(SIZES) - 1  # outputs lie on one core, and send to the two of the layer before
    slices = together.slices
    outputs = int(np.flatnonzero(slices.population == last)[0])
    for image, packets in ((one, 2), (two, 2), (together, 1), (narrow, 2)):
        assert np.diff(image.slices.back_ptr)[outputs] == packets
