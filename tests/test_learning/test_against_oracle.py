"""The rule on the chip, in wide formats, against the float oracle: random networks, cores and stimuli."""

import numpy as np
import oracle_desire as oracle
import pytest
import wide

# Small memories: layers are cut into several cores, whose error sums are added where the pre neuron lives.
MANY_CORES = ("noc.columns=4", "noc.rows=3", "core.neuron.entries=8")
CASES = [
    ((12, 4), ()),
    ((20, 16, 4), ()),
    ((20, 16, 4), MANY_CORES),
    ((10, 14, 12, 6), MANY_CORES),
    ((9, 8, 8, 8, 3), ()),
]


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize(("sizes", "overrides"), CASES)
def test_counts_and_weights(sizes: tuple[int, ...], overrides: tuple[str, ...], engine: str) -> None:
    image = wide.put(sizes, "tiny", *overrides)
    assert (len(image.slices.core) > len(sizes)) == bool(overrides)
    rng = np.random.default_rng([*sizes, len(overrides)])
    # Larger than usual: small layers would hardly fire, and nothing would be learnt.
    start = [w * 1.5 for w in image.random_weights(5)]
    values = (rng.integers(0, 256, (8, sizes[0])) * (rng.random((8, sizes[0])) < 0.7)).astype(np.uint8)
    labels = rng.integers(0, sizes[-1], 8)
    weights, lr = [w.copy() for w in start], 4e-3
    samples = [oracle.train(weights, x, int(y), lr) for x, y in zip(values, labels, strict=True)]
    assert min(sample.margin for sample in samples) > 1e-5  # else another seed is needed
    assert all(np.abs(a - b).max() > 10 * lr for a, b in zip(start, weights, strict=True))
    run, state = wide.train(image, start, values, labels, lr, engine)
    assert np.array_equal(run.output_counts, [sample.counts[-1] for sample in samples])
    assert run.spikes.tolist() == [sum(int(s.counts[p].sum()) for s in samples) for p in range(len(sizes))]
    for mine, theirs in zip(image.weights(state), weights, strict=True):
        assert np.abs(mine - theirs).max() < 1e-5
