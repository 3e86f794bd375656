"""Placement: what fits where, what does not and why, and that the tables of the image are complete."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.card import Word
from neurosim.chip import Chip, load_chip
from neurosim.errors import ConfigError, PlacementError
from neurosim.image import Image
from neurosim.learning import desire_bp
from neurosim.network import mlp
from neurosim.occupancy import capacity
from neurosim.ops import Op
from neurosim.partition import homes, occupancy, partition, snake
from neurosim.place import formats, place
from neurosim.routing import xy
from neurosim.tables import slice_cores

PAPER = (784, 1600, 800, 10)
FASHION = (784, 1000, 100, 10)
DEFAULT = (784, 512, 10)
# The cases by hand: 512 KiB hold 65,536 words of four weights, that is 334 neurons with 784 inputs.
HALF = "core.synapse.capacity_kib=512"


def put(sizes: tuple[int, ...], chip: str = "mesh16", *overrides: str, **options: Any) -> Image:
    """A network of `sizes` on a chip with overrides."""
    return place(mlp(sizes), load_chip(chip, overrides), desire_bp, **options)


# ---- who lies where ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chip", "sizes", "cores"),
    [
        # 1 MiB holds 131,072 words of four weights: 668 neurons with 784 inputs, 327 with 1600.
        ("mesh16", PAPER, [0, 4, 5, 6, 8, 9, 10, 12]),
        ("mesh64", PAPER, [0, 8, 9, 10, 16, 17, 18, 24]),
        ("mesh16", FASHION, [0, 4, 5, 8, 12]),
        ("mesh64", FASHION, [0, 8, 9, 16, 24]),
        ("mesh16", DEFAULT, [0, 4, 8]),
    ],
)
def test_the_networks_of_the_paper_fit(chip: str, sizes: tuple[int, ...], cores: list[int]) -> None:
    rows = occupancy(mlp(sizes), load_chip(chip))
    assert [row.core for row in rows if row.parts] == cores
    assert put(sizes, chip).slices.core.tolist() == cores


def test_the_snake_goes_from_neighbour_to_neighbour() -> None:
    chip = load_chip("mesh16")
    order = snake(chip)
    assert order[:9] == [0, 1, 2, 3, 7, 6, 5, 4, 8]
    assert sorted(order) == list(range(16))
    assert all(chip.noc.adjacent(a, b) for a, b in zip(order[:-1], order[1:], strict=True))


def test_rows_of_their_own_as_long_as_there_are_enough() -> None:
    chip = load_chip("mesh16")
    assert homes(chip, [1, 5, 1]) == [[0], [4, 5, 6, 7, 8], [12]]
    assert homes(chip, [1, 5, 5, 1]) == [[0], [1, 2, 3, 7, 6], [5, 4, 8, 9, 10], [11]]
    assert homes(chip, [16]) == [list(range(16))]


def test_cores_of_one_router_lie_side_by_side() -> None:
    chip = load_chip("loihi")
    order = snake(chip)
    assert order[28:36] == [28, 29, 30, 31, 60, 61, 62, 63]  # router 7, then router 15 above it
    assert sorted(order) == list(range(128))
    assert homes(chip, [1, 5, 1]) == [[0], [32, 33, 34, 35, 36], [64]]  # a row of 8 routers has 32 cores
    routers = [core // 4 for core in order]
    assert all(a == b or chip.noc.adjacent(a, b) for a, b in zip(routers[:-1], routers[1:], strict=True))


def test_the_barrier_follows_the_routers_in_use_and_the_hosts() -> None:
    table = "sync.latency_by_routers=[[1, 20], [3, 30], [4, 40]]"
    for router, barrier in ((0, 30), (4, 30), (12, 40)):  # cores 0, 4 and 8 are in use
        assert put(DEFAULT, "mesh16", table, f"host.router={router}").hardware.barrier == barrier


@given(st.lists(st.integers(1, 120), min_size=2, max_size=5), st.data())
def test_every_neuron_lies_on_exactly_one_core_that_has_room(sizes: list[int], data: st.DataObject) -> None:
    chip = load_chip(
        "tiny",
        [
            f"noc.columns={data.draw(st.integers(1, 4))}",
            f"noc.rows={data.draw(st.integers(1, 3))}",
            f"core.synapse.capacity_kib={data.draw(st.integers(1, 8))}",
            f"core.neuron.entries={data.draw(st.integers(16, 200))}",
            f"core.axon.entries={data.draw(st.integers(32, 200))}",
        ],
    )
    network = mlp(sizes)
    try:
        rows = occupancy(network, chip)
    except PlacementError as error:
        assert "does not fit on an empty core" in str(error) or "cores" in str(error)  # noqa: PT017
        return
    room = capacity(chip).amounts
    assert all(used <= have for row in rows for used, have in zip(row.used, room, strict=True))
    assert all(row.offered == room for row in rows)
    places = [np.zeros(size, int) for size in sizes]
    for part in partition(network, chip):
        places[part.population][part.first : part.first + part.size] += 1
        assert part.size > 0
    assert all((count == 1).all() for count in places)
    assert sum(row.used[0] for row in rows) == sum(sizes)


def test_occupancy_by_hand() -> None:
    rows = occupancy(mlp(DEFAULT), load_chip("mesh16", [HALF]))
    assert rows[0].parts == ("input[0:784]",)
    assert rows[4].parts == ("hidden1[0:256]",)
    assert rows[4].used == (256, 784 * 64, 784, 256 + 1)
    assert rows[4].offered == (1024, 65536, 2048, 4096)
    assert rows[8].used == (10, 512 * 3, 512, 10 + 1)  # ten weights take three words
    assert rows[1].parts == () and rows[1].used == (0, 0, 0, 0)


def test_populations_share_cores_if_there_are_too_few() -> None:
    rows = occupancy(mlp((784, 16, 10)), load_chip("tiny"))
    assert rows[0].parts == ("input[0:784]", "hidden1[0:16]")
    assert rows[0].used == (800, 784 * 4, 784, 800 + 1)
    assert rows[1].parts == ("output[0:10]",)


def test_cores_are_filled_to_the_brim_if_whole_populations_cannot_share_them() -> None:
    rows = occupancy(mlp((784, 16, 10)), load_chip("tiny", ["core.neuron.entries=790"]))
    assert rows[0].parts == ("input[0:784]", "hidden1[0:6]")
    assert rows[1].parts == ("hidden1[6:16]", "output[0:10]")


def test_mirrored_copies_take_words_axons_and_routes() -> None:
    """784-256-300-10: the hidden layers keep rows back from 300 and from 10 neurons."""
    network = mlp((784, 256, 300, 10))
    plain = occupancy(network, load_chip("mesh16"))
    rows = occupancy(network, load_chip("mesh16", ["core.learning.backward=mirrored"]))
    assert [row.core for row in rows if row.parts] == [0, 4, 8, 12]
    expected = {4: (0, 300 * 64, 300, 0), 8: (0, 10 * 75, 10, 300), 12: (0, 0, 0, 10)}
    for one, other in zip(plain, rows, strict=True):
        assert other.extra == expected.get(other.core, (0, 0, 0, 0)) and one.extra == (0, 0, 0, 0)
        way_back = (0, 0, 0, 1 if other.core in expected else 0)  # the one route word of errors without packets
        assert np.subtract(other.used, other.extra).tolist() == np.subtract(one.used, way_back).tolist()


def test_copies_need_room_and_accumulators_as_wide_as_error_sums() -> None:
    mirrored, sizes = "core.learning.backward=mirrored", (784, 512, 600, 10)
    with pytest.raises(PlacementError, match="29 bits, and mirrored copies sum in the accumulators.*bits is 28"):
        put(sizes, "mesh16", mirrored)
    put(sizes, "mesh16", mirrored, "core.accumulator.bits=29")
    room = "core.synapse.capacity_kib=804"  # 128 words for each of 784 rows, and of 20 copies: 102,912
    cores = [len(put((784, 512, outputs), "mesh16", mirrored, room).slices.core) for outputs in (20, 21)]
    assert cores == [3, 4]  # one output more, and the hidden layer needs a second core


def test_an_axon_word_holds_the_symbol_of_a_mirrored_row() -> None:
    """Row address 17, length 10, history 20; two bits more for a desire, four for one with a size."""
    put(DEFAULT, "mesh16", "core.axon.entry_bits=47")
    mirrored = "core.learning.backward=mirrored"
    put(DEFAULT, "mesh16", "core.axon.entry_bits=49", mirrored)
    with pytest.raises(PlacementError, match="history and the symbol of a mirrored row take 49 bits"):
        put(DEFAULT, "mesh16", "core.axon.entry_bits=48", mirrored)
    graded = desire_bp.Settings(graded=True)
    with pytest.raises(PlacementError, match="take 51 bits"):
        put(DEFAULT, "mesh16", "core.axon.entry_bits=50", mirrored, settings=graded)


def test_inference_keeps_no_copies() -> None:
    mirrored = ("core.learning.backward=mirrored", "core.accumulator.bits=24")  # too narrow for error sums
    sizes = (30, 40, 600)
    image = put(sizes, "mesh16", *mirrored[:1], learning=False)
    assert image.slices.back_ptr.tolist() == [len(image.slices.sets)] * 4
    with pytest.raises(PlacementError, match="mirrored copies sum"):
        put(sizes, "mesh16", *mirrored)
    put(sizes, "mesh16", *mirrored, learning=False)


# ---- what does not fit ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "chip", "overrides", "message"),
    [
        (
            (3000, 10),
            "mesh16",
            (),
            "one neuron of population 'output' does not fit on an empty core: "
            "axons: needs 3000, a core of mesh16 has 2048",
        ),
        (
            (784, 10),
            "tiny",
            ("core.synapse.capacity_kib=4",),
            "'output' does not fit on an empty core: synapse words: needs 784, a core of tiny has 512",
        ),
        (
            (2000, 10),
            "tiny",
            ("core.synapse.capacity_kib=4",),
            "synapse words: needs 2000, a core of tiny has 512; axons: needs 2000, a core of tiny has 1024",
        ),
        (
            (16, 12, 4),
            "tiny",
            ("core.packetiser.route_entries=1",),
            "'hidden1' does not fit on an empty core: routes: needs 2, a core of tiny has 1",
        ),
        (
            (784, 300, 10),
            "tiny",
            (),
            "population 'hidden1': 80 of 300 neurons placed, then all 2 cores of tiny were full\n"
            "  input: 784 neurons fill 1 core(s), limited by neurons (784 needed, 1024 a core)\n"
            "  hidden1: 300 neurons fill 8 core(s), limited by synapse words (58800 needed, 8192 a core)\n"
            "  output: 10 neurons fill 1 core(s), limited by axons (300 needed, 1024 a core)\n"
            "  together 10 cores; the chip has 2: take a larger chip or memory",
        ),
        (
            (1024, 1024, 4),
            "tiny",
            ("core.neuron.entries=512",),
            "input: 1024 neurons fill 2 core(s), limited by neurons",
        ),
    ],
)
def test_the_message_names_memory_need_and_capacity(
    sizes: tuple[int, ...], chip: str, overrides: tuple[str, ...], message: str
) -> None:
    for attempt in (put, lambda s, c, *o: occupancy(mlp(s), load_chip(c, o))):
        with pytest.raises(PlacementError) as caught:
            attempt(sizes, chip, *overrides)
        assert message in str(caught.value)


def test_one_neuron_more_is_too_many() -> None:
    one_core = ("noc.columns=1",)
    put((30, 10, 984), "tiny", *one_core)
    with pytest.raises(PlacementError, match="'output': 984 of 985 neurons placed, then all 1 cores of tiny"):
        put((30, 10, 985), "tiny", *one_core)
    # 8192 words: 1000 rows of 8 words hold 32 neurons, and 192 words are left.
    big = ("core.neuron.entries=1100", "noc.columns=1")
    put((1000, 32), "tiny", *big)
    with pytest.raises(PlacementError, match="32 of 33 neurons placed"):
        put((1000, 33), "tiny", *big)


def test_route_tables_overflow_without_multicast() -> None:
    # Each of 784 input neurons sends to two cores: 1568 packets without multicast, 784 with it.
    sizes, message = (784, 512, 600, 10), "core 0: 1568 route entries needed, core.packetiser.route_entries is 1567"
    with pytest.raises(PlacementError, match=message):
        put(sizes, "mesh16", HALF, "noc.multicast=false", "core.packetiser.route_entries=1567")
    put(sizes, "mesh16", HALF, "noc.multicast=false", "core.packetiser.route_entries=1568")
    put(sizes, "mesh16", HALF, "core.packetiser.route_entries=784")


# ---- ranges -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("inputs", "bits"), [(1, 16), (3, 17), (4, 18), (100, 22), (784, 25)])
def test_accumulators_must_hold_the_largest_sum(inputs: int, bits: int) -> None:
    """Weights up to 2.0 = 2^14: n of them need the bits of n * 2^14 and a sign."""
    assert 2 ** (bits - 2) <= inputs * 2**14 < 2 ** (bits - 1)
    if bits > 16:
        put((inputs, 4), "tiny", f"core.accumulator.bits={bits}")
    if bits > 17:
        with pytest.raises(
            PlacementError,
            match=f"accumulators: {inputs} weights into 'output' can sum to {bits} bits, "
            f"core.accumulator.bits is {bits - 1}",
        ):
            put((inputs, 4), "tiny", f"core.accumulator.bits={bits - 1}")


def test_error_sums_must_hold_the_largest_sum() -> None:
    """100 weights of 2^14 times at most 20 spikes from the target: 2^24 < 32,768,000 < 2^25."""
    put((8, 8, 100), "tiny", "core.learning.error_bits=26")
    with pytest.raises(
        PlacementError,
        match="error sums: 100 weights back to 'hidden1' can sum to 26 bits, core.learning.error_bits is 25",
    ):
        put((8, 8, 100), "tiny", "core.learning.error_bits=25")
    put((8, 100), "tiny", "core.learning.error_bits=16")  # nothing is passed to the inputs


def test_a_larger_weight_limit_needs_wider_sums() -> None:
    wide = desire_bp.Settings(weight_limit=4.0)
    put((4, 4), "tiny", "core.accumulator.bits=19", settings=wide)
    with pytest.raises(PlacementError, match="can sum to 19 bits"):
        put((4, 4), "tiny", "core.accumulator.bits=18", settings=wide)


def test_a_membrane_must_be_able_to_reach_the_threshold() -> None:
    fine = ("core.synapse.weight_fraction_bits=15",)
    put((4, 4), "tiny", *fine, "core.neuron.membrane_bits=17")
    with pytest.raises(
        PlacementError,
        match="membranes: the threshold is 32768 in their units, "
        "core.neuron.membrane_bits = 16 allows 1 to 32767",
    ):
        put((4, 4), "tiny", *fine, "core.neuron.membrane_bits=16")
    with pytest.raises(PlacementError, match="the threshold is 0 in their units"):
        put((4, 4), "tiny", settings=desire_bp.Settings(threshold=1e-5))


# ---- the learning circuit ---------------------------------------------------------------------------------


def test_a_core_without_the_circuit_only_infers() -> None:
    none = "core.learning.circuits=[]"
    with pytest.raises(PlacementError, match="rule 'desire_bp' needs its circuit.*circuits has: none"):
        put((16, 12, 4), "tiny", none)
    put((16, 12, 4), "tiny", none, learning=False)


def test_the_history_must_hold_the_sample() -> None:
    put((16, 12, 4), "tiny", settings=desire_bp.Settings(steps=20))
    with pytest.raises(PlacementError, match="the rule stores 21 slots, core.learning.history_bits is 20"):
        put((16, 12, 4), "tiny", settings=desire_bp.Settings(steps=21))
    with pytest.raises(PlacementError, match="expected at most 31 time steps a sample .*got 32"):
        put((16, 12, 4), "tiny", settings=desire_bp.Settings(steps=32), learning=False)


def test_the_words_must_hold_what_the_card_says() -> None:
    greedy = ModuleType("desire_bp")
    greedy.__dict__.update({k: v for k, v in vars(desire_bp).items() if not k.startswith("__")})
    card, much = desire_bp.card, (Word("state", "neuron", 105, ""), Word("history", "axon", 42, ""))
    greedy.card = lambda f, s: replace(card(f, s), words=much)  # type: ignore[attr-defined]
    with pytest.raises(PlacementError) as caught:
        place(mlp((16, 12, 4)), load_chip("tiny"), greedy)
    assert str(caught.value).splitlines() == [
        "neuron word: 129 bits of state, core.neuron.word_bits is 128",
        "axon entry: row address, row length and history take 65 bits, core.axon.entry_bits is 64",
    ]


@pytest.mark.parametrize("p", [-0.1, 0.999, 1.0, 2.0, float("nan")])
def test_dropout_of_everything_is_refused(p: float) -> None:
    for name in ("dropout_input", "dropout_hidden"):
        with pytest.raises(ConfigError, match=f"{name}: expected at least 0 and less than 511/512, got"):
            put((16, 12, 4), "tiny", **{name: p})


def test_dropout_in_256ths_and_the_amplitude_of_those_that_are_kept() -> None:
    image = put((16, 12, 8, 4), "tiny", dropout_input=0.05, dropout_hidden=0.4)
    assert image.drop.tolist() == [13, 102, 102, 0]
    assert image.amplitude.tolist() == [270, 426, 426, 256]  # 256 / (1 - p), rounded
    assert put((16, 4), "tiny").amplitude.tolist() == [256, 256]


# ---- ways -------------------------------------------------------------------------------------------------


def follow(ports: np.ndarray, start: int, chip: Chip) -> list[int]:
    """Nodes that a packet injected at router `start` is delivered to; each router is entered once at most."""
    delivered, entered, todo = [], set(), [start]
    while todo:
        at = todo.pop()
        assert at not in entered
        entered.add(at)
        for port in range(5):
            if ports[at] >> port & 1:
                after = xy.neighbour(at, port, chip.noc.columns, chip.noc.rows)
                if port == xy.LOCAL:
                    delivered.append(at)
                elif after is None:
                    assert (at, port) == (chip.host.router, xy.WEST)
                    delivered.append(chip.cores)
                else:
                    todo.append(after)
    return sorted(delivered)


@pytest.mark.parametrize("multicast", ["true", "false"])
@pytest.mark.parametrize("sizes", [PAPER, FASHION, (784, 512, 600, 10)])
def test_a_spike_reaches_every_core_of_the_next_population_once(sizes: tuple[int, ...], multicast: str) -> None:
    chip = load_chip("mesh16", [HALF, f"noc.multicast={multicast}"])
    image = place(mlp(sizes), chip, desire_bp)
    table = image.slices
    for s, core in enumerate(table.core):
        p = int(table.population[s])
        sets = table.sets[table.set_ptr[s] : table.set_ptr[s + 1]]
        reached = [node for number in sets for node in follow(image.ports[number], int(core), chip)]
        targets = slice_cores(table, p + 1) if p + 1 < len(sizes) else []
        assert sorted(reached) == sorted(targets)
        assert len(sets) == (min(len(targets), 1) if multicast == "true" else len(targets))


@pytest.mark.parametrize("chip", ["tiny", "mesh16"])
def test_the_first_sets_lead_from_anywhere_to_one_node(chip: str) -> None:
    where = load_chip(chip)
    image = put((16, 12, 4), chip)
    for node in range(where.cores + 1):
        for start in range(where.cores):
            assert follow(image.ports[node], start, where) == [node]


def test_dead_links_on_a_way_are_named() -> None:
    with pytest.raises(
        PlacementError,
        match="xy routing from the host to core 4 needs the link 0-4, which noc.dead_links declares dead",
    ):
        put(DEFAULT, "mesh16", "noc.dead_links=[[0, 4]]")
    put(DEFAULT, "mesh16", "noc.dead_links=[[12, 13]]")


def links_used(image: Image, chip: Chip) -> set[frozenset[int]]:
    """Links on any way that a packet of a training sample can take."""
    used: set[frozenset[int]] = set()

    def walk(start: int, target: int) -> None:
        while start != target:
            port = xy.output(start, target, chip.noc.columns)
            after = xy.neighbour(start, port, chip.noc.columns, chip.noc.rows)
            assert after is not None
            used.add(frozenset((start, after)))
            start = after

    cores = [slice_cores(image.slices, p) for p in range(len(image.sizes))]
    for p in range(len(cores) - 1):
        for a in cores[p]:
            for b in cores[p + 1]:
                walk(a, b)
                if p > 0:
                    walk(b, a)
    for core in {core for row in cores for core in row}:
        walk(chip.host.router, core)
    for core in cores[-1]:
        walk(core, chip.host.router)
    return used


@pytest.mark.parametrize("router", [0, 4, 12])
@pytest.mark.parametrize("sizes", [DEFAULT, FASHION])
def test_exactly_the_dead_links_on_a_way_are_refused(sizes: tuple[int, ...], router: int) -> None:
    host = f"host.router={router}"
    chip = load_chip("mesh16", [HALF, host])
    used = links_used(place(mlp(sizes), chip, desire_bp), chip)
    for a in range(16):
        for b in (a + 1, a + 4):
            if b < 16 and chip.noc.adjacent(a, b):
                overrides = [HALF, host, f"noc.dead_links=[[{b}, {a}]]"]
                if frozenset((a, b)) in used:
                    with pytest.raises(PlacementError, match=f"needs the link ({a}-{b}|{b}-{a})"):
                        put(sizes, "mesh16", *overrides)
                else:
                    put(sizes, "mesh16", *overrides)


def test_a_link_that_carries_nothing_but_learning_rates_counts() -> None:
    """From the host at router 12 to core 5: over 13 and 9, where neither pixels nor spikes pass."""
    with pytest.raises(PlacementError, match="from the host to core 5 needs the link 12-13"):
        put(DEFAULT, "mesh16", HALF, "host.router=12", "noc.dead_links=[[12, 13]]")


# ---- tables -----------------------------------------------------------------------------------------------


def test_slices_by_hand() -> None:
    table = put(DEFAULT, "mesh16", HALF).slices
    assert table.core.tolist() == [0, 4, 5, 8]
    assert table.population.tolist() == [0, 1, 1, 2]
    assert table.first.tolist() == [0, 0, 256, 0]
    assert table.size.tolist() == [784, 256, 256, 10]
    assert table.words.tolist() == [0, 64, 64, 3]
    assert table.ptr.tolist() == [0, 1, 3, 4]
    assert table.core_ptr.tolist() == [0, 1, 1, 1, 1, 2, 3, 3, 3, *[4] * 8]


def test_the_sweep_of_a_shared_core_goes_by_population() -> None:
    table = put((784, 16, 10), "tiny").slices
    assert table.order.tolist() == [0, 1, 2]
    assert table.core_ptr.tolist() == [0, 2, 3]


def test_the_host_sends_every_pixel_once_in_order() -> None:
    image = put(DEFAULT, "mesh16", HALF)
    program = image.program
    assert program.load_first.tolist() == list(range(0, 784, 12))
    assert program.load_size.tolist() == [12] * 65 + [4]
    assert set(program.load_set) == {0}
    # 12 bits of header, 10 of neuron number, 8 a value; flits of 32 bits.
    assert image.kinds.flits[program.load_kind[0]] == -(-(12 + 10 + 96) // 32)
    assert image.kinds.flits[program.load_kind[-1]] == -(-(12 + 10 + 32) // 32)
    assert program.label_set.tolist() == [8]
    assert program.rate_set.tolist() == [4, 5, 8]


def test_one_spike_at_a_hidden_core() -> None:
    """784-512-10 on mesh16: a row of 256 weights lies in 64 words in 8 banks, 32 lanes add."""
    kinds = put(DEFAULT, "mesh16", HALF).kinds
    assert kinds.synapse[0, 4] == max(64 // 8, 256 // 32)
    assert kinds.axon[0, 4] == 1
    ops = {op.name: int(n) for op, n in zip(Op, kinds.ops[0, 4], strict=True) if n}
    assert ops == {
        "AXON_READ": 1,
        "SYNAPSE_READ": 64,
        "SYNAPSE_ADD": 256,
        "ACCUMULATOR_READ": 256,
        "ACCUMULATOR_WRITE": 256,
    }
    assert kinds.learn_ops[0, 4, Op.AXON_WRITE] == 1
    assert not kinds.ops[0, 1].any()


def test_errors_travel_as_desires_from_one_core_and_as_sums_from_several() -> None:
    image = put((784, 512, 600, 10), "mesh16", HALF)
    assert image.whole.tolist() == [False, False, True]
    kinds, projections = image.kinds, 3
    assert kinds.flits[projections + 2] == 1  # 12 + 10 + 2 bits
    assert kinds.flits[projections + 1] == 2  # 12 + 10 + 32 bits
    assert kinds.ops[projections + 2, image.slices.core[3], Op.ERROR_ADD] == 0
    assert kinds.ops[projections + 1, image.slices.core[1], Op.ERROR_ADD] == 1


def test_formats_are_those_of_the_chip() -> None:
    form = formats(load_chip("tiny", ["core.learning.rounding=nearest", "core.learning.trace_bits=10"]))
    assert (form.weight_bits, form.weight_fraction_bits, form.membrane_bits) == (16, 13, 24)
    assert (form.trace_bits, form.error_bits, form.stochastic) == (10, 32, False)
