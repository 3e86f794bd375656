"""The reference engine: the machine of docs/decisions/0001 in SimPy, written to be read.

It computes in the order in which packets arrive, walks every neuron and every row, and lets every router look
at its ports in every cycle. `Chip.sample` is the list of the steps of a sample.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import simpy

from neurosim.engine.contract import step_cycles
from neurosim.engine.layout import Placed
from neurosim.engine.reference.book import Book
from neurosim.engine.reference.cells import Cells
from neurosim.engine.reference.channels import SOURCE, build_routers
from neurosim.engine.reference.packet import Packet
from neurosim.engine.reference.terminal import Item, Sweep, Terminal
from neurosim.engine.reference.work import Work
from neurosim.engine.run import Run
from neurosim.errors import SimulationError
from neurosim.fabric import FabricState
from neurosim.image import Image, State
from neurosim.ops import Op, Phase, Unit
from neurosim.routing import xy
from neurosim.stimulus import Batch

__all__ = ["Chip", "run"]


class Chip:
    """Cores, routers and host of one image or fabric, wired together; `cells` compute what the cores compute."""

    def __init__(self, image: Placed, state: State | FabricState, cells: Any, book: Book) -> None:
        self.env = simpy.Environment(initial_time=state.cycle)
        self.image, self.hw, self.cells, self.book = image, image.hardware, cells, book
        self.work = Work(self.env)
        self.routers = build_routers(self.env, image, self.book, self.work)
        each = self.hw.concentration
        self.terminals = [self._attach(n, n // each, xy.LOCAL + n % each) for n in range(self.hw.cores)]
        host_port = xy.LOCAL + each if self.hw.torus else xy.WEST
        self.terminals.append(self._attach(self.hw.cores, self.hw.host_router, host_port))
        for router, pointers in zip(self.routers, state.pointers, strict=True):
            router.load(pointers)
        if self.hw.channels > 1:
            for terminal in self.terminals:
                terminal.turn = int(state.pointers[self._turn(terminal)])

    def _turn(self, terminal: Terminal) -> tuple[int, int]:
        """Where the state keeps the channel with which a terminal begins."""
        return terminal.router.number, SOURCE * self.hw.radix + terminal.port

    def _attach(self, node: int, at: int, port: int) -> Terminal:
        router, cells = self.routers[at], self.cells
        terminal = Terminal(
            self.env, node, self.image, self.book, self.work, router, port, cells.effect, cells.add_row,
            cells.row_cycles,
        )  # fmt: skip

        router.attach(port, self.hw.axon_fifo, terminal.receive)
        router.listen(port, terminal.add_credit)
        return terminal

    def step(self, phase: Phase, sweeps: dict[int, Sweep]) -> None:
        """All sweeps start now; the step is over when the last of their consequences is, plus the barrier."""
        self.book.phase = phase
        start = int(self.env.now)
        if sweeps:
            self.work.done = simpy.Event(self.env)
            self.work.enter(len(sweeps))
            for node, sweep in sweeps.items():
                self.env.process(self.terminals[node].sweep(sweep))
            try:
                self.env.run(until=self.work.done)
            except RuntimeError as error:  # SimPy: nothing is scheduled any more, and the step is not over
                raise SimulationError(
                    "the network-on-chip is deadlocked: flits wait for each other"
                ) from error
        length, overruns = step_cycles(int(self.env.now) - start, self.hw.barrier, self.hw.tick_period)
        self.env.run(until=start + int(length))
        self.book.close_step(int(length), int(overruns))

    def pointers(self, state: State | FabricState) -> None:
        """Round-robin pointers go back into the state."""
        for router, pointers in zip(self.routers, state.pointers, strict=True):
            router.save(pointers)
        if self.hw.channels > 1:
            for terminal in self.terminals:
                state.pointers[self._turn(terminal)] = terminal.turn


class Pupil(Chip):
    """A chip that is shown samples, and learns from them in phases."""

    image: Image

    def sample(self, label: int) -> None:
        """All steps of one sample, in order."""
        cells, top = self.cells, len(self.image.sizes) - 1
        self.host_step((0,), label)
        for slot in range(self.hw.steps + 1):
            cells.swap()
            cells.slot = slot
            self.step(Phase.FORWARD, self.soma(lambda n, slot=slot: cells.sweep(n, slot), self._swept(slot)))
        if not cells.learn:
            self.step(Phase.IO, self.soma(self._readout, [s.core for s in cells.by_population[top]]))
            return
        self.host_step((1,), label)
        self.step(Phase.ERROR, self.soma(cells.output_desire, [s.core for s in cells.by_population[top]]))
        for q in range(top - 1, 0, -1):
            self.error_step(q)
            if cells.backward.needs_sweep(q):
                cores = [s.core for s in cells.by_population[q]]
                self.step(Phase.ERROR, self.soma(lambda n, q=q: cells.hidden_desire(n, q), cores))
        learners = sorted({s.core for population in cells.by_population[1:] for s in population})
        self.step(Phase.UPDATE, {n: Sweep(Unit.LEARNING, cells.update(n)) for n in learners})
        cells.backward.check()

    def soma(self, items: Callable[..., Any], cores: list[int]) -> dict[int, Sweep]:
        """A sweep of the soma units of `cores`."""
        return {n: Sweep(Unit.SOMA, items(n), latency=self.hw.soma_latency) for n in sorted(set(cores))}

    def _swept(self, slot: int) -> list[int]:
        skip_input, skip_rest = slot == self.hw.steps, slot == 0
        return [
            n
            for n, slices in self.cells.by_core.items()
            if any(not (skip_input if s.p == 0 else skip_rest) for s in slices)
        ]

    def _readout(self, core: int) -> Any:
        cells, top, kinds = self.cells, len(self.image.sizes) - 1, self.image.kinds
        for s in cells.by_core[core]:
            if s.p == top:
                for j in range(s.first, s.first + s.size):
                    self.book.count(core, Op.NEURON_READ)
                    packet = cells.packet(self.image.program.readout_set, kinds.readout, j)
                    yield Item(self.hw.soma_cycles, packets=(packet,))

    def host_step(self, groups: tuple[int, ...], label: int) -> None:
        """The host sends pixel values (group 0), label and learning rate (1)."""
        cells, program, kinds = self.cells, self.image.program, self.image.kinds
        packets: list[Packet] = []
        if 0 in groups:
            rows = zip(
                program.load_set, program.load_kind, program.load_first, program.load_size, strict=True
            )
            packets += [cells.packet(int(t), int(k), int(first), int(size)) for t, k, first, size in rows]
        if 1 in groups:
            packets += [cells.packet(int(t), kinds.label, label) for t in program.label_set]
            packets += [cells.packet(int(t), kinds.rate, cells.sent_rate) for t in program.rate_set]
        items = (Item(packet.flits * self.hw.host_flit_cycles, packets=(packet,)) for packet in packets)
        self.step(Phase.IO, {self.hw.cores: Sweep(Unit.HOST, items, delay=self.hw.host_latency)})

    def error_step(self, q: int) -> None:
        """Errors of population q + 1 go back over projection q."""
        self.book.phase = Phase.ERROR
        sweeps = {s.core: self.cells.backward.sweep(s) for s in self.cells.by_population[q + 1]}
        self.step(Phase.ERROR, sweeps)


def run(image: Image, state: State, batch: Batch, record: bool = False) -> Run:
    """Present `batch`; changes `state`. Thousands of times slower than the compiled engine (benchmarks/engines.py).

    Raises SimulationError if the network deadlocks.
    """
    book = Book(image, state.cycle, record)
    cells = Cells(image, state, book)
    chip = Pupil(image, state, cells, book)
    counts, membranes, cycles = [], [], []
    for k, values in enumerate(batch.values):
        before = book.cycle
        cells.new_sample(values, batch.first + k, int(batch.rates[k]), batch.learn)
        chip.sample(int(batch.labels[k]))
        counts.append(cells.count[-1].copy())
        membranes.append(cells.membrane[-1].copy())
        cycles.append(book.cycle - before)
    state.cycle = book.cycle
    chip.pointers(state)
    outputs = int(image.sizes[-1])
    return Run(
        samples=len(batch.values),
        counts=book.counts,
        cycles=book.cycles,
        phase_cycles=book.phase_cycles,
        steps=book.steps,
        overruns=book.overruns,
        output_counts=np.array(counts, np.int64).reshape(-1, outputs),
        output_membrane=np.array(membranes, np.int64).reshape(-1, outputs),
        spikes=book.spikes,
        sample_cycles=np.array(cycles, np.int64),
        links=book.links,
        events=book.event_table() if record else None,
    )
