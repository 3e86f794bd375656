"""Where spikes meet symbols, in the reference engine: the learning unit of an online rule, and mirrored copies."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.contract import MIRRORED, bank_cycles, ceil_div
from neurosim.engine.reference.cells import Slice
from neurosim.engine.reference.packet import Packet
from neurosim.engine.reference.terminal import Item
from neurosim.errors import SimulationError
from neurosim.ops import Op, Phase

if TYPE_CHECKING:
    from neurosim.engine.reference.composites import Composites

__all__ = ["Copies", "column_read", "transposed_read", "update"]


def transposed_read(cells: "Composites", s: Slice, active: list[int]) -> Iterator[Item]:
    """Row by row the words with an active neuron: one sum for each pre neuron, sent if it is not zero."""
    hw = cells.image.hardware
    words, cycles, conflict = cells.row_time(s, active, 1)
    for i in range(cells.sizes[s.p - 1]):
        cells.book.count(s.core, Op.SYNAPSE_READ, words)
        cells.book.count(s.core, Op.NEURON_READ, max(0, len(active) - hw.learning_lanes))
        yield Item(cycles, conflict, tuple(sums(cells, s, active, range(i, i + 1))))


def column_read(cells: "Composites", s: Slice, active: list[int]) -> Iterator[Item]:
    """A crossbar: for each block of pre neurons a word of every active neuron's column."""
    hw, pre = cells.image.hardware, cells.sizes[s.p - 1]
    compute = int(ceil_div(len(active) * hw.weights_per_word, hw.learning_lanes))
    ideal = max(compute, int(ceil_div(len(active), hw.banks * hw.ports)))
    for block, first in enumerate(range(0, pre, hw.weights_per_word)):
        banks = [(block + j - s.first) % hw.banks for j in active]
        port = int(bank_cycles(max(banks.count(bank) for bank in banks), 1, hw.ports))
        cells.book.count(s.core, Op.COLUMN_READ, len(active))
        cells.book.count(s.core, Op.NEURON_READ, max(0, len(active) - hw.learning_lanes))
        packets = sums(cells, s, active, range(first, min(first + hw.weights_per_word, pre)))
        yield Item(max(port, compute), max(port, compute) - ideal, tuple(packets))


def sums(cells: "Composites", s: Slice, active: list[int], pre: range) -> Iterator[Packet]:
    """What the active neurons of a slice bring to these pre neurons, if anything."""
    q = s.p - 1
    for i in pre:
        cells.book.count(s.core, Op.ERROR_MAC, len(active))
        total = sum(int(cells.weights[q][i, j]) * int(cells.symbol[s.p][j]) for j in active)
        if total:
            core = next(r.core for r in cells.by_population[q] if r.first <= i < r.first + r.size)
            yield cells.packet(core, len(cells.weights) + q, q, i, total)


def update(cells: "Composites", core: int) -> Iterator[Item]:
    """Every teaching spike that was heard: its row, and of it the words that hold a neuron with a symbol."""
    hw, count = cells.image.hardware, cells.book.count
    for s in cells.by_core[core]:
        if s.p == 0:
            continue
        rows = sorted(i for i, bit in cells.heard.get((core, s.p - 1), {}).items() if bit)
        active = cells.active(s)
        if not rows or not active:
            continue
        words, cycles, conflict = cells.row_time(s, active, 2)
        for i in rows:
            count(core, Op.AXON_READ)
            count(core, Op.SYNAPSE_READ, words)
            count(core, Op.SYNAPSE_WRITE, words)
            count(core, Op.NEURON_READ, max(0, len(active) - hw.learning_lanes))
            for j in active:
                new = cells.rule.on_update(int(cells.weights[s.p - 1][i, j]), int(cells.symbol[s.p][j]), cells.c)
                cells.weights[s.p - 1][i, j] = cells.saturate(new)
                count(core, Op.WEIGHT_UPDATE)
            yield Item(cycles, conflict)


class Copies:
    """Mirrored rows: the cores of pre neurons keep what leads to them, and move it as the originals move.

    On another backward path there are none, and nothing here does anything.
    """

    def __init__(self, cells: "Composites") -> None:
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
