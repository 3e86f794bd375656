"""Float oracle of desire back-propagation, written from specs/local_rules.md part A alone.

Plain numpy in whatever float type the weights have, one sample at a time, no dropout. Nothing is shared with
the package: the integer kernels and the engines are held against it. `tests/silicon` checks it against the
recorded vectors of the authors' algorithm.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

Encoder = Callable[[NDArray[np.uint8], int], NDArray[np.bool_]]

STEPS = 20
TARGET = 16  # steps - margin
RETAINED = 0.75
THETA_OUTPUT = 0.30
THETA_HIDDEN = 0.05


@dataclass
class Sample:
    """What happened in one sample: spikes bool[slots, neurons] per population, counts, symbols -1, 0, 1."""

    spikes: list[NDArray[np.bool_]]
    counts: list[Ints]
    symbols: list[Ints]
    margin: float  # smallest distance of a membrane or error sum from its threshold


def encode(values: NDArray[np.uint8], steps: int) -> NDArray[np.bool_]:
    """Spikes bool[steps + 1, inputs] of the pixel accumulators (A.5, integers); the last slot is empty."""
    total = np.zeros(len(values), np.int64)
    spikes = np.zeros((steps + 1, len(values)), bool)
    for t in range(steps):
        total += values
        spikes[t] = total >= 255
        total[spikes[t]] -= 255
    return spikes


def encode_float32(values: NDArray[np.uint8], steps: int) -> NDArray[np.bool_]:
    """The same as the authors compute it: float32 sums of value / 255."""
    total = np.zeros(len(values), np.float32)
    share = values.astype(np.float32) / np.float32(255)
    spikes = np.zeros((steps + 1, len(values)), bool)
    for t in range(steps):
        total += share
        spikes[t] = total >= 1
        total[spikes[t]] -= np.float32(1)
    return spikes


def fire(weights: Floats, before: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], float]:
    """One layer (post, pre) over all slots (A.6): spikes, and how near a membrane came to the threshold."""
    slots = len(before)
    membrane = np.zeros(len(weights), weights.dtype)
    spikes = np.zeros((slots, len(weights)), bool)
    margin = np.inf
    for t in range(slots - 1):
        membrane = membrane * weights.dtype.type(RETAINED) + weights @ before[t].astype(weights.dtype)
        margin = min(margin, float(np.abs(membrane - 1).min()))
        spikes[t + 1] = membrane >= 1
        membrane = membrane - spikes[t + 1]
    return spikes, margin


def output_symbols(counts: Ints, label: int) -> Ints:
    """Desires of the output neurons (A.7)."""
    error = counts / TARGET
    error[label] = 1 - error[label]
    sign = np.full(len(counts), -1)
    sign[label] = 1
    return np.where(error > THETA_OUTPUT, sign, 0)


def error_sums(weights: Floats, counts: Ints, symbols: Ints) -> Floats:
    """What a layer asks of its inputs (A.8): sum of weight x symbol x distance from target."""
    size = np.abs((symbols > 0) - counts / TARGET)
    return np.asarray((symbols * size).astype(weights.dtype) @ weights)


def hidden_symbols(sums: Floats) -> Ints:
    """Desires of hidden neurons (A.8)."""
    return np.where(np.abs(sums) >= THETA_HIDDEN, np.sign(sums), 0).astype(np.int64)


def credit(pre: NDArray[np.bool_], post: NDArray[np.bool_]) -> Floats:
    """Sum over the post spikes of the pre trace, float64[post, pre] (A.9)."""
    trace = np.zeros(pre.shape[1])
    total = np.zeros((post.shape[1], pre.shape[1]))
    for t in range(1, len(pre)):
        trace = RETAINED * trace + pre[t - 1]
        total += np.outer(post[t], trace)
    return total


def forward(
    weights: list[Floats], values: NDArray[np.uint8], encoder: Encoder = encode, steps: int = STEPS
) -> Sample:
    """All layers; no desires."""
    spikes, margin = [encoder(values, steps)], np.inf
    for matrix in weights:
        fired, near = fire(matrix, spikes[-1])
        spikes.append(fired)
        margin = min(margin, near)
    return Sample(spikes, [s.sum(axis=0) for s in spikes], [], margin)


def train(
    weights: list[Floats], values: NDArray[np.uint8], label: int, lr: float, encoder: Encoder = encode
) -> Sample:
    """One sample; changes `weights` (post, pre) in place, after all desires are known."""
    sample = forward(weights, values, encoder)
    symbols = [output_symbols(sample.counts[-1], label)]
    for layer in range(len(weights) - 1, 0, -1):
        sums = error_sums(weights[layer], sample.counts[layer + 1], symbols[0])
        sample.margin = min(sample.margin, float(np.abs(np.abs(sums) - THETA_HIDDEN).min()))
        symbols.insert(0, hidden_symbols(sums))
    for layer, matrix in enumerate(weights):
        change = lr * symbols[layer][:, None] * credit(sample.spikes[layer], sample.spikes[layer + 1])
        matrix += change.astype(matrix.dtype)
    sample.symbols = symbols
    return sample
