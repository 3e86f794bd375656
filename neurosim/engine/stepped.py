"""Compiled engine for a connectome: step after step every core sweeps, spikes travel, rows are added.

This file is executed once per neuron (see `compiled.bound`): `neuron` is bound to its module first. In a
stepped chip the spikes of a step do not depend on the order of arrival: `run_steps` computes what happens, and hands
the packets with their service cycles to the timing of network, flits and forest.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.forward import add_rows
from neurosim.engine.layout import BY_NODE, CYCLE, DEADLOCK, EMISSIONS, PACKETS, Machine
from neurosim.engine.step import (
    ZERO,
    add_emission,
    add_packet,
    begin_node,
    close_step,
    delay_emission,
    open_step,
    set_sweep,
)
from neurosim.image import Ints
from neurosim.kernel import inlined, inner, kernel
from neurosim.ops import Op, Phase, Unit

if TYPE_CHECKING:  # any neuron; it is bound before this file is executed
    from neurosim.neuron import integrate_fire as neuron

__all__ = ["Tissue", "run_steps"]

FORWARD = np.int64(Phase.FORWARD)


class Tissue(NamedTuple):
    """Neurons and synapses in arrays; see neurosim.fabric for those of the same name."""

    membrane: Ints
    charge: NDArray[np.int32]
    bias: Ints
    core: NDArray[np.int32]
    scripted: Ints
    threshold: Ints
    leak_shift: Ints
    block_first: Ints  # [blocks] first neuron of the pre group,
    block_post: Ints  # first neuron of the post group,
    block_size: Ints  # its size,
    block_offset: Ints  # and where the matrix begins
    weight: NDArray[np.int16]
    fan_ptr: Ints
    fan_block: Ints
    fan_set_ptr: Ints
    fan_sets: Ints
    start: Ints
    target: NDArray[np.uint32]
    row_weight: NDArray[np.int16]
    row_cycles: Ints
    row_words: Ints
    tree: Ints
    spike: Ints  # [neurons + 1] neurons that fire in this step, slice by slice
    spike_from: Ints  # [slices] where those of a slice begin
    spike_to: Ints  # [slices] and end
    fired: NDArray[np.uint8]  # [largest slice]
    row: Ints  # [blocks, largest pre group] rows to add, as numbers within the group
    rows: Ints  # [blocks] how many
    added: Ints  # [cores, 2] synapses and words of sparse rows so far
    nodes: Ints  # [1] entries of Machine.row in use


@inner
def search(raster: Ints, neuron_number: int) -> int:
    """Index of the first entry of a rising list that is at least `neuron_number`."""
    low, high = 0, raster.shape[0]
    while low < high:
        middle = (low + high) >> 1
        if raster[middle] < neuron_number:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def fire(t: Tissue, group: int, first: int, size: int, raster: Ints, count: int, bits: int) -> int:
    """Append the neurons first..first+size-1 that fire to the `count` spikes in the list; returns its new length."""
    spike = t.spike
    if t.scripted[group] == 1:
        at = search(raster, first)
        while at < raster.shape[0] and raster[at] < first + size:
            spike[count] = raster[at]
            count += 1
            at += 1
        return count
    threshold, leak = t.threshold[group], t.leak_shift[group]
    membrane, charge, bias = (
        t.membrane[first : first + size],
        t.charge[first : first + size],
        t.bias[first : first + size],
    )
    fired = t.fired
    for j in range(size):  # two loops: this one without a branch in vector code, the next without one to mispredict
        value, hit = neuron.step(membrane[j], charge[j] + bias[j], 1, threshold, leak, bits)
        membrane[j] = value
        charge[j] = 0
        fired[j] = hit
    for j in range(size):
        spike[count] = first + j
        count += fired[j]
    return count


@inlined
def add_row(t: Tissue, j: int) -> None:
    """The sparse row of neuron j goes to the accumulators."""
    for k in range(t.start[j], t.start[j + 1]):
        t.charge[t.target[k]] += t.row_weight[k]


@inlined
def add_sparse(m: Machine, t: Tissue, n: int, j: int, kind: int) -> None:
    """One packet to each core of the sparse row of neuron j."""
    low, high = t.start[j], t.start[j + 1]
    before = p = m.clock[PACKETS] - 1
    last = -1
    for k in range(low, high):  # a packet is written again and again, and kept when the core changes: no branch
        core = t.core[t.target[k]]
        p += core != last
        m.packet[p].set = core
        m.packet[p].rows_end = k + 1 - low
        last = core
    m.clock[PACKETS] = p + 1
    done = 0
    number = before + 1 - m.node[n].packet0
    for q in range(before + 1, p + 1):
        packet = m.packet[q]
        size = packet.rows_end - done
        done = packet.rows_end
        packet.kind, packet.origin, packet.number, packet.row = kind, n, number, t.row_cycles[size]
        number += 1
        t.added[packet.set, 0] += size
        t.added[packet.set, 1] += t.row_words[size]


@inlined
def add_tree(m: Machine, t: Tissue, n: int, j: int, kind: int) -> None:
    """One multicast packet for the sparse row of neuron j, with the cycles of its part at every node."""
    add_packet(m, n, t.tree[j], kind)
    packet, last, begin = m.packet[m.clock[PACKETS] - 1], np.int64(-1), t.start[j]
    packet.row, packet.rows = BY_NODE, t.nodes[0]
    for k in range(begin, t.start[j + 1] + 1):
        core = np.int64(-2) if k == t.start[j + 1] else np.int64(t.core[t.target[k]])
        if core != last:
            if k > begin:
                size = k - begin
                m.row[t.nodes[0]].node, m.row[t.nodes[0]].cycles = last, t.row_cycles[size]
                t.nodes[0] += 1
                t.added[last, 0] += size
                t.added[last, 1] += t.row_words[size]
            last, begin = core, k
    packet.rows_end = t.nodes[0]


@inlined
def send(m: Machine, t: Tissue, n: int, s: int, j: int, position: int, before: int, more: int) -> None:
    """Neuron j of slice s fires at item `position` of node n's sweep: its rows are added, its packets queued."""
    first = m.clock[PACKETS]
    add_emission(m, n, position)
    delay_emission(m, before, more)
    for e in range(t.fan_ptr[s], t.fan_ptr[s + 1]):
        block = t.fan_block[e]
        t.row[block, t.rows[block]] = j - t.block_first[block]
        t.rows[block] += 1
        for k in range(t.fan_set_ptr[e], t.fan_set_ptr[e + 1]):
            add_packet(m, n, t.fan_sets[k], block)
    if t.start[j] < t.start[j + 1]:
        kind = t.rows.shape[0]
        add_row(t, j)
        if t.tree[j] >= 0:
            add_tree(m, t, n, j, kind)
        else:
            add_sparse(m, t, n, j, kind)
        m.node[n].alone = m.lone[kind, n]
    if m.clock[PACKETS] == first:  # it sends nothing: no emission
        m.clock[EMISSIONS] -= 1
        m.node[n].stop -= 1
    else:
        m.emission[m.clock[EMISSIONS]].packets = m.clock[PACKETS]


@inner
def fire_all(m: Machine, t: Tissue, raster: Ints) -> None:
    """All neurons integrate what arrived in the last step, before anything of this step is added."""
    count = 0
    for s in range(m.slice.shape[0]):
        part = m.slice[s]
        t.spike_from[s] = count
        count = fire(t, part.population, part.first, part.neurons, raster, count, m.hw[0].membrane_bits)
        t.spike_to[s] = count


@inner
def sweep(m: Machine, t: Tissue, n: int, spikes: Ints) -> None:
    """Node n sweeps its neurons in order, and sends; `spikes`: spikes of the step by group."""
    hw = m.hw[0]
    begin_node(m, n)
    items = 0
    counts = m.counts[FORWARD, n]
    for k in range(m.core_ptr[n], m.core_ptr[n + 1]):
        s = m.order[k]
        part = m.slice[s]
        group, first, size = part.population, part.first, part.neurons
        scripted = t.scripted[group] == 1
        item = hw.input_cycles - hw.soma_cycles if scripted else 0
        spike = 0 if scripted else hw.spike_cycles
        count = t.spike_to[s] - t.spike_from[s]
        for i in range(t.spike_from[s], t.spike_to[s]):
            j = t.spike[i]
            send(m, t, n, s, j, items + j - first, m.node[n].extra + (j - first) * item, item + spike)
            m.node[n].extra += spike
        m.node[n].extra += size * item
        items += size
        spikes[group] += count
        counts[Op.SPIKE.value] += count
        if scripted:
            counts[Op.ENCODE.value] += size
        else:
            counts[Op.SOMA_UPDATE.value] += size
            counts[Op.NEURON_READ.value] += size
            counts[Op.NEURON_WRITE.value] += size
            counts[Op.ACCUMULATOR_READ.value] += size
            counts[Op.ACCUMULATOR_WRITE.value] += size
    if items > 0:
        set_sweep(m, n, Unit.SOMA.value, items, hw.soma_cycles, ZERO, ZERO, hw.soma_latency)


@inner
def run_step(m: Machine, t: Tissue, raster: Ints, spikes: Ints) -> None:
    """One step: sweeps, then the dense rows of the neurons that fired, then the timing of all packets."""
    open_step(m)
    t.rows[:] = 0
    t.nodes[0] = 0
    fire_all(m, t, raster)
    for n in m.live:
        if n < m.hw[0].cores:
            sweep(m, t, n, spikes)
    for b in range(t.rows.shape[0]):
        post, size = t.block_post[b], t.block_size[b]
        add_rows(t.charge[post : post + size], t.weight, t.block_offset[b], size, t.row[b], t.rows[b])
    close_step(m, FORWARD)


@kernel
def run_steps(m: Machine, t: Tissue, start: Ints, raster: Ints, spikes: Ints, cycles: Ints) -> None:
    """All steps of a raster. Fills spikes [steps, groups] and cycles [steps]."""
    for step in range(start.shape[0] - 1):
        before = m.clock[CYCLE]
        run_step(m, t, raster[start[step] : start[step + 1]], spikes[step])
        cycles[step] = m.clock[CYCLE] - before
        if m.clock[DEADLOCK] != 0:
            break
