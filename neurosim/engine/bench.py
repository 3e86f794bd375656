"""The workbench of the learning pass: its arrays, and the loops over rows and columns without rule or neuron.

Compiled once, whatever the rule; `phased.py` puts the circuits of a rule and a neuron between them.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.contract import bank_cycles, ceil_div
from neurosim.engine.forward import Activity, add_rows
from neurosim.image import Ints
from neurosim.kernel import inlined, inner

__all__ = ["BLOCK", "Bench", "copy_columns", "find_axons", "find_usual", "note_spikes", "post_words", "read_block",
           "sum_errors", "sum_slot", "write_block", "write_columns"]  # fmt: skip

TILE = 32  # copy_columns
BLOCK = 32  # post neurons that learn together


class Bench(NamedTuple):
    """Room to work in for the learning passes; sizes in brackets, n: the largest population."""

    acc: NDArray[Any]  # [n] int32, or int64 for wide weights: sums of the rows of a slot
    steady: NDArray[Any]  # [n] the same for the rows that fire in most slots
    often: Ints  # [n] 1 for such a row
    usual: Ints  # [n] list of them
    more: Ints  # [n] other rows that fire in a slot
    less: Ints  # [n] such rows that do not
    spiked: NDArray[np.uint8]  # [n] 1 for a neuron that fires in this slot
    columns: NDArray[Any]  # post-major copy of all projections but the first, as `weights`
    active: Ints  # [n] post neurons with a desire, as numbers within their slice
    factor: Ints  # [n] sign of the symbol x magnitude of each
    narrow: NDArray[np.int32]  # [n] the same, if they fit
    bank: Ints  # [banks] words per bank
    total: Ints  # [n] error sums of a population
    part: Ints  # [n] what one slice adds to them
    axon: Ints  # [n] pre neurons with a spike
    train: Ints  # [n] their spike trains
    key: NDArray[np.uint32]  # [n] their random keys
    weight: NDArray[Any]  # [BLOCK, n] weights of some post neurons from them, as `weights`
    trace: Ints  # [steps + 1, n]
    credit: Ints  # [n]
    busy: Ints  # [cores, 2] cycles of the learning units, and the part that waits for banks


@inner
def find_usual(act: Activity, b: Bench, q: int, hw: Any) -> int:
    """List the neurons of population q that fire in more than half of the slots; returns their number."""
    count = 0
    for i in range(act.start[q + 1] - act.start[q]):
        b.often[i] = 1 if 2 * act.fired[act.start[q] + i] > hw.steps + 1 else 0
        b.usual[count] = i
        count += b.often[i]
    return count


@inner
def sum_slot(act: Activity, q: int, t: int, weights: NDArray[Any], base: int, post: int, b: Bench, usual: int) -> None:
    """b.acc: the rows that fire in slot t = the usual ones - those of them that do not + the unusual that do.

    The same integer as the sum of the rows one by one, with a third of the additions: most pixels of a digit are
    almost black or almost white. Every intermediate sum is one of distinct rows, so it fits where the last one fits.
    """
    rows, count = act.spike[q, t], act.number[q, t]
    less = more = 0
    for k in range(usual):
        b.less[less] = b.usual[k]
        less += 1 - ((act.train[act.start[q] + b.usual[k]] >> t) & 1)
    b.acc[:post] = 0
    if less < usual - less:  # most of the usual ones do: shorter this way
        for k in range(count):
            b.more[more] = rows[k]
            more += 1 - b.often[rows[k]]
        add_rows(b.acc, weights, base, post, b.less, less)
        for j in range(post):
            b.acc[j] = b.steady[j] - b.acc[j]
        rows, count = b.more, more
    add_rows(b.acc, weights, base, post, rows, count)


@inner
def note_spikes(act: Activity, p: int, t: int, b: Bench) -> None:
    """List the neurons of population p that fire in slot t, and enter the slot in their trains and counts."""
    start, fired, n = act.start[p], act.spike[p, t], 0
    for j in range(act.start[p + 1] - start):
        fired[n] = j  # written always, kept only if it fired: no branch to mispredict
        n += b.spiked[j]
    for k in range(n):
        act.train[start + fired[k]] |= np.int64(1) << t
        act.fired[start + fired[k]] += 1
    act.number[p, t] = n


@inner
def post_words(b: Bench, hw: Any, count: int, accesses: int) -> tuple[int, int, int]:
    """Of one row with `count` active posts: (words with one, port cycles, port cycles without bank conflict)."""
    b.bank[:] = 0
    words, last = 0, -1
    for k in range(count):
        word = b.active[k] // hw.weights_per_word
        if word != last:
            b.bank[word % hw.banks] += 1
            words += 1
            last = word
    fullest = 0
    for bank in range(hw.banks):
        fullest = max(fullest, b.bank[bank])
    return words, bank_cycles(fullest, accesses, hw.ports), ceil_div(words * accesses, hw.banks * hw.ports)


@inner
def copy_columns(act: Activity, b: Bench, weights: NDArray[Any], offsets: Ints) -> None:
    """Fill the post-major copy, in tiles that stay in the cache."""
    for q in range(1, act.start.shape[0] - 2):
        pre, post = act.start[q + 1] - act.start[q], act.start[q + 2] - act.start[q + 1]
        base = offsets[q] - offsets[1]
        for i0 in range(0, pre, TILE):
            for j0 in range(0, post, TILE):
                size = min(TILE, pre - i0)
                for j in range(j0, min(j0 + TILE, post)):
                    first = offsets[q] + i0 * post + j
                    copy = b.columns[base + j * pre + i0 : base + j * pre + i0 + size]
                    for i in range(size):
                        copy[i] = weights[first + i * post]


@inlined
def column(b: Bench, base: int, pre: int, k: int) -> NDArray[Any]:
    """The weights of active post neuron k, one for each pre neuron."""
    first = base + b.active[k] * pre
    return b.columns[first : first + pre]


@inner
def sum_columns(b: Bench, factor: NDArray[Any], base: int, pre: int, count: int) -> None:
    """b.part: weights of the `count` active posts x their factors, summed for every pre neuron.

    Read from the copy that stores a post neuron's weights side by side (memory of the simulator, not of the chip),
    four posts a pass as in `add_rows`: in rows, every weight would cost a cache line.
    """
    part = b.part
    part[:pre] = 0
    k = 0
    while k + 4 <= count:
        w0, w1 = column(b, base, pre, k), column(b, base, pre, k + 1)
        w2, w3 = column(b, base, pre, k + 2), column(b, base, pre, k + 3)
        f0, f1, f2, f3 = factor[k], factor[k + 1], factor[k + 2], factor[k + 3]
        for i in range(pre):
            part[i] += np.int64(w0[i]) * f0 + np.int64(w1[i]) * f1 + np.int64(w2[i]) * f2 + np.int64(w3[i]) * f3
        k += 4
    while k < count:
        w0, f0 = column(b, base, pre, k), factor[k]
        for i in range(pre):
            part[i] += np.int64(w0[i]) * f0
        k += 1


@inner
def sum_errors(b: Bench, base: int, pre: int, count: int) -> None:
    """b.part by `sum_columns`, added to b.total. Factors of 32 bits, which any sensible rule has, multiply faster."""
    fit = True
    for k in range(count):
        fit = fit and abs(b.factor[k]) < 2**31
        b.narrow[k] = b.factor[k] if fit else 0
    if fit:
        sum_columns(b, b.narrow, base, pre, count)
    else:
        sum_columns(b, b.factor, base, pre, count)
    for i in range(pre):
        b.total[i] += b.part[i]


@inner
def find_axons(act: Activity, b: Bench, hw: Any, q: int) -> int:
    """List the neurons of population q with a stored spike (slots 0..steps-1); returns their number."""
    stored = (np.int64(1) << hw.steps) - 1
    count = 0
    for i in range(act.start[q + 1] - act.start[q]):
        train = act.train[act.start[q] + i] & stored
        b.axon[count], b.train[count] = i, train
        count += 1 if train != 0 else 0
    return count


@inner
def read_block(b: Bench, axons: int, weights: NDArray[Any], base: int, post: int, first: int, count: int) -> None:
    """b.weight: `count` active posts from the one numbered `first` on, row by row as the weights lie in memory."""
    for a in range(axons):
        row = weights[base + b.axon[a] * post : base + (b.axon[a] + 1) * post]
        for k in range(count):
            b.weight[k, a] = row[b.active[first + k]]


@inner
def write_block(b: Bench, axons: int, weights: NDArray[Any], base: int, post: int, first: int, count: int) -> None:
    """The way back."""
    for a in range(axons):
        row = weights[base + b.axon[a] * post : base + (b.axon[a] + 1) * post]
        for k in range(count):
            row[b.active[first + k]] = b.weight[k, a]


@inner
def write_columns(b: Bench, axons: int, base: int, pre: int, first: int, count: int) -> None:
    """The same into the post-major copy."""
    for k in range(count):
        copy = column(b, base, pre, first + k)
        for a in range(axons):
            copy[b.axon[a]] = b.weight[k, a]
