"""Desire back-propagation without a machine: what the rule computes, no cycle, no count, no chip. One thread.

The floor under `training.py`: it shares no code with the compiled engine, but ends with the same bits, since random
numbers are functions of place and presentation (docs/decisions/0009-random-numbers.md). It knows what the engine may
not assume: one rule, one neuron, one input coding, weights of 16 bits, all else in 32 bits.

Sizes in brackets: [pre], [post] neurons of a projection, [steps] of a sample. Trains are words with bit t for slot t.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from neurosim.image import Image
from neurosim.stimulus import Batch

__all__ = ["Trainer"]

KEEP, ROUND = 1, 16  # streams of random numbers: dropout, rounding (plus the projection)
WIDE = 64  # weights of a row from which on it pays to look for the rows that fire in most slots
NEVER = 1 << 40
BLOCK = 64  # post neurons whose steps are worked out at a time: the table stays in the first cache

compiled = numba.njit(nogil=True, _nrt=False)  # no reference counting: it would cost more than some of the loops


class Numbers(NamedTuple):
    """The settings, as integers: what the engine's image holds in `hardware` and `constants`."""

    steps: int
    threshold: int
    leak: int
    membrane_max: int
    target: int
    more_below: int
    less_from: int
    hidden_threshold: int
    trace_leak: int
    trace_unit: int
    trace_max: int
    shift: int  # fraction bits of credit x rate
    random_bits: int  # 0: rounding to nearest
    wide: int  # weights of a row from which on rows that fire in most slots are summed once
    weight_min: int
    weight_max: int


class Room(NamedTuple):
    """Everything that changes. Population p has the neurons start[p] .. start[p + 1] - 1."""

    start: NDArray[np.int64]
    offset: NDArray[np.int64]  # of each projection in `weights`
    weights: NDArray[np.int16]  # [pre, post], projection after projection
    mirror: NDArray[np.int16]  # [post, pre], all projections but the first: at offset - offset[1]
    coded: NDArray[np.int64]  # [256] trains of the input values
    train: NDArray[np.int64]  # [neurons]
    symbol: NDArray[np.int32]  # [neurons]
    membrane: NDArray[np.int32]  # [neurons]
    keep: NDArray[np.int32]  # [neurons]
    spiked: NDArray[np.uint8]  # [post]
    acc: NDArray[np.int32]  # [post]
    steady: NDArray[np.int32]  # [post] sum of the rows that fire in most slots
    spike: NDArray[np.int32]  # [populations, steps + 1, pre] who fires in each slot,
    number: NDArray[np.int64]  # [populations, steps + 1] and how many
    rows: NDArray[np.int32]  # [3, pre] lists: rows with spikes, usual ones, those of a slot
    rare: NDArray[np.uint8]  # [pre] 1: not a usual one
    error: NDArray[np.int32]  # [pre]
    active: NDArray[np.int64]  # [post] posts that learn,
    factor: NDArray[np.int32]  # [post] and how far each is from its goal
    axon_key: NDArray[np.uint32]  # [pre]
    trace: NDArray[np.int32]  # [steps + 1, pre]
    credit: NDArray[np.int32]  # [pre]
    change: NDArray[np.int32]  # [BLOCK, pre]


@compiled
def mix(z: np.uint64) -> np.uint64:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled
def key_of(seed: int, stream: int, tick: int, index: int) -> np.uint32:
    z = mix(np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15))
    z = mix(z + np.uint64(stream) * np.uint64(0xD1B54A32D192ED03))
    z = mix(z + np.uint64(tick) * np.uint64(0x8CB92BA72F3D8DD7))
    z = mix(z + np.uint64(index) * np.uint64(0xABC98388FB8FAC03))
    return np.uint32(z >> np.uint64(32))


@compiled
def word_of(key: np.uint32, number: int) -> np.uint32:
    x = np.uint32(key ^ np.uint32(np.uint32(number) * np.uint32(0x9E3779B9)))
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x21F0AAAD))
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x735A2D97))
    return np.uint32(x ^ (x >> np.uint32(15)))


@compiled
def count_bits(word: int) -> int:
    word -= (word >> 1) & 0x5555555555555555
    word = (word & 0x3333333333333333) + ((word >> 2) & 0x3333333333333333)
    word = (word + (word >> 4)) & 0x0F0F0F0F0F0F0F0F
    return ((word * 0x0101010101010101) >> 56) & 255


@compiled
def add_rows(acc: Any, weights: Any, base: int, post: int, rows: Any, count: int) -> None:
    """Four rows a pass: the sums are loaded and stored once for four."""
    k = 0
    while k + 4 <= count:
        a = weights[base + rows[k] * post :][:post]
        b = weights[base + rows[k + 1] * post :][:post]
        c = weights[base + rows[k + 2] * post :][:post]
        d = weights[base + rows[k + 3] * post :][:post]
        for j in range(post):
            acc[j] += np.int32(a[j]) + np.int32(b[j]) + np.int32(c[j]) + np.int32(d[j])
        k += 4
    while k < count:
        a = weights[base + rows[k] * post :][:post]
        for j in range(post):
            acc[j] += a[j]
        k += 1


@compiled
def encode(r: Room, values: Any, n: Numbers) -> None:
    """Trains of the inputs, and who fires in each slot."""
    live, count = r.rows[0], 0
    for i in range(values.shape[0]):
        r.train[i] = r.coded[values[i]] if r.keep[i] != 0 else 0
        live[count] = i
        count += r.train[i] != 0
    for t in range(n.steps):
        fired, number = r.spike[0, t], 0
        for k in range(count):
            fired[number] = live[k]
            number += (r.train[live[k]] >> t) & 1
        r.number[0, t] = number


@compiled
def add_slot(r: Room, q: int, t: int, usual: int, base: int, post: int) -> None:
    """r.acc: the rows that fire in slot t, by way of r.steady if that is shorter."""
    rows, count = r.spike[q, t], r.number[q, t]
    train, now, less = r.train[r.start[q] :], r.rows[2], 0
    for k in range(usual):
        now[less] = r.rows[1, k]
        less += 1 - ((train[r.rows[1, k]] >> t) & 1)
    r.acc[:post] = 0
    if 2 * less < usual:
        add_rows(r.acc, r.weights, base, post, now, less)
        for j in range(post):
            r.acc[j] = r.steady[j] - r.acc[j]
        more = 0
        for k in range(count):
            now[more] = rows[k]
            more += r.rare[rows[k]]
        rows, count = now, more
    add_rows(r.acc, r.weights, base, post, rows, count)


@compiled
def soma(r: Room, first: int, post: int, amplitude: int, n: Numbers) -> None:
    """Leak, integrate, fire, subtract. Everything in 32 bits."""
    membrane, keep, acc, spiked = r.membrane[first:][:post], r.keep[first:][:post], r.acc, r.spiked
    threshold, leak, scale = np.int32(n.threshold), np.int32(n.leak), np.int32(amplitude)
    high, low = np.int32(n.membrane_max), np.int32(-n.membrane_max - 1)
    for j in range(post):
        drive = acc[j] if amplitude == 256 else np.int32((acc[j] * scale) >> 8)
        before = membrane[j]
        value = np.int32(np.int32(before - np.int32(before >> (leak & np.int32(31)))) + drive)
        value = max(low, min(high, value))
        fire = np.int32(np.int32(value >= threshold) & np.int32(keep[j]))
        membrane[j] = np.int32(value - np.int32(threshold * fire))
        spiked[j] = fire


@compiled
def layer(r: Room, q: int, amplitude: int, n: Numbers) -> None:
    """Population q + 1 over all steps."""
    pre, first, post = r.start[q + 1] - r.start[q], r.start[q + 1], r.start[q + 2] - r.start[q + 1]
    usual, base = 0, r.offset[q]
    if post >= n.wide:
        for i in range(pre):
            r.rows[1, usual] = i
            r.rare[i] = 2 * count_bits(r.train[r.start[q] + i]) <= n.steps + 1
            usual += 1 - r.rare[i]
        r.steady[:post] = 0
        add_rows(r.steady, r.weights, base, post, r.rows[1], usual)
    r.train[first : first + post] = 0
    r.membrane[first : first + post] = 0
    r.number[q + 1, 0] = 0
    for t in range(n.steps):
        add_slot(r, q, t, usual, base, post)
        soma(r, first, post, amplitude, n)
        fired, number = r.spike[q + 1, t + 1], 0
        for j in range(post):
            fired[number] = j
            number += r.spiked[j]
        for k in range(number):
            r.train[first + fired[k]] |= 1 << (t + 1)
        r.number[q + 1, t + 1] = number


@compiled
def listed(r: Room, p: int, must_fire: bool, n: Numbers) -> int:
    """Active neurons of population p, and their factors."""
    count, first = 0, r.start[p]
    for j in range(r.start[p + 1] - first):
        g = first + j
        if r.symbol[g] != 0 and r.keep[g] != 0 and not (must_fire and r.train[g] == 0):
            goal = n.target if r.symbol[g] > 0 else 0
            r.active[count] = j
            r.factor[count] = r.symbol[g] * abs(goal - count_bits(r.train[g]))
            count += 1
    return count


@compiled
def hand_down(r: Room, q: int, n: Numbers) -> None:
    """Symbols of population q from what population q + 1 wants."""
    pre, base = r.start[q + 1] - r.start[q], r.offset[q] - r.offset[1]
    count, error, symbol = listed(r, q + 1, False, n), r.error, r.symbol[r.start[q] :]
    error[:pre] = 0
    k = 0
    while k + 4 <= count:
        a, b = r.mirror[base + r.active[k] * pre :][:pre], r.mirror[base + r.active[k + 1] * pre :][:pre]
        c, d = r.mirror[base + r.active[k + 2] * pre :][:pre], r.mirror[base + r.active[k + 3] * pre :][:pre]
        fa, fb, fc, fd = r.factor[k], r.factor[k + 1], r.factor[k + 2], r.factor[k + 3]
        for i in range(pre):
            error[i] += np.int32(a[i] * fa) + np.int32(b[i] * fb) + np.int32(c[i] * fc) + np.int32(d[i] * fd)
        k += 4
    while k < count:
        a, fa = r.mirror[base + r.active[k] * pre :][:pre], r.factor[k]
        for i in range(pre):
            error[i] += np.int32(a[i] * fa)
        k += 1
    for i in range(pre):
        symbol[i] = np.int32(error[i] >= n.hidden_threshold) - np.int32(-error[i] >= n.hidden_threshold)


@compiled
def replay(r: Room, q: int, axons: int, seed: int, tick: int, n: Numbers) -> None:
    """Keys and traces of the listed axons."""
    for a in range(axons):
        r.axon_key[a] = key_of(seed, ROUND + q, tick, r.rows[0, a])
    r.trace[0, :axons] = 0
    leak, unit, most = np.int32(n.trace_leak), np.int32(n.trace_unit), np.int32(n.trace_max)
    for t in range(n.steps):
        before, after = r.trace[t], r.trace[t + 1]
        for a in range(axons):
            spike = np.int32((r.train[r.start[q] + r.rows[0, a]] >> t) & 1)
            after[a] = min(most, np.int32(before[a] - (before[a] >> leak) + spike * unit))


@compiled
def changes(r: Room, k: int, axons: int, train: int, number: int, symbol: int, rate: int, n: Numbers) -> None:
    """Row k of r.change: what one post neuron's weights change by."""
    credit, change = r.credit, r.change[k]
    credit[:axons] = 0
    for t in range(1, n.steps + 1):
        if (train >> t) & 1:
            trace = r.trace[t]
            for a in range(axons):
                credit[a] += trace[a]
    up, down = max(0, n.shift - n.random_bits), max(0, n.random_bits - n.shift)
    if n.random_bits == 0:
        half = (1 << n.shift) >> 1
        for a in range(axons):
            change[a] = symbol * ((np.int64(credit[a]) * rate + half) >> n.shift)
    else:
        for a in range(axons):
            noise = (np.int64(word_of(r.axon_key[a], number) >> np.uint32(32 - n.random_bits)) << up) >> down
            change[a] = symbol * ((np.int64(credit[a]) * rate + noise) >> n.shift)


@compiled
def learn(r: Room, q: int, seed: int, tick: int, rate: int, n: Numbers) -> None:
    """Weights of projection q, in blocks of post neurons; within a block row by row, as they lie in memory."""
    pre, post = r.start[q + 1] - r.start[q], r.start[q + 2] - r.start[q + 1]
    count = listed(r, q + 1, True, n)
    if count == 0:
        return
    stored, axons = (1 << n.steps) - 1, 0
    for i in range(pre):
        r.rows[0, axons] = i
        axons += (r.train[r.start[q] + i] & stored) != 0
    replay(r, q, axons, seed, tick, n)
    low, high, base = np.int32(n.weight_min), np.int32(n.weight_max), r.offset[q]
    for k0 in range(0, count, BLOCK):
        block = r.active[k0 : min(k0 + BLOCK, count)]
        for k in range(block.shape[0]):
            g = r.start[q + 1] + block[k]
            changes(r, k, axons, r.train[g], block[k], r.symbol[g], rate, n)
        for a in range(axons):
            row = r.weights[base + r.rows[0, a] * post :][:post]
            for k in range(block.shape[0]):
                row[block[k]] = max(low, min(high, row[block[k]] + r.change[k, a]))
        if q > 0:
            for k in range(block.shape[0]):
                column = r.mirror[base - r.offset[1] + block[k] * pre :][:pre]
                for a in range(axons):
                    column[r.rows[0, a]] = max(low, min(high, column[r.rows[0, a]] + r.change[k, a]))


@compiled
def train(r: Room, values: Any, labels: Any, first: int, rates: Any, seed: int, drop: Any, amplitude: Any,
          n: Numbers, counts: Any) -> None:  # fmt: skip
    """Samples one after another; counts[sample, output] receives the output spikes."""
    top = r.start.shape[0] - 2
    for s in range(values.shape[0]):
        tick = first + s
        for p in range(top + 1):
            key = key_of(seed, KEEP, tick, p)
            for j in range(r.start[p + 1] - r.start[p]):
                r.keep[r.start[p] + j] = (word_of(key, j) & np.uint32(255)) >= drop[p]
        encode(r, values[s], n)
        for q in range(top):
            layer(r, q, amplitude[q], n)
        for j in range(r.start[top + 1] - r.start[top]):
            counts[s, j] = count_bits(r.train[r.start[top] + j])
            if j == labels[s]:
                r.symbol[r.start[top] + j] = np.int32(counts[s, j] < n.more_below)
            else:
                r.symbol[r.start[top] + j] = -np.int32(counts[s, j] >= n.less_from)
        for q in range(top - 1, 0, -1):
            hand_down(r, q, n)
        for q in range(top):
            learn(r, q, seed, tick, rates[s], n)


class Trainer:
    """Weights that learn. `weights` is laid out as the engine's state: compare them bit by bit.

    A row that fires in most slots may be summed once, and taken away where it is silent: the same sums with fewer
    additions, and the engine does so, too. `every_event` adds every row of every slot instead, as the chip does.
    """

    def __init__(self, image: Image, weights: NDArray[np.int16], seed: int, every_event: bool = False) -> None:
        hw, c = image.hardware, image.constants
        if image.rule.__name__ != "neurosim.learning.desire_bp" or image.neuron.__name__ != "neurosim.neuron.lif":
            raise ValueError("the function-only trainer knows desire_bp and lif only")
        if hw.encoder != 0 or weights.dtype != np.int16 or hw.membrane_bits > 28:
            raise ValueError("the function-only trainer knows accumulating inputs, 16-bit weights, membranes of 28")
        self.n = Numbers(
            hw.steps, hw.threshold, hw.leak_shift, (1 << (hw.membrane_bits - 1)) - 1, c.target, c.more_below,
            c.less_from, c.hidden_threshold, c.trace_shift, c.trace_unit, c.trace_limit, c.update_shift,
            c.random_bits if c.stochastic else 0, NEVER if every_event else WIDE, c.weight_min, c.weight_max,
        )  # fmt: skip
        self.seed, self.drop, self.amplitude, self.weights = seed, image.drop, image.amplitude, weights.copy()
        sizes, offset = image.sizes, image.offsets
        most, neurons = int(sizes.max()), int(sizes.sum())
        mirrors = [
            self.weights[offset[q] : offset[q + 1]].reshape(sizes[q], sizes[q + 1]).T.ravel()
            for q in range(1, len(sizes) - 1)
        ]
        self.room = Room(
            start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            offset=offset,
            weights=self.weights,
            mirror=np.concatenate([np.zeros(0, np.int16), *mirrors]),
            coded=value_trains(hw.steps),
            train=np.zeros(neurons, np.int64),
            symbol=np.zeros(neurons, np.int32),
            membrane=np.zeros(neurons, np.int32),
            keep=np.zeros(neurons, np.int32),
            spiked=np.zeros(most, np.uint8),
            acc=np.zeros(most, np.int32),
            steady=np.zeros(most, np.int32),
            spike=np.zeros((len(sizes), hw.steps + 1, most), np.int32),
            number=np.zeros((len(sizes), hw.steps + 1), np.int64),
            rows=np.zeros((3, most), np.int32),
            rare=np.zeros(most, np.uint8),
            error=np.zeros(most, np.int32),
            active=np.zeros(most, np.int64),
            factor=np.zeros(most, np.int32),
            axon_key=np.zeros(most, np.uint32),
            trace=np.zeros((hw.steps + 1, most), np.int32),
            credit=np.zeros(most, np.int32),
            change=np.zeros((BLOCK, most), np.int32),
        )

    def train(self, batch: Batch) -> NDArray[np.int64]:
        """Learn from the samples of `batch`; returns the spike counts of the outputs, int64[samples, outputs]."""
        counts = np.zeros((len(batch.values), int(self.room.start[-1] - self.room.start[-2])), np.int64)
        train(self.room, batch.values.copy(), batch.labels.copy(), batch.first, batch.rates.copy(), self.seed,
              self.drop, self.amplitude, self.n, counts)  # fmt: skip
        return counts


def value_trains(steps: int) -> NDArray[np.int64]:
    """[256] spike trains of the accumulating input neuron: it fires when 255 is reached, and keeps the rest."""
    total, trains = np.zeros(256, np.int64), np.zeros(256, np.int64)
    for t in range(steps):
        total += np.arange(256)
        trains |= (total >= 255).astype(np.int64) << t
        total[total >= 255] -= 255
    return trains
