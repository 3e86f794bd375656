"""The ways back of the errors: what a learning unit of the reference engine reads, sends and learns for them.

One class for each `core.learning.backward` (docs/decisions/0004, 0013 and 0014). All give the same desires and
weights; `Mirrored` computes with copies of the weights that are memories of their own.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.contract import CROSSBAR, MIRRORED, TRANSPOSED_READ, bank_cycles, ceil_div
from neurosim.engine.reference.packet import Packet
from neurosim.engine.reference.terminal import Item, Sweep
from neurosim.errors import SimulationError
from neurosim.kernel import draw32, stream_key
from neurosim.ops import Op, Unit

if TYPE_CHECKING:
    from neurosim.engine.reference.cells import Cells, Slice

__all__ = ["ROUND", "WAYS", "Crossbar", "Mirrored", "TransposedRead"]

ROUND = 16  # number of the random stream of stochastic rounding (plus the projection)


class TransposedRead:
    """The post core reads its rows one after the other, of each the words with an active post."""

    def __init__(self, cells: "Cells") -> None:
        self.cells, self.image, self.book = cells, cells.image, cells.book

    def needs_sweep(self, q: int) -> bool:
        """Whether population q still has to decide about its desires when the errors have arrived."""
        return not self.image.whole[q]

    def sweep(self, s: "Slice") -> Sweep:
        """The learning unit in the error phase, for the neurons of slice s."""
        active = self.cells.scan(s, False)
        items = self.read(s, active) if active else iter([Item(s.size)])
        return Sweep(Unit.LEARNING, items, scan=s.size if active else 0)

    def read(self, s: "Slice", active: list[int]) -> Iterator[Item]:
        """Row by row, one error (part) each."""
        hw, q = self.image.hardware, s.p - 1
        compute = int(ceil_div(len(active), hw.learning_lanes))
        words, cycles, conflict = self.cells.row_time(s, active, 1, compute)
        for i in range(int(self.image.sizes[q])):
            self.book.count(s.core, Op.SYNAPSE_READ, words)
            self.book.count(s.core, Op.NEURON_READ, max(0, len(active) - hw.learning_lanes))
            yield Item(cycles, conflict, tuple(self.errors(s, active, range(i, i + 1))))

    def errors(self, s: "Slice", active: list[int], pre: range) -> Iterator[Packet]:
        """Desires of these pre neurons if the layer lies on one core, else what slice s adds to their error sums."""
        cells, q = self.cells, s.p - 1
        for i in pre:
            self.book.count(s.core, Op.ERROR_MAC, len(active))
            self.book.count(s.core, Op.DESIRE_UPDATE, int(self.image.whole[q]))
            word = sum(int(cells.weights[q][i, j]) * cells.factor(s.p, j) for j in active)
            if self.image.whole[q]:
                word = int(cells.rule.hidden_symbol(word, cells.c))
            if word:
                yield cells.packet(cells.owner(q, i), len(cells.weights) + q, q, i, word)

    def arrive(self, packet: Packet) -> None:
        """An error ends at the axon unit, which changes the neuron word."""
        q, i, word = packet.payload
        if self.image.whole[q]:
            self.cells.symbol[q][i] = word
        else:
            self.cells.error[q][i] += word

    def add_row(self, core: int, packet: Packet) -> None:
        """No error has a row of its own."""
        raise AssertionError

    def decide(self, core: int) -> None:
        """The soma decides about one desire, from the sum in the neuron word that it reads anyway."""

    def update(self, s: "Slice") -> Iterator[Item]:
        """Nothing but the synapses themselves has to learn."""
        yield from ()

    def check(self) -> None:
        """Nothing can differ."""


class Crossbar(TransposedRead):
    """The memory reads columns as well: words of one active post, each for a block of pre neurons."""

    def read(self, s: "Slice", active: list[int]) -> Iterator[Item]:
        """Block by block of pre neurons, an error (part) for each of them."""
        hw, pre = self.image.hardware, int(self.image.sizes[s.p - 1])
        compute = int(ceil_div(len(active) * hw.weights_per_word, hw.learning_lanes))
        ideal = max(compute, int(ceil_div(len(active), hw.banks * hw.ports)))
        for block, first in enumerate(range(0, pre, hw.weights_per_word)):
            banks = [(block + j - s.first) % hw.banks for j in active]
            port = int(bank_cycles(max(banks.count(bank) for bank in banks), 1, hw.ports))
            self.book.count(s.core, Op.COLUMN_READ, len(active))
            self.book.count(s.core, Op.NEURON_READ, max(0, len(active) - hw.learning_lanes))
            cycles = max(port, compute)
            packets = self.errors(s, active, range(first, min(first + hw.weights_per_word, pre)))
            yield Item(cycles, cycles - ideal, tuple(packets))


class Mirrored(TransposedRead):
    """The cores of pre neurons keep rows back to them; desires go there and the rows learn as their originals do."""

    def __init__(self, cells: "Cells") -> None:
        super().__init__(cells)
        hidden = [s for population in cells.by_population[1:-1] for s in population]
        # Rows: post neurons.  Columns: neurons of the slice.
        self.rows = {(s.core, s.p): self.original(s).copy() for s in hidden}
        self.kept: dict[tuple[int, int], dict[int, tuple[int, int]]] = {key: {} for key in self.rows}
        self.slices = {(s.core, s.p): s for s in hidden}

    def original(self, s: "Slice") -> NDArray[Any]:
        """The weights whose copies slice s keeps, (post, neurons of the slice): a view."""
        return self.cells.weights[s.p].T[:, s.first : s.first + s.size]

    def needs_sweep(self, q: int) -> bool:
        """Always: the sums lie in the accumulators."""
        return True

    def sweep(self, s: "Slice") -> Sweep:
        """Neuron after neuron: a desire that counts is sent, once for each destination set."""
        return Sweep(Unit.LEARNING, self.send(s, self.cells.scan(s, False)))

    def send(self, s: "Slice", active: list[int]) -> Iterator[Item]:
        """Symbol, factor and spike train of each neuron with a desire."""
        cells, q = self.cells, s.p - 1
        for j in range(s.first, s.first + s.size):
            payload = (q, j, int(cells.symbol[s.p][j]), cells.factor(s.p, j), int(cells.train[s.p][j]) >> 1)
            targets = s.back if j in active else []
            yield Item(1, packets=tuple(cells.packet(t, len(cells.weights) + q, *payload) for t in targets))

    def add_row(self, core: int, packet: Packet) -> None:
        """Synapse unit: a mirrored row times the factor into the accumulators; its axon word keeps symbol and train."""
        q, j, symbol, factor, train = packet.payload
        s = self.slices[core, q]
        self.cells.deliver(core, packet)
        self.kept[core, q][j] = symbol, train
        self.cells.error[q][s.first : s.first + s.size] += self.rows[core, q][j].astype(np.int64) * factor

    def decide(self, core: int) -> None:
        """The soma takes the sum from the accumulator, and clears it."""
        self.book.count(core, Op.ACCUMULATOR_READ)
        self.book.count(core, Op.ACCUMULATOR_WRITE)

    def update(self, s: "Slice") -> Iterator[Item]:
        """Row after row: with the symbol and train that came, and the trains of the slice's own neurons, in lanes."""
        if (s.core, s.p) not in self.rows:
            return
        hw, cells, kept = self.image.hardware, self.cells, self.kept[s.core, s.p]
        stored = (1 << hw.steps) - 1
        active = [i for i in range(s.first, s.first + s.size) if int(cells.train[s.p][i]) & stored]
        self.book.count(s.core, Op.NEURON_READ, s.size)
        yield Item(s.size)
        words, cycles, conflict = 0, 0, 0
        if active:
            compute = int(ceil_div(len(active), hw.learning_lanes) * ceil_div(hw.steps, hw.slots_per_cycle))
            words, cycles, conflict = cells.row_time(s, active, 2, compute)
        for j in range(int(self.image.sizes[s.p + 1])):
            self.book.count(s.core, Op.AXON_READ)
            symbol, train = kept.pop(j, (0, 0))
            self.book.count(s.core, Op.AXON_WRITE, int(symbol != 0))
            if train and active:
                self.update_row(s, active, j, symbol, train, words)
                yield Item(1 + cycles, conflict)
            else:
                yield Item(1)

    def update_row(self, s: "Slice", active: list[int], j: int, symbol: int, train: int, words: int) -> None:
        """One row: every lane runs the trace of its own pre neuron, and adds it where post neuron j fired."""
        hw, cells, book, rule, c = self.image.hardware, self.cells, self.book, self.cells.rule, self.cells.c
        row = self.rows[s.core, s.p][j]
        for i in active:
            trace = credit = 0
            for t in range(hw.steps):
                trace = int(rule.on_slot(trace, int(cells.train[s.p][i]) >> t & 1, c))
                if train >> t & 1:
                    credit = int(rule.on_post(credit, trace, c))
                    book.count(s.core, Op.CREDIT_ADD)
            random = int(draw32(stream_key(cells.seed, ROUND + s.p, cells.tick, i), j))
            weight = rule.on_update(int(row[i - s.first]), credit, symbol, cells.rates[s.core], random, c)
            row[i - s.first] = max(c.weight_min, min(c.weight_max, weight))
        book.count(s.core, Op.TRACE_STEP, len(active) * hw.steps)
        book.count(s.core, Op.SYNAPSE_READ, words)
        book.count(s.core, Op.SYNAPSE_WRITE, words)
        book.count(s.core, Op.WEIGHT_UPDATE, len(active))
        book.count(s.core, Op.NEURON_READ, max(0, len(active) - hw.learning_lanes))
        book.count(s.core, Op.RANDOM_BIT, len(active) * hw.random_bits)

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


WAYS = {TRANSPOSED_READ: TransposedRead, MIRRORED: Mirrored, CROSSBAR: Crossbar}
