"""Cost tables: every op has a price with a source, and what is missing or wrong is named."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from neurosim import yamlio
from neurosim.account.costs import LOGIC_BAND, CostTable, costs_of, load_costs
from neurosim.account.energy import prices
from neurosim.errors import ConfigError
from neurosim.machine import load_chip
from neurosim.ops import LINK_OPS, SEQUENCED_OPS, describe

TABLES = ("cacti22lop", "cacti28lop", "cacti45lop", "horowitz45", "loihi14", "loihi14sim", "odin28", "tinyodin28")
CHIPS = ("loihi", "mesh16", "mesh64", "odin", "tiny", "tinyodin")
SEQUENCED = ("odin", "tinyodin")
TEXT = (yamlio.shipped() / "costs" / "horowitz45.yaml").read_text()
SPIKE = "  spike:\n    mid_pj: 0\n    reason:"
ADD = "  synapse_add:\n    mid_pj: 0.1\n"


def refused(folder: Path, text: str) -> list[str]:
    path = folder / "costs.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_costs(path)
    return [line.replace(f"{folder}/", "") for line in str(caught.value).splitlines()]


def fitted() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "fit_sram.py"
    spec = importlib.util.spec_from_file_location("fit_sram", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_exactly_these_tables_are_shipped() -> None:
    assert sorted(p.stem for p in (yamlio.shipped() / "costs").glob("*.yaml")) == list(TABLES)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("chip", CHIPS)
def test_every_op_is_priced_on_every_chip_in_order_and_zero_only_with_a_reason(name: str, chip: str) -> None:
    costs = load_costs(name)
    if costs.core == "sequenced" and chip not in SEQUENCED:
        with pytest.raises(ConfigError, match=f"{name} prices sequenced cores only; {chip} has pipelined cores"):
            prices(load_chip(chip), costs)
        return
    low, mid, high = prices(load_chip(chip), costs)
    for op in costs.priced_ops:
        assert low[op] <= mid[op] <= high[op]
        entry, memory = costs.ops.get(op.name.lower()), describe(op).memory
        if entry is not None and entry.source.startswith("not published"):
            assert low[op] == 0 < high[op] and entry.quality == "estimated"
        elif mid[op] == 0:
            absent = memory is not None and memory not in load_chip(chip).core.memories()
            absent |= chip in SEQUENCED and op in LINK_OPS
            assert high[op] == 0 and (absent or (entry is not None and entry.reason))
        else:
            assert low[op] > 0


@pytest.mark.parametrize("chip", CHIPS)
def test_the_cost_table_of_a_shipped_chip_exists(chip: str) -> None:
    assert load_costs(load_chip(chip).costs).name == load_chip(chip).costs


def test_the_sram_law_has_the_sizes_of_horowitz() -> None:
    law = load_costs("horowitz45").sram
    assert law is not None
    for kib, pj in ((8, 10), (32, 20), (1024, 100)):
        assert law.read.band(kib * 8192, 64)[1] == pytest.approx(pj, rel=0.03)


@pytest.mark.parametrize("node", ["22", "28", "45"])
def test_the_sram_laws_are_the_fits_to_the_grid(node: str) -> None:
    grid = yamlio.shipped() / "costs" / "sram_cacti7.csv"
    fits = fitted().fits(grid)
    sram = load_costs(f"cacti{node}lop").sram
    assert sram is not None
    for law, column in ((sram.read, "read_pJ"), (sram.write, "write_pJ")):
        fit = fits[(node, "itrs-lop", column)]
        assert (law.a_pj, law.size_exponent, law.width_exponent) == pytest.approx(fit[:3], rel=2e-3)
        assert law.high_factor >= fit.worst
        assert law.low_factor <= 1 / fit.worst
        assert law.band(64 * 8192, 64)[1] == pytest.approx(fit.energy(64, 64), rel=0.01)


def test_wider_words_cost_less_a_bit_and_larger_memories_more() -> None:
    sram = load_costs("cacti22lop").sram
    assert sram is not None
    for law in (sram.read, sram.write):
        narrow, wide, large = (law.band(k * 8192, w)[1] for k, w in ((64, 8), (64, 64), (512, 8)))
        assert narrow < wide < 8 * narrow
        assert large > narrow


def test_the_default_band_of_logic_is_a_factor_of_two() -> None:
    assert load_costs("horowitz45").ops["synapse_add"].band(LOGIC_BAND) == (0.05, 0.1, 0.2)


def test_overrides_reach_the_table() -> None:
    assert load_costs("horowitz45", ["ops.synapse_add.mid_pj=0.2"]).ops["synapse_add"].mid_pj == 0.2
    with pytest.raises(
        ConfigError, match=r"--set ops.synapse_add.mid_pj: ops.synapse_add.mid_pj: expected a numb"
    ):
        load_costs("horowitz45", ["ops.synapse_add.mid_pj=0.2pJ"])


def test_a_table_survives_being_written_and_read(tmp_path: Path) -> None:
    costs = load_costs("loihi14")
    path = tmp_path / "costs.yaml"
    path.write_text(yamlio.dump(costs.model_dump(mode="json")))
    assert load_costs(path) == costs


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        (
            ADD,
            "  synapse_sub:\n    mid_pj: 0.1\n",
            "ops.synapse_sub",
            "expected one of the ops host_flit, axon_read",
        ),
        (
            ADD,
            "  synapse_add:\n    mid_pj: 20pJ\n",
            "ops.synapse_add.mid_pj",
            "expected a number of at least 0, got '20",
        ),
        (
            ADD,
            "  synapse_add:\n    mid_pj: -1\n",
            "ops.synapse_add.mid_pj",
            "expected a number of at least 0, got -1",
        ),
        (
            ADD,
            "  synapse_add:\n    mid_pj: .nan\n",
            "ops.synapse_add.mid_pj",
            "expected a finite number, got .nan",
        ),
        (
            ADD,
            "  synapse_add:\n    mid_pj: 0\n",
            "ops.synapse_add.mid_pj",
            "expected a number above 0, or a reason",
        ),
        (ADD, ADD + "    low_pj: 0.2\n", "ops.synapse_add.low_pj", "expected at most mid_pj = 0.1, got 0.2"),
        (
            ADD,
            ADD + "    high_pj: 0.05\n",
            "ops.synapse_add.high_pj",
            "expected at least mid_pj = 0.1, got 0.05",
        ),
        (
            ADD,
            ADD + "    pj: 1\n",
            "ops.synapse_add.pj",
            "expected one of the keys low_pj, mid_pj, high_pj, source",
        ),
        (ADD, ADD + ADD, "ops.synapse_add", "expected each key once, got 'synapse_add' again (first on line"),
        (
            SPIKE,
            "  spike:\n    mid_pj: 0\n    # ",
            "ops.spike.mid_pj",
            "expected a number above 0, or a reason, got 0",
        ),
        (
            "per_bit_mm:",
            "per_mm:",
            "per_mm",
            "expected one of the keys name, description, source, quality, node_nm",
        ),
        (
            "  link_flit:",
            "  link_flits:",
            "per_bit_mm.link_flits",
            "expected one of the ops link_flit, vertical_flit, got 'link_flits' (did",
        ),
        (
            "  read:\n",
            "  reed:\n",
            "sram.reed",
            "expected one of the keys read, write, got 'reed' (did you mean 'read'?)",
        ),
        ("high_uw: 2000", "high_uw: 1", "static.router.high_uw", "expected at least mid_uw = 141, got 1"),
        (
            "quality: estimated\nnode",
            "quality: guessed\nnode",
            "quality",
            "expected one of measured, simulated, est",
        ),
    ],
)
def test_a_wrong_entry_is_named_with_file_line_and_key(
    tmp_path: Path, old: str, new: str, key: str, message: str
) -> None:
    assert old in TEXT
    lines = refused(tmp_path, TEXT.replace(old, new, 1))
    assert any(line.split(": ", 2)[1] == key and f": {message}" in line for line in lines), lines
    assert all(line.startswith("costs.yaml:") for line in lines)


def test_a_missing_cost_is_refused_at_load(tmp_path: Path) -> None:
    (line,) = refused(tmp_path, TEXT[: TEXT.index("  synapse_add:")] + TEXT[TEXT.index("  sparse_add:") :])
    place = TEXT[: TEXT.index("\nops:")].count("\n") + 2
    assert line == (
        f"costs.yaml:{place}: ops.synapse_add: expected a price of one weight added to an accumulator,"
        " got nothing (the cost is missing)"
    )


def test_without_an_sram_law_every_memory_op_needs_an_entry() -> None:
    data = load_costs("horowitz45").model_dump()
    del data["sram"]
    with pytest.raises(ValueError, match="ops.axon_read: expected a price of one axon table word"):
        CostTable.model_validate(data)


@pytest.mark.parametrize("op", ["vertical_flit", "sparse_add"])
def test_a_table_from_before_concentrated_meshes_says_what_it_lacks(op: str) -> None:
    data = load_costs("loihi14").model_dump()
    del data["ops"][op]
    with pytest.raises(ValueError, match=rf"ops.{op}: expected a price of one .*, got nothing \(the cost is missing\)"):
        CostTable.model_validate(data)


def test_loihi14sim_has_the_numbers_of_the_description_and_nothing_else() -> None:
    costs = load_costs("loihi14sim")
    priced = {name: entry.mid_pj for name, entry in costs.ops.items() if entry.mid_pj}
    assert priced == {
        "neuron_read": 51.2, "soma_update": 21.6, "spike": 69.3, "synapse_add": 35.5, "sparse_add": 33.6,
        "route_read": 111, "link_flit": 3.0, "vertical_flit": 4.2,
    }  # fmt: skip
    assert costs.sram is None and not costs.per_bit and not costs.per_bit_mm
    for entry in costs.ops.values():
        assert "SANA-FE" in entry.source and entry.band(LOGIC_BAND) == (entry.mid_pj,) * 3


def test_an_op_has_only_one_price() -> None:
    data = load_costs("horowitz45").model_dump()
    data["ops"]["crossbar"] = data["ops"]["encode"]
    with pytest.raises(ValueError, match="per_bit.crossbar: expected one price, got another under ops"):
        CostTable.model_validate(data)


def test_a_table_prices_columns_of_a_crossbar_or_is_refused() -> None:
    data = load_costs("horowitz45").model_dump()
    del data["transposable"]
    with pytest.raises(ValueError, match=r"transposable: expected it, or ops.column_read: .* got nothing"):
        CostTable.model_validate(data)
    data["ops"]["column_read"] = data["ops"]["encode"]
    CostTable.model_validate(data)


def test_the_band_of_a_transposable_memory_is_ordered() -> None:
    data = load_costs("horowitz45").model_dump()
    data["transposable"]["access"]["low"] = 1.9
    with pytest.raises(ValueError, match=r"expected at most mid = 1.15, got 1.9"):
        CostTable.model_validate(data)


@pytest.mark.parametrize("name", ["odin28", "tinyodin28"])
def test_a_table_of_sequenced_chips_prices_what_they_do_and_lacks_nothing_of_it(name: str) -> None:
    data = load_costs(name).model_dump()
    assert set(data["ops"]) == {op.name.lower() for op in SEQUENCED_OPS}
    for op in SEQUENCED_OPS:
        lacking = {**data, "ops": {key: cost for key, cost in data["ops"].items() if key != op.name.lower()}}
        with pytest.raises(ValueError, match=f"ops.{op.name.lower()}: expected a price of"):
            CostTable.model_validate(lacking)


def test_a_table_holds_up_to_its_fastest_clock() -> None:
    assert costs_of(load_chip("odin", ["clock_mhz=75"])).max_clock_mhz == 75
    expected = "odin28 holds up to 75 MHz at 0.55 V; odin has clock_mhz = 75.1: lower chip.clock_mhz, or take another"
    for meet in (costs_of, lambda chip: prices(chip, load_costs("odin28"))):
        with pytest.raises(ConfigError, match=expected):
            meet(load_chip("odin", ["clock_mhz=75.1"]))


def test_what_odin_did_not_publish_is_an_estimate_from_nothing_to_one_sop() -> None:
    ops = load_costs("odin28").ops
    assert [name for name, cost in ops.items() if cost.quality == "measured"] == ["synapse_add"]
    for name, share in (("soma_update", 1), ("host_flit", 1), ("weight_update", 1 / 8)):
        low, mid, high = ops[name].band(LOGIC_BAND)
        assert (low, mid, high) == pytest.approx((0, 8.43 * share / 2, 8.43 * share), rel=0.01)
    assert {cost.quality for cost in load_costs("tinyodin28").ops.values()} == {"estimated"}
