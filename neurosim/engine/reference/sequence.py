"""The reference engine of sequenced chips: the mechanism of docs/decisions/0019, lived through cycle by cycle.

The parts of the chip are in `ports` and `memories`; here is the controller. A generator of it begins in the first
cycle of what it does and returns in the last one; whoever called it waits for the next cycle.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import simpy

from neurosim.engine.reference.clock import ARBITRATE, At, Process
from neurosim.engine.reference.memories import Neurons, Synapses, bits_of, signed
from neurosim.engine.reference.ports import Clock, EventQueue, Output, Receiver, Register, Sender, Synchroniser
from neurosim.engine.sequence import Sequence, counted
from neurosim.sequenced import Choice, Operation
from neurosim.sequencer import CLOCK, Sequencer, SequencerState
from neurosim.stimulus import Events

__all__ = ["play"]

_STROBES = slice(CLOCK.neuron_reads, CLOCK.synapse_writes + 1)


class Controller:
    """One controller and the parts around it, wired together."""

    def __init__(
        self, sequencer: Sequencer, state: SequencerState, events: Events, last: int, progress: Callable[[int], None]
    ) -> None:
        self.chip, self.core, self.last, self.progress = sequencer.chip, sequencer.chip.core, last, progress
        self.registers, self.count = self.core.registers, state.clock
        self.env = env = simpy.Environment(initial_time=int(state.clock[CLOCK.now]))
        self.names = list(self.core.operations)
        self.log: list[tuple[int, ...]] = []
        self.neurons, self.synapses = Neurons(sequencer, state, self.count), Synapses(sequencer, state, self.count)
        self.queue = EventQueue(self.core.queue.depth, state.entries(), self.count)
        self.acknowledge = Register(0)
        stimulus = list(zip(events.time.tolist(), events.word.tolist(), strict=True))
        self.sender = Sender(env, self.chip.link, stimulus, self.acknowledge, self.count)
        self.request = Synchroniser(lambda: self.sender.request, self._past_requests())
        self._wire_output()
        self.clock = Clock(
            env, self.acknowledge, self.request, self.queue, self.output.request, self.output.acknowledge, self.output.busy
        )

    def _past_requests(self) -> list[int]:
        """What the flip-flops of the input port hold: a REQ that an earlier run left high, or that rose unseen since."""
        now, flops = int(self.env.now), self.core.input.synchroniser_cycles
        up = self.sender.earliest(0) if self.sender.events else now
        return [int(up < now - flop) for flop in range(flops)]

    def _wire_output(self) -> None:
        core, env = self.core, self.env
        request = Register(0)
        self.receiver = Receiver(env, self.chip.link, request, self.count)
        acknowledge = Synchroniser(lambda: self.receiver.acknowledge, [0] * core.output.synchroniser_cycles)
        gap = core.watch.gap_cycles if core.watch else 1
        self.output = Output(env, (1 << core.output.word_bits) - 1, gap, request, acknowledge, self.count)

    # ---- time -------------------------------------------------------------------------------------------------

    def next_cycle(self) -> simpy.Event:
        """To be waited for: the controller's moment in the next cycle."""
        return At(self.env, 1, ARBITRATE)

    def spend(self, place: int) -> None:
        """This cycle is active; count it."""
        self.count[place] += 1
        self.count[CLOCK.end] = self.env.now

    def run(self) -> Process:
        """WAIT, and what it leads to, until the run ends."""
        said = time.monotonic()
        yield At(self.env, 0, ARBITRATE)
        while True:
            if time.monotonic() - said > 1:
                said = time.monotonic()
                self.progress(int(self.env.now))
            if self.is_cut():
                return
            action = self.decide()
            if action == "serve":
                yield self.next_cycle()
                yield from self.serve()
            elif action == "pop":
                yield self.next_cycle()
                yield from self.serve_queue()
            elif self.is_over():
                return
            yield self.next_cycle()

    def is_cut(self) -> bool:
        """Whether a run with a limit ends in this cycle of WAIT."""
        if self.env.now < self.last or self.output.busy.now:
            return False
        if self.sender.request or self.queue.entries:
            self.count[CLOCK.end] = self.env.now
        return True

    def is_over(self) -> bool:
        """Whether nothing can change any more, seen in a cycle of WAIT in which there is nothing to do."""
        return not self.output.busy.now and self.sender.is_done and self.request.now == self.sender.request

    # ---- WAIT -------------------------------------------------------------------------------------------------

    def decide(self) -> str:
        """The action of the first guard that holds."""
        asks = bool(self.request.now)
        holds = {
            "output_busy": bool(self.output.busy.now),
            "queue_full": len(self.queue.entries) == self.core.queue.depth,
            "urgent_input": asks and not self.started(self.core.words, self.sender.word)[1].patient,
            "input": asks,
            "queue": bool(self.queue.entries),
        }
        return next((line.do for line in self.core.arbiter if holds[line.when]), "wait")

    def started(self, choices: tuple[Choice, ...], word: int) -> tuple[int, Operation]:
        """(number, operation) that a word starts."""
        name = next(line.operation for line in choices if word & line.mask == line.match)
        return self.names.index(name), self.core.operations[name]

    def serve(self) -> Process:
        """Serve the word at the input port, then hold ACK until REQ is seen to fall."""
        word = self.sender.word
        kind, operation = self.started(self.core.words, word)
        with self.logged(kind, word):
            yield from self.perform(operation, word, lambda: None)
        self.acknowledge.then = 1
        yield self.next_cycle()
        with self.logged(len(self.names), word):
            self.spend(CLOCK.release_cycles)
            while self.request.now:
                yield self.next_cycle()
                self.spend(CLOCK.release_cycles)
        self.acknowledge.then = 0

    def serve_queue(self) -> Process:
        """Serve the head of the queue; it leaves at the end."""
        entry = self.queue.entries[0]
        kind, operation = self.started(self.core.entries, entry)
        with self.logged(kind, entry):
            yield from self.perform(operation, entry, (lambda: None) if operation.pop_state else self.queue.pop)
        if operation.pop_state:
            yield self.next_cycle()
            with self.logged(len(self.names) + 1 + kind, entry):
                self.spend(CLOCK.pop_cycles)
                while self.output.busy.now:
                    yield self.next_cycle()
                    self.spend(CLOCK.pop_cycles)
                self.queue.pop()

    @contextmanager
    def logged(self, kind: int, word: int) -> Iterator[None]:
        """A line of the log for what happens within: from its first cycle to the one after its last."""
        first, before = int(self.env.now), self.count[_STROBES].copy()
        yield
        self.log.append((kind, first, int(self.env.now) + 1, word, *(self.count[_STROBES] - before).tolist()))

    # ---- operations -------------------------------------------------------------------------------------------

    def perform(self, operation: Operation, word: int, finish: Callable[[], None]) -> Process:
        """All cycles of one operation; `finish` is called in the last one."""
        if operation.does == "push":
            yield from self.push(operation, word)
        elif operation.does == "bistability":
            yield from self.consolidate(operation, word)
        elif operation.targets == "all":
            yield from self.sweep(operation, word)
        else:
            yield from self.touch(operation, word)
        finish()

    def push(self, operation: Operation, word: int) -> Process:
        """An entry made of bits of the word."""
        assert operation.cycles is not None
        self.spend(CLOCK.push_cycles)
        for _ in range(operation.cycles - 1):
            yield self.next_cycle()
            self.spend(CLOCK.push_cycles)
        self.queue.push(sum(bits_of(word, move.take) << move.to for move in operation.push))

    def target(self, place: int, read: Callable[[], None]) -> Process:
        """The cycles of one target up to its last, in which the caller writes. The first is held by a busy port."""
        while self.output.busy.now:
            self.spend(CLOCK.frozen_cycles)
            read()
            yield self.next_cycle()
        self.spend(place)
        read()
        for _ in range(self.core.cycles_per_target - 1):
            yield self.next_cycle()
            self.spend(place)

    def sweep(self, operation: Operation, word: int) -> Process:
        """All neurons, one after the other: a spike of a row, or a time reference."""
        row = bits_of(word, operation.row) if operation.does == "integrate" else None
        for n in range(self.registers.last_neuron + 1):
            if n:
                yield self.next_cycle()
            begins = row is not None and n == self.synapses.word_of(n)[0]
            yield from self.target(CLOCK.loop_cycles, lambda: self.read(n, row if begins else None))  # noqa: B023
            watched = None
            if row is not None and begins:
                learning = [k for k in self.synapses.word_of(n) if k < self.core.neuron.entries]
                watched = self.write_back(row, n, learning if operation.learns == "always" else [])
            drive = 0 if row is None else self.synapses.drive(row, n)
            self.count[CLOCK.updated if row is None else CLOCK.integrated] += 1
            self.write_neuron(n, drive, int(row is None), row, watched)

    def touch(self, operation: Operation, word: int) -> Process:
        """One neuron: a weight from the word or of one synapse, or a time reference."""
        n = bits_of(word, operation.neuron)
        stored = operation.does == "integrate" and operation.weight is None
        row = bits_of(word, operation.row) if stored else None
        yield from self.target(CLOCK.loop_cycles, lambda: self.read(n, row))
        drive, reference, watched = 0, int(operation.does == "time_reference"), None
        if row is not None:
            learns = operation.learns == "always" or (operation.learns == "enabled" and self.registers.learn_on_events)
            watched = self.write_back(row, n, [n] if learns else [])
            drive = self.synapses.drive(row, n)
        elif operation.weight is not None:
            drive, reference = self.operands(operation, word)
        self.count[CLOCK.updated if row is None else CLOCK.integrated] += 1
        self.write_neuron(n, drive, reference, None, watched)

    def operands(self, operation: Operation, word: int) -> tuple[int, int]:
        """(signed weight, 1 for a time reference) in the word that started the operation."""
        assert operation.weight is not None
        weight = bits_of(word, operation.weight)
        if self.core.synapse.signed:
            weight = signed(weight, operation.weight[1])
        if bits_of(word, operation.inhibitory):
            weight = -weight
        return weight, int(bits_of(word, operation.time_reference) != 0)

    def read(self, n: int, row: int | None) -> None:
        """Read strobes for neuron n, and for its word in a row."""
        self.neurons.read()
        if row is not None:
            self.synapses.read(row, n)

    def consolidate(self, operation: Operation, word: int) -> Process:
        """Bistability of one row, or of all."""
        one = operation.targets == "row"
        rows = [bits_of(word, operation.row)] if one else list(range(self.core.synapse.rows))
        places = [(row, k * self.core.synapse.synapses_per_word) for row in rows for k in range(self.core.words_per_row)]
        for index, (row, n) in enumerate(places):
            if index:
                yield self.next_cycle()
            yield from self.target(CLOCK.bistable_cycles, lambda: self.synapses.read(row, n))  # noqa: B023
            there = [k for k in self.synapses.word_of(n) if k < self.core.neuron.entries]
            self.synapses.write(row, {k: self.synapses.consolidate(k) for k in there})
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
        return [sum(self.neurons.value(n, name, event) << low for name, low in word.items()) for word in self.core.watch.neuron]


def play(
    sequencer: Sequencer, state: SequencerState, events: Events, last: int, record: bool, progress: Callable[[int], None]
) -> Sequence:
    """See engine.sequence.play."""
    clock = state.clock
    clock[CLOCK.event], clock[CLOCK.max_fill] = 0, clock[CLOCK.level]
    before = clock.copy()
    controller = Controller(sequencer, state, events, last, progress)
    env = controller.env
    for part in (controller.clock, controller.sender, controller.receiver, controller.output):
        env.process(part.run())
    env.run(until=env.process(controller.run()))
    controller.neurons.store(state)
    clock[CLOCK.now] = env.now
    _store_queue(state, controller.queue, int(clock[CLOCK.popped] - before[CLOCK.popped]))
    return Sequence(
        sequencer,
        np.array(controller.output.sent, np.int64).reshape(-1, 2),
        np.array(controller.log if record else [], np.int64).reshape(-1, 8),
        np.array(controller.sender.handshakes if record else [], np.int64).reshape(-1, 2),
        counted(before, clock),
        int(before[CLOCK.now]),
        int(env.now),
    )


def _store_queue(state: SequencerState, queue: EventQueue, popped: int) -> None:
    """Entries go back into the ring, from where its head has moved to."""
    clock, depth, entries = state.clock, queue.depth, list(queue.entries)
    clock[CLOCK.head] = (clock[CLOCK.head] + popped) % depth
    clock[CLOCK.level] = len(entries)
    for place, entry in enumerate(entries, int(clock[CLOCK.head])):
        state.queue[place % depth] = entry
