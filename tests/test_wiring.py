"""Wiring: where neurons lie, in which order rows are stored, and what does not fit, with numbers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.chip import Chip, load_chip
from neurosim.connectome import SCRIPTED, Connectome, Dense, Group, Sparse
from neurosim.errors import PlacementError
from neurosim.fabric import Fabric
from neurosim.ops import Op
from neurosim.wiring import place_connectome

SPARSE = "core.synapse.sparse={index_bits: 10, lane_cycles: 3}"


def chip_of(*overrides: str) -> Chip:
    """Four routers in a row with two cores each; words of 64 bits hold 4 dense or 2 sparse weights of 16."""
    return load_chip("tiny", ["noc.columns=4", "noc.cores_per_router=2", SPARSE, *overrides])


CHIP = chip_of()


def sparse_of(rows: dict[int, list[tuple[int, int]]], neurons: int) -> Sparse:
    """rows[pre] = [(target, weight), ...]."""
    lists = [rows.get(n, []) for n in range(neurons)]
    start = np.concatenate([[0], np.cumsum([len(row) for row in lists])]).astype(np.int64)
    flat = [pair for row in lists for pair in row]
    return Sparse(start, np.array([t for t, _ in flat], np.int32), np.array([w for _, w in flat], np.int16))


def net(*sizes: int, dense: tuple[Dense, ...] = (), rows: dict[int, list[tuple[int, int]]] | None = None) -> Connectome:
    """Groups of these sizes; the first is scripted."""
    groups = tuple(Group(f"g{k}", size, SCRIPTED if k == 0 else "integrate_fire", 9) for k, size in enumerate(sizes))
    return Connectome("net", groups, dense, sparse_of(rows, sum(sizes)) if rows is not None else None)


def ones(pre: int, post: int, rows: int, columns: int) -> Dense:
    return Dense(pre, post, np.ones((rows, columns), np.int16))


def refused(connectome: Connectome, chip: Chip, core: Any = None) -> list[str]:
    with pytest.raises(PlacementError) as caught:
        place_connectome(connectome, chip, core)
    return str(caught.value).splitlines()


# ---- where neurons lie --------------------------------------------------------------------------------------


def test_groups_fill_cores_of_their_own_in_equal_parts() -> None:
    fabric = place_connectome(net(3, 9, 1), chip_of("core.neuron.entries=4"))
    assert fabric.core.tolist() == [0, 0, 0, *[1] * 3, *[2] * 3, *[3] * 3, 4]
    assert fabric.slices.core.tolist() == [0, 1, 2, 3, 4]
    assert fabric.slices.population.tolist() == [0, 1, 1, 1, 2]
    assert fabric.slices.first.tolist() == [0, 3, 6, 9, 12]
    assert fabric.slices.size.tolist() == [3, 3, 3, 3, 1]
    assert fabric.name == "net on tiny"


def test_neurons_may_lie_anywhere() -> None:
    fabric = place_connectome(net(2, 4), CHIP, np.array([6, 6, 6, 0, 0, 6], np.uint8))
    slices = fabric.slices
    assert slices.core.tolist() == [6, 6, 0, 6] and slices.population.tolist() == [0, 1, 1, 1]
    assert slices.first.tolist() == [0, 2, 3, 5] and slices.size.tolist() == [2, 1, 2, 1]
    # Core 0 sweeps slice 2; core 6 the slices 0, 1 and 3, in the order of their neurons.
    assert slices.core_ptr.tolist() == [0, 1, 1, 1, 1, 1, 1, 4, 4]
    assert slices.order.tolist() == [2, 0, 1, 3]


def test_the_barrier_follows_the_routers_in_use() -> None:
    chip = chip_of("sync.latency_by_routers=[[2, 20], [4, 40]]")
    for core, barrier in (([0, 0], 16), ([0, 1], 16), ([1, 2], 20), ([0, 7], 20)):
        assert place_connectome(net(1, 1), chip, np.array(core)).hardware.barrier == barrier
    assert place_connectome(net(1, 3), chip, np.array([0, 2, 4, 6])).hardware.barrier == 40


# ---- rows ---------------------------------------------------------------------------------------------------

MIXED = {0: [(5, 1), (2, 2), (4, 3), (2, 4), (3, 5)], 3: [(2, 6)]}
CORES = np.array([0, 0, 3, 1, 3, 1])


def test_a_sparse_row_is_stored_core_by_core_and_keeps_its_order_within_one() -> None:
    fabric = place_connectome(net(2, 4, rows=MIXED), CHIP, CORES)
    assert fabric.rows.start.tolist() == [0, 5, 5, 5, 6, 6, 6]
    assert fabric.rows.target.tolist() == [5, 3, 2, 4, 2, 2]
    assert fabric.rows.weight.tolist() == [1, 5, 2, 3, 4, 6]
    assert (fabric.rows.target.dtype, fabric.rows.weight.dtype) == (np.uint32, np.int16)
    assert fabric.rows.tree.tolist() == [-1] * 6
    # Neurons 0 and 3 send two packets and one, if all fire.
    assert fabric.most == (3, 0)


def test_with_multicast_a_row_on_several_cores_is_one_packet() -> None:
    fabric = place_connectome(net(2, 4, rows=MIXED), chip_of("noc.multicast=true"), CORES)
    assert fabric.rows.tree.tolist() == [9, -1, -1, -1, -1, -1]  # the first set after those of 8 cores and the host
    # Router 0: east, and core 1 (port 5); router 1: core 3 (port 5).
    assert fabric.ports.shape == (10, 4) and fabric.ports[9].tolist() == [1 | 1 << 5, 1 << 5, 0, 0]
    assert fabric.most == (2, 2)


def test_cycles_and_words_of_a_sparse_row_follow_its_length() -> None:
    chip = chip_of("core.synapse.lanes=2")  # 3 cycles for every pair of synapses; 2 words a cycle, 2 synapses a word
    rows = place_connectome(net(1, 5, rows={0: [(1, 1)] * 5}), chip).rows
    assert rows.words.tolist() == [0, 1, 1, 2, 2, 3]
    assert rows.cycles.tolist() == [1, 3, 3, 6, 6, 9]
    slow = chip_of("core.synapse.banks=1", "core.synapse.sparse={index_bits: 48, lane_cycles: 1}")  # 1 word, 1 synapse
    assert place_connectome(net(1, 5, rows={0: [(1, 1)] * 5}), slow).rows.cycles.tolist() == [1, 1, 2, 3, 4, 5]


def test_dense_rows_have_a_packet_for_each_core_and_tables_for_each() -> None:
    connectome = net(2, 7, dense=(ones(0, 1, 2, 7), ones(1, 1, 7, 7)))
    fabric = place_connectome(connectome, CHIP, np.array([0, 0, *[2] * 5, 5, 5]))
    # Slice 0 (group 0): projection 0 to cores 2 and 5; slices 1 and 2 (group 1): projection 1.
    assert fabric.fan.ptr.tolist() == [0, 1, 2, 3] and fabric.fan.block.tolist() == [0, 1, 1]
    assert fabric.fan.set_ptr.tolist() == [0, 2, 4, 6] and fabric.fan.sets.tolist() == [2, 5, 2, 5, 2, 5]
    assert fabric.most == (2 * 2 + 7 * 2, 0)
    assert fabric.kinds.ops[0, 2, Op.SYNAPSE_READ] == 2 and fabric.kinds.ops[0, 2, Op.SYNAPSE_ADD] == 5
    assert fabric.kinds.ops[0, 5, Op.SYNAPSE_READ] == 1 and fabric.kinds.ops[0, 5, Op.ACCUMULATOR_WRITE] == 2
    assert not fabric.kinds.ops[0, 0, Op.SYNAPSE_READ] and fabric.kinds.ops[0, 0, Op.AXON_READ] == 1
    assert fabric.kinds.flits.tolist() == [1, 1, 1]  # 12 bits of header and 10 of axon number in 32


def test_a_dense_projection_to_several_cores_is_one_packet_with_multicast() -> None:
    connectome = net(2, 7, 1, dense=(ones(0, 1, 2, 7), ones(0, 2, 2, 1)))
    fabric = place_connectome(connectome, chip_of("noc.multicast=true"), np.array([0, 0, *[2] * 5, 5, 5, 7]))
    assert fabric.fan.sets.tolist() == [9, 7]
    assert fabric.ports[9].tolist() == [1, 1 | 1 << 4, 1 << 5, 0]
    assert fabric.most == (4, 0)


def test_slices_of_one_core_share_their_sets() -> None:
    connectome = net(1, 4, dense=(ones(1, 1, 4, 4),))
    fabric = place_connectome(connectome, chip_of("noc.multicast=true"), np.array([7, 0, 2, 0, 2]))
    assert len(fabric.slices.core) == 5 and len(fabric.ports) == 9 + 2
    assert fabric.fan.sets.tolist() == [9, 10, 9, 10]


@given(st.data())
def test_the_most_packets_are_those_of_a_step_in_which_all_fire(data: st.DataObject) -> None:
    """Counted neuron by neuron: one packet a projection and core (or set), one a core (or set) of the sparse row."""
    multicast = data.draw(st.booleans())
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=3))
    neurons, integrating = sum(sizes), st.integers(sizes[0], sum(sizes) - 1)
    rows = {n: [(data.draw(integrating), 1) for _ in range(data.draw(st.integers(0, 4)))] for n in range(neurons)}
    pairs = data.draw(st.lists(st.tuples(st.integers(0, len(sizes) - 1), st.integers(1, len(sizes) - 1)), max_size=3))
    core = np.array(data.draw(st.lists(st.integers(0, 7), min_size=neurons, max_size=neurons)))
    connectome = net(*sizes, dense=tuple(ones(a, b, sizes[a], sizes[b]) for a, b in pairs), rows=rows)
    fabric = place_connectome(connectome, chip_of(f"noc.multicast={str(multicast).lower()}"), core)
    group = np.repeat(np.arange(len(sizes)), sizes)
    packets = nodes = 0
    for n in range(neurons):
        homes = [len({core[m] for m in range(neurons) if group[m] == b}) for a, b in pairs if a == group[n]]
        packets += sum(1 if multicast else count for count in homes)
        cores = len({core[target] for target, _ in rows[n]})
        packets += min(cores, 1) if multicast else cores
        nodes += cores if multicast and cores > 1 else 0
    assert fabric.most == (packets, nodes)


# ---- what does not fit --------------------------------------------------------------------------------------


def test_too_few_cores() -> None:
    assert refused(net(5, 28), chip_of("core.neuron.entries=4")) == [
        "connectome: 9 cores needed (4 neurons a core, core.neuron.entries; each group on cores of its own), tiny has 8"
    ]


@pytest.mark.parametrize(
    ("core", "message"),
    [
        (np.zeros(3, np.int64), "core: expected integer[4], got int64[3]"),
        (np.zeros(4), "core: expected integer[4], got float64[4]"),
        (np.array([0, 1, 8, 2]), "core: expected 0 to 7, got 0 to 8"),
        (np.array([0, -1, 7, 2]), "core: expected 0 to 7, got -1 to 7"),
    ],
)
def test_a_wrong_list_of_cores(core: Any, message: str) -> None:
    assert refused(net(1, 3), CHIP, core) == [message]


def test_a_chip_without_sparse_rows() -> None:
    plain = load_chip("tiny")
    assert refused(net(1, 2, rows={0: [(1, 1)]}), plain) == [
        "sparse synapses: tiny has no section core.synapse.sparse: dense rows only"
    ]
    assert isinstance(place_connectome(net(1, 2, rows={}), plain), Fabric)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("core.neuron.entries=4", "core 2: 5 neurons needed, 4 offered (core.neuron.entries)"),
        # Two words: two dense rows of 5 weights take one each, the sparse row's 3 synapses on core 2 a third.
        ("core.synapse.word_bits=4096", "core 2: 3 synapse words needed, 2 offered (core.synapse.capacity_kib)"),
        ("core.axon.entries=2", "core 2: 3 axons needed, 2 offered (core.axon.entries)"),
        # Neurons 0 and 1 send one dense packet each, neuron 0 a sparse one to core 2 and one to core 0.
        ("core.packetiser.route_entries=3", "core 0: 4 routes needed, 3 offered (core.packetiser.route_entries)"),
    ],
)
def test_a_full_memory_is_named_with_need_and_room(override: str, message: str) -> None:
    connectome = net(2, 5, 1, dense=(ones(0, 1, 2, 5),), rows={0: [(2, 1), (3, 1), (4, 1), (7, 1)]})
    core = np.array([0, 0, *[2] * 5, 0])
    small = [override, "core.synapse.capacity_kib=1"] if "word_bits" in override else [override]
    fabric = place_connectome(connectome, CHIP, core)
    assert fabric.most == (4, 0)
    assert refused(connectome, chip_of(*small), core) == [message]


def test_only_the_first_full_cores_are_listed() -> None:
    core = np.concatenate([[0], np.repeat(np.arange(8), 5)])
    found = refused(net(1, 40), chip_of("core.neuron.entries=4"), core)
    assert len(found) == 8 and found[0] == "core 0: 6 neurons needed, 4 offered (core.neuron.entries)"
    chip = chip_of("core.neuron.entries=4", "core.packetiser.route_entries=1")
    connectome = net(1, 40, dense=(ones(1, 1, 40, 40),))
    found = refused(connectome, chip, core)
    assert len(found) == 9 and found[-1] == "and 8 more"


def test_numbers_that_the_formats_do_not_hold() -> None:
    narrow = chip_of("core.synapse.weight_bits=8", "core.synapse.weight_fraction_bits=0", "core.accumulator.bits=10")
    wide = Connectome(
        "net",
        (Group("a", 2, SCRIPTED), Group("b", 2, threshold=2**23, bias=2**23), Group("c", 1, threshold=2**23 - 1)),
        (Dense(0, 1, np.array([[127, -129], [1, 0]], np.int16)), Dense(1, 2, np.full((2, 1), 255, np.int16))),
        sparse_of({0: [(2, -128), (2, 127)], 4: [(4, 1)]}, 5),
    )
    assert refused(wide, narrow) == [
        "dense[0]: weights -129 to 127, core.synapse.weight_bits = 8 holds -128 to 127",
        "dense[1]: weights 255 to 255, core.synapse.weight_bits = 8 holds -128 to 127",
        # Neuron 4: 255 + 255 + 1 = 511, 9 bits and the sign: fits in 10; neuron 2: 127 + 1 + 128 + 127 = 383.
        "group 'b': threshold 8388608, core.neuron.membrane_bits = 24 allows 8388607",
        "group 'b': bias beyond the 24 bits of the membrane",
    ]


def test_a_sum_that_may_overflow() -> None:
    chip = chip_of("core.accumulator.bits=17")
    block = Dense(0, 1, np.array([[32767], [32767]], np.int16))
    fits = Connectome("net", (Group("a", 2, SCRIPTED), Group("b", 1)), (block,))
    assert place_connectome(fits, chip).hardware.barrier == 16  # 65,534: 16 bits and the sign
    more = Connectome("net", fits.groups, fits.dense, sparse_of({0: [(2, -2)]}, 3))
    assert refused(more, chip) == ["accumulators: a sum can take 18 bits, core.accumulator.bits is 17"]


@pytest.mark.parametrize("multicast", ["false", "true"])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_dead_link_on_the_way(multicast: str, sparse: bool) -> None:
    chip = chip_of("noc.dead_links=[[1, 2]]", f"noc.multicast={multicast}")
    parts: dict[str, Any] = {"rows": {0: [(1, 1), (2, 1)]}} if sparse else {"dense": (ones(0, 1, 1, 2),)}
    near, far = np.array([0, 1, 3]), np.array([0, 1, 5])
    assert place_connectome(net(1, 2, **parts), chip, near).most[0] == (1 if multicast == "true" else 2)
    (message,) = refused(net(1, 2, **parts), chip, far)
    assert message == "xy routing from core 0 to core 5 needs the link 1-2, which noc.dead_links declares dead"


def test_multicast_sets_need_names() -> None:
    """9 nodes, and one tree for each neuron whose row lies on two cores: 8 bits name 256."""
    chip = chip_of("noc.multicast=true", "noc.header_bits=8", "core.synapse.capacity_kib=64")
    core = np.repeat([0, 1, 2, 3, 4], [100, 100, 48, 1, 1])
    few = {n: [(248, 1), (249, 1)] for n in range(247)}
    place_connectome(net(248, 2, rows=few), chip, core)
    more = {n: [(248, 1), (249, 1)] for n in range(248)}
    message = "destinations: 257 nodes and multicast sets, noc.header_bits = 8 can name 256"
    assert refused(net(248, 2, rows=more), chip, core) == [message]


def test_a_row_that_takes_too_long() -> None:
    chip = chip_of("core.synapse.sparse={index_bits: 10, lane_cycles: 2147483647}", "core.synapse.lanes=1")
    place_connectome(net(1, 2, rows={0: [(1, 1)]}), chip)
    found = refused(net(1, 2, rows={0: [(1, 1), (2, 1)]}), chip)
    assert found == ["sparse rows: 2 synapses of one on a core take 4294967294 cycles, the engines hold 2147483647"]


@pytest.mark.parametrize("bias", [-(2**63), 2**23, -(2**23) - 1])
def test_a_bias_beyond_the_membrane(bias: int) -> None:
    connectome = Connectome("net", (Group("a", 1, bias=np.array([bias])),))
    assert refused(connectome, CHIP) == ["group 'a': bias beyond the 24 bits of the membrane"]
