"""The bottleneck: the unit that works most, and the resource behind it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from neurosim.account.bottleneck import Bottleneck, bottleneck
from neurosim.chip import Chip, load_chip
from neurosim.ops import CAUSES, PHASES, UNITS, Cause, Phase, Unit

CHIP = load_chip("tiny")
Ints = NDArray[np.int64]


def one(
    work: dict[tuple[int, Unit, Cause], int], length: int = 1000, steps: int = 1, chip: Chip = CHIP
) -> Bottleneck:
    """The bottleneck of a forward phase in which the units work as given and else wait for the others."""
    cycles = np.zeros((len(PHASES), chip.cores + 1, len(UNITS), len(CAUSES)), np.int64)
    for (node, unit, cause), number in work.items():
        cycles[Phase.FORWARD, node, unit, cause] = number
    cycles[Phase.FORWARD, :, :, Cause.BARRIER] = length - cycles[Phase.FORWARD].sum(axis=-1)
    phases = np.zeros(len(PHASES), np.int64)
    phases[Phase.FORWARD] = length
    (row,) = bottleneck(cycles, phases, phases // length * steps, chip)
    return row


def test_the_busiest_unit_is_named() -> None:
    row = one({(0, Unit.SOMA, Cause.BUSY): 600, (1, Unit.SYNAPSE, Cause.BUSY): 700})
    assert (row.phase, row.node, row.unit, row.share) == ("forward", 1, "synapse", 0.7)
    assert row.resource == "the 8 lanes of the synapse unit of core 1"


def test_waiting_for_a_bank_is_work_and_blocked_is_not() -> None:
    row = one(
        {
            (0, Unit.SYNAPSE, Cause.BUSY): 300,
            (0, Unit.SYNAPSE, Cause.CONFLICT): 400,
            (1, Unit.SOMA, Cause.BUSY): 600,
            (1, Unit.INJECT, Cause.BLOCKED): 900,
        }
    )
    assert (row.node, row.unit, row.share, row.conflict) == (0, "synapse", 0.7, 0.4)
    assert row.resource == "bank conflicts of the synapse unit of core 0"


@pytest.mark.parametrize(
    ("node", "unit", "resource"),
    [
        (0, Unit.SOMA, "the soma sweep (1 cycles a neuron) of core 0"),
        (1, Unit.LEARNING, "the 8 lanes of the learning unit of core 1"),
        (0, Unit.AXON, "the axon unit (1 cycles a packet) of core 0"),
        (0, Unit.PACKETISER, "the packetiser (1 cycles a packet) of core 0"),
        (0, Unit.INJECT, "the injection port (one flit a cycle) of core 0"),
        (2, Unit.HOST, "the host link (1 cycles a flit) of the host"),
        (1, Unit.ROUTER_WEST, "the west input of the router (one flit a cycle) of core 1"),
    ],
)
def test_every_unit_has_a_resource_in_words(node: int, unit: Unit, resource: str) -> None:
    assert one({(node, unit, Cause.BUSY): 800}).resource == resource


def asynchronous(*overrides: str) -> Chip:
    """Two routers with two cores each, and units that take several cycles."""
    return load_chip(
        "tiny",
        [
            "noc.cores_per_router=2",
            "noc.link.interval_cycles=3",
            "core.soma.cycles_per_spike=30",
            "core.synapse.lanes=1",
            "core.synapse.lane_cycles=38",
            *overrides,
        ],
    )


@pytest.mark.parametrize(
    ("node", "unit", "resource"),
    [
        (3, Unit.SOMA, "the soma sweep (1 cycles a neuron, 30 more for a spike) of core 3"),
        (1, Unit.SYNAPSE, "the lane of the synapse unit (38 cycles a synapse) of core 1"),
        (2, Unit.ROUTER_WEST, "the west input of the router (one flit in 3 cycles) of core 2"),
        (3, Unit.ROUTER_LOCAL, "the local input of the router (one flit a cycle) of core 3"),
        (4, Unit.HOST, "the host link (1 cycles a flit) of the host"),
    ],
)
def test_units_of_several_cycles_in_words(node: int, unit: Unit, resource: str) -> None:
    assert one({(node, unit, Cause.BUSY): 800}, chip=asynchronous()).resource == resource


def test_slow_lanes_are_named_before_few_banks() -> None:
    chip = asynchronous("core.synapse.banks=1", "core.synapse.lanes=8", "core.synapse.lane_cycles=2")
    row = one({(0, Unit.SYNAPSE, Cause.BUSY): 800}, chip=chip)
    assert row.resource == "the 8 lanes of the synapse unit (2 cycles a synapse) of core 0"


@pytest.mark.parametrize(
    ("swept", "host", "cycles"),
    [([0], False, 16), ([0, 1], False, 16), ([0, 2], False, 18), ([2, 3], False, 16), ([2], True, 18)],
)
def test_the_barrier_is_that_of_the_routers_in_use(swept: list[int], host: bool, cycles: int) -> None:
    work = {(core, Unit.SOMA, Cause.BUSY): 10 for core in swept}
    work |= {(1, Unit.ROUTER_LOCAL, Cause.BUSY): 5, (3, Unit.ROUTER_LOCAL, Cause.BUSY): 5}  # passed, not in use
    work |= {(4, Unit.HOST, Cause.BUSY): 10} if host else {}
    row = one(work, steps=50, chip=asynchronous("sync.latency_by_routers=[[2, 18]]"))
    assert row.barrier == pytest.approx(50 * cycles / 1000)
    assert row.resource == f"the barrier: {cycles} cycles at the end of every step"


def test_few_banks_are_named_before_the_lanes() -> None:
    chip = load_chip("tiny", ["core.synapse.banks=1"])
    row = one({(0, Unit.SYNAPSE, Cause.BUSY): 800}, chip=chip)
    assert row.resource == "the synapse memory (1 words a cycle) behind the synapse unit of core 0"


def test_short_steps_are_limited_by_the_barrier_or_by_latency() -> None:
    soma = {(0, Unit.SOMA, Cause.BUSY): 200}
    row = one(soma, steps=50)
    assert row.barrier == pytest.approx(0.8)
    assert row.resource == "the barrier: 16 cycles at the end of every step"
    assert one(soma).resource == "latency: no unit works half of the time (the most: soma of core 0)"
    tick = load_chip("tiny", ["sync.mode=tick", "sync.period_cycles=20"])
    assert one(soma, steps=50, chip=tick).resource == "the tick: steps are shorter than its 20 cycles"


def test_phases_without_time_have_no_row() -> None:
    cycles = np.zeros((len(PHASES), CHIP.cores + 1, len(UNITS), len(CAUSES)), np.int64)
    zero = np.zeros(len(PHASES), np.int64)
    assert bottleneck(cycles, zero, zero, CHIP) == ()
