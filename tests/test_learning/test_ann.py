"""The network of benchmarks/ann.py descends the exact gradient, and knows its gates."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numba
import numpy as np
import pytest

from test_learning.test_ssnn_oracles import gradient

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ann.py"
SIZES = (12, 10, 4)
ETA = 0.01


@pytest.fixture(scope="module")
def ann() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ann", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def step(ann: ModuleType, weights: list[np.ndarray], image: np.ndarray, label: int, gate: int) -> list[np.ndarray]:
    """What one presentation adds to the weights, divided by the learning rate: [post, pre] of each layer."""
    typed = [w.T.astype(np.float32) for w in weights]
    before = [w.copy() for w in typed]
    biases, fired, delta = ([np.zeros(n, np.float32) for n in sizes] for sizes in (SIZES[1:], SIZES, SIZES))
    lists = [numba.typed.List(vectors) for vectors in (typed, biases, fired, delta)]
    rates = ann.rates(1, ETA, 0)
    ann.train(*lists, image[None], np.array([label]), np.zeros(1, np.int64), rates, np.float32(1), gate)
    return [(after - w).T / ETA for after, w in zip(lists[0], before, strict=True)]


@pytest.mark.parametrize("gate", [0, 2])
def test_a_step_is_the_gradient(ann: ModuleType, gate: int) -> None:
    rng = np.random.default_rng(gate)
    saturated = 0
    for label in (0, 1, 2, 3, 0, 1):
        image = rng.integers(0, 256, SIZES[0]).astype(np.uint8)
        weights = [rng.normal(0, 0.6, (post, pre)) for pre, post in zip(SIZES[:-1], SIZES[1:], strict=True)]
        found, wanted = step(ann, weights, image, label, gate), gradient(weights, image / 256, label)
        drive = weights[0] @ (image / 256)
        saturated += int((drive >= 1).sum())
        assert np.allclose(found[1], wanted[1], atol=1e-4)
        assert np.allclose(found[0][drive < 1], wanted[0][drive < 1], atol=1e-4)
        delta = (np.arange(4) == label) - (guess := np.exp(weights[1] @ np.clip(drive, 0, 1))) / guess.sum()
        down = np.minimum(weights[1].T @ delta, 0) * (gate == 2)  # a saturated neuron may only be pushed down
        pushed = np.outer(down, image / 256)
        assert np.allclose(found[0][drive >= 1], pushed[drive >= 1], atol=1e-4)
    assert saturated > 5


def test_halvings_cut_the_run_into_equal_parts(ann: ModuleType) -> None:
    assert ann.rates(8, 1.0, 3).tolist() == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]
    assert ann.rates(3, 0.5, 0).tolist() == [0.5] * 3


def test_it_learns_digits(ann: ModuleType) -> None:
    """2,000 of the 60,000 presentations with which the rule is compared: 83.8 % (83.5 to 85 with other seeds)."""
    assert ann.run("embedded", (50,), 2000, 0.03, 0, 2, True, 0) > 81
