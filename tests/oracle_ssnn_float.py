"""Float oracle of SSNN-BP: what part B of specs/local_rules.md says in real numbers, from the same random bytes.

It follows an integer record (`oracle_ssnn.present`), drawing the same bytes in the same order. Where one of its own
comparisons comes out within `near` of the threshold, rounding decides, and it takes over what the integers decided;
everywhere else it decides for itself. So with wide formats the two must have the same spikes, and weights that
differ by no more than the rounding of the initial ones. Layer after layer within a step; no pipeline, no halvings.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from oracle_ssnn import Record, Setting, Source

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class Trace:
    """What happened: as `oracle_ssnn.Record`, membranes and errors of the last step, and what was left to rounding."""

    spikes: list[NDArray[np.bool_]]
    symbols: list[Ints]
    membranes: list[Floats] = field(default_factory=list)
    errors: list[Floats] = field(default_factory=list)
    decided: int = 0  # comparisons
    left: int = 0  # of these, nearer to the threshold than `near`


class Learner:
    """Real weights [post, pre] and biases, which learn in steps of stride x 2^-fraction."""

    def __init__(self, weights: list[Floats], c: Setting, near: float) -> None:
        self.weights = [w.copy() for w in weights]
        self.biases = [np.zeros(len(w)) for w in weights]
        self.c, self.near = c, near
        self.step = c.stride * 2.0**-c.fraction

    def settle(self, distance: Floats, theirs: Ints, trace: Trace) -> NDArray[np.bool_]:
        """Which of `distance` are at least 0; `theirs` where that is too near to say."""
        near = np.abs(distance) <= self.near
        trace.decided += near.size
        trace.left += int(near.sum())
        return np.where(near, theirs.astype(bool), distance >= 0)

    def present(self, values: NDArray[np.uint8], label: int, source: Source, leader: Record) -> Trace:
        """One sample, learning."""
        c, sizes, last = self.c, [len(values), *(len(w) for w in self.weights)], len(self.weights)
        trace = Trace([np.zeros_like(s) for s in leader.spikes], [np.zeros_like(s) for s in leader.symbols])
        lit = np.flatnonzero(values)
        phase = np.zeros(sizes[0])
        if c.regular:
            phase[lit] = source.draw("input", 0, 0, lit) / 256
        membranes, errors = ([np.zeros(n) for n in sizes] for _ in range(2))
        if c.dither:
            for p in range(1, last):
                errors[p] = source.draw("dither", p, 0, np.arange(sizes[p])) / 256 - 0.5
        for t in range(c.steps):
            spikes = trace.spikes
            if c.regular:
                phase += values / 256
                spikes[0][t] = phase >= 1
                phase[spikes[0][t]] -= 1
            else:
                spikes[0][t, lit] = source.draw("input", 0, t, lit) < values[lit]
            for p in range(1, last + 1):
                drive = self.weights[p - 1] @ spikes[p - 1][t] + self.biases[p - 1]
                membranes[p] += (drive - membranes[p]) / 2 ** min(c.shift, int(np.log2(t + 1)))
                byte = source.draw("winner" if p == last else "fire", p, t, np.arange(sizes[p]))
                spikes[p][t] = (
                    self.winner(membranes[p], byte, leader.spikes[p][t], trace)
                    if p == last
                    else self.settle(membranes[p] - (byte + 1) / 256, leader.spikes[p][t], trace)
                )
            if t >= c.warm:
                trace.symbols[last][t] = (np.arange(sizes[last]) == label).astype(int) - spikes[last][t]
            for p in range(last - 1, 0, -1):
                errors[p] += trace.symbols[p + 1][t] @ self.weights[p]
                fired = self.fire(errors[p], leader.fired[p][t], trace)
                trace.symbols[p][t] = self.gated(fired, membranes[p], leader.symbols[p][t], trace)
                errors[p] = np.clip(errors[p] - fired, -4, 4)
            for q in range(last):
                change = self.step * trace.symbols[q + 1][t]
                self.weights[q] += np.outer(change, spikes[q][t])
                self.biases[q] += change
        trace.membranes, trace.errors = membranes, errors
        return trace

    def winner(self, membrane: Floats, byte: Ints, theirs: NDArray[np.bool_], trace: Trace) -> NDArray[np.bool_]:
        """One-hot: the largest membrane plus Gumbel noise."""
        noisy = membrane - np.log(-np.log((byte + 0.5) / 256))
        second, first = np.sort(noisy)[-2:]
        trace.decided += 1
        if first - second <= 2 * self.near:
            trace.left += 1
            return theirs
        return noisy == first

    def fire(self, error: Floats, theirs: Ints, trace: Trace) -> Ints:
        """-1, 0, 1: whether the error has reached a threshold."""
        theta = 0.5 if self.c.dither else 1.0
        up = self.settle(error - theta, theirs > 0, trace)
        down = self.settle(-error - theta, theirs < 0, trace)
        return up.astype(np.int64) - down

    def gated(self, fired: Ints, membrane: Floats, theirs: Ints, trace: Trace) -> Ints:
        """The symbols that pass the derivative of the clipped ReLU."""
        edge = (np.minimum(np.abs(membrane), np.abs(membrane - 1)) <= self.near) & (fired != 0)
        trace.decided += np.count_nonzero(fired)
        trace.left += np.count_nonzero(edge)
        passes = (membrane > 0) & (membrane < 1) | (membrane >= 1) & (fired < 0) & (self.c.gate == 2)
        return np.where(edge, theirs, np.where(passes, fired, 0))
