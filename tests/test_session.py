"""Sessions: an interrupted run resumes to the bits of an uninterrupted one; no folder is overwritten."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import fake_engine
import numpy as np
import pytest
from conftest import write_run

from neurosim import readout, results, session
from neurosim.account.costs import load_costs
from neurosim.checkpoint import FILE, Checkpoint, load_checkpoint
from neurosim.config import Config, load_config, resolve
from neurosim.errors import ConfigError, DataError, ResultError
from neurosim.session import Interrupted, Job, Progress

pytestmark = pytest.mark.usefixtures("made_up_engine")
real_simulate = session.simulate

SAME_BYTES = (
    "ledger.csv",
    "causes.csv",
    "energy.csv",
    "memory.csv",
    "curve.csv",
    "weights.npz",
    "config.yaml",
)


def finish(job: Job, folder: Path, end: Checkpoint) -> None:
    results.write(folder, job, end, load_costs("cacti22lop"), plots=False)


def assert_same_run(one: Path, other: Path) -> None:
    for name in SAME_BYTES:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    for name in ("train.npz", "test.npz"):
        with np.load(one / name) as a, np.load(other / name) as b:
            assert a.files == b.files
            assert all(np.array_equal(a[key], b[key]) for key in a.files), name


class StopAt:
    """Sends this process a signal when a session has done `moment` samples in both stages together."""

    def __init__(self, moment: int, number: int) -> None:
        self.moment, self.number = moment, number

    def __call__(self, progress: Progress) -> None:
        done = progress.done + (120 if progress.stage == "test" else 0)
        if done >= self.moment:
            self.moment = 10**9
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("moment", np.random.default_rng(1).integers(1, 180, 10).tolist())
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_then_resume_is_bit_identical(
    moment: int, number: int, tiny_job: Job, finished_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "stopped"
    chunk = 1 + moment % 7
    try:
        end = session.train(tiny_job, folder, chunk=chunk, progress=StopAt(moment, number))
    except Interrupted as stop:
        assert stop.folder == folder
        end = session.train(tiny_job, folder, resume=True, chunk=11)
    else:
        pytest.fail("the signal was not noticed")
    finish(tiny_job, folder, end)
    assert_same_run(folder, finished_run)


def test_the_compiled_engine_resumes_bit_identically(
    tiny_job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "simulate", real_simulate)
    finish(tiny_job, tmp_path / "whole", session.train(tiny_job, tmp_path / "whole"))
    folder = tmp_path / "stopped"
    resume = False
    for moment in (17, 60, 119, 150):
        with pytest.raises(Interrupted):
            stop = StopAt(moment, signal.SIGINT)
            session.train(tiny_job, folder, resume=resume, chunk=moment % 9 + 1, progress=stop)
        resume = True
    finish(tiny_job, folder, session.train(tiny_job, folder, resume=True, chunk=50))
    assert_same_run(folder, tmp_path / "whole")


def _slow_session(job: Job, folder: Path, resume: bool) -> None:
    os.environ["FAKE_ENGINE_MS"] = "1"
    session.simulate = fake_engine.simulate  # type: ignore[assignment]
    session.train(job, folder, resume=resume, chunk=3, checkpoint_s=0.0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_kill_9_at_20_random_moments_then_resume_is_bit_identical(
    tiny_job: Job, finished_run: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(2)
    context = multiprocessing.get_context("fork")
    places = []
    for kill in range(20):
        folder = tmp_path / f"killed{kill}"
        child = context.Process(target=_slow_session, args=(tiny_job, folder, False))
        child.start()
        while not (folder / FILE).exists():
            time.sleep(0.001)
        time.sleep(float(rng.uniform(0, 0.3)))
        child.kill()
        child.join()
        found = load_checkpoint(folder, tiny_job.initial.copy())
        places.append(sum(stage.done for stage in found.stages.values()))
        finish(tiny_job, folder, session.train(tiny_job, folder, resume=True))
        assert_same_run(folder, finished_run)
    assert len(set(places)) > 5, "the kills should fall at different places"


def test_chunks_do_not_change_the_result(tiny_job: Job, finished_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    finish(tiny_job, folder, session.train(tiny_job, folder, chunk=1))
    assert_same_run(folder, finished_run)


def test_the_result_depends_on_seed_and_settings(tiny_config: Config, tiny_job: Job) -> None:
    for change in ({"seed": 4}, {"settings": {**tiny_config.settings, "dropout_hidden": 0.0}}, {"test": 59}):
        assert session.prepare(tiny_config.model_copy(update=change)).digest != tiny_job.digest


def test_the_digest_ignores_engine_and_cost_table(tiny_config: Config, tiny_job: Job) -> None:
    chip = tiny_config.chip.model_copy(update={"costs": "horowitz45"})
    for change in ({"engine": "reference"}, {"chip": chip}, {"data_dir": "."}):
        assert session.prepare(tiny_config.model_copy(update=change)).digest == tiny_job.digest


def test_the_written_configuration_loads(tiny_config: Config, finished_run: Path) -> None:
    assert load_config(finished_run / "config.yaml") == tiny_config


def test_written_weights_evaluate_to_the_same_inference(
    tiny_config: Config, finished_run: Path, tmp_path: Path
) -> None:
    frozen = resolve(
        "tiny", "784-16-10", test=60, train=60, seed=3, weights=str(finished_run / "weights.npz"), freeze=True
    )
    job = session.prepare(frozen)
    assert [entry.largest_error for entry in job.quantisation] == [0.0, 0.0]
    folder = write_run(job, tmp_path / "frozen")
    summary, trained = results.read_summary(folder), results.read_summary(finished_run)
    assert "train" not in summary
    assert summary["accuracy"]["test_strict"] == trained["accuracy"]["test_strict"]
    assert summary["inference"]["energy_nj_per_sample"] == trained["inference"]["energy_nj_per_sample"]


def test_another_run_is_not_resumed(tiny_config: Config, finished_run: Path) -> None:
    other = session.prepare(tiny_config.model_copy(update={"seed": 9}))
    before = {path: path.read_bytes() for path in finished_run.rglob("*") if path.is_file()}
    for resume in (True, False):
        with pytest.raises(ResultError, match="holds another run"):
            session.train(other, finished_run, resume=resume)
    assert {path: path.read_bytes() for path in finished_run.rglob("*") if path.is_file()} == before


def test_an_interrupted_run_is_not_overwritten(tiny_job: Job, tmp_path: Path) -> None:
    folder = tmp_path / "stopped"
    with pytest.raises(Interrupted):
        session.train(tiny_job, folder, chunk=5, progress=StopAt(30, signal.SIGINT))
    with pytest.raises(ResultError, match="--resume"):
        session.train(tiny_job, folder)


def test_a_folder_of_something_else_is_left_alone(tiny_job: Job, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(ResultError, match=r"thesis\.txt"):
        session.train(tiny_job, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_resume_needs_a_folder(tiny_job: Job, tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="expected a run directory"):
        session.train(tiny_job, tmp_path / "none", resume=True)


@pytest.mark.parametrize("damage", ["cut", "flip", "other"])
def test_a_damaged_checkpoint_is_refused(damage: str, tiny_job: Job, finished_run: Path) -> None:
    path = finished_run / FILE
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flip":
        content[len(content) // 2] ^= 1
    path.write_bytes(content)
    if damage == "other":
        np.savez(path, meta=np.zeros(3))
    with pytest.raises(ResultError, match=r"checkpoint\.npz"):
        session.train(tiny_job, finished_run, resume=True)


def test_marks_follow_the_three_criteria() -> None:
    counts = np.array([[3, 5, 1], [5, 5, 1], [5, 5, 1], [0, 0, 0], [1, 2, 3]])
    membrane = np.array([[9, 0, 0], [2, 1, 0], [1, 2, 99], [0, 0, 7], [0, 0, 0]])
    labels = np.array([1, 0, 1, 2, 0])
    strict, argmax, by_membrane = readout.STRICT, readout.ARGMAX, readout.MEMBRANE
    expected = [strict | argmax | by_membrane, argmax | by_membrane, by_membrane, by_membrane, 0]
    assert readout.marks(counts, membrane, labels).tolist() == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "784-16-9"}, "outputs"),
        ({"network": "100-16-10"}, "inputs"),
        ({"train": 10_001}, "1 to 10000"),
        ({"dataset": "mnits"}, "did you mean"),
        ({"chip": "tinny"}, "did you mean 'tiny'"),
        ({"rule": "desire_pb"}, "did you mean desire_bp"),
        ({"freeze": True}, "--weights"),
        ({"overrides": ["settings.theta_hiden=1"]}, "did you mean 'theta_hidden'"),
        ({"overrides": ["chip.core.synapse.bank=2"]}, "did you mean 'banks'"),
        ({"overrides": ["settings.preset=papr"]}, "did you mean 'paper'"),
        ({"overrides": ["banks=2"]}, "begins with chip. or settings."),
        ({"overrides": ["settings.steps"]}, "key=value"),
        ({"overrides": ["settings.learning_rate=20pJ"]}, "expected a number"),
    ],
)
def test_bad_options_are_explained(options: dict[str, object], message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        resolve(**{"chip": "tiny", "network": "784-16-10", **options})  # type: ignore[arg-type]
