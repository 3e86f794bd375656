"""neurosim compare: ordinary runs, cached and resumable, one table; the number of workers changes nothing."""

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fake_engine
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from distributed import Client

from neurosim import compare as compare_function
from neurosim import session
from neurosim.account.costs import load_costs
from neurosim.cli import main
from neurosim.compare import Event, workers
from neurosim.comparison import Comparison, pareto
from neurosim.errors import ConfigError, ResultError
from neurosim.image import Image
from neurosim.results import read_summary
from neurosim.study import RuleOptions, Study, cells

pytestmark = pytest.mark.usefixtures("made_up_engine")

STUDY = Study(
    chips=("tiny", "mesh16"), bits=(16, 5), seeds=(0, 1), network="784-16-10", train=40, test=30, epochs=2,
    probes=4, probe_images=20,
)  # fmt: skip


@contextmanager
def threads(number: int | None = 2, scheduler: str | None = None) -> Iterator[Client]:
    """Workers in this process, where the made-up engine is."""
    gc.collect()  # a Client that never connected would else be collected by the new loop's thread, and wait for itself
    with Client(
        processes=False, n_workers=1, threads_per_worker=number or 2, dashboard_address="127.0.0.1:0",
        set_as_default=False,
    ) as client:  # fmt: skip
        yield client


def run(study: Study, out: Path, number: int = 2) -> tuple[Comparison, list[Event]]:
    events: list[Event] = []
    with threads(number) as client:
        return compare_function(study, out, client, show=events.append), events


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Path]:

    out = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "simulate", fake_engine.simulate)
        return run(STUDY, out)[0], out


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.csv")}


def test_a_row_for_each_cell_and_configuration(finished: tuple[Comparison, Path]) -> None:
    found, out = finished
    assert len(found.cells) == 8 and len(found.table) == 4
    assert found.table["train_total_mid_mj"].is_monotonic_increasing
    assert set(found.table["seeds"]) == {2}
    assert set(zip(found.table["chip"], found.table["bits"], strict=True)) == {
        (chip, bits) for chip in ("tiny", "mesh16") for bits in (16, 5)
    }
    for name in ("cells", "table", "orders", "phases"):
        written = pd.read_csv(out / f"{name}.csv")
        assert len(written) == len(getattr(found, name))
    assert len(list(out.glob("*.png"))) == 3


def test_a_cell_is_an_ordinary_run(finished: tuple[Comparison, Path], tmp_path: Path) -> None:
    found, out = finished
    cell = cells(STUDY)[3]
    assert cell.config is not None
    job = session.prepare(cell.config)
    row = found.cells.iloc[3]
    assert (row["digest"], row["seed"], row["bits"]) == (job.digest, 1, 5)
    folder = out / "runs" / row["folder"]
    from conftest import write_run

    alone = write_run(job, tmp_path / "alone")
    for name in ("ledger.csv", "weights.npz", "curve.csv", "energy.csv"):
        assert (folder / name).read_bytes() == (alone / name).read_bytes(), name
    summary = read_summary(alone)
    assert row["accuracy"] == summary["accuracy"]["test_strict"]
    for mode in ("train", "inference"):
        band = summary[mode]["energy_nj_per_sample"]
        assert [row[f"{mode}_{end}_nj"] for end in ("low", "mid", "high")] == pytest.approx(
            [band[end] for end in ("low", "mid", "high")]
        )
        assert row[f"{mode}_us"] == summary[mode]["latency_us_per_sample"]


def test_training_is_compared_as_a_whole(tmp_path: Path) -> None:
    """A rule that shows four times the samples pays for them, though each may cost less."""
    other = tmp_path / "longer.py"
    other.write_text("from neurosim.learning.desire_bp import *\n")
    study = STUDY.model_copy(
        update={"rules": ("desire_bp", str(other)), "chips": ("tiny",), "bits": (), "seeds": (0, 1),
                "for_rule": {"desire_bp": RuleOptions(epochs=4), str(other): RuleOptions(epochs=1)},
                "set": ("chip.core.learning.circuits=[desire_bp, longer]",)}
    )  # fmt: skip
    found, _ = run(study, tmp_path / "study")
    table = found.table
    assert (table["rule"].tolist(), table["presentations"].tolist()) == (["longer", "desire_bp"], [40, 160])
    for end in ("low", "mid", "high"):
        for rows in (table, found.cells):
            whole = rows[f"train_{end}_nj"] * rows["presentations"] / 1e6
            assert rows[f"train_total_{end}_mj"].tolist() == pytest.approx(whole.tolist())
    assert table["pareto_train"].tolist() == pareto(table["accuracy"], table["train_total_mid_mj"])
    (order,) = found.orders[found.orders["quantity"] == "train energy"].to_dict("records")
    one, two = table["train_total_mid_mj"]
    assert (order["difference"], order["ratio"]) == (pytest.approx(one - two), pytest.approx(one / two))
    assert order["unit"] == "mJ"
    assert order["verdict"] == "below" and order["ratio_high"] < 1


def test_energies_by_phase_add_up_to_the_table(finished: tuple[Comparison, Path]) -> None:
    found, _ = finished
    for mode in ("train", "inference"):
        rows = found.phases[found.phases["mode"] == mode].groupby("row")["mid_nj"].sum()
        assert rows.tolist() == pytest.approx(found.table[f"{mode}_mid_nj"].tolist())


def test_the_number_of_workers_changes_nothing(finished: tuple[Comparison, Path], tmp_path: Path) -> None:
    _, out = finished
    run(STUDY, tmp_path, number=1)
    assert contents(tmp_path) == contents(out)


def test_the_number_of_processes_changes_nothing_on_the_real_engine(tmp_path: Path) -> None:
    study = Study(
        rules=("desire_bp", "ssnn_bp"), chips=("tiny",), network="784-16-10", train=6, test=4, epochs=1, seeds=(0, 1),
        probes=1, probe_images=2,
    )  # fmt: skip
    for number in (1, 2):
        with workers(number) as client:
            compare_function(study, tmp_path / str(number), client)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert len(pd.read_csv(tmp_path / "1" / "table.csv")) == 2


def test_a_finished_study_is_not_run_again(
    finished: tuple[Comparison, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(finished[1])
    monkeypatch.setattr(session, "train", lambda *_, **__: pytest.fail("simulated"))
    _, events = run(STUDY, finished[1])
    assert [event.what for event in events if event.what not in ("warm", "train", "test")] == ["cached"] * 8
    assert contents(finished[1]) == before


def test_another_seed_runs_alone(finished: tuple[Comparison, Path]) -> None:
    more = STUDY.model_copy(update={"seeds": (0, 1, 2), "chips": ("tiny",)})
    found, events = run(more, finished[1])
    ends = [event.what for event in events]
    assert (ends.count("done"), ends.count("cached")) == (2, 4)
    assert set(found.table["seeds"]) == {3}


def test_a_cell_that_does_not_fit_is_a_row_that_says_why(tmp_path: Path) -> None:
    study = Study(chips=("tiny", "mesh16"), network="784-512-10", train=5, test=5, epochs=1, probes=0)
    found, events = run(study, tmp_path)
    assert sorted(event.what for event in events if event.what in ("done", "failed")) == ["done", "failed"]
    failed = found.cells.iloc[0]
    assert (failed["chip"], "population 'hidden1'" in failed["reason"]) == ("tiny", True)
    assert found.table["chip"].tolist() == ["mesh16"]
    with pytest.raises(ResultError, match="population 'hidden1'"):
        run(study.model_copy(update={"chips": ("tiny",)}), tmp_path / "none")


def test_a_fault_in_one_cell_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = session.train

    def faulty(job: session.Job, folder: Path, **options: object) -> object:
        if job.config.seed == 1:
            raise ZeroDivisionError("a fault")
        return real(job, folder, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(session, "train", faulty)
    study = STUDY.model_copy(update={"chips": ("tiny",), "bits": ()})
    found, _ = run(study, tmp_path)
    assert found.cells["reason"].tolist() == ["", "failed: ZeroDivisionError('a fault')"]
    assert found.table["seeds"].tolist() == [1]


@pytest.mark.parametrize("fault", [ConfigError("does not compile"), ZeroDivisionError("a fault")])
def test_a_fault_while_compiling_leaves_the_other_cells(
    fault: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = session.simulate

    def faulty(image: Image, *rest: object, **options: object) -> object:
        if image.weight_limits[1] < 100:  # the cell of 5 bits
            raise fault
        return real(image, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(session, "simulate", faulty)
    study = STUDY.model_copy(update={"chips": ("tiny",), "bits": (16, 5), "seeds": (0,)})
    found, _ = run(study, tmp_path)
    assert [str(fault) in reason for reason in found.cells["reason"]] == [False, True]
    assert found.table["bits"].tolist() == [16]


def test_an_interrupted_cell_goes_on(finished: tuple[Comparison, Path], tmp_path: Path) -> None:
    from test_session import StopAt

    from neurosim.probe import Plan

    cell, row = cells(STUDY)[0], finished[0].cells.iloc[0]
    assert cell.config is not None
    folder = tmp_path / "runs" / row["folder"]
    with pytest.raises(session.Interrupted):
        stop = StopAt(33, signal.SIGINT)
        session.train(session.prepare(cell.config), folder, chunk=5, progress=stop, probes=Plan(4, 20))
    run(STUDY.model_copy(update={"chips": ("tiny",), "bits": (16,), "seeds": (0,)}), tmp_path)
    for name in ("ledger.csv", "weights.npz", "probes.csv", "curve.csv"):
        assert (folder / name).read_bytes() == (finished[1] / "runs" / row["folder"] / name).read_bytes(), name


def invoke(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setattr(sys.modules["neurosim.compare"], "workers", threads)
    return CliRunner().invoke(main, ["compare", *arguments], prog_name="neurosim")


SMALL = ["--network", "784-16-10", "--train", "20", "--test", "20", "--epochs", "1"]


def test_the_command_prints_one_table_and_says_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(monkeypatch, "--chips", "tiny,mesh16", "--bits", "16,4", "--seeds", "0,1", *SMALL)
    assert result.exit_code == 0, result.output
    out = " ".join(result.stdout.split())
    assert "embedded, 20 training and 20 test images; desire_bp, 784-16-10, stochastic, transposed read" in out
    assert "how sure" in out and "certainly below" in out
    assert "tables, plots and run directories: comparison" in out
    assert "8 runs" in result.stderr and "(8 of 8)" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bits", "3"], "--bits: bits.0: expected a whole number from 4 to 16, got 3"),
        (["--chips", "mehs16,tinny"], "did you mean 'tiny'"),
        (["--rules", "desire_pb"], "did you mean desire_bp"),
        (["--rounding", "up"], "expected one of nearest, stochastic, got 'up'"),
        (["--epochs", "ssnn=3"], "expected one of the rules desire_bp, got 'ssnn'"),
        (["--epochs", "many"], "--epochs: epochs: expected a whole number"),
        (["--set", "settings.steps"], "[RULE:]key=value"),
        (["--set", "settings.stepz=4"], "did you mean 'steps'"),
        (["--dataset", "mnits"], "mnits"),
        (["--scheduler", "nowhere"], "nowhere"),
        (["nowhere.yaml"], "nowhere.yaml"),
        (["--workers", "0"], "--workers"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_malformed_commands_get_one_message(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["compare", *SMALL, "--out", str(tmp_path / "o"), *arguments])
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "o").exists()


def test_cost_tables_price_the_stored_counts(finished: tuple[Comparison, Path]) -> None:
    """Another cost table: same runs, other energies."""
    repriced, events = run(STUDY.model_copy(update={"set": ("chip.costs=horowitz45",)}), finished[1])
    assert [event.what for event in events if event.what in ("done", "cached")] == ["cached"] * 8
    assert load_costs("horowitz45").name == "horowitz45"
    assert not np.allclose(repriced.cells["train_mid_nj"], finished[0].cells["train_mid_nj"])


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """In processes, on the compiled engine."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        pytest.skip("SIGINT is ignored here, as in jobs in the background of a shell, and children inherit that")
    command = [sys.executable, "-m", "neurosim.cli", "compare", "--chips", "tiny", "--network", "784-16-10"]
    command += ["--train", "3000", "--test", "50", "--epochs", "20", "--seeds", "0,1", "--workers", "2"]
    with subprocess.Popen(
        [*command, "--out", "cut"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        while len(list(tmp_path.glob("cut/runs/*/checkpoint.npz"))) < 2:
            time.sleep(0.05)
            assert child.poll() is None, child.stderr and child.stderr.read()
        time.sleep(0.5)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to all processes
        _, errors = child.communicate(timeout=300)  # a loaded machine takes its time
    assert child.returncode == 130, errors
    assert "the same command again" in errors and "Traceback" not in errors
    assert not list(tmp_path.glob("cut/table.csv"))
    kept = list(tmp_path.glob("cut/runs/*/checkpoint.npz"))
    assert len(kept) == 2
