"""The life of one spike, from a pixel at the host to two changed weights, on both engines.

A 4-2-2 network on the tiny chip (two cores side by side), four time steps, one training sample. One pixel is
lit, one input neuron fires once, one hidden neuron fires once, one output neuron fires once. Every number
below is worked out by hand in the comment beside it; README.md tells the same eight stops.

The whole sample takes 375 cycles:

    step        starts  work  + barrier   what happens
    load             0    63  + 16        pixels to core 0
    forward 0       79     8  + 16
    forward 1      103     8  + 16
    forward 2      127    18  + 16        the input neuron fires
    forward 3      161    15  + 16        the hidden neuron fires
    forward 4      192     8  + 16        the output neuron fires
    label          216    64  + 16        label and learning rate to core 1
    desire         296     6  + 16        the output neurons make up their minds
    error          318    11  + 16        transposed read, one desire packet
    update         345    14  + 16        replay, two weights written
    end            375
"""

from typing import NamedTuple

import numpy as np
import pytest

import neurosim as ns
from neurosim.account.energy import prices
from neurosim.chip import Chip
from neurosim.engine.run import EVENTS, Run
from neurosim.engine.verify import verify
from neurosim.image import Image, State
from neurosim.learning import desire_bp
from neurosim.neuron import accumulate, lif
from neurosim.ops import Cause, Op, Phase, Unit
from neurosim.routing.xy import EAST, LOCAL, WEST
from neurosim.stimulus import Batch

HOST = 2  # node number: cores 0 and 1, then the host
ONE = 8192  # 1.0 on the weight grid of 2^-13
START = {"load": 0, "slot 0": 79, "slot 1": 103, "slot 2": 127, "slot 3": 161, "slot 4": 192}
START |= {"label": 216, "desire": 296, "error": 318, "update": 345, "end": 375}

# Packet kinds (neurosim.tables.kinds): forward of projection 0 and 1, error of projection 0 and 1, then the
# others.
SPIKE_OF_INPUT, SPIKE_OF_HIDDEN, ERROR_TO_HIDDEN, LABEL, RATE, READOUT, LOAD_4 = 0, 1, 3, 4, 5, 6, 10

# Columns are pre neurons, rows are post neurons, real units. Only the first column of each is ever used.
W1 = np.array([[1.25, 0.0, 0.0, 0.0], [0.5, 0.0, 0.0, 0.0]])
W2 = np.array([[1.0, 0.0], [-0.25, 0.0]])


class Story(NamedTuple):
    """One sample on one engine: what was set up, what was counted, and the chip afterwards."""

    chip: Chip
    image: Image
    run: Run
    after: State

    def events(self, name: str, step: str) -> list[tuple[int, ...]]:
        """(cycle, node, a, b, c) of every event of a kind in one step, in time order."""
        names = list(START)
        first, stop = START[step], START[names[names.index(step) + 1]]
        table = self.run.events
        assert table is not None
        mine = table[(table[:, 1] == EVENTS.index(name)) & (table[:, 0] >= first) & (table[:, 0] < stop)]
        return [tuple(int(v) for v in np.delete(row, 1)) for row in mine]

    def count(self, phase: Phase, op: Op, node: int = 1) -> int:
        """How often `op` happened at `node` in `phase`."""
        return int(self.run.counts[phase, node, op])


def set_up() -> tuple[Chip, Image]:
    """The tiny chip with room for four neurons a core and rounding to nearest, and the network on it.

    Four input neurons fill core 0; the two hidden and the two output neurons share core 1.
    """
    chip = ns.load_chip("tiny", ["core.neuron.entries=4", "core.learning.rounding=nearest"])
    settings = desire_bp.Settings(steps=4, margin=1)
    return chip, ns.place(ns.mlp((4, 2, 2)), chip, desire_bp, settings)


def sample(image: Image, learn: bool) -> Batch:
    """One image: pixel 0 is 100 of 255, the others are dark; label 1; learning rate 0.01."""
    rate = image.rate(0.01) if learn else 0
    values = np.array([[100, 0, 0, 0]], np.uint8)
    return Batch(values, np.array([1]), first=0, rates=np.array([rate]), learn=learn)


def tell(engine: str, learn: bool) -> Story:
    chip, image = set_up()
    state = image.new_state(seed=0, weights=[W1, W2])
    run = ns.simulate(image, state, sample(image, learn), engine=engine, record=True)
    return Story(chip, image, run, state)


@pytest.fixture(scope="module", params=["reference", "compiled"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def story(engine: str) -> Story:
    return tell(engine, learn=True)


def test_before_it_begins_the_network_lies_on_two_cores(story: Story) -> None:
    slices = story.image.slices
    assert list(zip(slices.population, slices.core, slices.size, strict=True)) == [
        (0, 0, 4),
        (1, 1, 2),
        (2, 1, 2),
    ]
    assert story.image.hardware.threshold == ONE
    flat = [10240, 4096, 0, 0, 0, 0, 0, 0, 8192, -2048, 0, 0]  # [pre, post]: 1.25, 0.5, ... x 8192
    assert story.image.new_state(0, [W1, W2]).weights.tolist() == flat


def test_stop_1_the_host_sends_the_pixels(story: Story) -> None:
    """neurosim/tables.py (`program`): what is sent; engine/reference/__init__.py (`host_step`): when."""
    # Four values make one packet: 12 bits of header, 2 of neuron address, 4 x 8 of values = 46 bits, two
    # flits of 32.
    assert story.image.kinds.flits[LOAD_4] == 2
    # The host link takes 1 cycle a flit and 50 more to get there: complete at 0 + 2 + 50 = 52.
    assert story.events("emit", "load") == [(52, HOST, 0, LOAD_4, 0)]
    # The packetiser takes 1 cycle; then a flit a cycle.
    assert story.events("inject", "load") == [(53, HOST, 0, 0, LOAD_4), (54, HOST, 0, 1, LOAD_4)]
    # The host sits on the west port of router 0 and core 0 on its local port: no hop, 5 cycles.
    cross = 8 * WEST + LOCAL
    assert story.events("cross", "load") == [(55, 0, cross, HOST, 0), (56, 0, cross, HOST, 1)]
    assert story.events("arrive", "load") == [(58, 0, HOST, 0, 0), (59, 0, HOST, 0, 1)]
    # The first flit takes the axon unit 1 cycle; the tail takes one for each value that is written: 59 + 4 =
    # 63.
    assert story.events("axon", "load") == [(58, 0, HOST, 0, 0), (59, 0, HOST, 0, 1)]
    assert story.count(Phase.IO, Op.NEURON_WRITE, node=0) == 4
    # 63 cycles of work and 16 of barrier.
    assert START["slot 0"] == 63 + 16


def test_stop_2_the_input_neuron_accumulates_and_fires_in_slot_2(story: Story) -> None:
    """neurosim/neuron/accumulate.py."""
    # 100, 200, 300: that is 255 or more, so it fires in the third step, slot 2, and keeps 45; then 145.
    total, fired = 0, []
    for _ in range(4):
        total, spike = accumulate.step(total, 100)
        fired.append((total, spike))
    assert fired == [(100, 0), (200, 0), (45, 1), (145, 0)]
    assert story.run.spikes[0] == 1
    # The sweep takes 4 neurons x 1 cycle + 4 of pipeline, then 16 of barrier; slots 0 and 1 send nothing.
    assert START["slot 1"] - START["slot 0"] == START["slot 2"] - START["slot 1"] == 4 + 4 + 16
    assert story.events("emit", "slot 0") == story.events("emit", "slot 1") == []
    # Each of four slots sweeps four input neurons.
    assert story.count(Phase.FORWARD, Op.ENCODE, node=0) == 16


def test_stop_3_the_spike_becomes_a_packet(story: Story) -> None:
    """neurosim/engine/reference/terminal.py (`sweep`, `packetise`, `inject`)."""
    # Neuron 0 is the first item: served in cycle 127, in the spike queue after 1 + 4 cycles.
    assert story.events("emit", "slot 2") == [(127 + 1 + 4, 0, 0, SPIKE_OF_INPUT, 0)]
    # 12 bits of header and 10 of axon number: one flit. The packetiser reads one route word in 1 cycle.
    assert story.image.kinds.flits[SPIKE_OF_INPUT] == 1
    assert story.count(Phase.FORWARD, Op.ROUTE_READ, node=0) == 1
    assert story.events("inject", "slot 2") == [(132 + 1, 0, 0, 0, SPIKE_OF_INPUT)]


def test_stop_4_the_routers_take_three_cycles_a_hop(story: Story) -> None:
    """neurosim/engine/reference/router.py, neurosim/routing/xy.py."""
    # Injected in 133, at router 0 in 135 (2 cycles of wire); it crosses from the local to the east port at
    # once. One cycle of switch, link latency 1, one cycle of wire: at router 1 in 138, from the west to the
    # local port.
    assert story.events("cross", "slot 2") == [
        (135, 0, 8 * LOCAL + EAST, 0, 0),
        (138, 1, 8 * WEST + LOCAL, 0, 0),
    ]
    # Three more cycles to the core: 133 + 5 + 3 x 1 hop = 141.
    assert story.events("arrive", "slot 2") == [(133 + 5 + 3 * 1, 1, 0, 0, 0)]
    # Two routers, one link, in the forward phase; the hidden spike (stop 6) crosses router 1 once more,
    # without a link.
    assert [story.count(Phase.FORWARD, Op.CROSSBAR, node=n) for n in (0, 1)] == [1, 2]
    assert [story.count(Phase.FORWARD, Op.LINK_FLIT, node=n) for n in (0, 1)] == [1, 0]


def test_stop_5_the_row_is_added_to_the_accumulators(story: Story) -> None:
    """neurosim/engine/reference/terminal.py (`axon`, `synapse`), cells.py (`add_row`), engine/contract.py."""
    # The axon unit looks up the row (1 cycle) and notes the spike in the axon's history: a read and a write.
    assert story.events("axon", "slot 2") == [(141, 1, 0, 0, 0)]
    # The row holds two weights of 16 bits, half a word of 64: one word of two banks, two of eight lanes: 1
    # cycle.
    assert story.events("synapse", "slot 2") == [(142, 1, 0, 0, 0)]
    # Served at 143, sums complete 2 cycles later, at 145: 18 cycles after 127. Then the barrier.
    assert START["slot 3"] == 127 + 18 + 16
    # Two spikes arrive at core 1 (the input's here, the hidden one's in slot 3): per spike one axon read and
    # write, one synapse word, two additions. Accumulators are also read and cleared by 4 somas in 4 slots.
    assert story.count(Phase.FORWARD, Op.AXON_READ) == story.count(Phase.FORWARD, Op.AXON_WRITE) == 2
    assert story.count(Phase.FORWARD, Op.SYNAPSE_READ) == 2
    assert story.count(Phase.FORWARD, Op.SYNAPSE_ADD) == 4
    assert story.count(Phase.FORWARD, Op.ACCUMULATOR_READ) == 4 + 16


def test_stop_6_neurons_fire_one_step_later_each(story: Story) -> None:
    """neurosim/neuron/lif.py."""
    # Hidden 0, slot 3: 0 - 0 + 10240 >= 8192: fires, 2048 remain. Hidden 1 gets 4096: silent.
    assert lif.step(0, 10240, 1, ONE, 2, 24) == (2048, 1)
    assert lif.step(0, 4096, 1, ONE, 2, 24) == (4096, 0)
    # Hidden 0 is the first neuron that core 1 sweeps: queue 161 + 5 = 166, packet 167; it goes to its own
    # core, through its router alone, no hop: 167 + 5 = 172.
    assert story.events("emit", "slot 3") == [(166, 1, 0, SPIKE_OF_HIDDEN, 0)]
    assert story.events("inject", "slot 3") == [(167, 1, 0, 0, SPIKE_OF_HIDDEN)]
    assert story.events("cross", "slot 3") == [(169, 1, 8 * LOCAL + LOCAL, 1, 0)]
    assert story.events("arrive", "slot 3") == [(172, 1, 1, 0, 0)]
    # Row from 173 to 174, sums at 176, 15 cycles after 161.
    assert story.events("synapse", "slot 3") == [(173, 1, 1, 0, 0)]
    assert START["slot 4"] == 161 + 15 + 16
    # Output 0, slot 4: 8192 >= 8192: fires, 0 remain. Output 1: -2048. The last slot sends nothing.
    assert story.run.output_counts.tolist() == [[1, 0]]
    assert story.run.output_membrane.tolist() == [[0, -2048]]
    assert story.run.spikes.tolist() == [1, 1, 1]
    assert START["label"] == 192 + 8 + 16


def test_stop_6_continued_without_learning_the_count_goes_to_the_host(engine: str) -> None:
    """Inference: the same forward phase, then one count packet for each output neuron."""
    seen = tell(engine, learn=False)
    # Outputs 0 and 1 are swept in 216 and 217: queue 221, 222; injected 222, 223; one hop west: 222 + 5 + 3 =
    # 230.
    assert seen.events("inject", "label") == [(222, 1, 0, 0, READOUT), (223, 1, 1, 0, READOUT)]
    assert seen.events("arrive", "label") == [(230, HOST, 1, 0, 0), (231, HOST, 1, 1, 0)]
    # The last flit takes the link 231..232 and 50 cycles: 282, 66 after 216. In all 216 + 66 + 16 = 298
    # cycles.
    assert seen.run.sample_cycles.tolist() == [298]
    # Nothing is noted for learning, and no weight changes.
    assert seen.count(Phase.FORWARD, Op.AXON_WRITE) == 0
    assert seen.after.weights.tolist() == [10240, 4096, 0, 0, 0, 0, 0, 0, 8192, -2048, 0, 0]


def test_stop_7_the_label_becomes_desires_and_they_travel_back(story: Story) -> None:
    """neurosim/learning/desire_bp.py (`output_symbol`, `hidden_symbol`), cells.py (`transposed_read`)."""
    # Label: 12 + 16 bits, one flit, complete at 216 + 1 + 50 = 267. Rate: 12 + 32 bits, two flits, 217 + 2 +
    # 50 = 269.
    assert story.events("emit", "label") == [(267, HOST, 0, LABEL, 0), (269, HOST, 1, RATE, 0)]
    # Injected in 268 and 270, 271; one hop to core 1 each: + 8. The last register is written at 279 + 1 =
    # 280.
    assert [cycle for cycle, *_ in story.events("arrive", "label")] == [276, 278, 279]
    assert START["desire"] == 280 + 16
    # Target: 4 steps - 1 of margin = 3 spikes. The label's neuron (1) is content from ceil(0.7 x 3) = 3 on: 0
    # spikes, so it wants more. The other one wants less from floor(0.3 x 3) + 1 = 1 on: 1 spike, so it does.
    c = story.image.constants
    assert (c.target, c.more_below, c.less_from) == (3, 3, 1)
    assert [desire_bp.output_symbol(1, 0, c), desire_bp.output_symbol(0, 1, c)] == [-1, 1]
    # Two output neurons: 2 + 4 cycles, then the barrier. Later two hidden desires are decided, one a row.
    assert story.count(Phase.ERROR, Op.DESIRE_UPDATE) == 2 + 2
    assert START["error"] == 296 + 6 + 16
    # Distances from what they want: |0 - 1| = 1 and |3 - 0| = 3. Hidden 0 is asked
    # 8192 x (-1 x 1) + -2048 x (1 x 3) = -14336, beyond ceil(0.05 x 3 x 8192) = 1229: it wants less.
    assert [desire_bp.magnitude(-1, 1, c), desire_bp.magnitude(1, 0, c)] == [1, 3]
    assert c.hidden_threshold == 1229
    assert desire_bp.hidden_symbol(-8192 - 3 * 2048, c) == -1
    # Transposed read: 2 cycles to scan the two output neurons, then row after row, 1 word and 1 cycle each;
    # both rows are read, with two multiply-adds each; row 1 sums to 0 and sends nothing.
    assert story.count(Phase.ERROR, Op.SYNAPSE_READ) == 2
    assert story.count(Phase.ERROR, Op.ERROR_MAC) == 4
    # Row 0 is done at 318 + 2 + 1 = 321; packet 322; own core: 322 + 5 = 327; neuron word read and written:
    # 329.
    assert story.events("emit", "error") == [(321, 1, 0, ERROR_TO_HIDDEN, 0)]
    assert story.events("arrive", "error") == [(327, 1, 1, 0, 0)]
    assert START["update"] == 329 + 16


def test_stop_8_the_spikes_are_replayed_and_two_weights_written(story: Story) -> None:
    """neurosim/learning/desire_bp.py (`on_slot`, `on_post`, `on_update`), cells.py (`update_row`)."""
    c = story.image.constants
    # The trace of input 0: nothing in slots 0 and 1, the spike adds 1.0 = 64 in slot 2, then it leaks a
    # quarter: 48.
    trace, traces = 0, []
    for spike in (0, 0, 1, 0):
        trace = desire_bp.on_slot(trace, spike, c)
        traces.append(trace)
    assert traces == [0, 0, 64, 48]
    # Hidden 0 fired in slot 3, because of what was sent in slot 2: credit 64. So it is for hidden 0 and
    # output 0.
    assert desire_bp.on_post(0, 64, c) == 64
    assert story.count(Phase.UPDATE, Op.CREDIT_ADD) == 2
    # Rate register: 0.01 x 2^13 x 2^16 = 5368709.12 -> 5368709. Step: 64 x 5368709 / 2^(6 + 16) = 81.92 ->
    # 82.
    assert story.image.rate(0.01) == 5368709
    assert desire_bp.on_update(10240, 64, -1, 5368709, 0, c) == 10240 - 82
    # Both post neurons want less. Output 1 wants more but never fired: it has no credit, and is left out.
    after = [10158, 4096, 0, 0, 0, 0, 0, 0, 8110, -2048, 0, 0]
    assert story.after.weights.tolist() == after
    assert story.count(Phase.UPDATE, Op.WEIGHT_UPDATE) == 2
    assert story.count(Phase.UPDATE, Op.SYNAPSE_READ) == story.count(Phase.UPDATE, Op.SYNAPSE_WRITE) == 2
    # All 4 + 2 axon words are read; the two that spiked are cleared.
    assert story.count(Phase.UPDATE, Op.AXON_READ) == 6
    assert story.count(Phase.UPDATE, Op.AXON_WRITE) == 2
    # Hidden: scan 2, axons 4, and 2 for the row: its word is read and written through the one port of one
    # bank. Output: scan 2, axons 2, row 2. Together 8 + 6 = 14. Over two banks a row could have taken 1: 2 x
    # 1 of conflict.
    learning = story.run.cycles[Phase.UPDATE, 1, Unit.LEARNING]
    assert (learning[Cause.BUSY], learning[Cause.CONFLICT], learning[Cause.BARRIER]) == (12, 2, 16)
    assert START["end"] == 345 + 14 + 16
    assert story.run.sample_cycles.tolist() == [375]


def test_stop_8_continued_the_bill(story: Story) -> None:
    """neurosim/account/energy.py: counts times prices, afterwards."""
    costs = ns.load_costs(story.chip.costs)
    low, mid, high = prices(story.chip, costs)
    # One read of the synapse memory, 64 KiB in words of 64 bits: 0.205 x 64^0.554 x 2^0.483
    # = 0.205 x 2^(3.324 + 0.483) = 0.205 x 13.997 = 2.869 pJ, and 0.6 to 1.4 times that.
    assert mid[Op.SYNAPSE_READ] == pytest.approx(2.869, abs=1e-3)
    assert (low[Op.SYNAPSE_READ], high[Op.SYNAPSE_READ]) == pytest.approx((1.722, 4.017), abs=1e-3)
    # One flit over 1 mm of link: 32 bits x 0.0488 pJ.
    assert mid[Op.LINK_FLIT] == pytest.approx(1.5616)
    # The whole sample reads 2 + 2 + 2 words of it: 6 x 2.869 = 17.22 pJ.
    energy = ns.price(story.run.counts, story.run.phase_cycles, story.chip, costs)
    assert energy.by_op()[1, Op.SYNAPSE_READ] == pytest.approx(17.22, abs=1e-2)


def test_the_phases_add_up_to_the_sample(story: Story) -> None:
    # load and label: 79 + 80; five forward steps: 24 + 24 + 34 + 31 + 24; desire and error: 22 + 27; update:
    # 30.
    assert story.run.phase_cycles.tolist() == [159, 137, 49, 30]
    assert story.run.steps.tolist() == [2, 5, 2, 1]
    # Every unit that exists has a cause for every cycle.
    sums = story.run.cycles.sum(axis=-1)
    exists = sums.sum(axis=0) > 0
    assert (sums[:, exists] == story.run.phase_cycles[:, None]).all()


@pytest.mark.parametrize("learn", [True, False])
def test_both_engines_tell_the_same_story(learn: bool) -> None:
    _, image = set_up()
    assert verify(image, image.new_state(0, [W1, W2]), sample(image, learn)) is None
