"""The report: its parts add up to what was counted, and its tables say what they mean."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from neurosim import results
from neurosim.account.costs import load_costs
from neurosim.account.energy import price
from neurosim.checkpoint import load_checkpoint
from neurosim.engine.run import Run
from neurosim.errors import ResultError
from neurosim.ops import OPS, PHASES, UNITS, Op
from neurosim.report import Report, curve_table, report, three_digits
from neurosim.session import Job

COSTS = load_costs("cacti22lop")


@pytest.fixture(scope="module")
def runs(tiny_job: Job, reference_run: Path) -> dict[str, Run]:
    stages = load_checkpoint(reference_run, tiny_job.initial.copy()).stages
    return {name: stage.run for name, stage in stages.items() if stage.run is not None}


@pytest.fixture(scope="module")
def made(tiny_job: Job, runs: dict[str, Run]) -> Report:
    return report(runs, tiny_job.config.chip, COSTS, seed=3, synapses=12_704)


def test_the_ledger_holds_every_count(made: Report, runs: dict[str, Run]) -> None:
    for mode, run in runs.items():
        rows = made.ledger[made.ledger["mode"] == mode]
        assert rows["count"].sum() == run.counts.sum()
        rebuilt = np.zeros_like(run.counts)
        for row in rows.itertuples():
            node = run.counts.shape[1] - 1 if row.core == "host" else int(str(row.core))
            rebuilt[PHASES.index(str(row.phase)), node, OPS.index(str(row.op))] = row.count
        assert np.array_equal(rebuilt, run.counts)


def test_bits_are_words_times_their_width(made: Report, tiny_job: Job) -> None:
    core, link = tiny_job.config.chip.core, tiny_job.config.chip.noc.link
    widths = {
        "synapse_read": core.synapse.word_bits,
        "neuron_write": core.neuron.word_bits,
        "link_flit": link.width_bits,
        "random_bit": 1,
        "synapse_add": 0,
    }
    for op, width in widths.items():
        rows = made.ledger[made.ledger["op"] == op]
        assert (rows["bits"] == rows["count"] * width).all(), op


def test_causes_of_every_unit_add_up_to_the_cycles(made: Report, runs: dict[str, Run]) -> None:
    for mode, run in runs.items():
        rows = made.causes[made.causes["mode"] == mode]
        sums = rows.groupby(["core", "unit"])["cycles"].sum()
        assert (sums == run.phase_cycles.sum()).all()
        assert set(rows["unit"]) <= set(UNITS)


def test_energy_parts_add_up_to_the_price_of_the_ledger(
    made: Report, runs: dict[str, Run], tiny_job: Job
) -> None:
    for mode, section in (("train", "train"), ("test", "inference")):
        run, entry = runs[mode], made.summary[section]["energy_nj_per_sample"]
        total = price(run.counts, run.phase_cycles, tiny_job.config.chip, COSTS).total / run.samples / 1000
        assert [entry[end] for end in ("low", "mid", "high")] == pytest.approx(total.tolist())
        for split in ("by_phase", "by_unit"):
            for end in ("low", "mid", "high"):
                assert sum(part[end] for part in entry[split].values()) == pytest.approx(entry[end])


def test_the_summary_has_what_was_promised(reference_run: Path, runs: dict[str, Run]) -> None:
    summary = json.loads((reference_run / "summary.json").read_text())
    assert {"test", "test_strict", "test_membrane"} <= set(summary["accuracy"])
    assert len(summary["digest"]) == 64
    for mode, section in (("train", "train"), ("test", "inference")):
        entry, run = summary[section], runs[mode]
        assert entry["samples"] == run.samples
        assert entry["cycles_per_sample"] == pytest.approx(run.phase_cycles.sum() / run.samples)
        assert entry["latency_us_per_sample"] == pytest.approx(entry["cycles_per_sample"] / 200)
        reads = run.counts[:, :, [Op.SYNAPSE_READ, Op.COLUMN_READ]].sum() / run.samples
        memory = entry["memory_accesses_per_sample"]["synapse"]
        assert (memory["read"], memory["read_bits"]) == pytest.approx((reads, reads * 64))
        assert entry["spikes_per_sample"]["total"] == pytest.approx(run.spikes.sum() / run.samples)
        assert entry["synaptic_ops_per_sample"]["forward"] > 0
        assert entry["bottleneck"]["text"] and entry["wall_s"] > 0
    assert "error" not in summary["inference"]["synaptic_ops_per_sample"]


def test_repricing_changes_prices_only(finished_run: Path) -> None:
    before = {path.name: path.read_bytes() for path in finished_run.iterdir() if path.is_file()}
    old = results.read_summary(finished_run)
    new = results.reprice(finished_run, load_costs("horowitz45"))
    assert new["costs"] == "horowitz45"
    assert new["train"]["energy_nj_per_sample"]["mid"] != old["train"]["energy_nj_per_sample"]["mid"]
    changed = {p.name for p in finished_run.iterdir() if p.is_file() and p.read_bytes() != before[p.name]}
    assert changed == {"energy.csv", "summary.json"}
    assert results.reprice(finished_run, COSTS) == old


def test_reprice_and_plot_need_a_finished_run(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"summary\.json"):
        results.reprice(tmp_path, COSTS)
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(ResultError, match="expected JSON"):
        results.draw(tmp_path)


def test_a_run_alone_is_inference(runs: dict[str, Run], tiny_job: Job) -> None:
    made = report(runs["test"], tiny_job.config.chip, COSTS)
    assert set(made.ledger["mode"]) == {"test"}
    assert "inference" in made.summary and "train" not in made.summary


def test_the_curve_averages_windows() -> None:
    marks = np.array([3] * 50 + [2] * 50 + [0] * 20, np.uint8)
    curve = curve_table(marks, np.arange(120), np.linspace(1, 0, 120))
    assert curve["presentation"].tolist() == [50, 100, 120]
    assert curve["strict"].tolist() == [100, 0, 0]
    assert curve["argmax"].tolist() == [100, 100, 0]
    assert curve["cycles_per_sample"].tolist() == [24.5, 74.5, 109.5]
    assert curve_table(np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros(0)).empty


def test_tables_survive_csv(made: Report, reference_run: Path) -> None:
    stored = pd.read_csv(reference_run / "ledger.csv", dtype={"core": str})
    assert stored.drop(columns="run").equals(
        made.ledger.drop(columns="run").astype(stored.drop(columns="run").dtypes)
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (123_456, "123,000"),
        (999.6, "1,000"),
        (0.0123456, "0.0123"),
        (1.5, "1.50"),
        (-42.123, "-42.1"),
        (9.999, "10.0"),
        (float("nan"), "-"),
    ],
)
def test_three_significant_digits(value: float, text: str) -> None:
    assert three_digits(value) == text
