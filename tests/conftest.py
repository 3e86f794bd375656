"""Fixtures of the tests of sessions, reports, plots and the command line: a tiny job on a made-up engine."""

import shutil
from pathlib import Path

import fake_engine
import hypothesis
import pytest

from neurosim import results, session
from neurosim.account.costs import load_costs
from neurosim.config import Config, resolve
from neurosim.session import Job

# The first call of a kernel compiles it.
hypothesis.settings.register_profile("neurosim", deadline=None)
hypothesis.settings.load_profile("neurosim")


@pytest.fixture
def made_up_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions simulate with tests/fake_engine.py."""
    monkeypatch.setattr(session, "simulate", fake_engine.simulate)


@pytest.fixture(scope="session")
def tiny_config() -> Config:
    """784-16-10 on the tiny chip: 120 training presentations, 60 tests."""
    return resolve("tiny", "784-16-10", train=60, test=60, epochs=2, seed=3)


@pytest.fixture(scope="session")
def tiny_job(tiny_config: Config) -> Job:
    """The tiny configuration, loaded and placed."""
    return session.prepare(tiny_config)


@pytest.fixture(scope="session")
def reference_run(tiny_job: Job, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory of the tiny job, with everything in it. Read only: see `finished_run`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "simulate", fake_engine.simulate)
        return write_run(tiny_job, tmp_path_factory.mktemp("reference") / "run", plots=True)


@pytest.fixture
def finished_run(reference_run: Path, tmp_path: Path) -> Path:
    """A copy of the reference run, to be changed."""
    return Path(shutil.copytree(reference_run, tmp_path / "finished"))


def write_run(job: Job, folder: Path, plots: bool = False) -> Path:
    """Run `job` in `folder` and write its results."""
    end = session.train(job, folder, chunk=25)
    results.write(folder, job, end, load_costs("cacti22lop"), plots=plots)
    return folder
