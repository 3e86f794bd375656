"""Compiled engine for rules that learn in phases: forward, then error, then update.

This file is executed once per rule and neuron (see `compiled.bound`): `rule` and `neuron` are bound to their
modules first, so that their kernels are compiled into the loops. `run_sample` is the list of the steps of a sample.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.backward import ONE, TWO, read_back, send_desires, send_errors, update_copies
from neurosim.engine.bench import (
    BLOCK,
    Bench,
    copy_columns,
    find_axons,
    find_usual,
    note_spikes,
    post_words,
    read_block,
    sum_errors,
    sum_slot,
    write_block,
    write_columns,
)
from neurosim.engine.contract import CROSSBAR, MIRRORED, ceil_div
from neurosim.engine.forward import Activity, add_rows, encode, silence, store_trains
from neurosim.engine.layout import CYCLE, LAST, Machine
from neurosim.engine.step import (
    ZERO,
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

__all__ = ["run_batch"]

ROUND = 16  # number of the random stream of stochastic rounding (plus the projection)
WIDE = 64  # weights of a row from which on it is worth a look which rows can be left out
LEARNING = np.int64(Unit.LEARNING)
THREE = np.int64(3)  # typed, see step.ZERO


@inner
def integrate(act: Activity, start: int, post: int, b: Bench, amplitude: int, hw: Any) -> None:
    """The soma circuits of neurons start..start+post-1. Nothing but the circuit in the loop: it becomes vector code."""
    threshold, leak_shift, bits, scale = hw.threshold, hw.leak_shift, hw.membrane_bits, np.int32(amplitude)
    membrane, keep = act.membrane[start : start + post], act.keep[start : start + post]
    for j in range(post):
        drive = np.int64(b.acc[j])
        if amplitude != 256:
            drive = (drive * scale) >> 8
        membrane[j], b.spiked[j] = neuron.step(membrane[j], drive, keep[j], threshold, leak_shift, bits)


@inner
def layer(act: Activity, q: int, weights: NDArray[Any], base: int, b: Bench, amplitude: int, hw: Any) -> None:
    """Population q + 1 over all steps: integrates slots 0..steps-1 of population q, fires in slots 1..steps."""
    start, post = act.start[q + 1], act.start[q + 2] - act.start[q + 1]
    usual = find_usual(act, b, q, hw) if post >= WIDE else ZERO
    b.steady[:post] = 0
    add_rows(b.steady, weights, base, post, b.usual, usual)
    act.number[q + 1, 0] = 0
    for t in range(hw.steps):
        sum_slot(act, q, t, weights, base, post, b, usual)
        integrate(act, start, post, b, amplitude, hw)
        note_spikes(act, q + 1, t + 1, b)


@inner
def output_desire(m: Machine, act: Activity, hw: Any, label: int, c: Any) -> None:
    """Error circuits of the output neurons, each from its own count and teacher bit."""
    top = act.start.shape[0] - 2
    for j in range(act.start[top], act.start[top + 1]):
        act.symbol[j] = rule.output_symbol(act.fired[j], 1 if j - act.start[top] == label else 0, c)
    desire_step(m, act, hw, top)


@inner
def desire_step(m: Machine, act: Activity, hw: Any, p: int) -> None:
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
                if hw.backward == MIRRORED and p < act.start.shape[0] - 2:  # the sum lies in an accumulator
                    counts[Op.ACCUMULATOR_READ.value] += size
                    counts[Op.ACCUMULATOR_WRITE.value] += size
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
            sign = 1 if act.symbol[g] > 0 else -1
            b.factor[count] = sign * rule.magnitude(act.symbol[g], act.fired[g], c)
            count += 1
    return count


@inner
def error_step(m: Machine, act: Activity, b: Bench, hw: Any, q: int, columns: int, whole: bool, c: Any) -> None:
    """Errors of population q + 1 go back over projection q: population q gets its error sums and from them desires."""
    open_step(m)
    pre = act.start[q + 1] - act.start[q]
    projections = act.start.shape[0] - 2
    b.total[:pre] = 0
    for n in range(hw.cores):
        begin_node(m, n)
        for k in range(m.core_ptr[n], m.core_ptr[n + 1]):
            s = m.order[k]
            if m.slice[s].population == q + 1:
                error_slice(m, act, b, hw, n, s, q, columns, pre, whole, projections + q, c)
    close_step(m, Phase.ERROR.value)
    for i in range(pre):
        act.symbol[act.start[q] + i] = rule.hidden_symbol(b.total[i], c)


@inner
def error_slice(m: Machine, act: Activity, b: Bench, hw: Any, n: int, s: int, q: int, columns: int, pre: int,
                whole: bool, kind: int, c: Any) -> None:  # fmt: skip
    """One core's share: scan its neurons, then read their weights and send errors, or send desires to the copies."""
    size = m.slice[s].neurons
    m.counts[Phase.ERROR.value, n, Op.NEURON_READ.value] += size
    count = find_active(m, act, b, s, False, c)
    if count > 0:
        sum_errors(b, columns + m.slice[s].first * pre, pre, count)
    if hw.backward == MIRRORED:
        send_desires(m, b, n, s, kind, count)
        return
    if count == 0:
        set_sweep(m, n, LEARNING, ONE, size, ZERO, ZERO, ZERO)  # the scan is the whole sweep
        return
    read_back(m, b, hw, n, size, count, pre, whole)
    if whole:
        for i in range(pre):
            b.part[i] = rule.hidden_symbol(b.part[i], c)
    send_errors(m, b, n, q, kind, hw.weights_per_word if hw.backward == CROSSBAR else ONE)


@inner
def replay(b: Bench, hw: Any, axons: int, stream: int, seed: int, tick: int, c: Any) -> None:
    """Replay the stored slots of the listed axons through the trace circuits. Axons side by side: vector code."""
    for a in range(axons):
        b.key[a] = stream_key(seed, stream, tick, b.axon[a])
    b.trace[0, :axons] = 0
    for t in range(hw.steps):
        before, after = b.trace[t], b.trace[t + 1]
        for a in range(axons):
            after[a] = rule.on_slot(before[a], (b.train[a] >> t) & 1, c)


@inner
def sum_credits(b: Bench, hw: Any, axons: int, train: int, c: Any) -> int:
    """b.credit: credits of one post neuron's synapses with the listed axons; returns the additions."""
    credit, additions = b.credit, 0
    credit[:axons] = 0
    for t in range(1, hw.steps + 1):
        if (train >> t) & 1 == 1:
            additions += axons
            slot = b.trace[t]
            for a in range(axons):
                credit[a] = rule.on_post(credit[a], slot[a], c)
    return additions


@inner
def learn_column(b: Bench, k: int, axons: int, number: int, symbol: int, rate: int, c: Any) -> None:
    """Synapse circuits of post neuron `number`, row k of b.weight. Axons side by side: vector code."""
    weight, credit, key, low, high = b.weight[k], b.credit, b.key, c.weight_min, c.weight_max
    for a in range(axons):
        random = np.int64(draw32(key[a], number))
        new = rule.on_update(np.int64(weight[a]), credit[a], symbol, rate, random, c)
        weight[a] = max(low, min(high, new))  # whatever the rule: the store saturates


@inner
def update_weights(act: Activity, b: Bench, hw: Any, start: int, first: int, count: int, weights: NDArray[Any],
                   base: int, post: int, columns: int, pre: int, axons: int, rate: int, c: Any) -> int:  # fmt: skip
    """Weights of the `count` active neurons of a slice that begins at neuron `first`; returns the credit additions.

    `base`: its first weight; `columns`: its first column in b.columns, or negative.
    """
    additions = 0
    for k0 in range(0, count, BLOCK):
        size = min(BLOCK, count - k0)
        read_block(b, axons, weights, base, post, k0, size)
        for k in range(size):
            g = start + b.active[k0 + k]
            additions += sum_credits(b, hw, axons, act.train[g], c)
            learn_column(b, k, axons, first + b.active[k0 + k], act.symbol[g], rate, c)
        write_block(b, axons, weights, base, post, k0, size)
        if columns >= 0:
            write_columns(b, axons, columns, pre, k0, size)
    return additions


@inner
def update_slice(m: Machine, act: Activity, b: Bench, hw: Any, n: int, s: int, count: int, weights: NDArray[Any],
                 base: int, columns: int, axons: int, rate: int, c: Any) -> tuple[int, int]:  # fmt: skip
    """Weights of one slice with `count` active neurons: (cycles, of which waiting for banks) of the learning unit."""
    p, size = m.slice[s].population, m.slice[s].neurons
    pre, post = act.start[p] - act.start[p - 1], act.start[p + 1] - act.start[p]
    counts = m.counts[Phase.UPDATE.value, n]
    counts[Op.NEURON_READ.value] += size
    counts[Op.AXON_READ.value] += pre
    counts[Op.AXON_WRITE.value] += axons
    if count == 0:
        return size + pre, 0
    words, port, ideal = post_words(b, hw, count, TWO)
    compute = ceil_div(count, hw.learning_lanes) * ceil_div(hw.steps, hw.slots_per_cycle)
    row = max(port, compute)
    first = m.slice[s].first
    copy = columns + first * pre if columns >= 0 else -1
    additions = update_weights(act, b, hw, act.start[p] + first, first, count, weights, base + first, post, copy, pre,
                               axons, rate, c)  # fmt: skip
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
        axons, replayed = find_axons(act, b, hw, q), False
        columns = offsets[q] - offsets[1] if q > 0 else -1
        for s in range(m.slice.shape[0]):
            if m.slice[s].population == q + 1:
                count = find_active(m, act, b, s, True, c)
                if count > 0 and not replayed:  # often no neuron of the layer has anything to learn
                    replay(b, hw, axons, ROUND + q, seed, tick, c)
                    replayed = True
                n = m.slice[s].core
                cycles, conflict = update_slice(m, act, b, hw, n, s, count, weights, offsets[q], columns, axons,
                                                rate, c)  # fmt: skip
                busy[n, 0] += cycles
                busy[n, 1] += conflict
    for s in range(m.slice.shape[0] if hw.backward == MIRRORED else 0):
        if 0 < m.slice[s].population < act.start.shape[0] - 2:
            n = m.slice[s].core
            cycles, conflict = update_copies(m, act, b, hw, n, s)
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
        layer(act, q, weights, offsets[q], b, amplitude[q] if learn else 256, hw)
    host_step(m, ZERO, ONE)
    for slot in range(hw.steps + 1):
        forward_step(m, act, slot, learn, drop)
    if not learn:
        readout_step(m)
        return
    host_step(m, ONE, THREE)
    output_desire(m, act, hw, label, c)
    for q in range(populations - 2, 0, -1):
        error_step(m, act, b, hw, q, offsets[q] - offsets[1], whole[q], c)
        if hw.backward == MIRRORED or not whole[q]:
            desire_step(m, act, hw, q)
    update_step(m, act, b, hw, weights, offsets, seed, tick, rate, c)


@kernel
def run_batch(m: Machine, act: Activity, b: Bench, weights: NDArray[Any], offsets: Ints, whole: Any,
              drop: Ints, amplitude: Ints, values: NDArray[np.uint8], labels: Ints, seed: int, first: int,
              rates: Ints, learn: bool, c: Any, outputs: Ints, membranes: Ints, cycles: Ints) -> None:  # fmt: skip
    """Samples one after another; fills counts and membranes of the output population and cycles per sample."""
    top = act.start.shape[0] - 2
    store_trains(act, m.hw[0])
    if learn:
        copy_columns(act, b, weights, offsets)
    for k in range(values.shape[0]):
        before = m.clock[CYCLE]
        run_sample(m, act, b, weights, offsets, whole, drop, amplitude, values[k], labels[k], seed, first + k,
                   rates[k], learn, c)  # fmt: skip
        for j in range(outputs.shape[1]):
            outputs[k, j] = act.fired[act.start[top] + j]
            membranes[k, j] = act.membrane[act.start[top] + j]
        cycles[k] = m.clock[CYCLE] - before
