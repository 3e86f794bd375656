"""Pricing: parts add up, prices scale, and two sums worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from neurosim.account.costs import Cost, load_costs
from neurosim.account.energy import BAND, power, price, prices
from neurosim.account.order import bill, total
from neurosim.chip import load_chip
from neurosim.ops import FLIT_OPS, LINK_OPS, PHASES, Op, Phase, unit_of

Ints = NDArray[np.int64]
CHIP = load_chip("tiny")
TABLES = {name: load_costs(name) for name in ("cacti22lop", "horowitz45", "loihi14", "loihi14sim")}
NODES, LOW, MID, HIGH = CHIP.cores + 1, 0, 1, 2

ledgers = st.tuples(
    st.lists(
        st.tuples(
            st.sampled_from(Phase), st.integers(0, NODES - 1), st.sampled_from(Op), st.integers(0, 10**12)
        ),
        max_size=20,
    ),
    st.lists(st.integers(0, 10**12), min_size=len(PHASES), max_size=len(PHASES)),
).map(lambda drawn: ledger(*drawn))


def ledger(entries: list[tuple[int, int, int, int]], cycles: list[int] | None = None) -> tuple[Ints, Ints]:
    counts = np.zeros((len(PHASES), NODES, len(Op)), np.int64)
    for phase, node, op, count in entries:
        counts[phase, node, op] += count
    return counts, np.array(cycles or [0] * len(PHASES), np.int64)


def test_the_bands_in_order() -> None:
    assert BAND == ("low", "mid", "high")


def test_a_sum_worked_out_by_hand() -> None:
    # 10 additions of 0.1 pJ; 4 flits of 32 bits over 1 mm at 0.0488 pJ per bit and mm.
    counts, cycles = ledger([(Phase.FORWARD, 0, Op.SYNAPSE_ADD, 10), (Phase.ERROR, 1, Op.LINK_FLIT, 4)])
    energy = price(counts, cycles, CHIP, TABLES["horowitz45"])
    assert energy.total[MID] == pytest.approx(10 * 0.1 + 4 * 32 * 0.0488)
    assert energy.total[HIGH] == pytest.approx(10 * 0.2 + 4 * 32 * 0.0488 * 1.5)
    assert energy.by_phase()[MID, Phase.FORWARD] == pytest.approx(1.0)
    assert energy.by_unit()["link"][MID].tolist() == pytest.approx([0, 0, 4 * 32 * 0.0488, 0])
    assert energy.by_node()[MID, 1] == pytest.approx(4 * 32 * 0.0488)
    assert energy.by_op()[MID, Op.SYNAPSE_ADD] == pytest.approx(1.0)


def test_static_energy_worked_out_by_hand() -> None:
    # 200 cycles at 200 MHz are one microsecond: microwatts become picojoules.
    costs = TABLES["cacti22lop"]
    counts, cycles = ledger([], [0, 200, 0, 0])
    energy = price(counts, cycles, CHIP, costs)
    bits = 64 * 8192 + 1024 * 64 + 1024 * 128 + 2048 * 28 + 2048 * 32
    core = 117 + 141 + bits / 8192 * 2.24
    assert power(CHIP, costs)[MID].tolist() == pytest.approx([core, core, 0])
    assert energy.static[MID, Phase.FORWARD].tolist() == pytest.approx([core, core, 0])
    assert energy.by_unit()["static"][MID, Phase.FORWARD] == pytest.approx(2 * core)
    assert energy.total[MID] == pytest.approx(2 * core)


def test_a_router_of_several_cores_leaks_once() -> None:
    costs = TABLES["cacti22lop"]
    alone, shared = load_chip("tiny", ["noc.columns=4"]), load_chip("tiny", ["noc.cores_per_router=2"])
    each = power(alone, costs)[MID]
    assert power(shared, costs)[MID].tolist() == pytest.approx([each[0], each[0] - 141, each[0], each[0] - 141, 0])
    assert power(shared, costs)[HIGH].sum() == pytest.approx(power(alone, costs)[HIGH].sum() - 2 * 2000)


def test_links_to_the_north_and_south_have_a_price_of_their_own() -> None:
    # cacti22lop takes both for 1 mm of wire; the description of Loihi has 3.0 and 4.2 pJ a hop.
    both = [Op.LINK_FLIT, Op.VERTICAL_FLIT]
    assert prices(CHIP, TABLES["cacti22lop"])[MID, both].tolist() == pytest.approx([32 * 0.0488] * 2)
    assert prices(CHIP, TABLES["loihi14sim"])[MID, both].tolist() == [3.0, 4.2]
    assert prices(CHIP, TABLES["loihi14sim"])[MID, [Op.SYNAPSE_ADD, Op.SPARSE_ADD]].tolist() == [35.5, 33.6]
    assert unit_of(Op.VERTICAL_FLIT, Phase.FORWARD) == "link" and unit_of(Op.SPARSE_ADD, Phase.FORWARD) == "synapse"


def test_memory_prices_follow_the_geometry_of_the_chip() -> None:
    costs = TABLES["cacti22lop"]
    large = load_chip("tiny", ["core.synapse.capacity_kib=512"])
    wide = load_chip("tiny", ["noc.link.width_bits=64"])
    base, more, wider = (prices(chip, costs)[MID] for chip in (CHIP, large, wide))
    assert more[Op.SYNAPSE_READ] == pytest.approx(base[Op.SYNAPSE_READ] * 8**0.554)
    assert more[Op.AXON_READ] == base[Op.AXON_READ]
    for op in FLIT_OPS:
        assert wider[op] == pytest.approx(2 * base[op])
    assert wider[Op.ARBITRATE] == base[Op.ARBITRATE]
    longer = prices(load_chip("tiny", ["noc.link.length_mm=2.5"]), costs)[MID]
    for op in LINK_OPS:
        assert longer[op] == pytest.approx(2.5 * base[op])
    assert longer[Op.CROSSBAR] == base[Op.CROSSBAR]


def test_reads_and_writes_have_laws_of_their_own() -> None:
    # 64 KiB of 64 bits, with the exponents of cacti22lop.yaml.
    mid = prices(CHIP, TABLES["cacti22lop"])[MID]
    assert mid[Op.SYNAPSE_READ] == pytest.approx(0.205 * 64**0.554 * 2**0.483)
    assert mid[Op.SYNAPSE_WRITE] == pytest.approx(0.243 * 64**0.491 * 2**0.501)


@given(ledgers, st.sampled_from(sorted(TABLES)))
def test_parts_add_up_to_the_total_and_the_band_is_ordered(run: tuple[Ints, Ints], name: str) -> None:
    energy = price(*run, CHIP, TABLES[name])
    total = energy.total
    assert total[LOW] <= total[MID] <= total[HIGH]
    assert energy.by_phase().sum(axis=1) == pytest.approx(total)
    assert energy.by_node().sum(axis=1) == pytest.approx(total)
    assert sum(part.sum(axis=1) for part in energy.by_unit().values()) == pytest.approx(total)
    assert energy.by_op().sum(axis=1) + energy.static.sum(axis=(1, 2)) == pytest.approx(total)


@given(ledgers, ledgers, st.sampled_from(sorted(TABLES)))
def test_the_price_of_two_runs_is_the_sum_of_their_prices(
    one: tuple[Ints, Ints], two: tuple[Ints, Ints], name: str
) -> None:
    costs = TABLES[name]
    both = price(one[0] + two[0], one[1] + two[1], CHIP, costs)
    assert both.total == pytest.approx(price(*one, CHIP, costs).total + price(*two, CHIP, costs).total)


@given(ledgers, st.sampled_from(sorted(TABLES)))
def test_a_count_prices_to_zero_only_where_the_table_says_so(run: tuple[Ints, Ints], name: str) -> None:
    costs = TABLES[name]
    energy = price(*run, CHIP, costs)
    for op in Op:
        free = op.name.lower() in costs.ops and costs.ops[op.name.lower()].mid_pj == 0
        assert np.array_equal(energy.dynamic[MID, :, :, op] > 0, (run[0][:, :, op] > 0) & (not free))


@settings(max_examples=20)
@given(st.sampled_from(Op), st.sampled_from(Phase), st.integers(1, 10**9))
def test_an_op_is_charged_to_its_unit_and_phase_alone(op: Op, phase: Phase, count: int) -> None:
    energy = price(*ledger([(phase, 0, op, count)]), CHIP, TABLES["horowitz45"])
    for unit, part in energy.by_unit().items():
        for other in Phase:
            charged = part[MID, other] > 0
            assert charged == (unit == unit_of(op, phase) and other is phase and op is not Op.SPIKE)


def test_pricing_changes_nothing_it_is_given() -> None:
    counts, cycles = ledger([(0, 0, Op.SPIKE, 3)], [1, 2, 3, 4])
    copies = counts.copy(), cycles.copy()
    price(counts, cycles, CHIP, TABLES["loihi14"])
    assert np.array_equal(counts, copies[0]) and np.array_equal(cycles, copies[1])


def test_wrong_shapes_and_negative_counts_are_refused() -> None:
    counts, cycles = ledger([])
    costs = TABLES["horowitz45"]
    with pytest.raises(ValueError, match=r"expected shapes \(4, 3, 31\) and \(4,\), got \(4, 2, 31\)"):
        price(counts[:, :2], cycles, CHIP, costs)
    with pytest.raises(ValueError, match="expected shapes"):
        price(counts, cycles[:3], CHIP, costs)
    with pytest.raises(ValueError, match="no negative number"):
        price(counts - 1, cycles, CHIP, costs)


def test_the_learning_unit_is_charged_for_what_it_reads_after_the_forward_phase() -> None:
    assert unit_of(Op.SYNAPSE_READ, Phase.FORWARD) == "synapse"
    assert unit_of(Op.SYNAPSE_READ, Phase.ERROR) == unit_of(Op.SYNAPSE_READ, Phase.UPDATE) == "learning"
    assert unit_of(Op.NEURON_WRITE, Phase.IO) == "axon"  # pixel values


def test_a_crossbar_pays_for_its_cells_in_every_access_and_at_rest() -> None:
    """Synapse memory of 64 KiB, with the factors of cacti22lop.yaml; other memories and other chips do not pay."""
    costs = TABLES["cacti22lop"]
    crossbar = load_chip("tiny", ["core.learning.backward=crossbar"])
    rows, columns = prices(CHIP, costs), prices(crossbar, costs)
    factors = [1.12, 1.15, 2.0]
    for op in (Op.SYNAPSE_READ, Op.SYNAPSE_WRITE):
        assert columns[:, op].tolist() == pytest.approx(rows[:, op] * factors)
    assert columns[:, Op.COLUMN_READ].tolist() == pytest.approx(columns[:, Op.SYNAPSE_READ])
    others = [op for op in Op if op not in (Op.SYNAPSE_READ, Op.SYNAPSE_WRITE)]
    assert np.array_equal(rows[:, others], columns[:, others])
    extra = (power(crossbar, costs) - power(CHIP, costs))[:, 0]
    assert extra.tolist() == pytest.approx([0, 64 * 0.33 * 2.24, 64 * 1.0 * 13.9])
    idle = load_chip("tiny", ["core.learning.backward=crossbar", "core.learning.circuits=[]"])
    assert np.array_equal(prices(idle, costs), rows)


def test_the_clock_worked_out_by_hand() -> None:
    # 1.5 pJ a cycle and core, on two cores; the host has no clock.
    text = {"mid_pj": 1.5, "source": "made up", "quality": "estimated"}
    costs = TABLES["cacti22lop"].model_copy(update={"clock": Cost.model_validate(text)})
    counts, cycles = ledger([], [0, 200, 0, 0])
    with_clock, without = (price(counts, cycles, CHIP, table) for table in (costs, TABLES["cacti22lop"]))
    assert with_clock.total[MID] - without.total[MID] == pytest.approx(200 * 2 * 1.5)
    assert with_clock.by_unit()["clock"][MID].tolist() == pytest.approx([0, 600, 0, 0])
    assert with_clock.clock[MID, 1].tolist() == pytest.approx([300, 300, 0]) and not without.clock.any()
    assert with_clock.by_phase()[MID].sum() == pytest.approx(with_clock.total[MID])
    ops, bills = counts.sum(axis=(0, 1)), []
    for table in (costs, TABLES["cacti22lop"]):
        bills.append(total(bill(ops, 200, 1, CHIP, table)))
    assert bills[0][MID] - bills[1][MID] == pytest.approx(0.6)
