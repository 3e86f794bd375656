"""Probes watch a training and change nothing: same bytes with and without, and after an interruption."""

import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_session import SAME_BYTES, StopAt, finish

from neurosim import readout, session
from neurosim.engine.run import Run
from neurosim.probe import Plan, Probes
from neurosim.session import Interrupted, Job

pytestmark = pytest.mark.usefixtures("made_up_engine")

PLAN = Plan(7, 25)


@pytest.fixture
def probed(tiny_job: Job, tmp_path: Path) -> Path:
    folder = tmp_path / "probed"
    finish(tiny_job, folder, session.train(tiny_job, folder, probes=PLAN))
    return folder


def test_points_are_evenly_spaced_and_end_with_the_training() -> None:
    assert Plan(4).due(10) == [2, 5, 7, 10]
    assert Plan(10).due(3) == [1, 2, 3]
    assert Plan(0).due(10) == Plan(10).due(0) == []


def test_probes_change_nothing_else(probed: Path, finished_run: Path) -> None:
    for name in SAME_BYTES:
        assert (probed / name).read_bytes() == (finished_run / name).read_bytes(), name
    assert not (finished_run / "probes.csv").exists()


def test_a_probe_says_what_training_had_cost_and_the_last_one_is_the_test(probed: Path, finished_run: Path) -> None:
    found = pd.read_csv(probed / "probes.csv")
    assert found["presentation"].tolist() == [17, 34, 51, 68, 85, 102, 120]
    assert found["images"].tolist() == [25] * 7
    for column in ("low_uj", "mid_uj", "high_uj", "ms"):
        assert np.all(np.diff(found[column]) > 0)
    energy = pd.read_csv(probed / "energy.csv").query("mode == 'train'")
    assert found["mid_uj"].iloc[-1] * 1000 == pytest.approx(energy["mid_nj"].sum() * 120)
    with np.load(finished_run / "checkpoint.npz") as held:
        strict = 100 * np.mean(held["test.marks"][:25] & readout.STRICT)
    assert found["strict"].iloc[-1] == pytest.approx(strict)


@pytest.mark.parametrize("moment", [3, 40, 119, 140])
def test_interrupted_probes_are_made_again_alike(moment: int, tiny_job: Job, probed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "stopped"
    with pytest.raises(Interrupted):
        session.train(tiny_job, folder, chunk=4, progress=StopAt(moment, signal.SIGINT), probes=PLAN)
    finish(tiny_job, folder, session.train(tiny_job, folder, resume=True, chunk=50, probes=PLAN))
    assert (folder / "probes.csv").read_bytes() == (probed / "probes.csv").read_bytes()


def test_probes_survive_their_arrays() -> None:
    probes = Probes()
    run = session_run()
    probes.add(5, np.array([1, 0, 3], np.uint8), run)
    again = Probes.of(probes.arrays())
    assert again.at.tolist() == [5] and again.marks.tolist() == [[1, 0, 3]]
    assert again.ops.tolist() == [run.counts.sum(axis=(0, 1)).tolist()]
    assert again.cycles.tolist() == [int(run.phase_cycles.sum())]


def session_run() -> Run:
    import fake_engine

    from neurosim.config import resolve

    job = session.prepare(resolve("tiny", "784-16-10", train=5, test=5))
    batch = session.trial_batches(job.data, job.image, 2, 0.01)[0]
    return fake_engine.simulate(job.image, job.initial.copy(), batch)
