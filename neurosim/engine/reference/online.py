"""The reference engine for online rules: the steps of a sample. `Learner.sample` is the list of them."""

import numpy as np

from neurosim.engine.contract import CROSSBAR, MIRRORED
from neurosim.engine.reference import Pupil
from neurosim.engine.reference.book import Book
from neurosim.engine.reference.coincidence import column_read, transposed_read, update
from neurosim.engine.reference.composites import Composites
from neurosim.engine.reference.terminal import Sweep
from neurosim.engine.run import Run
from neurosim.image import Image, State
from neurosim.ops import Phase, Unit
from neurosim.stimulus import Batch

__all__ = ["Learner", "run"]


class Learner(Pupil):
    """A chip that is shown samples and learns while they run."""

    cells: Composites

    def sample(self, label: int) -> None:
        """All steps of one sample, in order."""
        top, learn = self.cells.top, self.cells.learn
        self.host_step((0, 1) if learn else (0,), label)
        everyone = list(range(top + 1))
        if self.cells.c.pipeline:
            last = self.hw.steps + top - 1
            for at in range(last + 1):
                self.fire_step(at, 1, everyone, send=at < last)
                if learn and at >= top + self.cells.c.warm:
                    for q in range(top - 1, 0, -1) if at < last else ():
                        self.error_step(q)
                    self.update_step()
        else:
            for at in range(self.hw.steps):
                for p in everyone:
                    self.fire_step(at, 0, [p], send=True)
                if learn and at >= self.cells.c.warm:
                    for q in range(top - 1, 0, -1):
                        self.error_step(q)
                        self.cells.take(q)
                        cores = [s.core for s in self.cells.by_population[q]]
                        since = at - self.cells.c.warm
                        answers = self.soma(lambda n, q=q, since=since: self.cells.answer(n, q, since), cores)
                        self.step(Phase.ERROR, answers)
                    self.update_step()
        if not learn:
            self.step(Phase.IO, self.soma(self._readout, [s.core for s in self.cells.by_population[top]]))

    def fire_step(self, at: int, delay: int, populations: list[int], send: bool) -> None:
        """Somas of `populations` sweep, spikes travel."""
        cells = self.cells
        cells.swap([p for p in populations if p > 0])
        if delay:
            cells.spoken, cells.spoke = cells.spoke, cells.silence()
            for p in populations:
                cells.take(p)
        else:
            cells.spoke[populations[0]] = {}
        awake = [p for p in populations if at >= p * delay]
        cores = [s.core for p in awake for s in cells.by_population[p]]
        self.step(Phase.FORWARD, self.soma(lambda n: cells.sweep(n, at, delay, awake, send), cores))

    def error_step(self, q: int) -> None:
        """Learning units that hold projection q read it back; symbols for mirrored copies have gone with the spikes."""
        if self.hw.backward == MIRRORED:
            return
        read = column_read if self.hw.backward == CROSSBAR else transposed_read
        sweeps = {}
        self.book.phase = Phase.ERROR
        for s in self.cells.by_population[q + 1]:
            active = self.cells.active(s)
            if active:
                sweeps[s.core] = Sweep(Unit.LEARNING, read(self.cells, s, active))
        self.step(Phase.ERROR, sweeps)

    def update_step(self) -> None:
        """Learning units with something to learn."""
        self.step(Phase.UPDATE, {n: Sweep(Unit.LEARNING, update(self.cells, n)) for n in self._learners()})
        self.cells.copies.check()

    def _learners(self) -> list[int]:
        cells = self.cells
        return [
            core
            for core, slices in cells.by_core.items()
            if any(s.p > 0 and cells.active(s) and any(cells.heard.get((core, s.p - 1), {}).values()) for s in slices)
        ]


def run(image: Image, state: State, batch: Batch, record: bool = False) -> Run:
    """Present `batch`; changes `state`. Raises SimulationError if the network deadlocks."""
    book = Book(image, state.cycle, record)
    cells = Composites(image, state, book)
    chip = Learner(image, state, cells, book)
    outputs = int(image.sizes[-1])
    wins, membranes, cycles = [], [], []
    for values, label, rate in zip(batch.values, batch.labels, batch.rates, strict=True):
        before = book.cycle
        cells.new_sample(values, int(rate), batch.learn)
        chip.sample(int(label))
        wins.append(cells.wins[-1].copy())
        membranes.append(cells.membrane[-1].copy())
        cycles.append(book.cycle - before)
    state.cycle = book.cycle
    chip.pointers(state)
    return Run(
        samples=len(batch.values),
        counts=book.counts,
        cycles=book.cycles,
        phase_cycles=book.phase_cycles,
        steps=book.steps,
        overruns=book.overruns,
        output_counts=np.array(wins, np.int64).reshape(-1, outputs),
        output_membrane=np.array(membranes, np.int64).reshape(-1, outputs),
        spikes=book.spikes,
        sample_cycles=np.array(cycles, np.int64),
        links=book.links,
        events=book.event_table() if record else None,
    )


