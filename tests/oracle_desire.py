"""Float oracle of desire back-propagation, written from specs/local_rules.md part A alone.

Plain numpy in whatever float type the weights have, one sample at a time. Which neurons dropout keeps is told from
outside. Graded desires are our extension (specs/tuning.md, section 5). Nothing is shared with the package: the integer
kernels and the engines are held against it. `tests/silicon` checks it against the recorded vectors of the authors'
algorithm.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]
Bits = NDArray[np.bool_]

Encoder = Callable[[NDArray[np.uint8], int], Bits]


@dataclass(frozen=True)
class Settings:
    """Hyper-parameters; the defaults are the authors'."""

    steps: int = 20
    margin: int = 4
    leak_shift: int = 2
    theta_output: float = 0.30
    theta_hidden: float = 0.05
    weight_limit: float = np.inf
    graded: bool = False

    @property
    def target(self) -> int:
        """Spikes that the label's neuron should fire."""
        return self.steps - self.margin

    @property
    def retained(self) -> float:
        """What the leak leaves of a membrane or a trace."""
        return 1 - 0.5**self.leak_shift


PAPER = Settings()


@dataclass(frozen=True)
class Dropout:
    """Neurons that stay in, bool[neurons] of each population, and the amplitude of their spikes."""

    keep: list[Bits]
    amplitude: list[float]


@dataclass
class Sample:
    """What happened in one sample: spikes bool[slots, neurons] per population, and their counts.

    desires: -1, 0, 1 of each population but the inputs; graded ones have the size of the step.
    """

    spikes: list[Bits]
    counts: list[Ints]
    desires: list[Floats]
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


def fire(
    weights: Floats, before: Bits, keep: Bits | bool = True, amplitude: float = 1.0, s: Settings = PAPER
) -> tuple[Bits, float]:
    """One layer (post, pre) over all slots (A.6): spikes, and how near a membrane came to the threshold.

    A dropped neuron integrates, but stays silent; `amplitude` is that of the spikes that arrive.
    """
    kind = weights.dtype.type
    slots = len(before)
    membrane = np.zeros(len(weights), weights.dtype)
    spikes = np.zeros((slots, len(weights)), bool)
    margin = np.inf
    for t in range(slots - 1):
        membrane = membrane * kind(s.retained) + kind(amplitude) * (weights @ before[t].astype(weights.dtype))
        margin = min(margin, float(np.abs(membrane - 1).min()))
        spikes[t + 1] = (membrane >= 1) & keep
        membrane = membrane - spikes[t + 1]
    return spikes, margin


def output_desires(counts: Ints, label: int, s: Settings = PAPER) -> Floats:
    """Desires of the output neurons (A.7). Graded: 1, 1/2 or 1/4 for errors from 1/2, from 1/4, and below."""
    error = counts / s.target
    error[label] = 1 - error[label]
    sign = np.full(len(counts), -1)
    sign[label] = 1
    size = np.where(error >= 0.5, 1, np.where(error >= 0.25, 0.5, 0.25)) if s.graded else 1.0
    return np.where(error > s.theta_output, sign * size, 0.0)


def error_sums(weights: Floats, counts: Ints, desires: Floats, s: Settings = PAPER) -> Floats:
    """What a layer asks of its inputs (A.8): sum of weight x sign of the desire x distance from target."""
    distance = np.abs((desires > 0) - counts / s.target)
    return np.asarray((np.sign(desires) * distance).astype(weights.dtype) @ weights)


def hidden_desires(sums: Floats, s: Settings = PAPER) -> tuple[Floats, float]:
    """Desires of hidden neurons (A.8), and how near a sum came to a threshold.

    Graded: 2, 1, 1/2 or 1/4 for sums from 0.4, from 0.2, from 0.1, and below.
    """
    amount, edges = np.abs(sums), [s.theta_hidden, *([0.1, 0.2, 0.4] if s.graded else [])]
    size = np.choose(np.searchsorted([0.1, 0.2, 0.4], amount, "right"), [0.25, 0.5, 1, 2]) if s.graded else 1.0
    margin = float(np.abs(np.subtract.outer(amount, edges)).min())
    return np.where(amount >= s.theta_hidden, np.sign(sums) * size, 0.0), margin


def credit(pre: Bits, post: Bits, s: Settings = PAPER) -> Floats:
    """Sum over the post spikes of the pre trace, float64[post, pre] (A.9)."""
    trace = np.zeros(pre.shape[1])
    total = np.zeros((post.shape[1], pre.shape[1]))
    for t in range(1, len(pre)):
        trace = s.retained * trace + pre[t - 1]
        total += np.outer(post[t], trace)
    return total


def forward(
    weights: list[Floats],
    values: NDArray[np.uint8],
    encoder: Encoder = encode,
    s: Settings = PAPER,
    dropout: Dropout | None = None,
) -> Sample:
    """All layers; no desires."""
    sizes = [len(values), *(len(w) for w in weights)]
    keep = dropout.keep if dropout else [np.ones(n, bool) for n in sizes]
    amplitude = dropout.amplitude if dropout else [1.0] * len(sizes)
    spikes, margin = [encoder(values, s.steps) & keep[0]], np.inf
    for q, matrix in enumerate(weights):
        fired, near = fire(matrix, spikes[-1], keep[q + 1], amplitude[q], s)
        spikes.append(fired)
        margin = min(margin, near)
    return Sample(spikes, [fired.sum(axis=0) for fired in spikes], [], margin)


def train(
    weights: list[Floats],
    values: NDArray[np.uint8],
    label: int,
    lr: float,
    encoder: Encoder = encode,
    s: Settings = PAPER,
    dropout: Dropout | None = None,
) -> Sample:
    """One sample; changes `weights` (post, pre) in place, after all desires are known."""
    sample = forward(weights, values, encoder, s, dropout)
    desires = [output_desires(sample.counts[-1], label, s)]
    for layer in range(len(weights) - 1, 0, -1):
        wanted, near = hidden_desires(error_sums(weights[layer], sample.counts[layer + 1], desires[0], s), s)
        desires.insert(0, wanted * dropout.keep[layer] if dropout else wanted)
        sample.margin = min(sample.margin, near)
    for layer, matrix in enumerate(weights):
        change = lr * desires[layer][:, None] * credit(sample.spikes[layer], sample.spikes[layer + 1], s)
        matrix[:] = np.clip(matrix + change.astype(matrix.dtype), -s.weight_limit, s.weight_limit)
    sample.desires = desires
    return sample
