"""The compiled engine without its compiler: the same machine; and with checked indices: none out of range."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_run

SCRIPT = Path(small_run.__file__)


def run_with(out: Path, **environment: str) -> dict[str, np.ndarray]:
    """The small run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::RuntimeWarning", str(SCRIPT), str(out)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(np.load(out))


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert np.array_equal(found[name], array), name


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    """With the compiler, as users run it."""
    return small_run.small_run()


def test_the_small_run_exercises_the_machine(expected: dict[str, np.ndarray]) -> None:
    assert expected["train.spikes"].min() > 0
    assert expected["train.moved"] > 0 and expected["test.moved"] == 0
    assert len(np.unique(expected["train.events"][:, 1])) == 6
    assert (expected["train.phase_cycles"] > 0).all()
    assert expected["online.train.spikes"].min() > 0
    assert expected["online.train.moved"] > 0 and expected["online.test.moved"] == 0
    assert expected["online.bias"].any() and (expected["online.train.steps"][:2] > 0).all()


def test_pure_python_gives_the_identical_run(expected: dict[str, np.ndarray], tmp_path: Path) -> None:
    assert_same(run_with(tmp_path / "pure.npz", NUMBA_DISABLE_JIT="1"), expected)


@pytest.mark.skipif(
    not os.environ.get("NEUROSIM_SLOW_TESTS"), reason="compiles everything anew: NEUROSIM_SLOW_TESTS=1"
)
def test_no_index_is_out_of_range(expected: dict[str, np.ndarray], tmp_path: Path) -> None:
    """Compiled apart from the usual cache, where checked code would stay."""
    cache = {
        name: str(tmp_path / "cache")
        for name in ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "LOCALAPPDATA", "HOME")
    }
    assert_same(run_with(tmp_path / "checked.npz", NUMBA_BOUNDSCHECK="1", **cache), expected)
