"""Recorded vectors of SSNN-BP in integers: 24 samples through 20-16-12-5, T = 16, weights of 7 fractional bits."""

from pathlib import Path

import numpy as np
import oracle_ssnn as oracle
import pytest

from neurosim.chip import load_chip
from neurosim.engine import simulate
from neurosim.learning import load_rule
from neurosim.network import mlp
from neurosim.place import place
from neurosim.stimulus import Batch

ROOT = Path(__file__).parents[2]
COPY = ROOT / "traces" / "rules" / "golden_ssnn_int.npz"
ORIGINAL = ROOT.parent / "shared" / "golden" / "rules" / COPY.name
GOLDEN = dict(np.load(COPY))
LAYERS = len(GOLDEN["sizes"]) - 1
SETTING = oracle.Setting(
    steps=int(GOLDEN["T"]),
    warm=int(GOLDEN["warm"]),
    fraction=int(GOLDEN["fw"]),
    shift=int(GOLDEN["k"]),
    limit=2 << int(GOLDEN["fw"]),
    gate=int(GOLDEN["gate"]),
)


def initial() -> oracle.Net:
    weights = [GOLDEN[f"W{q}_init"].T.astype(np.int64) for q in range(LAYERS)]
    return oracle.Net(weights, [np.zeros(len(w), np.int64) for w in weights])


def replay(net: oracle.Net) -> oracle.Ints:
    source = oracle.Xorshift(int(GOLDEN["seed"]))
    samples = zip(GOLDEN["X"], GOLDEN["Y"], strict=True)
    return np.array([oracle.present(net, x, int(y), SETTING, source).counts for x, y in samples])


@pytest.mark.skipif(not ORIGINAL.exists(), reason="no shared folder beside the repository")
def test_the_copy_is_the_original() -> None:
    assert COPY.read_bytes() == ORIGINAL.read_bytes()


def test_the_vectors_learn_something() -> None:
    """In every layer: a test against weights that stay would pass without a backward path."""
    for q in range(LAYERS):
        moved = GOLDEN[f"W{q}_final"] - GOLDEN[f"W{q}_init"]
        assert np.count_nonzero(moved) > 0.4 * moved.size
        assert np.count_nonzero(GOLDEN[f"b{q}_final"]) > 0.5 * moved.shape[1]


def test_the_oracle_reproduces_the_vectors() -> None:
    net = initial()
    assert np.array_equal(replay(net), GOLDEN["counts"])
    for q in range(LAYERS):
        assert np.array_equal(net.weights[q].T, GOLDEN[f"W{q}_final"])
        assert np.array_equal(net.biases[q], GOLDEN[f"b{q}_final"])


def test_another_seed_is_another_result() -> None:
    source = oracle.Xorshift(int(GOLDEN["seed"]) + 1)
    counts = oracle.present(initial(), GOLDEN["X"][0], int(GOLDEN["Y"][0]), SETTING, source).counts
    assert not np.array_equal(counts, GOLDEN["counts"][0])


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_the_chip_reproduces_the_vectors(engine: str) -> None:
    """With the generator of the vectors for its random bytes, and layer after layer within a step."""
    rule, unit = load_rule("ssnn_bp"), 2.0**-SETTING.fraction
    settings = rule.Settings(
        steps=SETTING.steps, warm=SETTING.warm, filter_shift=SETTING.shift, step_bits=SETTING.fraction,
        gate=SETTING.gate, dither=False, pipeline=False,
    )  # fmt: skip
    chip = load_chip("tiny", [f"core.synapse.weight_fraction_bits={SETTING.fraction}"])
    network = mlp([int(n) for n in GOLDEN["sizes"]], encoder="bernoulli", neuron="composite")
    image = place(network, chip, rule, settings, random="xorshift")
    state = image.new_state(int(GOLDEN["seed"]), [w * unit for w in initial().weights])
    samples = len(GOLDEN["X"])
    rates = np.full(samples, image.rate(1.0), np.int64)
    run = simulate(image, state, Batch(GOLDEN["X"], GOLDEN["Y"].astype(np.int64), 0, rates, True), engine)
    assert np.array_equal(run.output_counts, GOLDEN["counts"])
    for q in range(LAYERS):
        assert np.array_equal(image.weights(state)[q].T, GOLDEN[f"W{q}_final"] * unit)
        assert np.array_equal(image.biases(state)[q], GOLDEN[f"b{q}_final"] * unit)
