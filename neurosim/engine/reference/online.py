"""The reference engine for online rules: what the cores compute, neuron by neuron, and the steps of a sample.

`Learner.sample` is the list of the steps of a sample. Words are kept population by population; each method does what
one unit of one core does with one item. In a pipeline a population hears in a step what was sent in the step before.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.contract import CROSSBAR, MIRRORED, bank_cycles, ceil_div
from neurosim.engine.forward import ACCUMULATE, BERNOULLI
from neurosim.engine.reference import Pupil
from neurosim.engine.reference.book import Book
from neurosim.engine.reference.cells import Slice
from neurosim.engine.reference.packet import Packet
from neurosim.engine.reference.terminal import Item, Sweep
from neurosim.engine.run import Run
from neurosim.errors import SimulationError
from neurosim.generator import ERROR, FORWARD, draw_byte, draw_teach
from neurosim.image import Image, Ints, State
from neurosim.neuron import accumulate, bernoulli, regular
from neurosim.ops import Op, Phase, Unit
from neurosim.stimulus import Batch

__all__ = ["Composites", "Copies", "Learner", "run"]


class Composites:
    """Composite neurons and their synapses on all cores, for one sample at a time."""

    def __init__(self, image: Image, state: State, book: Book) -> None:
        self.image, self.book, self.state = image, book, state
        self.rule, self.neuron, self.c = image.rule, image.neuron, image.constants
        self.sizes = [int(n) for n in image.sizes]
        self.top = len(self.sizes) - 1
        self.slices = [Slice(image, s) for s in range(len(image.slices.core))]
        order = [self.slices[s] for s in image.slices.order]
        self.by_core = {core: [s for s in order if s.core == core] for core in range(image.hardware.cores)}
        self.by_population = [[s for s in self.slices if s.p == p] for p in range(self.top + 1)]
        self.weights = []
        for q, start in enumerate(image.offsets[:-1]):
            shape = self.sizes[q], self.sizes[q + 1]
            self.weights.append(state.weights[start : start + shape[0] * shape[1]].reshape(shape))
        self.copies = Copies(self)
        self.bias = [np.zeros(0, np.int64), *np.split(state.bias, np.cumsum(self.sizes[1:-1]))]

    def new_sample(self, values: NDArray[np.uint8], rate: int, learn: bool) -> None:
        """What the host will send; every word is cleared."""
        self.sent, self.learn, self.sent_rate = values, learn, rate
        self.values = np.zeros(self.sizes[0], np.int64)
        self.membrane, self.error, self.arrived, self.symbol, self.wins = (self.words() for _ in range(5))
        self.now_sum, self.next_sum = self.words(), self.words()
        self.level = np.zeros(self.sizes[0], np.int64)
        # Spikes that a core heard, by (core, population they came from): neuron -> teach bit. Flip-flops, two sets.
        self.heard: dict[tuple[int, int], dict[int, int]] = {}
        self.hearing: dict[tuple[int, int], dict[int, int]] = {}
        # Own spikes of this step and of the last one, by population: neuron -> teach bit.
        self.spoke, self.spoken = self.silence(), self.silence()
        self.coming = self.words()
        self.line: dict[tuple[int, int], int] = {}
        self.label = -1
        self.halvings = {core: 0 for core in self.by_core}
        self.winner, self.best = -1, 0

    def words(self) -> list[Ints]:
        """A cleared word for every neuron."""
        return [np.zeros(n, np.int64) for n in self.sizes]

    def silence(self) -> list[dict[int, int]]:
        """No spike of any population."""
        return [{} for _ in self.sizes]

    def take(self, p: int) -> None:
        """Sums that came for population p are its neurons' to integrate."""
        self.arrived[p] += self.coming[p]
        self.coming[p][:] = 0

    def packet(self, target: int, kind: int, *payload: int) -> Packet:
        """A packet of `kind` to destination set `target`."""
        return Packet(target, kind, int(self.image.kinds.flits[kind]), payload)

    def draw(self, core: int, stream: int, phase: Phase) -> int:
        """A random byte from a register of the core."""
        self.book.count(core, Op.RANDOM_BIT, 8, phase)
        return int(draw_byte(self.state.random, self.image.generators.table, core, stream))

    def teach(self, core: int) -> int:
        """Whether a spike may teach, or a bias line learn."""
        halvings = self.halvings[core]
        if halvings == 0:
            return 1
        self.book.count(core, Op.RANDOM_BIT, 8 if halvings <= 8 else 16, Phase.FORWARD)
        return int(draw_teach(self.state.random, self.image.generators.table, core, halvings))

    def swap(self, populations: list[int]) -> None:
        """What these populations were sent is theirs to integrate: accumulators and flip-flops change places."""
        for p in populations:
            self.now_sum[p], self.next_sum[p] = self.next_sum[p], np.zeros_like(self.next_sum[p])
            for s in self.by_population[p]:
                self.heard[s.core, p - 1] = self.hearing.pop((s.core, p - 1), {})

    # ---- sweeps of the soma ------------------------------------------------------------------------------

    def sweep(self, core: int, at: int, delay: int, populations: list[int], send: bool) -> Iterator[Item]:
        """Soma sweep of a core in step `at`: its neurons of `populations`, one after another."""
        hw = self.image.hardware
        for s in self.by_core[core]:
            update = at - s.p * delay
            if s.p not in populations or update < 0:
                continue
            if s.p > 0:
                self.line[core, s.p] = self.teach(core)
            for j in range(s.first, s.first + s.size):
                fired = self.fire(s, j, at, update)
                if s.p not in (0, self.top) and self.learn and delay:
                    self.respond(s, j, update)
                cycles = hw.input_cycles if s.p == 0 else hw.soma_cycles + (hw.spike_cycles if fired else 0)
                packets = self.spikes(s, j) if fired else ()
                answer = self.copies.answer(s, j) if delay and s.p < self.top else ()
                yield Item(cycles, packets=(*(packets if send else ()), *answer))
            if s.p == self.top:
                yield from self.settle(s, update)

    def spikes(self, s: Slice, j: int) -> tuple[Packet, ...]:
        """The packets of a spike; its teach bit travels along."""
        self.spoke[s.p][j] = bit = self.teach(s.core)
        return tuple(self.packet(target, s.p, s.p, j, bit) for target in s.targets)

    def fire(self, s: Slice, j: int, at: int, update: int) -> bool:
        """Forward half of one neuron: read its word, compute, write it back."""
        count, hw = self.book.count, self.image.hardware
        count(s.core, Op.NEURON_READ)
        count(s.core, Op.NEURON_WRITE)
        if s.p == 0:
            count(s.core, Op.ENCODE)
            fired = self.encode(s.core, j, at)
        else:
            for op in (Op.SOMA_UPDATE, Op.ACCUMULATOR_READ, Op.ACCUMULATOR_WRITE):
                count(s.core, op)
            drive = int(self.now_sum[s.p][j]) + int(self.bias[s.p][j])
            before = int(self.membrane[s.p][j])
            membrane = int(self.neuron.integrate(before, drive, update, hw.leak_shift, hw.membrane_bits))
            self.membrane[s.p][j] = membrane
            byte = self.draw(s.core, FORWARD, Phase.FORWARD)
            if s.p == self.top:
                self.contend(j, int(self.neuron.contend(membrane, int(self.image.noise[byte]))))
                return False
            fired = bool(self.neuron.spike(membrane, byte, hw.threshold))
        if fired:
            count(s.core, Op.SPIKE)
            self.book.spikes[s.p] += 1
        return fired

    def encode(self, core: int, j: int, at: int) -> bool:
        """One input neuron in one step; a pixel of value 0 draws nothing."""
        value, kind = int(self.values[j]), self.image.hardware.encoder
        if value == 0:
            return False
        if kind == BERNOULLI:
            return bool(bernoulli.step(value, self.draw(core, FORWARD, Phase.FORWARD)))
        if kind == ACCUMULATE:
            self.level[j], fired = accumulate.step(int(self.level[j]), value)
            return bool(fired)
        if at == 0:
            self.level[j] = self.draw(core, FORWARD, Phase.FORWARD)
        self.level[j], fired = regular.step(int(self.level[j]), value)
        return bool(fired)

    def contend(self, j: int, value: int) -> None:
        """Winner so far of the output group, the lowest of equals."""
        if j == 0 or value > self.best:
            self.best, self.winner = value, j

    def respond(self, s: Slice, j: int, update: int) -> None:
        """Backward half of one neuron, with what has arrived."""
        self.book.count(s.core, Op.DESIRE_UPDATE, 1, Phase.ERROR)
        self.copies.collect(s.core)
        error, arrived, membrane = (int(word[s.p][j]) for word in (self.error, self.arrived, self.membrane))
        if update == 0 and self.c.start_drawn:
            error = int(self.rule.start(self.draw(s.core, ERROR, Phase.ERROR), self.c))
        error, symbol = (int(x) for x in self.rule.on_error(error, arrived, membrane, self.c))
        self.error[s.p][j], self.arrived[s.p][j] = error, 0
        self.speak(s, j, symbol)

    def speak(self, s: Slice, j: int, symbol: int) -> None:
        """A neuron has a symbol: it moves the bias, unless the line does not teach in this step."""
        self.symbol[s.p][j] = symbol
        if symbol == 0:
            return
        self.book.count(s.core, Op.SPIKE, 1, Phase.ERROR)
        if self.line[s.core, s.p]:
            self.book.count(s.core, Op.WEIGHT_UPDATE, 1, Phase.ERROR)
            self.bias[s.p][j] = self.saturate(self.rule.on_update(int(self.bias[s.p][j]), symbol, self.c))

    def saturate(self, weight: int) -> int:
        """Whatever the rule: the store saturates."""
        return max(self.c.weight_min, min(self.c.weight_max, int(weight)))

    def settle(self, s: Slice, update: int) -> Iterator[Item]:
        """The output group has its winner: an item for each word that changes, its own and those with a symbol."""
        cycles, winner = self.image.hardware.soma_cycles, self.winner
        self.wins[s.p][winner] += 1
        self.book.spikes[s.p] += 1
        for op in (Op.SPIKE, Op.NEURON_READ, Op.NEURON_WRITE):
            self.book.count(s.core, op)
        judged = self.learn and update >= self.c.warm
        for j in range(s.size) if judged else ():
            self.book.count(s.core, Op.DESIRE_UPDATE, 1, Phase.ERROR)
            self.speak(s, j, int(self.rule.output_symbol(int(j == winner), int(j == self.label), self.c)))
        yield Item(cycles, packets=self.copies.answer(s, winner) if judged else ())
        for j in self.active(s) if judged else ():
            if j != winner:
                self.book.count(s.core, Op.NEURON_READ, 1, Phase.ERROR)
                self.book.count(s.core, Op.NEURON_WRITE, 1, Phase.ERROR)
                yield Item(cycles, packets=self.copies.answer(s, j))

    def answer(self, core: int, p: int, update: int) -> Iterator[Item]:
        """Without pipeline: the hidden neurons of a core once more, with what has arrived in this step.

        `update` counts these sweeps: in the first one the errors start.
        """
        for s in self.by_core[core]:
            if s.p == p:
                for j in range(s.first, s.first + s.size):
                    self.book.count(core, Op.NEURON_READ)
                    self.book.count(core, Op.NEURON_WRITE)
                    self.respond(s, j, update)
                    yield Item(self.image.hardware.soma_cycles, packets=self.copies.answer(s, j))

    # ---- what arrives ------------------------------------------------------------------------------------

    def row_cycles(self, node: int, packet: Packet) -> int:
        """Cycles of a packet at the synapse unit of a node; 0: it goes no further than the axon unit."""
        return int(self.image.kinds.synapse[packet.kind, node])

    def deliver(self, core: int, packet: Packet) -> None:
        """Accesses of a delivered packet, in the phase of its kind."""
        kinds = self.image.kinds
        table = kinds.ops[packet.kind, core] + (kinds.learn_ops[packet.kind, core] if self.learn else 0)
        for op in Op:
            if table[op]:
                self.book.count(core, op, int(table[op]), Phase(int(kinds.phase[packet.kind])))

    def add_row(self, core: int, packet: Packet) -> None:
        """Synapse unit: one row of weights into the accumulators, and a flip-flop notes the spike."""
        self.deliver(core, packet)
        if packet.kind >= len(self.weights):
            self.copies.add_row(core, packet)
            return
        p, i, bit = packet.payload
        self.hearing.setdefault((core, p), {})[i] = bit
        for s in self.by_core[core]:
            if s.p == p + 1:
                block = slice(s.first, s.first + s.size)
                self.next_sum[p + 1][block] += self.weights[p][i, block]

    def effect(self, node: int, packet: Packet) -> None:
        """What a packet does that ends at the axon unit."""
        kinds, projections = self.image.kinds, len(self.weights)
        self.deliver(node, packet)
        if packet.kind == kinds.label:
            self.label = packet.payload[0]
        elif packet.kind == kinds.rate:
            self.halvings[node] = packet.payload[0] + self.c.thinning
        elif projections <= packet.kind < 2 * projections:
            q, i, total = packet.payload
            self.coming[q][i] += total
        elif packet.kind > kinds.readout:
            first, count = packet.payload
            self.values[first : first + count] = self.sent[first : first + count]

    # ---- learning unit -----------------------------------------------------------------------------------

    def active(self, s: Slice) -> list[int]:
        """Neurons of a slice with a symbol."""
        return [j for j in range(s.first, s.first + s.size) if self.symbol[s.p][j]]

    def row_time(self, s: Slice, active: list[int], accesses: int) -> tuple[int, int, int]:
        """(words, cycles, of which waiting for banks) of the words of one row that hold an active neuron."""
        hw = self.image.hardware
        words = sorted({(j - s.first) // hw.weights_per_word for j in active})
        fullest = max(sum(1 for w in words if w % hw.banks == bank) for bank in range(hw.banks))
        compute = int(ceil_div(len(active), hw.learning_lanes))
        cycles = max(int(bank_cycles(fullest, accesses, hw.ports)), compute)
        ideal = int(ceil_div(len(words) * accesses, hw.banks * hw.ports))
        return len(words), cycles, cycles - max(ideal, compute)

    def transposed_read(self, s: Slice, active: list[int]) -> Iterator[Item]:
        """Row by row the words with an active neuron: one sum for each pre neuron, sent if it is not zero."""
        hw = self.image.hardware
        words, cycles, conflict = self.row_time(s, active, 1)
        for i in range(self.sizes[s.p - 1]):
            self.book.count(s.core, Op.SYNAPSE_READ, words)
            self.book.count(s.core, Op.NEURON_READ, max(0, len(active) - hw.learning_lanes))
            yield Item(cycles, conflict, tuple(self.sums(s, active, range(i, i + 1))))

    def column_read(self, s: Slice, active: list[int]) -> Iterator[Item]:
        """A crossbar: for each block of pre neurons a word of every active neuron's column."""
        hw, pre = self.image.hardware, self.sizes[s.p - 1]
        compute = int(ceil_div(len(active) * hw.weights_per_word, hw.learning_lanes))
        ideal = max(compute, int(ceil_div(len(active), hw.banks * hw.ports)))
        for block, first in enumerate(range(0, pre, hw.weights_per_word)):
            banks = [(block + j - s.first) % hw.banks for j in active]
            port = int(bank_cycles(max(banks.count(bank) for bank in banks), 1, hw.ports))
            self.book.count(s.core, Op.COLUMN_READ, len(active))
            self.book.count(s.core, Op.NEURON_READ, max(0, len(active) - hw.learning_lanes))
            packets = self.sums(s, active, range(first, min(first + hw.weights_per_word, pre)))
            yield Item(max(port, compute), max(port, compute) - ideal, tuple(packets))

    def sums(self, s: Slice, active: list[int], pre: range) -> Iterator[Packet]:
        """What the active neurons of a slice bring to these pre neurons, if anything."""
        q = s.p - 1
        for i in pre:
            self.book.count(s.core, Op.ERROR_MAC, len(active))
            total = sum(int(self.weights[q][i, j]) * int(self.symbol[s.p][j]) for j in active)
            if total:
                core = next(r.core for r in self.by_population[q] if r.first <= i < r.first + r.size)
                yield self.packet(core, len(self.weights) + q, q, i, total)

    def update(self, core: int) -> Iterator[Item]:
        """Every teaching spike that was heard: its row, and of it the words that hold a neuron with a symbol."""
        hw, count = self.image.hardware, self.book.count
        for s in self.by_core[core]:
            if s.p == 0:
                continue
            rows = sorted(i for i, bit in self.heard.get((core, s.p - 1), {}).items() if bit)
            active = self.active(s)
            if not rows or not active:
                continue
            words, cycles, conflict = self.row_time(s, active, 2)
            for i in rows:
                count(core, Op.SYNAPSE_READ, words)
                count(core, Op.SYNAPSE_WRITE, words)
                count(core, Op.NEURON_READ, max(0, len(active) - hw.learning_lanes))
                for j in active:
                    new = self.rule.on_update(int(self.weights[s.p - 1][i, j]), int(self.symbol[s.p][j]), self.c)
                    self.weights[s.p - 1][i, j] = self.saturate(new)
                    count(core, Op.WEIGHT_UPDATE)
                yield Item(cycles, conflict)


class Copies:
    """Mirrored rows: the cores of pre neurons keep what leads to them, and move it as the originals move.

    On another backward path there are none, and nothing here does anything.
    """

    def __init__(self, cells: Composites) -> None:
        self.cells, self.kept = cells, cells.image.hardware.backward == MIRRORED
        hidden = [s for population in cells.by_population[1:-1] for s in population] if self.kept else []
        self.slices = {(s.core, s.p): s for s in hidden}
        self.rows = {key: self.original(s).copy() for key, s in self.slices.items()}  # [post, neurons of the slice]

    def original(self, s: Slice) -> NDArray[np.integer]:
        """The weights whose copies slice s keeps, (post, neurons of the slice): a view."""
        return self.cells.weights[s.p].T[:, s.first : s.first + s.size]

    def answer(self, s: Slice, j: int) -> tuple[Packet, ...]:
        """The packets of a symbol to the copies of its rows."""
        cells, symbol = self.cells, int(self.cells.symbol[s.p][j])
        if not self.kept or symbol == 0:
            return ()
        kind = len(cells.weights) + s.p - 1
        return tuple(cells.packet(target, kind, s.p - 1, j, symbol) for target in s.back)

    def collect(self, core: int) -> None:
        """The soma takes a sum from its accumulator, and clears it."""
        if self.kept:
            self.cells.book.count(core, Op.ACCUMULATOR_READ, 1, Phase.ERROR)
            self.cells.book.count(core, Op.ACCUMULATOR_WRITE, 1, Phase.ERROR)

    def add_row(self, core: int, packet: Packet) -> None:
        """Synapse unit: a row into the accumulators, and back with a step where a spike of the slice's own teaches."""
        q, j, symbol = packet.payload
        cells, s, row = self.cells, self.slices[core, q], self.rows[core, q][j]
        cells.coming[q][s.first : s.first + s.size] += row.astype(np.int64) * symbol
        heard = cells.spoken if cells.c.pipeline else cells.spoke
        for i, bit in heard[q].items():
            if bit and s.first <= i < s.first + s.size:
                cells.book.count(core, Op.WEIGHT_UPDATE, 1, Phase.ERROR)
                row[i - s.first] = cells.saturate(cells.rule.on_update(int(row[i - s.first]), symbol, cells.c))

    def check(self) -> None:
        """Raises SimulationError if a copy is not what it copies."""
        for (core, q), rows in self.rows.items():
            wrong = np.argwhere(rows != self.original(self.slices[core, q]))
            if len(wrong):
                j, i = (int(k) for k in wrong[0])
                raise SimulationError(
                    f"mirrored copy of projection {q + 1} on core {core}: {len(wrong)} weights have diverged, "
                    f"the first from neuron {i + self.slices[core, q].first} to neuron {j}"
                )


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
        read = self.cells.column_read if self.hw.backward == CROSSBAR else self.cells.transposed_read
        sweeps = {}
        self.book.phase = Phase.ERROR
        for s in self.cells.by_population[q + 1]:
            active = self.cells.active(s)
            if active:
                sweeps[s.core] = Sweep(Unit.LEARNING, read(s, active))
        self.step(Phase.ERROR, sweeps)

    def update_step(self) -> None:
        """Learning units with something to learn."""
        self.step(Phase.UPDATE, {n: Sweep(Unit.LEARNING, self.cells.update(n)) for n in self._learners()})
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


