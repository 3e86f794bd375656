"""Compiled engine for rules that learn while they run: forward and error spikes in the same steps, updates in each.

This file is executed once per rule and neuron (see `compiled.bound`), as `phased.py` is. `run_sample` is the list of
the steps of a sample. In a pipeline (the usual case) population p hears in step n what the others sent in step n - 1,
so it begins in step p; a sample of T steps takes T + layers. Without pipeline, layers follow each other within a step.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.backward import ONE, TWO, read_back, send_errors
from neurosim.engine.bench import post_words
from neurosim.engine.contract import CROSSBAR, MIRRORED, ceil_div
from neurosim.engine.forward import ACCUMULATE, BERNOULLI, add_rows
from neurosim.engine.layout import CYCLE, LAST, Machine
from neurosim.engine.step import (
    ZERO,
    add_emission,
    add_packet,
    begin_node,
    charge,
    close_step,
    delay_emission,
    host_step,
    open_step,
    readout_step,
    set_sweep,
)
from neurosim.generator import ERROR, FORWARD, draw_byte, draw_teach
from neurosim.image import Ints
from neurosim.kernel import inner, kernel
from neurosim.neuron import accumulate, bernoulli, regular
from neurosim.ops import Op, Phase, Unit

if TYPE_CHECKING:  # any rule and any neuron of this kind; they are bound before this file is executed
    from neurosim.learning import ssnn_bp as rule
    from neurosim.neuron import composite as neuron

__all__ = ["Tissue", "run_batch"]

LEARNING, SOMA = np.int64(Unit.LEARNING), np.int64(Unit.SOMA)
THREE = np.int64(3)  # typed, see step.ZERO


class Tissue(NamedTuple):
    """The words of all neurons, population p from start[p] on, and the lists of a step. n: the largest population."""

    start: Ints  # [populations + 1]
    membrane: Ints  # [neurons]
    error: Ints
    arrived: Ints  # what the symbols above brought
    symbol: Ints
    wins: Ints
    level: Ints  # accumulators of the input neurons
    teach: NDArray[np.uint8]  # [2, neurons] this step's and the last one's teach bit of a spike
    drive: NDArray[Any]  # [neurons] sums on their way, int32 or int64
    spike: Ints  # [2, populations, n] lists of the neurons that fired in this step and in the last
    number: Ints  # [2, populations]
    winner: Ints  # [1] of the output group in this step
    line: Ints  # [slices] teach bit of the bias line in this step
    active: Ints  # [n] neurons of a slice with a symbol, as numbers within it
    row: Ints  # [n] pre neurons whose spike teaches
    part: Ints  # [n] what one slice brings to the population below
    bank: Ints  # [banks]
    busy: Ints  # [cores, 2] cycles of the learning units, and the part that waits for banks


@inner
def begin_sample(t: Tissue) -> None:
    """Clear every word; nothing is on its way."""
    for words in (t.membrane, t.error, t.arrived, t.symbol, t.wins, t.level):
        words[:] = 0
    t.drive[:] = 0
    t.number[:] = 0


@inner
def note(t: Tissue, random: NDArray[np.uint64], table: NDArray[np.uint32], core: int, p: int, j: int, at: int,
         halvings: int) -> None:  # fmt: skip
    """Neuron j of population p fires: list it, and draw whether its spike may teach."""
    side = at & 1
    t.spike[side, p, t.number[side, p]] = j
    t.number[side, p] += 1
    t.teach[side, t.start[p] + j] = draw_teach(random, table, core, halvings) if halvings > 0 else 1


@inner
def encode(t: Tissue, random: NDArray[np.uint64], table: NDArray[np.uint32], core: int, first: int, size: int,
           values: NDArray[np.uint8], at: int, encoder: int, halvings: int) -> None:  # fmt: skip
    """Input neurons first..first+size-1 in step `at`; a pixel of value 0 draws nothing and never fires."""
    for i in range(first, first + size):
        value = np.int64(values[i])
        if value == 0:
            continue
        if encoder == BERNOULLI:
            fired = np.int64(bernoulli.step(value, draw_byte(random, table, core, FORWARD)))
        elif encoder == ACCUMULATE:
            t.level[i], fired = accumulate.step(t.level[i], value)
        else:
            if at == 0:
                t.level[i] = draw_byte(random, table, core, FORWARD)
            t.level[i], fired = regular.step(t.level[i], value)
        if fired != 0:
            note(t, random, table, core, np.int64(0), i, at, halvings)


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
def send(m: Machine, t: Tissue, n: int, s: int, at: int, begin: int, items: int, on_way: bool, back: bool) -> None:
    """Emissions of slice s for the spikes listed from `begin` on, at items `items`.. of the sweep of node n.

    back: symbols as well, to the mirrored copies of the population below.
    """
    hw, part = m.hw[0], m.slice[s]
    p, side = part.population, at & 1
    item = hw.input_cycles - hw.soma_cycles if p == 0 else 0  # what an item takes more than others of the sweep
    spike = 0 if p == 0 else hw.spike_cycles
    k, stop = begin, t.number[side, p]
    while k < stop or back:
        place = t.spike[side, p, k] - part.first if k < stop else part.neurons
        if back:
            answer_before(m, t, n, s, items, k - begin, begin, side, place)
        if k == stop:
            break
        symbol = back and t.symbol[t.start[p] + part.first + place] != 0
        if (on_way and part.sets < part.sets_end) or symbol:
            add_emission(m, n, items + place)
            delay_emission(m, m.node[n].extra + place * item, item + spike)
            if on_way:
                for d in range(part.sets, part.sets_end):
                    add_packet(m, n, m.sets[d], p)
            if symbol:
                add_back(m, t, n, s)
        m.node[n].extra += spike
        k += 1
    fired = t.number[side, p] - begin
    m.node[n].extra += part.neurons * item
    m.spikes[p] += fired
    m.counts[Phase.FORWARD.value, n, Op.SPIKE.value] += fired


@inner
def add_back(m: Machine, t: Tissue, n: int, s: int) -> None:
    """Packets of a symbol of slice s to the mirrored copies."""
    kind = t.start.shape[0] - 3 + m.slice[s].population  # of projection population - 1
    for d in range(m.slice[s].back, m.slice[s].back_end):
        add_packet(m, n, m.sets[d], kind)


@inner
def answer_before(m: Machine, t: Tissue, n: int, s: int, items: int, passed: int, begin: int, side: int, place: int
                  ) -> None:  # fmt: skip
    """Emissions of the neurons with a symbol that did not fire, between the last one that did and neuron `place`."""
    p, first = m.slice[s].population, m.slice[s].first
    low = t.spike[side, p, begin + passed - 1] - first + 1 if passed > 0 else ZERO
    for j in range(low, place):
        if t.symbol[t.start[p] + first + j] != 0:
            add_emission(m, n, items + j)
            delay_emission(m, m.node[n].extra, ZERO)
            add_back(m, t, n, s)


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
def teach_bits(halvings: int) -> int:
    """Random bits that one teach bit takes."""
    return 0 if halvings == 0 else 8 if halvings <= 8 else 16


@inner
def count_answers(errors: Ints, hw: Any, size: int, symbols: int, taught: int, drawn: bool) -> None:
    """Book `size` backward halves, the symbols that they fired and the biases that these moved."""
    errors[Op.DESIRE_UPDATE.value] += size
    errors[Op.SPIKE.value] += symbols
    errors[Op.WEIGHT_UPDATE.value] += symbols * taught
    errors[Op.RANDOM_BIT.value] += 8 * size if drawn else 0
    if hw.backward == MIRRORED:  # what has arrived lies in an accumulator
        errors[Op.ACCUMULATOR_READ.value] += size
        errors[Op.ACCUMULATOR_WRITE.value] += size


@inner
def send_verdict(m: Machine, t: Tissue, n: int, s: int, items: int) -> None:
    """Symbols of the output group to the mirrored copies: at the winner's item, then one for each other neuron's."""
    start, winner = t.start[m.slice[s].population], t.winner[0]
    place = items
    if t.symbol[start + winner] != 0:
        add_emission(m, n, place)
        delay_emission(m, m.node[n].extra, ZERO)
        add_back(m, t, n, s)
    for j in range(m.slice[s].neurons):
        if j != winner and t.symbol[start + j] != 0:
            place += 1
            add_emission(m, n, place)
            delay_emission(m, m.node[n].extra, ZERO)
            add_back(m, t, n, s)


@inner
def drawn_by_inputs(values: NDArray[np.uint8], first: int, size: int, at: int, encoder: int) -> int:
    """Random bytes that input neurons draw in step `at`: one for each pixel that is not 0, if they draw at all."""
    if encoder == ACCUMULATE or (encoder != BERNOULLI and at > 0):
        return 0
    count = 0
    for i in range(first, first + size):
        count += 1 if values[i] > 0 else 0
    return count


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
def add_drives(t: Tissue, weights: NDArray[Any], offsets: Ints, p: int, at: int) -> None:
    """What the spikes of population p in step `at` bring to population p + 1, over the weights as they stand."""
    first, stop = t.start[p + 1], t.start[p + 2]
    t.drive[first:stop] = 0
    add_rows(t.drive[first:stop], weights, offsets[p], stop - first, t.spike[at & 1, p], t.number[at & 1, p])


@inner
def find_active(m: Machine, t: Tissue, s: int) -> int:
    """List the neurons of slice s with a symbol; returns their number."""
    start, count = t.start[m.slice[s].population] + m.slice[s].first, 0
    for j in range(m.slice[s].neurons):
        t.active[count] = j
        count += 1 if t.symbol[start + j] != 0 else 0
    return count


@inner
def error_step(m: Machine, t: Tissue, weights: NDArray[Any], offsets: Ints, q: int, heard: int) -> None:
    """What the symbols of population q + 1 bring to population q: read where the weights lie, and sent.

    With mirrored copies, the symbols have travelled with the spikes; what the copies did is added up here.
    """
    hw = m.hw[0]
    if hw.backward == MIRRORED:
        sum_copies(m, t, weights, offsets, q, heard)
        return
    open_step(m)
    for n in range(hw.cores):
        begin_node(m, n)
        for k in range(m.core_ptr[n], m.core_ptr[n + 1]):
            s = m.order[k]
            if m.slice[s].population == q + 1:
                error_slice(m, t, n, s, q, weights, offsets[q])
    close_step(m, Phase.ERROR.value)


@inner
def error_slice(m: Machine, t: Tissue, n: int, s: int, q: int, weights: NDArray[Any], base: int) -> None:
    """One core's share: of every row the words that hold a neuron with a symbol, or a crossbar's columns."""
    hw = m.hw[0]
    count = find_active(m, t, s)
    if count == 0:
        return
    pre, post = t.start[q + 1] - t.start[q], t.start[q + 2] - t.start[q + 1]
    read_back(m, t, hw, n, ZERO, count, pre, False)
    sum_parts(t, m.slice[s].first, count, q, weights, base, pre, post)
    send_errors(m, t, n, q, t.start.shape[0] - 2 + q, hw.weights_per_word if hw.backward == CROSSBAR else ONE)


@inner
def sum_copies(m: Machine, t: Tissue, weights: NDArray[Any], offsets: Ints, q: int, heard: int) -> None:
    """Sums of population q, and the weights that its copies moved: as many as the originals, of which there is one set.

    heard: step whose spikes population q + 1 has integrated.
    """
    pre, post, symbols = t.start[q + 1] - t.start[q], t.start[q + 2] - t.start[q + 1], 0
    for s in range(m.slice.shape[0]):
        if m.slice[s].population == q + 1:
            count = find_active(m, t, s)
            symbols += count
            if count > 0:
                sum_parts(t, m.slice[s].first, count, q, weights, offsets[q], pre, post)
    rows = find_rows(t, q, heard)
    for s in range(m.slice.shape[0]):
        if m.slice[s].population == q:
            first, stop, mine = m.slice[s].first, m.slice[s].first + m.slice[s].neurons, 0
            for k in range(rows):
                mine += 1 if first <= t.row[k] < stop else 0
            m.counts[Phase.ERROR.value, m.slice[s].core, Op.WEIGHT_UPDATE.value] += mine * symbols


@inner
def sum_parts(t: Tissue, first: int, count: int, q: int, weights: NDArray[Any], base: int, pre: int, post: int) -> None:
    """t.part: weights of the `count` active neurons of a slice x their symbols, summed for every pre neuron."""
    above, below = t.start[q + 1] + first, t.start[q]
    for i in range(pre):
        total, row = np.int64(0), base + i * post + first
        for k in range(count):
            total += weights[row + t.active[k]] * t.symbol[above + t.active[k]]
        t.part[i] = total
        t.arrived[below + i] += total


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
def find_rows(t: Tissue, p: int, at: int) -> int:
    """List the neurons of population p whose spike of step `at` may teach; returns their number."""
    side, count = at & 1, 0
    for k in range(t.number[side, p]):
        i = t.spike[side, p, k]
        t.row[count] = i
        count += t.teach[side, t.start[p] + i]
    return count


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
