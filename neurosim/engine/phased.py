"""Compiled engine for rules that learn in phases: forward, then error, then update.

This file is executed once per rule and neuron (see `compiled.phased`): `rule` and `neuron` are bound to their
modules first, so that their kernels are compiled into the loops. `run_sample` is the list of the steps of a sample.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.contract import bank_cycles, ceil_div
from neurosim.engine.forward import Activity, add_rows, encode, silence
from neurosim.engine.layout import Machine
from neurosim.engine.step import (
    LAST,
    ZERO,
    add_emission,
    add_packet,
    begin_node,
    charge,
    close_step,
    forward_step,
    host_step,
    open_step,
    readout_step,
    set_sweep,
)
from neurosim.image import Ints
from neurosim.kernel import draw32, inner, kernel, stream_key
from neurosim.ops import Op, Phase, Unit

if TYPE_CHECKING:  # any rule and any neuron; they are bound before this file is executed
    from neurosim.learning import desire_bp as rule
    from neurosim.neuron import lif as neuron

__all__ = ["Bench", "run_batch"]

ROUND = 16  # number of the random stream of stochastic rounding (plus the projection)
LEARNING = np.int64(Unit.LEARNING)
ONE, TWO, THREE = np.int64(1), np.int64(2), np.int64(3)  # typed, see step.ZERO


class Bench(NamedTuple):
    """Room to work in for the learning passes; sizes in brackets, n: the largest population."""

    acc: NDArray[Any]  # [n] int32, or int64 for wide weights
    active: Ints  # [n] post neurons with a desire, as numbers within their slice
    factor: Ints  # [n] symbol x magnitude of each
    bank: Ints  # [banks] words per bank
    total: Ints  # [n] error sums of a population
    part: Ints  # [n] what one slice adds to them
    axon: Ints  # [n] pre neurons with a spike
    key: Ints  # [n] their random keys
    trace: Ints  # [steps + 1, n]
    credit: Ints  # [n]
    busy: Ints  # [cores, 2] cycles of the learning units, and the part that waits for banks


@inner
def layer(
    act: Activity,
    q: int,
    weights: NDArray[np.int16],
    base: int,
    acc: NDArray[np.int32],
    amplitude: int,
    hw: Any,
) -> None:
    """Population q + 1 over all steps: integrates slots 0..steps-1 of population q, fires in slots 1..steps."""
    start, post = act.start[q + 1], act.start[q + 2] - act.start[q + 1]
    act.number[q + 1, 0] = 0
    for t in range(hw.steps):
        acc[:post] = 0
        add_rows(acc, weights, base, post, act.spike[q, t], act.number[q, t])
        fired_list = act.spike[q + 1, t + 1]
        n = 0
        for j in range(post):
            drive = np.int64(acc[j])
            if amplitude != 256:
                drive = (drive * amplitude) >> 8
            value, fired = neuron.step(
                act.membrane[start + j],
                drive,
                act.keep[start + j],
                hw.threshold,
                hw.leak_shift,
                hw.membrane_bits,
            )
            act.membrane[start + j] = value
            fired_list[n] = j  # written always, kept only if it fired: no branch to mispredict
            n += fired
            act.train[start + j] |= np.int64(fired) << (t + 1)
            act.fired[start + j] += fired
        act.number[q + 1, t + 1] = n


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
def output_desire(m: Machine, act: Activity, hw: Any, label: int, c: Any) -> None:
    """Error circuits of the output neurons, each from its own count and teacher bit."""
    top = act.start.shape[0] - 2
    for j in range(act.start[top], act.start[top + 1]):
        act.symbol[j] = rule.output_symbol(act.fired[j], 1 if j - act.start[top] == label else 0, c)
    desire_step(m, hw, top)


@inner
def desire_step(m: Machine, hw: Any, p: int) -> None:
    """The soma units of population p sweep once and set their desires."""
    open_step(m)
    for n in range(hw.cores):
        begin_node(m, n)
        for k in range(m.core_ptr[n], m.core_ptr[n + 1]):
            s = m.order[k]
            if m.slice[s].population == p:
                size = m.slice[s].neurons
                counts = m.counts[Phase.ERROR.value, n]
                counts[Op.NEURON_READ.value] += size
                counts[Op.NEURON_WRITE.value] += size
                counts[Op.DESIRE_UPDATE.value] += size
                set_sweep(m, n, Unit.SOMA.value, size, hw.soma_cycles, ZERO, ZERO, hw.soma_latency)
    close_step(m, Phase.ERROR.value)


@inner
def find_active(m: Machine, act: Activity, b: Bench, s: int, fired: bool, c: Any) -> int:
    """List the kept neurons of slice s with a desire (and, if `fired`, a spike); returns their number."""
    start = act.start[m.slice[s].population] + m.slice[s].first
    count = 0
    for j in range(m.slice[s].neurons):
        g = start + j
        if act.symbol[g] != 0 and act.keep[g] != 0 and (not fired or (act.train[g] >> 1) != 0):
            b.active[count] = j
            b.factor[count] = act.symbol[g] * rule.magnitude(act.symbol[g], act.fired[g], c)
            count += 1
    return count


@inner
def error_step(m: Machine, act: Activity, b: Bench, hw: Any, q: int, weights: NDArray[Any], base: int,
               whole: bool, c: Any) -> None:  # fmt: skip
    """Transposed read of projection q: error sums of population q, sent as desires or as partial sums."""
    open_step(m)
    pre, post = act.start[q + 1] - act.start[q], act.start[q + 2] - act.start[q + 1]
    projections = act.start.shape[0] - 2
    b.total[:pre] = 0
    for n in range(hw.cores):
        begin_node(m, n)
        for k in range(m.core_ptr[n], m.core_ptr[n + 1]):
            s = m.order[k]
            if m.slice[s].population == q + 1:
                error_slice(m, act, b, hw, n, s, q, weights, base, pre, post, whole, projections + q, c)
    close_step(m, Phase.ERROR.value)
    for i in range(pre):
        act.symbol[act.start[q] + i] = rule.hidden_symbol(b.total[i], c)


@inner
def error_slice(m: Machine, act: Activity, b: Bench, hw: Any, n: int, s: int, q: int, weights: NDArray[Any],
                base: int, pre: int, post: int, whole: bool, kind: int, c: Any) -> None:  # fmt: skip
    """One core's share: scan its neurons, then row by row the words that hold an active post."""
    counts = m.counts[Phase.ERROR.value, n]
    size = m.slice[s].neurons
    counts[Op.NEURON_READ.value] += size
    count = find_active(m, act, b, s, False, c)
    if count == 0:
        set_sweep(m, n, LEARNING, ONE, size, ZERO, ZERO, ZERO)  # the scan is the whole sweep
        return
    words, port, ideal = post_words(b, hw, count, ONE)
    compute = ceil_div(count, hw.learning_lanes)
    cycles = max(port, compute)
    set_sweep(m, n, LEARNING, pre, cycles, cycles - max(ideal, compute), size, ZERO)
    counts[Op.SYNAPSE_READ.value] += words * pre
    counts[Op.ERROR_MAC.value] += count * pre
    counts[Op.NEURON_READ.value] += max(0, count - hw.learning_lanes) * pre  # the lanes hold one list entry each
    if whole:
        counts[Op.DESIRE_UPDATE.value] += pre  # the error circuits that decide at the sender
    column = base + m.slice[s].first
    for i in range(pre):
        row = weights[column + i * post : column + i * post + size]
        part = np.int64(0)
        for k in range(count):
            part += row[b.active[k]] * b.factor[k]
        b.total[i] += part
        b.part[i] = part
    for t in range(m.slice.shape[0]):
        if m.slice[t].population == q:
            first = m.slice[t].first
            for i in range(first, first + m.slice[t].neurons):
                if (rule.hidden_symbol(b.part[i], c) != 0) if whole else (b.part[i] != 0):
                    add_emission(m, n, i)
                    add_packet(m, n, m.slice[t].core, kind)


@inner
def replay(act: Activity, b: Bench, hw: Any, q: int, seed: int, tick: int, c: Any) -> int:
    """Replay the stored slots of population q through the trace circuits; returns the axons with a spike."""
    stored = (np.int64(1) << hw.steps) - 1
    count = 0
    for i in range(act.start[q + 1] - act.start[q]):
        train = act.train[act.start[q] + i] & stored
        if train != 0:
            b.axon[count] = i
            b.key[count] = stream_key(seed, ROUND + q, tick, i)
            trace = np.int64(0)
            for t in range(hw.steps):
                trace = rule.on_slot(trace, (train >> t) & 1, c)
                b.trace[t + 1, count] = trace
            count += 1
    return count


@inner
def update_slice(m: Machine, act: Activity, b: Bench, hw: Any, n: int, s: int, weights: NDArray[Any], base: int,
                 axons: int, rate: int, c: Any) -> tuple[int, int]:  # fmt: skip
    """Weights of one slice: (cycles, of which waiting for banks) of the learning unit."""
    p, size = m.slice[s].population, m.slice[s].neurons
    pre, post = act.start[p] - act.start[p - 1], act.start[p + 1] - act.start[p]
    counts = m.counts[Phase.UPDATE.value, n]
    counts[Op.NEURON_READ.value] += size
    counts[Op.AXON_READ.value] += pre
    counts[Op.AXON_WRITE.value] += axons
    count = find_active(m, act, b, s, True, c)
    if count == 0:
        return size + pre, 0
    words, port, ideal = post_words(b, hw, count, TWO)
    compute = ceil_div(count, hw.learning_lanes) * ceil_div(hw.steps, hw.slots_per_cycle)
    row = max(port, compute)
    additions = 0
    for k in range(count):
        j = b.active[k]
        g = act.start[p] + m.slice[s].first + j
        b.credit[:axons] = 0
        for t in range(1, hw.steps + 1):
            if (act.train[g] >> t) & 1 == 1:
                additions += axons
                slot = b.trace[t]
                for a in range(axons):
                    b.credit[a] = rule.on_post(b.credit[a], slot[a], c)
        symbol, at = act.symbol[g], base + m.slice[s].first + j
        for a in range(axons):
            w = at + b.axon[a] * post
            random = np.int64(draw32(b.key[a], m.slice[s].first + j))
            weight = rule.on_update(np.int64(weights[w]), b.credit[a], symbol, rate, random, c)
            weights[w] = max(c.weight_min, min(c.weight_max, weight))  # whatever the rule: the store saturates
    counts[Op.TRACE_STEP.value] += axons * hw.steps
    counts[Op.CREDIT_ADD.value] += additions
    counts[Op.SYNAPSE_READ.value] += axons * words
    counts[Op.SYNAPSE_WRITE.value] += axons * words
    counts[Op.WEIGHT_UPDATE.value] += axons * count
    counts[Op.NEURON_READ.value] += max(0, count - hw.learning_lanes) * axons
    counts[Op.RANDOM_BIT.value] += axons * count * hw.random_bits
    return size + pre + axons * row, axons * (row - max(ideal, compute))


@inner
def update_step(m: Machine, act: Activity, b: Bench, hw: Any, weights: NDArray[Any], offsets: Ints, seed: int,
                tick: int, rate: int, c: Any) -> None:  # fmt: skip
    """Every core updates its own synapses; no packets. Projection after projection, cores side by side."""
    open_step(m)
    busy = b.busy
    busy[:] = 0
    for q in range(act.start.shape[0] - 2):
        axons = replay(act, b, hw, q, seed, tick, c)
        for s in range(m.slice.shape[0]):
            if m.slice[s].population == q + 1:
                n = m.slice[s].core
                cycles, conflict = update_slice(m, act, b, hw, n, s, weights, offsets[q], axons, rate, c)
                busy[n, 0] += cycles
                busy[n, 1] += conflict
    for n in range(hw.cores):
        if busy[n, 0] > 0:
            charge(m, Phase.UPDATE.value, n, LEARNING, busy[n, 0], busy[n, 1], ZERO, busy[n, 0])
            m.clock[LAST] = max(m.clock[LAST], busy[n, 0])
    close_step(m, Phase.UPDATE.value)


@inner
def run_sample(m: Machine, act: Activity, b: Bench, weights: NDArray[Any], offsets: Ints, whole: Any,
               drop: Ints, amplitude: Ints, values: NDArray[np.uint8], label: int, seed: int, tick: int, rate: int,
               learn: bool, c: Any) -> None:  # fmt: skip
    """All steps of one sample, in order."""
    hw, populations = m.hw[0], act.start.shape[0] - 1
    for p in range(populations):
        silence(act, p, drop[p], learn, seed, tick)
    encode(act, values, hw, seed, tick)
    for q in range(populations - 1):
        layer(act, q, weights, offsets[q], b.acc, amplitude[q] if learn else 256, hw)
    host_step(m, ZERO, ONE)
    for slot in range(hw.steps + 1):
        forward_step(m, act, slot, learn, drop)
    if not learn:
        readout_step(m)
        return
    host_step(m, ONE, THREE)
    output_desire(m, act, hw, label, c)
    for q in range(populations - 2, 0, -1):
        error_step(m, act, b, hw, q, weights, offsets[q], whole[q], c)
        if not whole[q]:
            desire_step(m, hw, q)
    update_step(m, act, b, hw, weights, offsets, seed, tick, rate, c)


@kernel
def run_batch(m: Machine, act: Activity, b: Bench, weights: NDArray[Any], offsets: Ints, whole: Any,
              drop: Ints, amplitude: Ints, values: NDArray[np.uint8], labels: Ints, seed: int, first: int,
              rates: Ints, learn: bool, c: Any, outputs: Ints, membranes: Ints, cycles: Ints) -> None:  # fmt: skip
    """Samples one after another; fills counts and membranes of the output population and cycles per sample."""
    top = act.start.shape[0] - 2
    for k in range(values.shape[0]):
        before = m.clock[0]
        run_sample(m, act, b, weights, offsets, whole, drop, amplitude, values[k], labels[k], seed, first + k,
                   rates[k], learn, c)  # fmt: skip
        for j in range(outputs.shape[1]):
            outputs[k, j] = act.fired[act.start[top] + j]
            membranes[k, j] = act.membrane[act.start[top] + j]
        cycles[k] = m.clock[0] - before
