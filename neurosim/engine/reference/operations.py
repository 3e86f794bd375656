"""Operations of a sequenced chip in the reference engine: what the controller makes the memories and ports do.

A generator here begins in the first cycle of what it does and returns in the last one; whoever called it waits for
the next cycle.
"""

from collections.abc import Callable

from neurosim.engine.reference.clock import Process
from neurosim.engine.reference.memories import Neurons, Synapses, bits_of, signed
from neurosim.engine.reference.ports import EventQueue, Output, Pace
from neurosim.microcode import CLOCK
from neurosim.operations import Operation
from neurosim.sequencer import Sequencer, SequencerState

__all__ = ["Operations"]


class Operations:
    """The loop over targets with both memories, the queue and the output port at its hands."""

    def __init__(
        self, sequencer: Sequencer, state: SequencerState, pace: Pace, queue: EventQueue, output: Output
    ) -> None:
        self.core, self.registers = sequencer.chip.core, sequencer.chip.core.registers
        self.pace, self.count, self.queue, self.output = pace, state.clock, queue, output
        self.neurons, self.synapses = Neurons(sequencer, state), Synapses(sequencer, state)

    def perform(self, operation: Operation, word: int, pops: bool) -> Process:
        """All cycles of one operation; `pops`: in the last one the head of the queue leaves."""
        if operation.does == "push":
            yield from self.push(operation, word)
        elif operation.does == "bistability":
            yield from self.consolidate(operation, word)
        elif operation.targets == "all":
            yield from self.sweep(operation, word)
        else:
            yield from self.touch(operation, word)
        if pops:
            self.queue.pop()

    def push(self, operation: Operation, word: int) -> Process:
        """An entry made of bits of the word."""
        assert operation.cycles is not None
        self.pace.spend(CLOCK.push_cycles)
        for _ in range(operation.cycles - 1):
            yield self.pace.next_cycle()
            self.pace.spend(CLOCK.push_cycles)
        self.queue.push(sum(bits_of(word, move.take) << move.to for move in operation.push))

    def target(self, place: int, read: Callable[[], None]) -> Process:
        """The cycles of one target up to its last, in which the caller writes. The first is held by a busy port."""
        while self.output.busy.now:
            self.pace.spend(CLOCK.frozen_cycles)
            read()
            yield self.pace.next_cycle()
        self.pace.spend(place)
        read()
        for _ in range(self.core.cycles_per_target - 1):
            yield self.pace.next_cycle()
            self.pace.spend(place)

    def sweep(self, operation: Operation, word: int) -> Process:
        """All neurons, one after the other: a spike of a row, or a time reference."""
        row = self.row_of(operation, word) if operation.does == "integrate" else None
        for n in range(self.registers.last_neuron + 1):
            if n:
                yield self.pace.next_cycle()
            begins = row is not None and n == self.synapses.word_of(n)[0]
            yield from self.target(CLOCK.loop_cycles, lambda: self.read(n, row if begins else None))  # noqa: B023
            watched = None
            if row is not None and begins:
                watched = self.write_back(row, n, self.there(n) if self.learns(operation) else [])
            drive = 0 if row is None else self.synapses.drive(row, n)
            self.count[CLOCK.updated if row is None else CLOCK.integrated] += 1
            self.write_neuron(n, drive, int(row is None), row, watched)

    def touch(self, operation: Operation, word: int) -> Process:
        """One neuron: a weight from the word or of one synapse, or a time reference."""
        n = bits_of(word, operation.neuron) % self.core.neuron.entries
        stored = operation.does == "integrate" and operation.weight is None
        row = self.row_of(operation, word) if stored else None
        yield from self.target(CLOCK.loop_cycles, lambda: self.read(n, row))
        drive, reference, watched = 0, int(operation.does == "time_reference"), None
        if row is not None:
            watched = self.write_back(row, n, [n] if self.learns(operation) else [])
            drive = self.synapses.drive(row, n)
        elif operation.weight is not None:
            drive, reference = self.operands(operation, word)
        self.count[CLOCK.updated if row is None else CLOCK.integrated] += 1
        self.write_neuron(n, drive, reference, None, watched)

    def row_of(self, operation: Operation, word: int) -> int:
        """The row that a word names; there is none beyond the last, so its number wraps."""
        return bits_of(word, operation.row) % self.core.synapse.rows

    def operands(self, operation: Operation, word: int) -> tuple[int, int]:
        """(signed weight, 1 for a time reference) in the word that started the operation."""
        assert operation.weight is not None
        weight = bits_of(word, operation.weight)
        if self.core.synapse.signed:
            weight = signed(weight, operation.weight[1])
        if bits_of(word, operation.inhibitory):
            weight = -weight
        return weight, int(bits_of(word, operation.time_reference) != 0)

    def learns(self, operation: Operation) -> bool:
        """Whether synapses that an operation reads move."""
        return operation.learns == "always" or (operation.learns == "enabled" and self.registers.learn_on_events)

    def there(self, n: int) -> list[int]:
        """The neurons of a word: at the end of a row it may have room for more than there are."""
        return [k for k in self.synapses.word_of(n) if k < self.core.neuron.entries]

    def read(self, n: int, row: int | None) -> None:
        """Read strobes for neuron n, and for its word in a row."""
        self.neurons.read()
        if row is not None:
            self.synapses.read(row, n)

    def consolidate(self, operation: Operation, word: int) -> Process:
        """Bistability of one row, or of all."""
        one = operation.targets == "row"
        rows = [self.row_of(operation, word)] if one else list(range(self.core.synapse.rows))
        each = self.core.synapse.synapses_per_word
        places = [(row, n) for row in rows for n in range(0, self.core.neuron.entries, each)]
        for index, (row, n) in enumerate(places):
            if index:
                yield self.pace.next_cycle()
            yield from self.target(CLOCK.bistable_cycles, lambda: self.synapses.read(row, n))  # noqa: B023
            self.synapses.write(row, {k: self.synapses.consolidate(k) for k in self.there(n)})
            watched = self.watched_code(row, n)
            if watched is not None:
                self.output.offer(watched)

    # ---- writes -----------------------------------------------------------------------------------------------

    def write_back(self, row: int, n: int, learning: list[int]) -> int | None:
        """The word with the synapse onto n is written; these of it learn. What the watch point sends of it."""
        if not self.core.synapse.write_back:
            self.count[CLOCK.synapse_reads] += 1  # selected, not written
            return None
        flags = self.neurons
        self.synapses.write(row, {k: self.synapses.learn(k, flags.up[k], flags.down[k]) for k in learning})
        return self.watched_code(row, n)

    def watched_code(self, row: int, n: int) -> int | None:
        """The watch point's word for the watched synapse, if it stands in the word that was written."""
        r = self.registers
        if not r.watch or row != r.watched_row or r.watched_neuron not in self.synapses.word_of(n):
            return None
        assert self.core.watch is not None
        return self.core.watch.synapse_tag | int(self.synapses.code[row, r.watched_neuron])

    def write_neuron(self, n: int, drive: int, reference: int, row: int | None, watched: int | None) -> None:
        """Neuron n is written; its spike enters the queue; what is to go out does. `row`: whose spike sweeps."""
        r = self.registers
        fired = self.neurons.write(n, drive, reference)
        if fired and not r.open_loop:
            low, bits = self.core.queue.neuron
            self.queue.push(n % (1 << bits) << low)
        words: list[int] = []
        if r.watch:
            event = int(row == r.watched_neuron) if r.output_source == "controller" else fired
            words = self.watched_words(n, event) if n == r.watched_neuron else []
            words += [] if watched is None else [watched]
        elif r.output_source == "neuron":
            words = [n] if fired else []
        elif row is not None:
            says = r.watched_neuron if self.core.output.controller_event == "watched" else r.last_neuron
            words = [row] if n == says else []
        if words:
            self.output.offer(*words)

    def watched_words(self, n: int, event: int) -> list[int]:
        """The watch point's words for neuron n, as it now stands."""
        assert self.core.watch is not None
        words = self.core.watch.neuron
        return [sum(self.neurons.value(n, name, event) << low for name, low in word.items()) for word in words]
