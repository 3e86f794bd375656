"""The reference engine for a connectome: every neuron and every synapse one by one, in the order of arrival."""

from collections.abc import Iterator

import numpy as np

from neurosim.engine.reference import Chip
from neurosim.engine.reference.book import Book
from neurosim.engine.reference.packet import Packet
from neurosim.engine.reference.terminal import Item, Sweep
from neurosim.engine.run import Run
from neurosim.fabric import Fabric, FabricState
from neurosim.ops import Op, Phase, Unit
from neurosim.stimulus import Raster

__all__ = ["run_fabric"]


class Somata:
    """What the cores of a fabric compute, in core-local terms."""

    def __init__(self, fabric: Fabric, state: FabricState, book: Book) -> None:
        self.fabric, self.state, self.book = fabric, state, book
        self.now = np.zeros_like(state.charge)
        self.raster: frozenset[int] = frozenset()
        self.sparse_kind = len(fabric.blocks.pre)
        self.group = np.repeat(np.arange(len(fabric.sizes)), fabric.sizes)
        self.first = np.concatenate([[0], np.cumsum(fabric.sizes)])
        self.slice_of = np.zeros(fabric.neurons, np.int64)
        for s, (first, size) in enumerate(zip(fabric.slices.first, fabric.slices.size, strict=True)):
            self.slice_of[first : first + size] = s

    def begin(self, raster: frozenset[int]) -> None:
        """A step begins: what arrived in the last one is integrated in this one; these scripted neurons fire."""
        self.now[:] = self.state.charge
        self.state.charge[:] = 0
        self.raster = raster

    def sweep(self, core: int) -> Iterator[Item]:
        """Neuron after neuron of one core."""
        slices, hw = self.fabric.slices, self.fabric.hardware
        for s in slices.order[slices.core_ptr[core] : slices.core_ptr[core + 1]]:
            for j in range(int(slices.first[s]), int(slices.first[s] + slices.size[s])):
                scripted = bool(self.fabric.scripted[self.group[j]])
                fired = self.fire(core, j, scripted)
                cycles = hw.input_cycles if scripted else hw.soma_cycles + fired * hw.spike_cycles
                yield Item(cycles, packets=tuple(self.packets(j)) if fired else ())

    def fire(self, core: int, j: int, scripted: bool) -> bool:
        """One neuron in one step."""
        fabric, state, group, count = self.fabric, self.state, int(self.group[j]), self.book.count
        if scripted:
            count(core, Op.ENCODE)
            fired = j in self.raster
        else:
            for op in (Op.NEURON_READ, Op.NEURON_WRITE, Op.SOMA_UPDATE, Op.ACCUMULATOR_READ, Op.ACCUMULATOR_WRITE):
                count(core, op)
            membrane, hit = fabric.neuron.step(
                int(state.membrane[j]), int(self.now[j]) + int(fabric.bias[j]), 1, int(fabric.threshold[group]),
                int(fabric.leak_shift[group]), fabric.hardware.membrane_bits,
            )  # fmt: skip
            state.membrane[j], fired = membrane, hit == 1
        if fired:
            count(core, Op.SPIKE)
            self.book.spikes[group] += 1
        return bool(fired)

    def packets(self, j: int) -> Iterator[Packet]:
        """What a spike of neuron j sends: dense projections first, then its sparse row."""
        fabric, s = self.fabric, int(self.slice_of[j])
        fan, rows = fabric.fan, fabric.rows
        for e in range(fan.ptr[s], fan.ptr[s + 1]):
            for k in range(fan.set_ptr[e], fan.set_ptr[e + 1]):
                yield self.packet(int(fan.sets[k]), int(fan.block[e]), j)
        cores = [int(core) for core in fabric.core[rows.target[rows.start[j] : rows.start[j + 1]]]]
        targets = [int(rows.tree[j])] if rows.tree[j] >= 0 else list(dict.fromkeys(cores))
        for target in targets if cores else []:
            yield self.packet(target, self.sparse_kind, j)

    def packet(self, target: int, kind: int, j: int) -> Packet:
        """A packet of `kind` to destination set `target`."""
        return Packet(target, kind, int(self.fabric.kinds.flits[kind]), (j,))

    def synapses(self, core: int, j: int) -> list[int]:
        """Synapses of the sparse row of neuron j that lie on `core`."""
        rows = self.fabric.rows
        return [k for k in range(rows.start[j], rows.start[j + 1]) if self.fabric.core[rows.target[k]] == core]

    def row_cycles(self, node: int, packet: Packet) -> int:
        """Cycles of the row of a packet at the synapse unit of a node."""
        if packet.kind < self.sparse_kind:
            return int(self.fabric.kinds.synapse[packet.kind, node])
        return int(self.fabric.rows.cycles[len(self.synapses(node, packet.payload[0]))])

    def add_row(self, core: int, packet: Packet) -> None:
        """Synapse unit: one row into the accumulators of the core."""
        fabric, j, charge = self.fabric, packet.payload[0], self.state.charge
        table = fabric.kinds.ops[packet.kind, core]
        for op in Op:
            if table[op]:
                self.book.count(core, op, int(table[op]))
        if packet.kind == self.sparse_kind:
            mine = self.synapses(core, j)
            for k in mine:
                charge[fabric.rows.target[k]] += fabric.rows.weight[k]
            for op in (Op.SPARSE_ADD, Op.ACCUMULATOR_READ, Op.ACCUMULATOR_WRITE):
                self.book.count(core, op, len(mine))
            self.book.count(core, Op.SYNAPSE_READ, int(fabric.rows.words[len(mine)]))
            return
        pre, post = int(fabric.blocks.pre[packet.kind]), int(fabric.blocks.post[packet.kind])
        size, row = int(fabric.sizes[post]), j - int(self.first[pre])
        at = int(fabric.blocks.offset[packet.kind]) + row * size
        for i in range(size):
            neuron = int(self.first[post]) + i
            if fabric.core[neuron] == core:
                charge[neuron] += fabric.weight[at + i]

    def effect(self, node: int, packet: Packet) -> None:
        """Every packet of a fabric has a row: nothing ends at the axon unit."""
        raise AssertionError


def run_fabric(fabric: Fabric, state: FabricState, raster: Raster, record: bool = False) -> Run:
    """Run a connectome for the steps of `raster`; changes `state`. Raises SimulationError if the network deadlocks."""
    book = Book(fabric, state.cycle, record)
    somata = Somata(fabric, state, book)
    chip = Chip(fabric, state, somata, book)
    cores = sorted({int(core) for core in fabric.slices.core})
    spikes, cycles = np.zeros((raster.steps, len(fabric.sizes)), np.int64), np.zeros(raster.steps, np.int64)
    for step in range(raster.steps):
        before, so_far = book.cycle, book.spikes.copy()
        somata.begin(frozenset(raster.neuron[raster.start[step] : raster.start[step + 1]].tolist()))
        sweeps = {n: Sweep(Unit.SOMA, somata.sweep(n), latency=fabric.hardware.soma_latency) for n in cores}
        chip.step(Phase.FORWARD, sweeps)
        spikes[step], cycles[step] = book.spikes - so_far, book.cycle - before
    state.cycle = book.cycle
    state.tick += raster.steps
    chip.pointers(state)
    return Run(
        samples=raster.steps,
        counts=book.counts,
        cycles=book.cycles,
        phase_cycles=book.phase_cycles,
        steps=book.steps,
        overruns=book.overruns,
        output_counts=spikes,
        output_membrane=np.zeros((raster.steps, 0), np.int64),
        spikes=book.spikes,
        sample_cycles=cycles,
        links=book.links,
        events=book.event_table() if record else None,
    )
