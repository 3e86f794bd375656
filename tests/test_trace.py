"""Runs on disk: what is read is what was written; a file is never half there."""

import dataclasses
from pathlib import Path

import fake_engine
import numpy as np
import pytest

from neurosim.errors import ResultError
from neurosim.session import Job, trial_batches
from neurosim.trace import load_arrays, load_run, save_arrays, save_run, write_file


@pytest.mark.parametrize("recorded", [False, True])
def test_a_run_survives_the_disk(recorded: bool, tiny_job: Job, tmp_path: Path) -> None:
    batch = trial_batches(tiny_job.data, tiny_job.image, 3, 2**-13)[0]
    run = fake_engine.simulate(tiny_job.image, tiny_job.initial.copy(), batch)
    if recorded:
        run = dataclasses.replace(run, events=np.arange(12).reshape(2, 6))
    save_run(run, tmp_path / "run.npz")
    found = load_run(tmp_path / "run.npz")
    for field in dataclasses.fields(run):
        one, other = getattr(run, field.name), getattr(found, field.name)
        assert type(one) is type(other), field.name
        assert one is None or np.array_equal(one, other), field.name


def test_equal_arrays_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        save_arrays(tmp_path / name, {"x": np.arange(5), "y": np.zeros((2, 2))}, compress=True)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_file(path, lambda file: file.write(b"old"))

    def fail(file: object) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write_file(path, fail)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("file", b"old")]


def test_missing_damaged_and_foreign_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    with pytest.raises(ResultError, match=r"run\.npz: expected an npz file, found nothing"):
        load_arrays(path)
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ResultError, match=r"run\.npz: .*damaged"):
        load_run(path)
    save_arrays(path, {"x": np.zeros(2)})
    with pytest.raises(ResultError, match=r"run\.npz: .*no samples, counts"):
        load_run(path)
