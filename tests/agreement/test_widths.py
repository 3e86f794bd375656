"""Weights of 4 to 16 bits in words of 64: the engines agree, and what does not fill a word stays spare."""

import numpy as np
import pytest

from neurosim.chip import load_chip
from neurosim.engine import simulate
from neurosim.engine.verify import verify
from neurosim.image import Image
from neurosim.learning import load_rule
from neurosim.network import mlp
from neurosim.ops import Op, Phase
from neurosim.place import place
from neurosim.stimulus import Batch

SIZES = (20, 23, 5)


def image_of(bits: int, rounding: str) -> Image:
    changes = (f"core.synapse.weight_bits={bits}", f"core.synapse.weight_fraction_bits={bits - 2}")
    return place(
        mlp(SIZES), load_chip("tiny", (*changes, f"core.learning.rounding={rounding}")), load_rule("desire_bp")
    )


def batch_of(image: Image, learn: bool) -> Batch:
    rng = np.random.default_rng(7)
    rates = np.full(2, image.rate(0.02 if learn else 0.0), np.int64)
    return Batch(rng.integers(100, 256, (2, SIZES[0])).astype(np.uint8), np.array([1, 4]), 0, rates, learn)


@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
@pytest.mark.parametrize("bits", range(4, 17))
def test_engines_agree_at_every_width(bits: int, rounding: str) -> None:
    image = image_of(bits, rounding)
    state = image.new_state(3)
    before = state.weights.copy()
    assert verify(image, state, batch_of(image, True)) is None
    simulate(image, state, batch_of(image, True))
    assert state.weights.dtype == np.int16
    assert np.abs(state.weights.astype(np.int64)).max() <= 2 ** (bits - 1)
    assert rounding == "nearest" or np.any(state.weights != before)  # to the nearest, a coarse grid may stall


@pytest.mark.parametrize(("bits", "words"), [(4, 2), (5, 2), (6, 3), (7, 3), (11, 5), (13, 6), (15, 6), (16, 6)])
def test_a_row_takes_whole_words_of_whole_weights(bits: int, words: int) -> None:
    """23 weights: at 11 bits five in a word of 64, so five words; the 9 spare bits hold nothing."""
    image = image_of(bits, "nearest")
    assert image.hardware.weights_per_word == 64 // bits
    assert image.slices.words.tolist() == [0, words, -(-SIZES[2] // (64 // bits))]
    run = simulate(image, image.new_state(3), batch_of(image, False))
    adds = run.counts[Phase.FORWARD, :, Op.SYNAPSE_ADD].sum()
    reads = run.counts[Phase.FORWARD, :, Op.SYNAPSE_READ].sum()
    spikes = run.spikes[:2]
    assert reads <= words * spikes[0] + image.slices.words[2] * spikes[1]
    assert adds > reads
