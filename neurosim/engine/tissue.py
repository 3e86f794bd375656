"""The tissue of an online rule: words of all neurons, and the loops over spikes and rows without rule or neuron.

Compiled once, whatever the rule; `online.py` puts the circuits of a rule and a neuron between them.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.backward import ONE, read_back, send_errors
from neurosim.engine.contract import CROSSBAR, MIRRORED
from neurosim.engine.forward import ACCUMULATE, BERNOULLI, add_rows
from neurosim.engine.layout import Machine
from neurosim.engine.step import (
    ZERO,
    add_emission,
    add_packet,
    begin_node,
    close_step,
    delay_emission,
    open_step,
)
from neurosim.generator import FORWARD, draw_byte, draw_teach
from neurosim.image import Ints
from neurosim.kernel import inner
from neurosim.neuron import accumulate, bernoulli, regular
from neurosim.ops import Op, Phase

__all__ = ["Tissue", "add_back", "add_drives", "begin_sample", "count_answers", "drawn_by_inputs", "encode",
           "error_step", "find_active", "find_rows", "note", "send", "send_verdict", "teach_bits"]  # fmt: skip


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
def drawn_by_inputs(values: NDArray[np.uint8], first: int, size: int, at: int, encoder: int) -> int:
    """Random bytes that input neurons draw in step `at`: one for each pixel that is not 0, if they draw at all."""
    if encoder == ACCUMULATE or (encoder != BERNOULLI and at > 0):
        return 0
    count = 0
    for i in range(first, first + size):
        count += 1 if values[i] > 0 else 0
    return count


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
def find_rows(t: Tissue, p: int, at: int) -> int:
    """List the neurons of population p whose spike of step `at` may teach; returns their number."""
    side, count = at & 1, 0
    for k in range(t.number[side, p]):
        i = t.spike[side, p, k]
        t.row[count] = i
        count += t.teach[side, t.start[p] + i]
    return count
