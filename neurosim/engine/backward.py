"""The compiled ways back of the errors, without rule or neuron: what is read, sent and learnt by copies.

`phased.py` computes the error sums, which are the same on every way; here is what each way makes the chip do for
them (docs/decisions/0004, 0013 and 0014).
"""

from typing import Any

import numpy as np

from neurosim.engine.bench import Bench, post_words
from neurosim.engine.contract import CROSSBAR, bank_cycles, ceil_div
from neurosim.engine.forward import Activity
from neurosim.engine.layout import Machine
from neurosim.engine.step import ZERO, add_emission, add_packet, set_sweep
from neurosim.kernel import inner
from neurosim.ops import Op, Phase, Unit

__all__ = ["ONE", "TWO", "read_back", "send_desires", "send_errors", "update_copies"]

LEARNING = np.int64(Unit.LEARNING)
ONE, TWO = np.int64(1), np.int64(2)  # typed, see step.ZERO


@inner
def column_words(b: Bench, hw: Any, count: int) -> tuple[int, int, int]:
    """As `post_words`, of one block of a crossbar: a word for each active post, word j of block k in bank k + j.

    Another block is the same, banks counted on.
    """
    b.bank[:] = 0
    fullest = 0
    for k in range(count):
        bank = b.active[k] % hw.banks
        b.bank[bank] += 1
        fullest = max(fullest, b.bank[bank])
    return count, bank_cycles(fullest, ONE, hw.ports), ceil_div(count, hw.banks * hw.ports)


@inner
def read_back(m: Machine, b: Bench, hw: Any, n: int, size: int, count: int, pre: int, whole: bool) -> None:
    """Node n reads the weights of its `count` active posts: row by row, or a crossbar's columns block by block."""
    counts = m.counts[Phase.ERROR.value, n]
    if hw.backward == CROSSBAR:
        items = ceil_div(pre, hw.weights_per_word)
        words, port, ideal = column_words(b, hw, count)
        compute = ceil_div(count * hw.weights_per_word, hw.learning_lanes)
        counts[Op.COLUMN_READ.value] += words * items
    else:
        items = pre
        words, port, ideal = post_words(b, hw, count, ONE)
        compute = ceil_div(count, hw.learning_lanes)
        counts[Op.SYNAPSE_READ.value] += words * items
    cycles = max(port, compute)
    set_sweep(m, n, LEARNING, items, cycles, cycles - max(ideal, compute), size, ZERO)
    counts[Op.ERROR_MAC.value] += count * pre
    counts[Op.NEURON_READ.value] += max(0, count - hw.learning_lanes) * items  # the lanes hold one list entry each
    if whole:
        counts[Op.DESIRE_UPDATE.value] += pre  # the error circuits that decide at the sender


@inner
def send_errors(m: Machine, b: Bench, n: int, q: int, kind: int, block: int) -> None:
    """Node n sends what is not zero in b.part to population q; `block` errors are ready at a time."""
    last = -1
    for t in range(m.slice.shape[0]):
        if m.slice[t].population == q:
            first = m.slice[t].first
            for i in range(first, first + m.slice[t].neurons):
                if b.part[i] != 0:
                    if i // block != last:
                        last = i // block
                        add_emission(m, n, last)
                    add_packet(m, n, m.slice[t].core, kind)


@inner
def send_desires(m: Machine, b: Bench, n: int, s: int, kind: int, count: int) -> None:
    """Node n scans the neurons of slice s and sends the `count` listed desires to the copies of their weights."""
    part = m.slice[s]
    set_sweep(m, n, LEARNING, np.int64(part.neurons), ONE, ZERO, ZERO, ZERO)
    for k in range(count):
        add_emission(m, n, b.active[k])
        for d in range(part.back, part.back_end):
            add_packet(m, n, m.sets[d], kind)


@inner
def update_copies(m: Machine, act: Activity, b: Bench, hw: Any, n: int, s: int) -> tuple[int, int]:
    """The mirrored rows back to slice s learn: (cycles, of which waiting for banks) of the learning unit.

    Only what it costs: the weights are those of the original synapses, of which the engine keeps one set.
    """
    p, size = m.slice[s].population, m.slice[s].neurons
    post, start = act.start[p + 2] - act.start[p + 1], act.start[p] + m.slice[s].first
    stored = (np.int64(1) << hw.steps) - 1
    count = 0
    for i in range(size):
        b.active[count] = i
        count += 1 if act.train[start + i] & stored != 0 else 0
    arrived = rows = spikes = 0
    for g in range(act.start[p + 1], act.start[p + 2]):
        if act.symbol[g] != 0 and act.keep[g] != 0:
            arrived += 1
            rows += 1 if act.fired[g] > 0 else 0
            spikes += act.fired[g]
    counts = m.counts[Phase.UPDATE.value, n]
    counts[Op.NEURON_READ.value] += size
    counts[Op.AXON_READ.value] += post
    counts[Op.AXON_WRITE.value] += arrived
    if count == 0:
        return size + post, 0
    words, port, ideal = post_words(b, hw, count, TWO)
    compute = ceil_div(count, hw.learning_lanes) * ceil_div(hw.steps, hw.slots_per_cycle)
    row = max(port, compute)
    counts[Op.TRACE_STEP.value] += rows * count * hw.steps
    counts[Op.CREDIT_ADD.value] += spikes * count
    counts[Op.SYNAPSE_READ.value] += rows * words
    counts[Op.SYNAPSE_WRITE.value] += rows * words
    counts[Op.WEIGHT_UPDATE.value] += rows * count
    counts[Op.NEURON_READ.value] += max(0, count - hw.learning_lanes) * rows
    counts[Op.RANDOM_BIT.value] += rows * count * hw.random_bits
    return size + post + rows * row, rows * (row - max(ideal, compute))
