"""Input encodings: how pixel values 0..255 become spike trains.

The chip's input neurons execute the accumulator encoder themselves and need only the pixel values; the
version here is its reference. Bernoulli spikes are drawn from a hash, so that they depend on nothing else.
"""

import numpy as np
import numpy.typing as npt

from neurosim.errors import ConfigError

__all__ = ["accumulate", "bernoulli", "random_bytes"]

_FULL_SCALE = 255

# splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def accumulate(values: npt.NDArray[np.uint8], steps: int) -> npt.NDArray[np.bool_]:
    """Spikes of the accumulator encoder for pixels `values` uint8[..., n]: bool[..., steps, n].

    Each step: v += p; a spike if v >= 255; then v -= 255 (v = 0 at the start of the sample). A pixel fires
    floor(steps * p / 255) times. Deterministic. Source: specs/local_rules.md A.5, integer form.
    """
    pixels = _pixels(values)
    spikes = np.empty((*pixels.shape[:-1], steps, pixels.shape[-1]), dtype=np.bool_)
    membrane = np.zeros(pixels.shape, dtype=np.int64)
    for step in range(steps):
        membrane += pixels
        fired = membrane >= _FULL_SCALE
        membrane -= _FULL_SCALE * fired
        spikes[..., step, :] = fired
    return spikes


def bernoulli(values: npt.NDArray[np.uint8], steps: int, seed: int, first: int) -> npt.NDArray[np.bool_]:
    """Rate-coded random spikes for the samples `values` uint8[samples, n]: bool[samples, steps, n].

    A pixel p fires in a step iff r8 < p, with r8 = `random_bytes` of (seed, sample, step, pixel); so with
    probability p / 256. `first` is the number of the first sample: it, not the batch, keys the draws.
    Source: specs/local_rules.md B.3 (A.5 is the deterministic alternative).
    """
    pixels = _pixels(values)
    if pixels.ndim != 2:
        raise ConfigError(f"encoder: expected pixels of shape (samples, n), found {pixels.shape}")
    samples, width = pixels.shape
    return random_bytes(seed, first, samples, steps, width) < pixels[:, np.newaxis, :]


def random_bytes(seed: int, first: int, samples: int, steps: int, width: int) -> npt.NDArray[np.uint8]:
    """Uniform bytes uint8[samples, steps, width]: a hash of (seed, sample number, step, index), nothing else.

    The words are absorbed one after another, each time h <- splitmix64(h + word); the byte is h's top one.
    Integer arithmetic modulo 2**64: the same on every platform. Seed and sample number: 0 .. 2**64 - 1.
    """
    if not 0 <= seed < 2**64:
        raise ConfigError(f"seed: expected 0 .. 2**64 - 1, found {seed}")
    if not 0 <= first <= 2**64 - samples:
        raise ConfigError(f"first sample: expected 0 .. 2**64 - {samples}, found {first}")
    sample = np.arange(samples, dtype=np.uint64) + np.uint64(first)
    step: npt.NDArray[np.uint64] = np.arange(steps, dtype=np.uint64)
    index: npt.NDArray[np.uint64] = np.arange(width, dtype=np.uint64)
    state = _splitmix64(_splitmix64(np.full(samples, seed, dtype=np.uint64)) + sample)
    state = _splitmix64(state[:, np.newaxis] + step)
    state = _splitmix64(state[:, :, np.newaxis] + index)
    return (state >> np.uint64(56)).astype(np.uint8)


def _splitmix64(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """One splitmix64 output for each word taken as generator state (array arithmetic wraps silently)."""
    mixed = words + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    return mixed ^ (mixed >> np.uint64(31))


def _pixels(values: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if values.dtype != np.uint8 or values.ndim < 1:
        raise ConfigError(
            f"encoder: expected uint8 pixels [..., n], found {values.dtype}{list(values.shape)}"
        )
    return values
