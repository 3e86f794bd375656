"""What the cores of the reference engine compute: state of axons, synapses and neurons, in core-local terms.

Every method does what one unit of one core does with one item; the engine decides when. Weights, membranes
and so on are kept population by population (each core touches only the neurons and rows of its slices).
"""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.contract import bank_cycles, ceil_div
from neurosim.engine.forward import ACCUMULATE, BERNOULLI, REGULAR
from neurosim.engine.reference.backward import ROUND, WAYS
from neurosim.engine.reference.book import Book
from neurosim.engine.reference.packet import Packet
from neurosim.engine.reference.terminal import Item
from neurosim.image import Image, Ints, State
from neurosim.kernel import draw32, stream_key
from neurosim.neuron import accumulate, accumulate_float32, bernoulli, regular
from neurosim.ops import Op

__all__ = ["Cells", "Slice"]

KEEP, ENCODE = 1, 2


class Slice:
    """Neurons first..first+size-1 of population p, on one core."""

    def __init__(self, image: Image, number: int) -> None:
        table = image.slices
        self.core, self.p = int(table.core[number]), int(table.population[number])
        self.first, self.size = int(table.first[number]), int(table.size[number])
        self.targets = [int(t) for t in table.sets[table.set_ptr[number] : table.set_ptr[number + 1]]]
        self.back = [int(t) for t in table.sets[table.back_ptr[number] : table.back_ptr[number + 1]]]


class Cells:
    """State of all cores, for one sample at a time."""

    def __init__(self, image: Image, state: State, book: Book) -> None:
        self.image, self.book, self.seed = image, book, state.seed
        self.rule: ModuleType = image.rule
        self.c = image.constants
        slices = [Slice(image, s) for s in range(len(image.slices.core))]
        self.by_core: dict[int, list[Slice]] = {core: [] for core in range(image.hardware.cores)}
        for s in image.slices.order:
            self.by_core[slices[s].core].append(slices[s])
        self.by_population = [[s for s in slices if s.p == p] for p in range(len(image.sizes))]
        self.weights: list[NDArray[Any]] = []
        for q, start in enumerate(image.offsets[:-1]):
            pre, post = int(image.sizes[q]), int(image.sizes[q + 1])
            self.weights.append(state.weights[start : start + pre * post].reshape(pre, post))
        self.backward = WAYS[image.hardware.backward](self)

    def new_sample(self, values: NDArray[np.uint8], tick: int, rate: int, learn: bool) -> None:
        """What the host will send, and the masks of this sample. Neuron state is cleared by its first sweep."""
        sizes = [int(n) for n in self.image.sizes]
        self.sent, self.tick, self.sent_rate, self.learn = values, tick, rate, learn

        def words() -> list[Ints]:
            return [np.zeros(n, np.int64) for n in sizes]

        self.values = np.zeros(sizes[0], np.int64)
        self.membrane, self.count, self.train, self.symbol, self.error = (
            words(),
            words(),
            words(),
            words(),
            words(),
        )
        self.now_sum, self.next_sum = words(), words()
        self.keep = [np.array([self._keep(p, j) for j in range(n)]) for p, n in enumerate(sizes)]
        self.history = {(s.core, s.p - 1): np.zeros(sizes[s.p - 1], np.int64) for s in self._learners()}
        self.label = {s.core: -1 for s in self.by_population[-1]}
        self.rates = {s.core: -1 for s in self._learners()}

    def _learners(self) -> list[Slice]:
        return [s for population in self.by_population[1:] for s in population]

    def _keep(self, p: int, j: int) -> int:
        drop = int(self.image.drop[p])
        if not self.learn or drop == 0:
            return 1
        return int((int(draw32(stream_key(self.seed, KEEP, self.tick, p), j)) & 255) >= drop)

    def packet(self, target: int, kind: int, *payload: int) -> Packet:
        """A packet of `kind` to destination set `target`."""
        return Packet(target, kind, int(self.image.kinds.flits[kind]), payload)

    # ---- forward -----------------------------------------------------------------------------------------

    def swap(self) -> None:
        """Accumulators are double-buffered: what arrived in the last step is integrated in this one."""
        self.now_sum, self.next_sum = self.next_sum, [np.zeros_like(row) for row in self.next_sum]

    def sweep(self, core: int, slot: int) -> Iterator[Item]:
        """Soma sweep of a core in forward step `slot`: neuron after neuron."""
        hw = self.image.hardware
        for s in self.by_core[core]:
            if (s.p == 0 and slot == hw.steps) or (s.p > 0 and slot == 0):
                continue
            for j in range(s.first, s.first + s.size):
                fired = self.fire(core, s.p, j, slot)
                send = s.targets if fired and slot < hw.steps else []
                cycles = hw.input_cycles if s.p == 0 else hw.soma_cycles + (hw.spike_cycles if fired else 0)
                yield Item(cycles, packets=tuple(self.packet(t, s.p, s.p, j) for t in send))

    def fire(self, core: int, p: int, j: int, slot: int) -> bool:
        """One neuron in one step: read its word, compute, write it back."""
        hw, book = self.image.hardware, self.book
        book.count(core, Op.NEURON_READ)
        book.count(core, Op.NEURON_WRITE)
        if self.learn and self.image.drop[p] and slot == (0 if p == 0 else 1):
            book.count(core, Op.RANDOM_BIT, 8)
        if p == 0:
            book.count(core, Op.ENCODE)
            fired = self.encode(core, j, slot) and self.keep[0][j] == 1
        else:
            for op in (Op.SOMA_UPDATE, Op.ACCUMULATOR_READ, Op.ACCUMULATOR_WRITE):
                book.count(core, op)
            drive = int(self.now_sum[p][j])
            amplitude = int(self.image.amplitude[p - 1])
            if self.learn and amplitude != 256:
                drive = drive * amplitude >> 8
                book.count(core, Op.SCALE)
            membrane, hit = self.image.neuron.step(
                int(self.membrane[p][j]),
                drive,
                int(self.keep[p][j]),
                hw.threshold,
                hw.leak_shift,
                hw.membrane_bits,
            )
            self.membrane[p][j], fired = membrane, hit == 1
        if fired:
            self.train[p][j] |= 1 << slot
            self.count[p][j] += 1
            book.spikes[p] += 1
            book.count(core, Op.SPIKE)
        return bool(fired)

    def encode(self, core: int, j: int, slot: int) -> bool:
        """One input neuron in one step."""
        value = int(self.values[j])
        kind = self.image.hardware.encoder
        if kind == ACCUMULATE:
            self.membrane[0][j], fired = accumulate.step(int(self.membrane[0][j]), value)
            return bool(fired)
        if kind == REGULAR:
            if slot == 0:
                self.book.count(core, Op.RANDOM_BIT, 8)
                self.membrane[0][j] = int(draw32(stream_key(self.seed, ENCODE, self.tick, 0), j)) & 255
            self.membrane[0][j], fired = regular.step(int(self.membrane[0][j]), value)
            return bool(fired)
        if kind != BERNOULLI:
            return bool(accumulate_float32.step(int(self.image.trains[value]), slot))
        self.book.count(core, Op.RANDOM_BIT, 8)
        byte = int(draw32(stream_key(self.seed, ENCODE, self.tick, slot), j)) & 255
        return bool(bernoulli.step(value, byte))

    def add_row(self, core: int, packet: Packet) -> None:
        """Synapse unit: one row of weights into the accumulators of the core's slice."""
        if packet.kind >= len(self.weights):
            self.backward.add_row(core, packet)
            return
        q, i, slot = *packet.payload, self.slot
        self.deliver(core, packet)
        if self.learn:
            self.history[core, q][i] |= 1 << slot
        for s in self.by_core[core]:
            if s.p == q + 1:
                block = slice(s.first, s.first + s.size)
                self.next_sum[q + 1][block] += self.weights[q][i, block]

    def row_cycles(self, node: int, packet: Packet) -> int:
        """Cycles of a packet at the synapse unit of a node; 0: it goes no further than the axon unit."""
        return int(self.image.kinds.synapse[packet.kind, node])

    def deliver(self, core: int, packet: Packet) -> None:
        """Accesses of a delivered packet."""
        kinds = self.image.kinds
        table = kinds.ops[packet.kind, core] + (kinds.learn_ops[packet.kind, core] if self.learn else 0)
        for op in Op:
            if table[op]:
                self.book.count(core, op, int(table[op]))

    def effect(self, node: int, packet: Packet) -> None:
        """What a packet does that ends at the axon unit."""
        kinds, projections = self.image.kinds, len(self.weights)
        self.deliver(node, packet)
        if packet.kind == kinds.label:
            self.label[node] = packet.payload[0]
        elif packet.kind == kinds.rate:
            self.rates[node] = packet.payload[0]
        elif packet.kind == kinds.readout:
            return
        elif packet.kind >= projections and packet.kind < 2 * projections:
            self.backward.arrive(packet)
        else:
            first, count = packet.payload
            self.values[first : first + count] = self.sent[first : first + count]

    # ---- error -------------------------------------------------------------------------------------------

    def output_desire(self, core: int) -> Iterator[Item]:
        """Error circuits of the output neurons on a core."""
        for s in self._of(core, len(self.image.sizes) - 1):
            for j in range(s.first, s.first + s.size):
                is_label = int(self.label[core] == j)
                symbol = int(self.rule.output_symbol(int(self.count[s.p][j]), is_label, self.c))
                yield self._set_desire(core, s.p, j, symbol)

    def hidden_desire(self, core: int, p: int) -> Iterator[Item]:
        """Error circuits of hidden neurons whose error sum arrived in parts."""
        for s in self._of(core, p):
            for j in range(s.first, s.first + s.size):
                self.backward.decide(core)
                symbol = int(self.rule.hidden_symbol(int(self.error[p][j]), self.c))
                yield self._set_desire(core, p, j, symbol)

    def _set_desire(self, core: int, p: int, j: int, symbol: int) -> Item:
        for op in (Op.NEURON_READ, Op.NEURON_WRITE, Op.DESIRE_UPDATE):
            self.book.count(core, op)
        self.symbol[p][j] = symbol
        return Item(self.image.hardware.soma_cycles)

    def _of(self, core: int, p: int) -> list[Slice]:
        return [s for s in self.by_core[core] if s.p == p]

    def scan(self, s: Slice, fired: bool) -> list[int]:
        """The learning unit reads the words of its neurons: those kept with a desire (and a spike)."""
        self.book.count(s.core, Op.NEURON_READ, s.size)
        return [
            j
            for j in range(s.first, s.first + s.size)
            if self.symbol[s.p][j] and self.keep[s.p][j] and (not fired or self.train[s.p][j] >> 1)
        ]

    def row_time(self, s: Slice, active: list[int], accesses: int, compute: int) -> tuple[int, int, int]:
        """(words, cycles, of which waiting for banks) of the words of one row that hold an active post."""
        hw = self.image.hardware
        words = sorted({(j - s.first) // hw.weights_per_word for j in active})
        fullest = max(sum(1 for w in words if w % hw.banks == bank) for bank in range(hw.banks))
        port = int(bank_cycles(fullest, accesses, hw.ports))
        ideal = int(ceil_div(len(words) * accesses, hw.banks * hw.ports))
        return len(words), max(port, compute), max(port, compute) - max(ideal, compute)

    def factor(self, p: int, j: int) -> int:
        """What the weights of neuron j are multiplied with: how far it is from what it wants, with the sign of that."""
        symbol = int(self.symbol[p][j])
        distance = int(self.rule.magnitude(symbol, int(self.count[p][j]), self.c))
        return distance if symbol > 0 else -distance

    def owner(self, p: int, j: int) -> int:
        """The core of neuron j of population p."""
        return next(s.core for s in self.by_population[p] if s.first <= j < s.first + s.size)

    # ---- update ------------------------------------------------------------------------------------------

    def update(self, core: int) -> Iterator[Item]:
        """Learning unit in the update phase: axon by axon of every slice, replaying the stored spikes."""
        for s in self.by_core[core]:
            if s.p > 0:
                active = self.scan(s, True)
                yield Item(s.size)
                yield from self.update_rows(s, active)
                yield from self.backward.update(s)

    def update_rows(self, s: Slice, active: list[int]) -> Iterator[Item]:
        """Read each axon's history and clear it; if it spiked, read and write the words with an active post."""
        hw = self.image.hardware
        history = self.history[s.core, s.p - 1]
        words, cycles, conflict = 0, 0, 0
        if active:
            replay = int(ceil_div(hw.steps, hw.slots_per_cycle))
            compute = int(ceil_div(len(active), hw.learning_lanes)) * replay
            words, cycles, conflict = self.row_time(s, active, 2, compute)
        for i in range(len(history)):
            self.book.count(s.core, Op.AXON_READ)
            if not history[i]:
                yield Item(1)
                continue
            self.book.count(s.core, Op.AXON_WRITE)
            if active:
                self.update_row(s, active, i, int(history[i]), words)
            history[i] = 0
            yield Item(1 + cycles, conflict)

    def update_row(self, s: Slice, active: list[int], i: int, history: int, words: int) -> None:
        """One row: the trace runs through the stored slots, lanes add it where their post fired, then write."""
        hw, rule, book, q = self.image.hardware, self.rule, self.book, s.p - 1
        trace, credits = 0, dict.fromkeys(active, 0)
        for t in range(hw.steps):
            trace = int(rule.on_slot(trace, history >> t & 1, self.c))
            for j in active:
                if self.train[s.p][j] >> (t + 1) & 1:
                    credits[j] = int(rule.on_post(credits[j], trace, self.c))
                    book.count(s.core, Op.CREDIT_ADD)
        key = stream_key(self.seed, ROUND + q, self.tick, i)
        for j in active:
            weight = rule.on_update(
                int(self.weights[q][i, j]), credits[j], int(self.symbol[s.p][j]), self.rates[s.core],
                int(draw32(key, j)), self.c,
            )  # fmt: skip
            self.weights[q][i, j] = max(self.c.weight_min, min(self.c.weight_max, weight))  # the store saturates
        book.count(s.core, Op.TRACE_STEP, hw.steps)
        book.count(s.core, Op.SYNAPSE_READ, words)
        book.count(s.core, Op.SYNAPSE_WRITE, words)
        book.count(s.core, Op.WEIGHT_UPDATE, len(active))
        book.count(s.core, Op.NEURON_READ, max(0, len(active) - hw.learning_lanes))
        book.count(s.core, Op.RANDOM_BIT, len(active) * hw.random_bits)

    slot = 0
