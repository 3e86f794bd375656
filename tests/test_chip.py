"""Chips: the shipped ones load, and every impossible chip is refused at the line of the culprit."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim import yamlio
from neurosim.chip import Chip, load_chip
from neurosim.errors import ConfigError

TINY = (yamlio.shipped() / "tiny.yaml").read_text()
MESH = (yamlio.shipped() / "mesh16.yaml").read_text()


def refused(folder: Path, text: str) -> list[str]:
    """The complaints about a chip file with this text, without the folder."""
    path = folder / "chip.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_chip(path)
    return [line.replace(f"{folder}/", "") for line in str(caught.value).splitlines()]


def edited(text: str, key: str, value: str) -> tuple[str, int]:
    """`text` with the value of the key at a dotted path replaced, and the number of its line."""
    lines, depth, parts = text.splitlines(), 0, key.split(".")
    for number, line in enumerate(lines):
        if re.match(rf"{'  ' * depth}{parts[depth]}:", line):
            depth += 1
            if depth == len(parts):
                lines[number] = f"{'  ' * (depth - 1)}{parts[-1]}: {value}"
                return "\n".join(lines) + "\n", number + 1
    raise AssertionError(f"no key {key}")


@pytest.mark.parametrize(("name", "cores"), [("loihi", 128), ("mesh16", 16), ("mesh64", 64), ("tiny", 2)])
def test_shipped_chips_load(name: str, cores: int) -> None:
    chip = load_chip(name)
    assert (chip.name, chip.cores, chip.quality) == (name, cores, "estimated")
    assert chip.core.learning.circuits == (() if name == "loihi" else ("desire_bp", "ssnn_bp"))


def test_loihi_has_the_times_of_its_description_in_tenths_of_a_nanosecond() -> None:
    chip = load_chip("loihi")
    core, noc = chip.core, chip.noc
    assert (chip.clock_mhz, noc.routers, noc.cores_per_router) == (10_000, 32, 4)
    assert core.soma.cycles_per_neuron == 60 + 37 and core.soma.cycles_per_spike == 300
    assert core.synapse.lane_cycles == 38 and core.synapse.sparse is not None and core.synapse.sparse.lane_cycles == 47
    assert (core.axon.lookup_cycles, core.packetiser.cycles_per_packet) == (160, 51)
    assert noc.link.latency_cycles + 2 == 41 and noc.slowest_link + 2 == 65  # a hop
    for routers, cycles in ((1, 6000), (2, 10_000), (3, 10_000), (4, 14_000), (28, 14_000), (29, 18_000), (32, 18_000)):
        assert chip.sync.latency(routers) == cycles


def test_the_barrier_of_a_table_is_the_last_entry_reached() -> None:
    sync = load_chip("tiny", ["sync.latency_by_routers=[[2, 20], [5, 30]]"]).sync
    assert [sync.latency(routers) for routers in (0, 1, 2, 4, 5, 99)] == [16, 16, 20, 20, 30, 30]
    assert load_chip("tiny").sync.latency(7) == 16


def test_cores_are_counted_at_their_routers() -> None:
    chip = load_chip("mesh16", ["noc.cores_per_router=3"])
    assert (chip.noc.routers, chip.cores) == (16, 48)
    assert load_chip("tiny").noc.slowest_link == 1
    assert load_chip("tiny", ["noc.link.vertical_latency_cycles=4"]).noc.slowest_link == 4


@pytest.mark.parametrize(
    ("overrides", "key", "message"),
    [
        (["noc.cores_per_router=5"], "noc.cores_per_router", "expected a whole number from 1 to 4, got 5"),
        (["noc.link.vertical_latency_cycles=0"], "noc.link.vertical_latency_cycles", "expected a whole number of at"),
        (["noc.link.interval_cycles=0"], "noc.link.interval_cycles", "expected a whole number of at least 1, got 0"),
        (
            ["noc.link.interval_cycles=4"],
            "noc.link.interval_cycles",
            "expected at most 3 (a hop: the shortest latency and 2 for the router), got 4",
        ),
        (
            ["noc.link.interval_cycles=5", "noc.link.latency_cycles=9", "noc.link.vertical_latency_cycles=2"],
            "noc.link.interval_cycles",
            "expected at most 4 (a hop: the shortest latency and 2 for the router), got 5",
        ),
        (
            ["noc.header_bits=4", "noc.columns=4", "noc.cores_per_router=4"],
            "noc.header_bits",
            "expected at least 5 to tell 17 nodes apart, got 4",
        ),
        (
            ["noc.dead_links=[[1, 2]]", "noc.cores_per_router=2"],
            "noc.dead_links.0",
            "expected two neighbours of the 2 x 1 mesh, got [1, 2]",
        ),
        (["host.router=2", "noc.cores_per_router=4"], "host.router", "expected a router at the west edge (one of 0)"),
        (
            ["noc.link.vertical_latency_cycles=20"],
            "sync.latency_cycles",
            "expected at least 22 (link.vertical_latency_cycles + 2 + router.credit_cycles: all credits are home",
        ),
        (
            ["sync.latency_by_routers=[[1, 2], [2, 20]]"],
            "sync.latency_by_routers",
            "expected at least 3 (link.latency_cycles + 2 + router.credit_cycles: all credits are home before the",
        ),
        (["sync.latency_by_routers=[[2, 20], [2, 30]]"], "sync.latency_by_routers", "expected rising numbers of rou"),
        (["sync.latency_by_routers=[[1, 30], [2, 20]]"], "sync.latency_by_routers", "expected latencies that do not f"),
        (["sync.latency_by_routers=[[1, 0]]"], "sync.latency_by_routers.0.1", "expected a whole number of at least 1"),
        (["sync.latency_by_routers=[[1]]"], "sync.latency_by_routers.0", "expected"),
        (
            ["sync.mode=tick", "sync.period_cycles=99", "sync.latency_by_routers=[[1, 20]]"],
            "sync.latency_by_routers",
            "expected no table with mode tick, got one",
        ),
        (["core.soma.cycles_per_input=0"], "core.soma.cycles_per_input", "expected a whole number of at least 1, got"),
        (["core.soma.cycles_per_spike=-1"], "core.soma.cycles_per_spike", "expected a whole number of at least 0, got"),
        (["core.synapse.lane_cycles=0"], "core.synapse.lane_cycles", "expected a whole number of at least 1, got 0"),
        (
            ["core.synapse.sparse={index_bits: 49, lane_cycles: 1}"],
            "core.synapse.sparse.index_bits",
            "expected at most 48 (a weight and its index lie in one word of 64 bits), got 49",
        ),
        (
            ["core.synapse.sparse={index_bits: 9, lane_cycles: 1}"],
            "core.synapse.sparse.index_bits",
            "expected at least 10 to tell the 1024 neurons of a core apart, got 9",
        ),
        (["core.synapse.sparse={index_bits: 10}"], "core.synapse.sparse.lane_cycles", "expected a whole number of at"),
    ],
)
def test_what_larger_machines_need(overrides: list[str], key: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_chip("tiny", overrides)
    lines = str(caught.value).splitlines()
    assert any(f": {key}" in line and f": {message}" in line for line in lines), lines


def test_words_of_sparse_rows() -> None:
    assert load_chip("tiny").core.synapse.sparse_per_word == 0
    for bits, number in ((10, 2), (16, 2), (17, 1), (48, 1)):
        chip = load_chip("tiny", [f"core.synapse.sparse={{index_bits: {bits}, lane_cycles: 1}}"])
        assert chip.core.synapse.sparse_per_word == number


def test_mesh64_has_the_core_of_mesh16() -> None:
    assert load_chip("mesh64").core == load_chip("mesh16").core


def test_geometry_of_the_memories() -> None:
    memories = load_chip("mesh16").core.memories()
    assert memories["synapse"] == (131072, 64, 8)
    assert memories["synapse"].capacity_bits == 1024 * 1024 * 8
    assert memories["axon"] == (2048, 64, 1)
    assert memories["neuron"] == (1024, 128, 1)
    assert memories["accumulator"] == (2048, 28, 2)
    assert memories["route"] == (4096, 32, 1)


@pytest.mark.parametrize("name", ["mesh16", "loihi"])
def test_a_chip_survives_being_written_and_read(tmp_path: Path, name: str) -> None:
    chip = load_chip(name, ["noc.dead_links=[[0, 1], [5, 6]]", "clock_mhz=1e2"])
    path = tmp_path / "chip.yaml"
    path.write_text(yamlio.dump(chip.model_dump(mode="json")))
    assert load_chip(path) == chip
    assert Chip.model_validate(chip.model_dump()) == chip


def test_overrides_are_validated_and_named() -> None:
    assert load_chip("tiny", ["core.synapse.banks=4"]).core.synapse.banks == 4
    with pytest.raises(ConfigError, match=r"^--set core.synapse.banks: core.synapse.banks: expected a whole"):
        load_chip("tiny", ["core.synapse.banks=0"])
    with pytest.raises(
        ConfigError, match=r"^--set core: core: expected a mapping of keys to values, got a list"
    ):
        load_chip("tiny", ["core=[1, 2]"])


WRONG = [
    # wrong types, units, ranges
    ("name", "../../etc/x", "expected at most 64 letters, digits, dots, hyphens and underscores"),
    ("clock_mhz", "200MHz", "expected a number of at least 0.001, got '200MHz' (write the number alone: the unit"),
    ("clock_mhz", "0", "expected a number of at least 0.001, got 0"),
    ("clock_mhz", ".nan", "expected a finite number, got .nan"),
    ("clock_mhz", "1e9", "expected a number from 0.001 to 1000000.0, got 1000000000.0"),
    ("clock_mhz", "on", "expected a number of at least 0.001, got 'on'"),
    (
        "quality",
        "estmated",
        "expected one of measured, simulated, estimated, got 'estmated' (did you mean 'esti",
    ),
    ("core.kind", "pipeline", "expected pipelined, got 'pipeline' (did you mean 'pipelined'?)"),
    ("core.axon.entries", "-4", "expected a whole number of at least 1, got -4"),
    ("core.axon.entries", "0", "expected a whole number of at least 1, got 0"),
    ("core.axon.entries", "2_048", "expected a whole number of at least 1, got '2_048'"),
    ("core.axon.entries", "99999999999", "expected a whole number from 1 to 2147483647, got 99999999999"),
    ("core.axon.fifo_flits", "8.5", "expected a whole number of at least 1, got 8.5"),
    ("core.synapse.ports", "3", "expected a whole number from 1 to 2, got 3"),
    ("core.synapse.capacity_kib", "64KiB", "expected a whole number of at least 1, got '64KiB' (write the"),
    ("core.synapse.weight_bits", "1", "expected a whole number from 2 to 32, got 1"),
    ("core.learning.circuits", "desire_bp", "expected a list of text, got 'desire_bp'"),
    (
        "core.learning.rounding",
        "Stochastic",
        "expected one of nearest, stochastic, got 'Stochastic' (did you",
    ),
    ("noc.topology", "ring", "expected one of mesh, torus, got 'ring'"),
    ("noc.multicast", "no", "expected true or false, got 'no' (write true or false)"),
    ("noc.router.virtual_channels", "9", "expected a whole number from 1 to 8, got 9"),
    (
        "noc.router.arrangement",
        "single-stage",
        "expected one of single_stage, two_stage, got 'single-stage' (did",
    ),
    ("noc.router.routing_cycles", "2", "expected a whole number from 0 to 1, got 2"),
    ("noc.link.latency_cycles", "0", "expected a whole number of at least 1, got 0"),
    ("noc.columns", "300", "expected a whole number from 1 to 256, got 300"),
    # what must agree
    (
        "core.synapse.weight_fraction_bits",
        "16",
        "expected fewer than the 16 of weight_bits (one is the sign), got 16",
    ),
    ("core.synapse.word_bits", "15", "expected at least weight_bits = 16, got 15"),
    (
        "core.axon.entry_bits",
        "16",
        "expected at least 43 (row address, row length, 20 bits of spike history), got 16",
    ),
    (
        "core.neuron.word_bits",
        "64",
        "expected at least 84 (membrane, count, and what the learning circuit keeps)",
    ),
    ("core.neuron.membrane_bits", "12", "expected at least weight_bits = 16, got 12"),
    ("core.accumulator.bits", "16", "expected more than weight_bits = 16, got 16"),
    (
        "core.packetiser.route_bits",
        "8",
        "expected at least 22 (header_bits = 12 and 10 bits of axon number), got 8",
    ),
    ("core.learning.trace_fraction_bits", "9", "expected fewer than the 9 of trace_bits, got 9"),
    ("core.learning.slots_per_cycle", "21", "expected at most history_bits = 20, got 21"),
    ("core.learning.history_bits", "63", "expected a whole number from 1 to 62, got 63"),
    ("core.learning.error_bits", "8", "expected at least weight_bits = 16, got 8"),
    ("core.learning.circuits", "[a, a]", "expected each circuit once, got a, a"),
    ("noc.header_bits", "1", "expected at least 2 to tell 3 nodes apart, got 1"),
    ("noc.header_bits", "33", "expected at most link.width_bits = 32 (a header is one flit), got 33"),
    ("sync.latency_cycles", "2", "expected at least 3 (link.latency_cycles + 2 + router.credit_cycles: all"),
    ("host.router", "1", "expected a router at the west edge (one of 0), got 1"),
    ("host.router", "7", "expected a router at the west edge (one of 0), got 7"),
]


@pytest.mark.parametrize(("key", "value", "message"), WRONG)
def test_a_wrong_value_is_named_with_file_line_and_key(
    tmp_path: Path, key: str, value: str, message: str
) -> None:
    text, line = edited(TINY, key, value)
    assert refused(tmp_path, text)[0].startswith(f"chip.yaml:{line}: {key}: {message}")


def test_a_memory_without_a_word_in_each_bank_is_too_small() -> None:
    with pytest.raises(
        ConfigError, match=r"capacity_kib: expected at least one word of 64 bits in each of 256"
    ):
        load_chip("tiny", ["core.synapse.capacity_kib=1", "core.synapse.banks=256"])


@pytest.mark.parametrize(
    ("links", "key", "message"),
    [
        ("[[0, 5]]", "noc.dead_links.0", "expected two neighbours of the 4 x 4 mesh, got [0, 5]"),
        ("[[0, 1], [3, 4]]", "noc.dead_links.1", "expected two neighbours of the 4 x 4 mesh, got [3, 4]"),
        ("[[12, 16]]", "noc.dead_links.0", "expected two neighbours of the 4 x 4 mesh, got [12, 16]"),
        ("[[2, 2]]", "noc.dead_links.0", "expected two neighbours of the 4 x 4 mesh, got [2, 2]"),
        ("[[0, 1], [1, 0]]", "noc.dead_links.1", "expected each link once, got [1, 0] again"),
        ("[[0]]", "noc.dead_links.0.1", "expected a whole number of at least 0, got nothing"),
        ("[0, 1]", "noc.dead_links.0", "expected a list of 2 items, got 0"),
        ("[[0, -1]]", "noc.dead_links.0.1", "expected a whole number of at least 0, got -1"),
    ],
)
def test_dead_links_join_neighbours(tmp_path: Path, links: str, key: str, message: str) -> None:
    text = MESH.replace("  rows: 4\n", f"  rows: 4\n  dead_links: {links}\n")
    line = text.splitlines().index(f"  dead_links: {links}") + 1
    assert refused(tmp_path, text)[0].startswith(f"chip.yaml:{line}: {key}: {message}")


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ((), "noc.router.virtual_channels", "expected an even number on a torus"),
        (("noc.router.virtual_channels=3",), "noc.router.virtual_channels", "expected an even number on a torus"),
        (("noc.router.virtual_channels=2",), "noc.multicast", "expected false with router.virtual_channels = 2"),
        (
            ("noc.router.virtual_channels=2", "noc.router.arrangement=two_stage"),
            "noc.router.arrangement",
            "expected single_stage with router.virtual_channels = 2 (only that is modelled), got two_stage",
        ),
        (
            ("noc.router.virtual_channels=2", "noc.cores_per_router=4"),
            "noc.cores_per_router",
            "expected at most 3 on a torus (the host has a local port of its own), got 4",
        ),
        (("noc.dead_links=[[0, 2]]",), "noc.dead_links.0", "expected two neighbours of the 4 x 4 torus, got [0, 2]"),
        (
            ("noc.router.virtual_channels=2", "noc.multicast=false", "host.router=16"),
            "host.router",
            "expected a router (one of 0, 1, 2, 3, 4, 5, 6, 7, ... 15), got 16",
        ),
    ],
)
def test_what_a_torus_refuses(changes: tuple[str, ...], key: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_chip("mesh16", ["noc.topology=torus", *changes])
    assert f"{key}: {message}" in str(caught.value)


def test_a_torus_has_links_around_and_a_host_anywhere() -> None:
    chip = load_chip("mesh16", [
        "noc.topology=torus", "noc.router.virtual_channels=2", "noc.multicast=false", "host.router=6",
        "noc.dead_links=[[0, 3], [1, 13]]",
    ])  # fmt: skip
    assert chip.noc.adjacent(0, 12) and not chip.noc.adjacent(0, 15)


def test_dead_links_between_neighbours_are_accepted() -> None:
    assert load_chip("mesh16", ["noc.dead_links=[[0, 1], [5, 9]]"]).noc.dead_links == ((0, 1), (5, 9))


def test_multicast_needs_a_spike_of_one_flit(tmp_path: Path) -> None:
    text, line = edited(MESH, "noc.link.width_bits", "22")
    (message,) = refused(tmp_path, text)
    assert message == (
        f"chip.yaml:{line}: noc.link.width_bits: expected at least 23 for multicast "
        "(a spike is one flit: header_bits = 12 and 11 bits of axon number), got 22"
    )
    assert load_chip("mesh16", ["noc.link.width_bits=22", "noc.multicast=false"]).noc.link.width_bits == 22


def test_tick_has_a_period_and_barrier_has_none() -> None:
    assert load_chip("tiny", ["sync.mode=tick", "sync.period_cycles=100"]).sync.period_cycles == 100
    for overrides, message in (
        (
            ["sync.mode=tick"],
            "sync.period_cycles: expected a whole number of at least 1 with mode tick, got nothing",
        ),
        (["sync.period_cycles=100"], "sync.period_cycles: expected no period with mode barrier, got 100"),
        (
            ["sync.mode=tick", "sync.period_cycles=16"],
            "sync.period_cycles: expected more than latency_cycles = 16",
        ),
    ):
        with pytest.raises(ConfigError, match=re.escape(message)):
            load_chip("tiny", overrides)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "    banks: 2 ",
            "    bank: 2 ",
            "core.synapse.bank: expected one of the keys capacity_kib, word_bits, banks,",
        ),
        (
            "    banks: 2 ",
            "    banks: 2\n    banks: 2 ",
            "core.synapse.banks: expected each key once, got 'banks' ag",
        ),
        (
            "    banks: 2 ",
            "    # ",
            "core.synapse.banks: expected a whole number of at least 1, got nothing (the key",
        ),
        (
            "    banks: 2 ",
            "\tbanks: 2 ",
            "syntax: expected one YAML document, got a tab (indent with spaces)",
        ),
        ("circuits: [desire_bp, ssnn_bp]", "circuits: [desire_bp, ssnn_bp", "syntax: expected one YAML document, got "),
        (
            "sync:\n",
            "synk:\n",
            "synk: expected one of the keys name, description, source, quality, clock_mhz, costs",
        ),
        ("host:\n", "---\nhost:\n", "syntax: expected one YAML document, got a second document"),
    ],
)
def test_wrong_keys_and_syntax_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TINY
    complaints = refused(tmp_path, TINY.replace(old, new))
    assert any(re.match(rf"chip\.yaml:\d+: {re.escape(message)}", line) for line in complaints)


def test_faults_of_different_sections_are_reported_together(tmp_path: Path) -> None:
    text, first = edited(TINY, "core.synapse.word_bits", "15")
    text, second = edited(text, "noc.header_bits", "33")
    text, third = edited(text, "host.router", "one")
    assert [line.split(": ")[0] for line in refused(tmp_path, text)] == [
        f"chip.yaml:{n}" for n in (first, second, third)
    ]


def test_a_chip_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_chip("tiny").clock_mhz = 1.0


@settings(max_examples=50)
@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_neighbours_are_at_distance_one(columns: int, rows: int, data: st.DataObject) -> None:
    noc = load_chip("mesh16").noc.model_copy(update={"columns": columns, "rows": rows})
    one, other = (data.draw(st.integers(0, columns * rows + 2)) for _ in range(2))
    inside = max(one, other) < columns * rows
    distance = abs(one % columns - other % columns) + abs(one // columns - other // columns)
    assert noc.adjacent(one, other) == (inside and distance == 1)
