"""Two steps of a small connectome on a concentrated mesh, on both engines, every number by hand.

Four routers with two cores each, one-flit packets, multicast. Core c is a terminal of router c // 2.

    router 2 (cores 4, 5) --- router 3 (cores 6, 7)
         |                         |
    router 0 (cores 0, 1) --- router 1 (cores 2, 3)

Ten neurons: two scripted ones (0, 1) on core 0; five that integrate and fire (2 and 3 on core 2, 4 on core 3, 5 and 6
on core 7); three (7, 8, 9) on core 1 that only listen. Sparse rows from 0 and 1, a dense projection from the five to
the three.
"""

import numpy as np
import pytest

import neurosim as ns
from neurosim.account.energy import power, prices
from neurosim.connectome import SCRIPTED, Connectome, Dense, Group, Sparse
from neurosim.engine.run import EVENTS, Run
from neurosim.fabric import FabricState
from neurosim.ops import Cause, Op, Phase, Unit
from neurosim.routing.xy import EAST, LOCAL, NORTH, SOUTH, WEST
from neurosim.stimulus import Raster
from neurosim.wiring import place_connectome

CHIP = ns.load_chip(
    "tiny",
    [
        "noc.columns=2", "noc.rows=2", "noc.cores_per_router=2", "noc.multicast=true",
        "noc.link.latency_cycles=2",  # 4 cycles from crossing to crossing, east or west
        "noc.link.vertical_latency_cycles=5",  # 7, north or south
        "noc.link.interval_cycles=4",
        "core.soma.cycles_per_input=2", "core.soma.cycles_per_spike=3",  # 1 a neuron, 4 latency as tiny has them
        "core.synapse.lanes=2", "core.synapse.lane_cycles=2",
        "core.synapse.sparse={index_bits: 10, lane_cycles: 4}",  # 16 + 10 bits: two synapses in a word of 64
        "sync.latency_by_routers=[[1, 9], [3, 20]]",  # routers 0, 1 and 3 are in use
    ],
)  # fmt: skip
NET = Connectome(
    "ten",
    (
        Group("in", 2, SCRIPTED),
        Group("mid", 5, threshold=10, bias=np.array([10, 10, 0, 0, 0])),
        Group("out", 3, threshold=100),
    ),
    dense=(Dense(1, 2, np.array([[1, 2, 3], [10, 20, 30], [0, 0, 0], [5, 5, 5], [7, 7, 7]], np.int16)),),
    # Neuron 0: -1 to neuron 3 (core 2); 3, 10 and 3 to neurons 6, 5 and 6 (core 7). Neuron 1: 4 to neuron 4 (core 3).
    sparse=Sparse(
        np.array([0, 4, 5, *[5] * 8]), np.array([6, 3, 5, 6, 4]), np.array([3, -1, 10, 3, 4], np.int16)
    ),
)  # fmt: skip
CORES = np.array([0, 0, 2, 2, 3, 7, 7, 1, 1, 1])
SECOND = 54  # where the second step begins


@pytest.fixture(scope="module", params=["reference", "compiled"])
def story(request: pytest.FixtureRequest) -> tuple[Run, FabricState]:
    """Both scripted neurons fire in the first step, none in the second."""
    fabric = place_connectome(NET, CHIP, CORES)
    state = fabric.new_state()
    raster = Raster(np.array([0, 2, 2]), np.array([0, 1]))
    return ns.simulate(fabric, state, raster, engine=request.param, record=True), state


def events(run: Run, name: str, second: bool = False) -> list[tuple[int, ...]]:
    """(cycle of its step, node, a, b, c) of every event of a kind in one step, in time order."""
    assert run.events is not None
    rows = run.events[(run.events[:, 1] == EVENTS.index(name)) & ((run.events[:, 0] >= SECOND) == second)]
    return [(int(row[0]) - SECOND * second, *(int(v) for v in row[2:])) for row in rows]


def test_the_first_step_begins_with_sweeps(story: tuple[Run, FabricState]) -> None:
    run, _ = story
    # Core 0: an input neuron takes 2 cycles, its spike is queued 4 later: 0 + 2 + 4 and 2 + 2 + 4.
    # Core 2: a neuron that fires takes 1 + 3: 4 + 4, then 8 + 4. (Kind 1: sparse row; kind 0: dense projection.)
    assert events(run, "emit") == [(6, 0, 0, 1, 0), (8, 0, 1, 1, 0), (8, 2, 0, 0, 0), (12, 2, 1, 0, 0)]
    # One cycle of packetiser each.
    assert events(run, "inject") == [(7, 0, 0, 0, 1), (9, 0, 1, 0, 1), (9, 2, 0, 0, 0), (13, 2, 1, 0, 0)]


def test_flits_share_links_and_copies_part(story: tuple[Run, FabricState]) -> None:
    run, _ = story
    second = LOCAL + 1  # the port of a router's second core
    assert sorted(events(run, "cross")) == sorted([
        (9, 0, 8 * LOCAL + EAST, 0, 0),  # neuron 0: at router 0 two cycles after it was injected
        (13, 0, 8 * LOCAL + EAST, 0, 1024),  # neuron 1, there in 11: the link takes a flit every 4 cycles
        (13, 1, 8 * WEST + LOCAL, 0, 0),  # neuron 0 at router 1, 4 cycles later: one copy to core 2,
        (13, 1, 8 * WEST + NORTH, 0, 0),  # one north, in the same cycle
        (17, 1, 8 * WEST + second, 0, 1024),  # neuron 1 to core 3
        (20, 3, 8 * SOUTH + second, 0, 0),  # 7 cycles to the north: core 7
        (11, 1, 8 * LOCAL + WEST, 2, 0),  # neuron 2 to core 1
        (15, 0, 8 * EAST + second, 2, 0),
        (15, 1, 8 * LOCAL + WEST, 2, 1024),  # neuron 3, when the link is free again
        (19, 0, 8 * EAST + second, 2, 1024),
    ])  # fmt: skip
    # Router 0 held neuron 1 for two cycles; both inputs crossed twice.
    assert run.cycles[Phase.FORWARD, 0, Unit.ROUTER_LOCAL, Cause.BLOCKED] == 2
    assert run.cycles[Phase.FORWARD, 0, Unit.ROUTER_LOCAL, Cause.BUSY] == 2
    # A multicast flit that crosses twice in one cycle is read once.
    assert run.counts[Phase.FORWARD, 2, Op.BUFFER_READ] == 1 + 1 + 3  # west input; neurons 2, 3, and 2 once more


def test_rows_are_added_in_the_cycles_of_their_length(story: tuple[Run, FabricState]) -> None:
    run, _ = story
    # Three cycles from a router to its core, one to look the axon up.
    assert events(run, "arrive") == [
        (16, 2, 0, 0, 0), (18, 1, 2, 0, 0), (20, 3, 0, 1, 0), (22, 1, 2, 1, 0), (23, 7, 0, 0, 0),
    ]  # fmt: skip
    # Core 2: one sparse synapse, 4 cycles, 17 to 21. Core 1: dense rows of three in two lanes, 2 x 2 cycles, 19 to 23
    # and 23 to 27. Core 3: 21 to 25. Core 7: three sparse synapses in two lanes, 2 x 4 cycles, 24 to 32.
    assert events(run, "synapse") == [
        (17, 2, 0, 0, 0), (19, 1, 2, 0, 0), (21, 3, 0, 1, 0), (23, 1, 2, 1, 0), (24, 7, 0, 0, 0),
    ]  # fmt: skip
    busy = run.cycles[Phase.FORWARD, :, Unit.SYNAPSE, Cause.BUSY]
    assert busy.tolist() == [0, 4 * 4, 4, 4, 0, 0, 0, 8, 0]  # core 1 has two more rows in the second step
    # The last sums are complete at 32 + 2; then the barrier of three routers, 20.
    assert run.sample_cycles[0] == 34 + 20 == SECOND


def test_the_second_step(story: tuple[Run, FabricState]) -> None:
    run, state = story
    # Neuron 2: 0 + 10, fires. Neuron 3: 0 - 1 + 10 = 9. Neuron 4: 4. Neuron 5: 10, fires. Neuron 6: 3 + 3.
    assert run.output_counts.tolist() == [[2, 2, 0], [0, 2, 0]]
    # Neurons 7 to 9 got the rows of 2 and 3 in the first step; those of 2 and 5 wait in the accumulators.
    assert state.membrane.tolist() == [0, 0, 0, 9, 4, 0, 6, 11, 22, 33]
    assert state.charge.tolist() == [0, 0, 0, 0, 0, 0, 0, 6, 7, 8]
    # Neuron 5 is the first that core 7 sweeps: queued at 4 + 4, injected at 9, west to router 2, south to router 0.
    second = LOCAL + 1
    assert sorted(events(run, "cross", second=True)) == sorted([
        (11, 1, 8 * LOCAL + WEST, 2, 0),
        (15, 0, 8 * EAST + second, 2, 0),
        (11, 3, 8 * second + WEST, 7, 0),
        (15, 2, 8 * EAST + SOUTH, 7, 0),
        (22, 0, 8 * NORTH + second, 7, 0),
    ])  # fmt: skip
    # At core 1 in 25, row from 26 to 30, complete in 32.
    assert run.sample_cycles[1] == 32 + 20
    assert state.cycle == 54 + 52 and state.tick == 2


def test_every_pointer_stands_behind_the_last_winner(story: tuple[Run, FabricState]) -> None:
    _, state = story
    after = {WEST: 2, EAST: 1, NORTH: 3, SOUTH: 4, LOCAL: 5, LOCAL + 1: 0}  # six ports: cyclically
    expected = np.zeros((4, 6), np.int64)
    expected[0, EAST], expected[0, LOCAL + 1] = after[LOCAL], after[NORTH]
    expected[1, WEST], expected[1, NORTH] = after[LOCAL], after[WEST]
    expected[1, LOCAL] = expected[1, LOCAL + 1] = after[WEST]
    expected[2, SOUTH], expected[3, WEST], expected[3, LOCAL + 1] = after[EAST], after[LOCAL + 1], after[SOUTH]
    assert state.pointers.tolist() == expected.tolist()


def test_events_are_counted_at_the_first_core_of_their_router(story: tuple[Run, FabricState]) -> None:
    run, _ = story
    counts = run.counts[Phase.FORWARD]
    assert counts[:, Op.LINK_FLIT].tolist() == [2, 0, 3, 0, 0, 0, 1, 0, 0]
    assert counts[:, Op.VERTICAL_FLIT].tolist() == [0, 0, 1, 0, 1, 0, 0, 0, 0]
    assert counts[:, Op.SPARSE_ADD].tolist() == [0, 0, 1, 1, 0, 0, 0, 3, 0]
    assert counts[:, Op.SYNAPSE_ADD].tolist() == [0, 4 * 3, 0, 0, 0, 0, 0, 0, 0]
    assert counts[:, Op.SYNAPSE_READ].tolist() == [0, 4, 1, 1, 0, 0, 0, 2, 0]  # words of one row each
    assert counts[:, Op.ROUTE_READ].tolist() == [2, 0, 3, 0, 0, 0, 0, 1, 0]
    assert counts[:, Op.SPIKE].tolist() == [2, 0, 3, 0, 0, 0, 0, 1, 0]
    assert counts[:, Op.ENCODE].tolist() == [4, 0, 0, 0, 0, 0, 0, 0, 0]
    assert counts[:, Op.SOMA_UPDATE].tolist() == [0, 6, 4, 2, 0, 0, 0, 4, 0]
    assert run.links.sum() == 10 + 5 and run.links[1].tolist() == [0, 3, 1, 0, 1, 1]


def test_the_energy_is_that_of_the_description_of_loihi(story: tuple[Run, FabricState]) -> None:
    run, _ = story
    costs = ns.load_costs("loihi14sim")
    parts = {
        Op.SPARSE_ADD: 5 * 33.6, Op.SYNAPSE_ADD: 12 * 35.5, Op.ROUTE_READ: 6 * 111, Op.SPIKE: 6 * 69.3,
        Op.NEURON_READ: 16 * 51.2, Op.SOMA_UPDATE: 16 * 21.6, Op.LINK_FLIT: 6 * 3.0, Op.VERTICAL_FLIT: 2 * 4.2,
    }  # fmt: skip
    energy = ns.price(run.counts, run.phase_cycles, CHIP, costs)
    assert energy.by_op()[1] == pytest.approx([parts.get(op, 0) for op in Op])
    assert energy.total == pytest.approx([2867.0] * 3)  # no band, and nothing static
    assert energy.by_unit()["link"][1, Phase.FORWARD] == pytest.approx(18 + 8.4)
    assert not power(CHIP, costs).any() and prices(CHIP, costs)[1, Op.CROSSBAR] == 0


def test_a_report_of_it(story: tuple[Run, FabricState]) -> None:
    run, _ = story
    found = ns.report(run, CHIP, ns.load_costs("loihi14sim"), populations=("in", "mid", "out"), synapses=20)
    part = found.summary["inference"]
    assert part["samples"] == 2 and part["cycles_per_sample"] == (54 + 52) / 2
    assert part["energy_nj_per_sample"]["mid"] == pytest.approx(2.867 / 2)
    assert part["spikes_per_sample"] == {"in": 1, "mid": 2, "out": 0, "total": 3}
    assert part["synaptic_ops_per_sample"] == {"forward": (5 + 12) / 2}
    assert part["community_45nm_fp32"]["spiking_nj"] == pytest.approx(0.9 * (5 + 12) / 2 / 1000)
    assert part["bottleneck"]["text"] == "the barrier: 20 cycles at the end of every step"
