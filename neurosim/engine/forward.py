"""Compiled function of the forward phase: encoders and layers over all steps of a sample, no timing.

In a stepped chip the spikes of a step do not depend on the order in which packets arrive, so a layer can be
computed over all its steps before the next one.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.image import Ints
from neurosim.kernel import draw32, inner, stream_key
from neurosim.neuron import accumulate, bernoulli, regular

__all__ = [
    "ACCUMULATE", "BERNOULLI", "ENCODE", "KEEP", "REGULAR", "Activity", "add_rows", "encode", "new_activity", "silence",
    "store_trains",
]  # fmt: skip

KEEP, ENCODE = 1, 2  # numbers of the random streams
ACCUMULATE, BERNOULLI, ACCUMULATE_FLOAT32, REGULAR = range(4)  # network.ENCODERS


class Activity(NamedTuple):
    """What the neurons did in one sample; all populations in one array, population p from start[p] on."""

    start: Ints  # [populations + 1]
    train: Ints  # [neurons] bit t: fired in slot t (0..steps)
    fired: Ints  # [neurons] spikes of the sample
    keep: Ints  # [neurons] 0: silenced by dropout
    symbol: Ints  # [neurons] error symbol
    membrane: Ints  # [neurons]
    spike: Ints  # [populations, steps + 1, largest population] lists of the neurons that fired in a slot
    trains: Ints  # [256] spike trains of input neurons by value (not bernoulli)
    number: Ints  # [populations, steps + 1] length of each list
    live: Ints  # [largest population] input neurons that can fire in this sample


def new_activity(sizes: Ints, steps: int, trains: Ints) -> Activity:
    """Silent neurons."""
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    n = int(start[-1])
    shape = (len(sizes), steps + 1)
    train, fired, keep, symbol, membrane = (np.zeros(n, np.int64) for _ in range(5))
    most = int(np.max(sizes))
    spike = np.zeros((*shape, most), np.int64)
    number, live = np.zeros(shape, np.int64), np.zeros(most, np.int64)
    return Activity(start, train, fired, keep, symbol, membrane, spike, trains.copy(), number, live)


@inner
def silence(act: Activity, p: int, drop: int, learn: bool, seed: int, tick: int) -> None:
    """Clear population p for a new sample and draw its dropout mask."""
    first, stop = act.start[p], act.start[p + 1]
    act.train[first:stop] = 0
    act.fired[first:stop] = 0
    act.symbol[first:stop] = 0
    act.membrane[first:stop] = 0
    act.keep[first:stop] = 1
    if learn and drop > 0:
        key, keep = stream_key(seed, KEEP, tick, p), act.keep[first:stop]
        for j in range(stop - first):
            keep[j] = 1 if (draw32(key, j) & np.uint32(255)) >= drop else 0


@inner
def find_live(act: Activity, values: NDArray[np.uint8]) -> int:
    """List the input neurons with a value that dropout keeps: no other can fire. Returns their number."""
    count = 0
    for i in range(values.shape[0]):
        act.live[count] = i  # written always, kept only if it counts: no branch to mispredict
        count += act.keep[i] if values[i] > 0 else 0
    return count


@inner
def store_trains(act: Activity, hw: Any) -> None:
    """What the accumulating input neuron does with each value, once for a batch: it depends on nothing else."""
    if hw.encoder == ACCUMULATE:
        for value in range(act.trains.shape[0]):
            total, train = np.int64(0), np.int64(0)
            for t in range(hw.steps):
                total, fired = accumulate.step(total, value)
                train |= np.int64(fired) << t
            act.trains[value] = train


@inner
def draw_trains(act: Activity, values: NDArray[np.uint8], count: int, hw: Any, seed: int, tick: int) -> None:
    """Trains of input neurons that fire at random."""
    for t in range(hw.steps):
        key = stream_key(seed, ENCODE, tick, t)
        for k in range(count):
            i = act.live[k]
            fired = bernoulli.step(np.int64(values[i]), np.int64(draw32(key, i) & np.uint32(255)))
            act.train[i] |= np.int64(fired) << t


@inner
def phase_trains(act: Activity, values: NDArray[np.uint8], count: int, hw: Any, seed: int, tick: int) -> None:
    """Trains of input neurons that fire regularly from a random phase."""
    key = stream_key(seed, ENCODE, tick, 0)
    for k in range(count):
        i = act.live[k]
        level, train = np.int64(draw32(key, i) & np.uint32(255)), np.int64(0)
        for t in range(hw.steps):
            level, fired = regular.step(level, np.int64(values[i]))
            train |= np.int64(fired) << t
        act.train[i] = train


@inner
def encode(act: Activity, values: NDArray[np.uint8], hw: Any, seed: int, tick: int) -> None:
    """Spikes of the input neurons in slots 0..steps-1."""
    count = find_live(act, values)
    if hw.encoder == BERNOULLI:
        draw_trains(act, values, count, hw, seed, tick)
    elif hw.encoder == REGULAR:
        phase_trains(act, values, count, hw, seed, tick)
    else:
        for k in range(count):
            act.train[act.live[k]] = act.trains[values[act.live[k]]]
    for t in range(hw.steps):
        spikes, n = act.spike[0, t], 0
        for k in range(count):
            i = act.live[k]
            spikes[n] = i
            fired = (act.train[i] >> t) & 1
            n += fired
            act.fired[i] += fired
        act.number[0, t] = n
    act.number[0, hw.steps] = 0


@inner
def add_rows(acc: NDArray[Any], weights: NDArray[Any], base: int, post: int, rows: Ints, count: int) -> None:
    """acc[j] += sum of the rows' weights. Four rows a pass: the accumulators are loaded and stored once for four."""
    k = 0
    while k + 4 <= count:
        a = weights[base + rows[k] * post : base + rows[k] * post + post]
        b = weights[base + rows[k + 1] * post : base + rows[k + 1] * post + post]
        c = weights[base + rows[k + 2] * post : base + rows[k + 2] * post + post]
        d = weights[base + rows[k + 3] * post : base + rows[k + 3] * post + post]
        for j in range(post):
            acc[j] += np.int64(a[j]) + b[j] + c[j] + d[j]
        k += 4
    while k < count:
        a = weights[base + rows[k] * post : base + rows[k] * post + post]
        for j in range(post):
            acc[j] += a[j]
        k += 1
