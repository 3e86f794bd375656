"""The rule on the chip, in wide formats, against the float oracle: random networks, cores, stimuli and settings."""

from typing import Any

import numpy as np
import oracle_desire as oracle
import pytest
import wide

from neurosim.image import Image
from neurosim.kernel import draw32, stream_key

# Small memories: layers are cut into several cores, whose error sums are added where the pre neuron lives.
MANY_CORES = ("noc.columns=4", "noc.rows=3", "core.neuron.entries=8")
CASES = [
    ((12, 4), ()),
    ((20, 16, 4), ()),
    ((20, 16, 4), MANY_CORES),
    ((10, 14, 12, 6), MANY_CORES),
    ((9, 8, 8, 8, 3), ()),
]
VARIANTS: dict[str, dict[str, Any]] = {
    "other settings": {"steps": 12, "margin": 3, "leak_shift": 1, "theta_output": 0.2, "theta_hidden": 0.12},
    "weights at their limit": {"weight_limit": 0.57},
    "graded desires": {"graded": True, "theta_output": 0.12, "theta_hidden": 0.02},
}
DROPOUT = {"none": (0.0, 0.0), "dropout": (0.2, 0.4)}
KEEP = 1  # number of the random stream of the dropout masks
EXACT = 1e-5


def stimuli(sizes: tuple[int, ...], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Twelve random images, some pixels dark, with random labels."""
    values = rng.integers(0, 256, (12, sizes[0])) * (rng.random((12, sizes[0])) < 0.7)
    return values.astype(np.uint8), rng.integers(0, sizes[-1], 12)


def dropout(image: Image, presentation: int) -> oracle.Dropout:
    """Who stays in, by the contract's rule 7 (a hash of seed 0, stream, presentation, population and neuron)."""
    keep = []
    for p, (n, drop) in enumerate(zip(image.sizes, image.drop, strict=True)):
        key = stream_key(0, KEEP, presentation, p)
        keep.append(np.array([int(draw32(key, j)) & 255 >= drop for j in range(n)]))
    return oracle.Dropout(keep, [float(a) / 256 for a in image.amplitude])


def follow(image: Image, engine: str, seed: int, lr: Any, s: oracle.Settings = oracle.PAPER) -> list[oracle.Sample]:
    """Trains chip and oracle, and asserts that they do the same; the oracle's samples."""
    sizes = tuple(int(n) for n in image.sizes)
    values, labels = stimuli(sizes, np.random.default_rng([*sizes, seed]))
    # Larger than usual: small layers would hardly fire, and nothing would be learnt.
    start = [np.clip(w * 1.5, -s.weight_limit, s.weight_limit) for w in image.random_weights(seed)]
    weights, rates = [w.copy() for w in start], np.broadcast_to(lr, len(values))
    samples = [
        oracle.train(weights, x, int(y), float(rate), s=s, dropout=dropout(image, k))
        for k, (x, y, rate) in enumerate(zip(values, labels, rates, strict=True))
    ]
    assert min(sample.margin for sample in samples) > EXACT  # else another seed is needed
    assert all(np.abs(a - b).max() > 10 * rates[0] for a, b in zip(start, weights, strict=True))
    run, state = wide.train(image, start, values, labels, lr, engine)
    assert np.array_equal(run.output_counts, [sample.counts[-1] for sample in samples])
    assert run.spikes.tolist() == [sum(int(x.counts[p].sum()) for x in samples) for p in range(len(sizes))]
    for mine, theirs in zip(image.weights(state), weights, strict=True):
        assert np.abs(mine - theirs).max() < EXACT
    return samples


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize(("sizes", "overrides"), CASES)
def test_counts_and_weights(sizes: tuple[int, ...], overrides: tuple[str, ...], engine: str) -> None:
    image = wide.put(sizes, "tiny", *overrides)
    assert (len(image.slices.core) > len(sizes)) == bool(overrides)
    follow(image, engine, 6, 4e-3)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("drop", DROPOUT)
def test_other_settings_and_dropout(drop: str, variant: str, engine: str) -> None:
    changes = VARIANTS[variant]
    image = wide.put((20, 18, 12, 6), "tiny", *MANY_CORES, dropout=DROPOUT[drop], **changes)
    samples = follow(image, engine, 7, 4e-3, oracle.Settings(**changes))
    silenced = sum(int((~dropout(image, k).keep[1]).sum()) for k in range(len(samples)))
    assert (silenced > 0) == (drop == "dropout")
    if "graded" in changes:
        sizes = {abs(float(d)) for sample in samples for desires in sample.desires for d in desires}
        assert sizes >= {0, 0.25, 0.5, 1, 2}


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_falling_rate_and_stochastic_rounding(engine: str) -> None:
    """Rounding up or down by chance is off by less than 2^-24 at each of 12 writes."""
    image = wide.put((20, 16, 4), "tiny", "core.learning.rounding=stochastic")
    follow(image, engine, 5, 4e-3 * (1 - np.arange(12) / 12))
