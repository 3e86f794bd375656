"""Compiled engine for rules that learn while they run: forward and error spikes in the same steps, updates in each.

This file is executed once per rule and neuron (see `compiled.bound`), as `phased.py` is. `run_sample` is the list of
the steps of a sample. In a pipeline (the usual case) population p hears in step n what the others sent in step n - 1,
so it begins in step p; a sample of T steps takes T + layers. Without pipeline, layers follow each other within a step.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.backward import TWO
from neurosim.engine.bench import post_words
from neurosim.engine.contract import MIRRORED, ceil_div
from neurosim.engine.layout import CYCLE, LAST, Machine
from neurosim.engine.step import (
    ZERO,
    add_emission,
    begin_node,
    charge,
    close_step,
    host_step,
    open_step,
    readout_step,
    set_sweep,
)
from neurosim.engine.tissue import (
    Tissue,
    add_back,
    add_drives,
    begin_sample,
    count_answers,
    drawn_by_inputs,
    encode,
    error_step,
    find_active,
    find_rows,
    note,
    send,
    send_verdict,
    teach_bits,
)
from neurosim.generator import ERROR, FORWARD, draw_byte, draw_teach
from neurosim.image import Ints
from neurosim.kernel import inner, kernel
from neurosim.ops import Op, Phase, Unit

if TYPE_CHECKING:  # any rule and any neuron of this kind; they are bound before this file is executed
    from neurosim.learning import ssnn_bp as rule
    from neurosim.neuron import composite as neuron

__all__ = ["run_batch"]

LEARNING, SOMA = np.int64(Unit.LEARNING), np.int64(Unit.SOMA)
ONE, THREE = np.int64(1), np.int64(3)  # typed, see step.ZERO


@inner
def fire(t: Tissue, random: NDArray[np.uint64], table: NDArray[np.uint32], core: int, p: int, first: int, size: int,
         bias: Ints, at: int, update: int, halvings: int, hw: Any) -> None:  # fmt: skip
    """Forward half of hidden neurons first..first+size-1 of population p in step `at`, their step number `update`."""
    for j in range(first, first + size):
        g = t.start[p] + j
        drive = np.int64(t.drive[g]) + bias[g - t.start[1]]
        t.membrane[g] = neuron.integrate(t.membrane[g], drive, update, hw.leak_shift, hw.membrane_bits)
        if neuron.spike(t.membrane[g], draw_byte(random, table, core, FORWARD), hw.threshold) != 0:
            note(t, random, table, core, p, j, at, halvings)


@inner
def respond(t: Tissue, random: NDArray[np.uint64], table: NDArray[np.uint32], core: int, p: int, first: int, size: int,
            bias: Ints, update: int, taught: int, c: Any) -> int:  # fmt: skip
    """Backward half of the same neurons; returns how many have a symbol. `taught`: whether the bias line may learn."""
    fired = 0
    for g in range(t.start[p] + first, t.start[p] + first + size):
        if update == 0 and c.start_drawn != 0:
            t.error[g] = rule.start(draw_byte(random, table, core, ERROR), c)
        t.error[g], t.symbol[g] = rule.on_error(t.error[g], t.arrived[g], t.membrane[g], c)
        t.arrived[g] = 0
        if t.symbol[g] != 0:
            fired += 1
            learn_bias(bias, g - t.start[1], t.symbol[g], taught, c)
    return fired


@inner
def learn_bias(bias: Ints, b: int, symbol: int, taught: int, c: Any) -> None:
    """The synapse of the line that spikes in every step: whatever the rule, the store saturates."""
    if taught != 0:
        bias[b] = max(c.weight_min, min(c.weight_max, rule.on_update(bias[b], symbol, c)))


@inner
def contend(t: Tissue, random: NDArray[np.uint64], table: NDArray[np.uint32], core: int, p: int, noise: Ints,
            bias: Ints, update: int, hw: Any) -> np.int64:  # fmt: skip
    """The output group: its winner, the lowest of equals."""
    best, winner = np.int64(0), np.int64(-1)
    for g in range(t.start[p], t.start[p + 1]):
        drive = np.int64(t.drive[g]) + bias[g - t.start[1]]
        t.membrane[g] = neuron.integrate(t.membrane[g], drive, update, hw.leak_shift, hw.membrane_bits)
        value = neuron.contend(t.membrane[g], noise[draw_byte(random, table, core, FORWARD)])
        if winner < 0 or value > best:
            best, winner = value, np.int64(g - t.start[p])
    t.wins[t.start[p] + winner] += 1
    return winner


@inner
def judge(t: Tissue, p: int, winner: int, label: int, bias: Ints, taught: int, c: Any) -> int:
    """Symbols of the output group; returns how many neurons but the winner have one."""
    others = 0
    for j in range(t.start[p + 1] - t.start[p]):
        g = t.start[p] + j
        t.symbol[g] = rule.output_symbol(1 if j == winner else 0, 1 if j == label else 0, c)
        if t.symbol[g] != 0:
            others += 1 if j != winner else 0
            learn_bias(bias, g - t.start[1], t.symbol[g], taught, c)
    return others


@inner
def fire_step(m: Machine, t: Tissue, random: NDArray[np.uint64], table: NDArray[np.uint32], values: NDArray[np.uint8],
              label: int, noise: Ints, bias: Ints, at: int, delay: int, only: int, halvings: int, learn: bool,
              taking: bool, c: Any) -> None:  # fmt: skip
    """Somas sweep and spikes travel: of all populations that have begun, or of population `only` (if not negative).

    at: step.  delay: steps from one layer to the next, 1 in a pipeline.  taking: whether anybody will hear the spikes.
    """
    hw, top = m.hw[0], t.start.shape[0] - 2
    back = learn and hw.backward == MIRRORED
    open_step(m)
    for p in range(top + 1):
        if only < 0 or p == only:
            t.number[at & 1, p] = 0
    for n in range(hw.cores):
        begin_node(m, n)
        items = 0
        counts, errors = m.counts[Phase.FORWARD.value, n], m.counts[Phase.ERROR.value, n]
        for k in range(m.core_ptr[n], m.core_ptr[n + 1]):
            s = m.order[k]
            p, first, size = m.slice[s].population, m.slice[s].first, m.slice[s].neurons
            update, begin = at - p * delay, t.number[at & 1, p]
            if update < 0 or (only >= 0 and p != only):
                continue
            counts[Op.NEURON_READ.value] += size
            counts[Op.NEURON_WRITE.value] += size
            if p == 0:
                encode(t, random, table, n, first, size, values, at, hw.encoder, halvings)
                counts[Op.ENCODE.value] += size
                counts[Op.RANDOM_BIT.value] += 8 * drawn_by_inputs(values, first, size, at, hw.encoder)
                send(m, t, n, s, at, begin, items, taking, False)
                items += size
            else:
                t.line[s] = draw_teach(random, table, n, halvings) if halvings > 0 else 1
                counts[Op.RANDOM_BIT.value] += 8 * size + teach_bits(halvings)
                counts[Op.SOMA_UPDATE.value] += size
                counts[Op.ACCUMULATOR_READ.value] += size
                counts[Op.ACCUMULATOR_WRITE.value] += size
                if p < top:
                    fire(t, random, table, n, p, first, size, bias, at, update, halvings, hw)
                    if learn and delay > 0:
                        symbols = respond(t, random, table, n, p, first, size, bias, update, t.line[s], c)
                        count_answers(errors, hw, size, symbols, t.line[s], update == 0 and c.start_drawn != 0)
                    send(m, t, n, s, at, begin, items, taking, back and p > 1 and delay > 0)
                    items += size
                else:
                    others = settle(m, t, random, table, n, s, label, noise, bias, update, learn, c)
                    if back and top > 1:
                        send_verdict(m, t, n, s, items + size)
                    items += size + 1 + others
            if p < top:
                counts[Op.RANDOM_BIT.value] += (t.number[at & 1, p] - begin) * teach_bits(halvings)
        if items > 0:
            set_sweep(m, n, SOMA, items, hw.soma_cycles, ZERO, ZERO, hw.soma_latency)
    close_step(m, Phase.FORWARD.value)


@inner
def settle(m: Machine, t: Tissue, random: NDArray[np.uint64], table: NDArray[np.uint32], n: int, s: int, label: int,
           noise: Ints, bias: Ints, update: int, learn: bool, c: Any) -> int:  # fmt: skip
    """The output group on core n has its winner, and its symbols if it learns.

    Each word that changes is one more item of the sweep: the winner's, and that of every other neuron with a symbol,
    whose number is returned.
    """
    p = m.slice[s].population
    counts, errors = m.counts[Phase.FORWARD.value, n], m.counts[Phase.ERROR.value, n]
    winner = contend(t, random, table, n, p, noise, bias, update, m.hw[0])
    t.winner[0] = winner
    m.spikes[p] += 1
    counts[Op.SPIKE.value] += 1
    counts[Op.NEURON_READ.value] += 1
    counts[Op.NEURON_WRITE.value] += 1
    if not learn or update < c.warm:
        return 0
    others = judge(t, p, winner, label, bias, t.line[s], c)
    errors[Op.DESIRE_UPDATE.value] += m.slice[s].neurons
    errors[Op.NEURON_READ.value] += others
    errors[Op.NEURON_WRITE.value] += others
    symbols = others + (1 if t.symbol[t.start[p] + winner] != 0 else 0)
    errors[Op.SPIKE.value] += symbols
    errors[Op.WEIGHT_UPDATE.value] += symbols * t.line[s]
    return others


@inner
def answer_step(m: Machine, t: Tissue, random: NDArray[np.uint64], table: NDArray[np.uint32], bias: Ints, q: int,
                update: int, c: Any) -> None:  # fmt: skip
    """Without pipeline: the somas of population q sweep once more, with what has arrived in this step.

    `update` counts these sweeps: in the first one the errors start.
    """
    hw = m.hw[0]
    open_step(m)
    for n in range(hw.cores):
        begin_node(m, n)
        counts = m.counts[Phase.ERROR.value, n]
        for k in range(m.core_ptr[n], m.core_ptr[n + 1]):
            s = m.order[k]
            if m.slice[s].population == q:
                first, size = m.slice[s].first, m.slice[s].neurons
                symbols = respond(t, random, table, n, q, first, size, bias, update, t.line[s], c)
                counts[Op.NEURON_READ.value] += size
                counts[Op.NEURON_WRITE.value] += size
                count_answers(counts, hw, size, symbols, t.line[s], update == 0 and c.start_drawn != 0)
                if hw.backward == MIRRORED and q > 1:
                    for j in range(size):
                        if t.symbol[t.start[q] + first + j] != 0:
                            add_emission(m, n, j)
                            add_back(m, t, n, s)
                set_sweep(m, n, SOMA, size, hw.soma_cycles, ZERO, ZERO, hw.soma_latency)
    close_step(m, Phase.ERROR.value)


@inner
def update_step(m: Machine, t: Tissue, weights: NDArray[Any], offsets: Ints, at: int, c: Any) -> None:
    """Every core moves the weights where a teaching spike that was heard (in step `at`) meets a symbol; no packets."""
    open_step(m)
    busy = t.busy
    busy[:] = 0
    for p in range(1, t.start.shape[0] - 1):
        rows = find_rows(t, p - 1, at)
        for s in range(m.slice.shape[0]):
            if m.slice[s].population == p:
                update_slice(m, t, s, weights, offsets[p - 1], rows, c)
    for n in range(m.hw[0].cores):
        if busy[n, 0] > 0:
            charge(m, Phase.UPDATE.value, n, LEARNING, busy[n, 0], busy[n, 1], ZERO, busy[n, 0])
            m.clock[LAST] = max(m.clock[LAST], busy[n, 0])
    close_step(m, Phase.UPDATE.value)


@inner
def update_slice(m: Machine, t: Tissue, s: int, weights: NDArray[Any], base: int, rows: int, c: Any) -> None:
    """One slice: the listed rows, and of each the words that hold a neuron with a symbol."""
    count = find_active(m, t, s)
    if count == 0 or rows == 0:
        return
    hw, part = m.hw[0], m.slice[s]
    p, n = part.population, part.core
    counts = m.counts[Phase.UPDATE.value, n]
    words, port, ideal = post_words(t, hw, count, TWO)
    compute = ceil_div(count, hw.learning_lanes)
    cycles = max(port, compute)
    counts[Op.AXON_READ.value] += rows  # where each row lies, read while the one before is written
    counts[Op.SYNAPSE_READ.value] += rows * words
    counts[Op.SYNAPSE_WRITE.value] += rows * words
    counts[Op.WEIGHT_UPDATE.value] += rows * count
    counts[Op.NEURON_READ.value] += max(0, count - hw.learning_lanes) * rows
    t.busy[n, 0] += rows * cycles
    t.busy[n, 1] += rows * (cycles - max(ideal, compute))
    post, above = t.start[p + 1] - t.start[p], t.start[p] + part.first
    for a in range(rows):
        row = base + t.row[a] * post + part.first
        for k in range(count):
            j = t.active[k]
            new = rule.on_update(np.int64(weights[row + j]), t.symbol[above + j], c)
            weights[row + j] = max(c.weight_min, min(c.weight_max, new))


@inner
def run_sample(m: Machine, t: Tissue, random: NDArray[np.uint64], table: NDArray[np.uint32], weights: NDArray[Any],
               offsets: Ints, bias: Ints, noise: Ints, values: NDArray[np.uint8], label: int, halvings: int,
               learn: bool, c: Any) -> None:  # fmt: skip
    """All steps of one sample, in order."""
    hw, top = m.hw[0], t.start.shape[0] - 2
    begin_sample(t)
    thinned = halvings + c.thinning if learn else ZERO
    host_step(m, ZERO, THREE if learn else ONE)
    if c.pipeline != 0:
        last = hw.steps + top - 1
        for at in range(last + 1):
            fire_step(m, t, random, table, values, label, noise, bias, at, ONE, -ONE, thinned, learn, at < last, c)
            learning = learn and at >= top + c.warm
            if at < last:  # over the weights as they were: the update comes after the rows of the step
                for p in range(top):
                    add_drives(t, weights, offsets, p, at)
            if learning:
                if at < last or hw.backward == MIRRORED:  # copies learn in the last step, too
                    for q in range(top - 1, 0, -1):
                        error_step(m, t, weights, offsets, q, at - 1)
                update_step(m, t, weights, offsets, at - 1, c)
    else:
        for at in range(hw.steps):
            for p in range(top + 1):
                fire_step(m, t, random, table, values, label, noise, bias, at, ZERO, np.int64(p), thinned, learn, True,
                          c)  # fmt: skip
                if p < top:
                    add_drives(t, weights, offsets, p, at)
            if learn and at >= c.warm:
                for q in range(top - 1, 0, -1):
                    error_step(m, t, weights, offsets, q, at)
                    answer_step(m, t, random, table, bias, q, at - c.warm, c)
                update_step(m, t, weights, offsets, at, c)
    if not learn:
        readout_step(m)


@kernel
def run_batch(m: Machine, t: Tissue, random: NDArray[np.uint64], table: NDArray[np.uint32], weights: NDArray[Any],
              offsets: Ints, bias: Ints, noise: Ints, values: NDArray[np.uint8], labels: Ints, rates: Ints, learn: bool,
              c: Any, outputs: Ints, membranes: Ints, cycles: Ints) -> None:  # fmt: skip
    """Samples one after another; fills wins and membranes of the output population and cycles per sample."""
    top = t.start.shape[0] - 2
    for k in range(values.shape[0]):
        before = m.clock[CYCLE]
        run_sample(m, t, random, table, weights, offsets, bias, noise, values[k], labels[k], rates[k], learn, c)
        for j in range(outputs.shape[1]):
            outputs[k, j] = t.wins[t.start[top] + j]
            membranes[k, j] = t.membrane[t.start[top] + j]
        cycles[k] = m.clock[CYCLE] - before
