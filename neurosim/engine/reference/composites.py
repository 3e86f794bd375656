"""Composite neurons of the reference engine: what the cores of an online rule compute, neuron by neuron.

Words are kept population by population; each method does what one unit of one core does with one item. In a pipeline
a population hears in a step what was sent in the step before.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.contract import bank_cycles, ceil_div
from neurosim.engine.forward import ACCUMULATE, BERNOULLI
from neurosim.engine.reference.book import Book
from neurosim.engine.reference.cells import Slice
from neurosim.engine.reference.coincidence import Copies
from neurosim.engine.reference.packet import Packet
from neurosim.engine.reference.terminal import Item
from neurosim.generator import ERROR, FORWARD, draw_byte, draw_teach
from neurosim.image import Image, Ints, State
from neurosim.neuron import accumulate, bernoulli, regular
from neurosim.ops import Op, Phase

__all__ = ["Composites"]


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

    # ---- symbols ------------------------------------------------------------------------------------------

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
