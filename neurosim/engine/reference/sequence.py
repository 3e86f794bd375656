"""The reference engine of sequenced chips: the mechanism of docs/decisions/0019, lived through cycle by cycle.

The parts of the chip are in `ports` and `memories`; what it does to its targets is in `operations`; here
is the controller. Its generators, too, begin in the first cycle of what they do and return in the last one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import simpy

from neurosim.engine.reference.clock import ARBITRATE, At, Process
from neurosim.engine.reference.operations import Operations
from neurosim.engine.reference.ports import Clock, EventQueue, Output, Pace, Receiver, Register, Sender, Synchroniser
from neurosim.engine.sequence import Sequence, counted
from neurosim.microcode import CLOCK
from neurosim.operations import Choice, Operation
from neurosim.sequencer import Sequencer, SequencerState
from neurosim.stimulus import Events

__all__ = ["play"]

_STROBES = slice(CLOCK.neuron_reads, CLOCK.synapse_writes + 1)


class Controller:
    """One controller and the parts around it, wired together."""

    def __init__(
        self, sequencer: Sequencer, state: SequencerState, events: Events, last: int, progress: Callable[[int], None]
    ) -> None:
        self.chip, self.core, self.last, self.progress = sequencer.chip, sequencer.chip.core, last, progress
        self.count = state.clock
        self.env = env = simpy.Environment(initial_time=int(state.clock[CLOCK.now]))
        self.names = list(self.core.operations)
        self.log: list[tuple[int, ...]] = []
        self.pace = Pace(env, self.count)
        self.queue = EventQueue(self.core.queue.depth, state.entries(), self.count)
        self.acknowledge = Register(0)
        stimulus = list(zip(events.time.tolist(), events.word.tolist(), strict=True))
        self.sender = Sender(env, self.chip.link, stimulus, self.acknowledge, self.count)
        self.request = Synchroniser(lambda: self.sender.request, self._past_requests())
        self._wire_output()
        self.operations = Operations(sequencer, state, self.pace, self.queue, self.output)
        output = self.output
        self.clock = Clock(
            self.pace, self.acknowledge, self.request, self.queue, output.request, output.acknowledge, output.busy
        )

    def _past_requests(self) -> list[int]:
        """What the flip-flops of the input port hold: a REQ that an earlier run left high, or that rose since."""
        now, flops = int(self.env.now), self.core.input.synchroniser_cycles
        up = self.sender.earliest(0) if self.sender.events else now
        return [int(up < now - flop) for flop in range(flops)]

    def _wire_output(self) -> None:
        core, env = self.core, self.env
        request = Register(0)
        self.receiver = Receiver(self.pace, self.chip.link, request, self.count)
        acknowledge = Synchroniser(lambda: self.receiver.acknowledge, [0] * core.output.synchroniser_cycles)
        gap = core.watch.gap_cycles if core.watch else 1
        self.output = Output(env, (1 << core.output.word_bits) - 1, gap, request, acknowledge, self.count)

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
            action = self.decide() if self.env.now < self.last else "wait"
            self.count[CLOCK.held_cycles] += self.output.busy.now
            if action == "serve":
                yield self.pace.next_cycle()
                yield from self.serve()
            elif action == "pop":
                yield self.pace.next_cycle()
                yield from self.serve_queue()
            elif self.is_over():
                return
            else:
                self.sleep()
            yield self.pace.next_cycle()

    def sleep(self) -> None:
        """If nothing moves before the next REQ rises, nobody need look until then (or until the run is cut)."""
        rises = self.sender.rises
        still = self.acknowledge.still and self.request.still and not self.output.busy.now and self.output.busy.still
        if still and not self.sender.request and rises is not None:
            self.pace.wake = min(rises, self.last)

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
            yield from self.operations.perform(operation, word, pops=False)
        self.acknowledge.then = 1
        yield self.pace.next_cycle()
        with self.logged(len(self.names), word):
            self.pace.spend(CLOCK.release_cycles)
            while self.request.now:
                yield self.pace.next_cycle()
                self.pace.spend(CLOCK.release_cycles)
        self.acknowledge.then = 0

    def serve_queue(self) -> Process:
        """Serve the head of the queue; it leaves at the end."""
        entry = self.queue.entries[0]
        kind, operation = self.started(self.core.entries, entry)
        with self.logged(kind, entry):
            yield from self.operations.perform(operation, entry, pops=operation.pop_state is None)
        if operation.pop_state:
            yield self.pace.next_cycle()
            with self.logged(len(self.names) + 1 + kind, entry):
                while self.output.busy.now:
                    self.pace.spend(CLOCK.pop_held_cycles)
                    yield self.pace.next_cycle()
                self.pace.spend(CLOCK.pop_cycles)
                self.queue.pop()

    @contextmanager
    def logged(self, kind: int, word: int) -> Iterator[None]:
        """A line of the log for what happens within: from its first cycle to the one after its last."""
        first, before = int(self.env.now), self.count[_STROBES].copy()
        yield
        self.log.append((kind, first, int(self.env.now) + 1, word, *(self.count[_STROBES] - before).tolist()))


def play(
    sequencer: Sequencer, state: SequencerState, events: Events, last: int, record: bool,
    progress: Callable[[int], None],
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
    controller.operations.neurons.store(state)
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
