"""Compiled function of the forward phase: encoders and layers over all steps of a sample, no timing.

In a stepped chip the spikes of a step do not depend on the order in which packets arrive, so a layer can be
computed over all its steps before the next one.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.image import Ints
from neurosim.kernel import draw32, inner, stream_key
from neurosim.neuron import accumulate, accumulate_float32, bernoulli

__all__ = ["ACCUMULATE", "BERNOULLI", "ENCODE", "KEEP", "Activity", "add_rows", "encode", "new_activity", "silence"]

KEEP, ENCODE = 1, 2  # numbers of the random streams
ACCUMULATE, BERNOULLI, ACCUMULATE_FLOAT32 = range(3)  # network.ENCODERS


class Activity(NamedTuple):
    """What the neurons did in one sample; all populations in one array, population p from start[p] on."""

    start: Ints  # [populations + 1]
    train: Ints  # [neurons] bit t: fired in slot t (0..steps)
    fired: Ints  # [neurons] spikes of the sample
    keep: Ints  # [neurons] 0: silenced by dropout
    symbol: Ints  # [neurons] error symbol
    membrane: Ints  # [neurons]
    spike: Ints  # [populations, steps + 1, largest population] lists of the neurons that fired in a slot
    trains: Ints  # [256] stored spike trains of the input neurons (accumulate_float32)
    number: Ints  # [populations, steps + 1] length of each list


def new_activity(sizes: Ints, steps: int, trains: Ints) -> Activity:
    """Silent neurons."""
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    n = int(start[-1])
    shape = (len(sizes), steps + 1)
    train, fired, keep, symbol, membrane = (np.zeros(n, np.int64) for _ in range(5))
    spike = np.zeros((*shape, int(np.max(sizes))), np.int64)
    return Activity(start, train, fired, keep, symbol, membrane, spike, trains.copy(), np.zeros(shape, np.int64))


@inner
def silence(act: Activity, p: int, drop: int, learn: bool, seed: int, tick: int) -> None:
    """Clear population p for a new sample and draw its dropout mask."""
    key = stream_key(seed, KEEP, tick, p)
    for j in range(act.start[p], act.start[p + 1]):
        act.train[j] = 0
        act.fired[j] = 0
        act.symbol[j] = 0
        act.membrane[j] = 0
        act.keep[j] = 1
    if learn and drop > 0:
        for j in range(act.start[p], act.start[p + 1]):
            byte = draw32(key, j - act.start[p]) & np.uint32(255)
            act.keep[j] = 1 if byte >= drop else 0


@inner
def encode(act: Activity, values: NDArray[np.uint8], hw: Any, seed: int, tick: int) -> None:
    """Spikes of the input neurons in slots 0..steps-1."""
    for t in range(hw.steps):
        spikes = act.spike[0, t]
        n = 0
        key = stream_key(seed, ENCODE, tick, t)
        for i in range(values.shape[0]):
            value = np.int64(values[i])
            if value == 0:
                continue
            if hw.encoder == ACCUMULATE:
                act.membrane[i], fired = accumulate.step(act.membrane[i], value)
            elif hw.encoder == BERNOULLI:
                fired = bernoulli.step(value, np.int64(draw32(key, i) & np.uint32(255)))
            else:
                fired = accumulate_float32.step(act.trains[value], t)
            if fired == 1 and act.keep[i] == 1:
                spikes[n] = i
                n += 1
                act.train[i] |= np.int64(1) << t
                act.fired[i] += 1
        act.number[0, t] = n
    act.number[0, hw.steps] = 0


@inner
def add_rows(
    acc: NDArray[np.int32], weights: NDArray[np.int16], base: int, post: int, rows: Ints, count: int
) -> None:
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
