"""Parts of the reference engine of sequenced chips: registers on a clock, event queue, both ports and their far ends.

A cycle has the three phases of `clock`: at its edge (FINISH) registers take what was at their inputs in the cycle
before; then the far ends drive their wires (DELIVER), from what they see of the chip in this cycle; then the parts of
the chip (ARBITRATE) read registers and wires of this cycle and set the inputs of registers for the next.
"""

from collections import deque
from collections.abc import Callable, Iterable

import simpy

from neurosim.engine.reference.clock import ARBITRATE, DELIVER, FINISH, At, Process
from neurosim.image import Ints
from neurosim.microcode import CLOCK
from neurosim.sequenced import Link

__all__ = ["Clock", "EventQueue", "Output", "Pace", "Receiver", "Register", "Sender", "Synchroniser"]


class Register:
    """A flip-flop: `then`, written in a cycle, is `now` from the next one on."""

    def __init__(self, value: int) -> None:
        self.now = self.then = value

    @property
    def still(self) -> bool:
        """Whether the next edge changes nothing."""
        return self.now == self.then

    def edge(self) -> None:
        """A cycle begins."""
        self.now = self.then


class Synchroniser:
    """A chain of flip-flops behind a wire: what the wire is in cycle t comes out in t + their number."""

    def __init__(self, wire: Callable[[], int], values: Iterable[int]) -> None:
        self.wire, self.values = wire, deque(values)

    @property
    def now(self) -> int:
        """What comes out in this cycle."""
        return self.values[-1]

    @property
    def still(self) -> bool:
        """Whether no edge changes anything while the wire stays as it is."""
        return all(value == self.wire() for value in self.values)

    def edge(self) -> None:
        """A cycle begins; the wire is still what it was in the one before."""
        self.values.pop()
        self.values.appendleft(self.wire())


class EventQueue:
    """The event queue. A cycle may push (many at once are the pushes of one cycle) and pop: both show in the next."""

    def __init__(self, depth: int, entries: Iterable[int], count: Ints) -> None:
        self.depth, self.entries, self.count = depth, deque(entries), count
        self.coming: list[int] = []
        self.leaving = False

    def push(self, entry: int) -> None:
        """Dropped if the queue is full in this cycle, whether or not its head leaves."""
        if len(self.entries) == self.depth:
            self.count[CLOCK.dropped] += 1
            return
        self.coming.append(entry)
        self.count[CLOCK.pushed] += 1

    def pop(self) -> None:
        """The head leaves."""
        self.leaving = True
        self.count[CLOCK.popped] += 1

    def edge(self) -> None:
        """A cycle begins: its level is the one at the end of the cycle before."""
        if self.leaving:
            self.entries.popleft()
        self.entries.extend(self.coming)
        self.coming, self.leaving = [], False
        self.count[CLOCK.max_fill] = max(self.count[CLOCK.max_fill], len(self.entries))


class Pace:
    """Cycle after cycle, and what each was for the controller. Until `wake` nobody need look: nothing moves."""

    def __init__(self, env: simpy.Environment, count: Ints) -> None:
        self.env, self.count, self.wake = env, count, 0

    def next_cycle(self, phase: int = ARBITRATE) -> simpy.Event:
        """To be waited for: a moment (the controller's) in the next cycle in which anything can move."""
        return At(self.env, max(1, self.wake - int(self.env.now)), phase)

    def spend(self, place: int) -> None:
        """This cycle is active; count it."""
        self.count[place] += 1
        self.count[CLOCK.end] = self.env.now


class Clock:
    """Gives every register its edge."""

    def __init__(self, pace: Pace, *registers: Register | Synchroniser | EventQueue) -> None:
        self.pace, self.registers = pace, registers

    def run(self) -> Process:
        """For ever: one edge a cycle, from the second cycle on."""
        while True:
            yield self.pace.next_cycle(FINISH)
            for register in self.registers:
                register.edge()


class Sender:
    """The far end of the input port: a word and REQ for each event, in order; ACK comes from the chip."""

    def __init__(
        self, env: simpy.Environment, link: Link, events: list[tuple[int, int]], acknowledged: Register, count: Ints
    ) -> None:
        self.env, self.link, self.events, self.acknowledged, self.count = env, link, events, acknowledged, count
        self.handshakes: list[tuple[int, int]] = []
        self.word = self.request = 0
        self.rises: int | None = None  # the cycle in which REQ will rise next, if that is known

    def earliest(self, event: int) -> int:
        """The cycle in which REQ of an event may rise, once the one ahead is done."""
        gaps, (earliest, _) = self.link.gap_cycles, self.events[event]
        gap = gaps[(int(self.count[CLOCK.served]) - 1) % len(gaps)]
        return max(earliest, int(self.count[CLOCK.ack_low]) + gap)

    @property
    def is_done(self) -> bool:
        """Whether no REQ will rise any more."""
        return self.request == 1 or self.count[CLOCK.event] == len(self.events)

    def run(self) -> Process:
        """Event after event."""
        for event, (_, word) in enumerate(self.events):
            up = self.rises = self.earliest(event)
            yield At(self.env, max(0, up - int(self.env.now)), DELIVER)
            self.word, self.request, self.rises = word, 1, None
            while not self.acknowledged.now:
                yield At(self.env, 1, DELIVER)
            drops = self.link.drop_cycles
            yield At(self.env, drops[int(self.count[CLOCK.served]) % len(drops)], DELIVER)
            self.request = 0
            while self.acknowledged.now:
                yield At(self.env, 1, DELIVER)
            self.handshakes.append((up, int(self.env.now)))
            self.count[CLOCK.ack_low] = self.env.now
            self.count[CLOCK.served] += 1
            self.count[CLOCK.event] += 1


class Receiver:
    """The far end of the output port: answers each REQ with ACK."""

    def __init__(self, pace: Pace, link: Link, request: Register, count: Ints) -> None:
        self.pace, self.env, self.link, self.request, self.count = pace, pace.env, link, request, count
        self.acknowledge = 0

    def run(self) -> Process:
        """Transfer after transfer."""
        acknowledges, releases = self.link.acknowledge_cycles, self.link.release_cycles
        while True:
            yield self.pace.next_cycle(DELIVER)
            if not self.request.now:
                continue
            transfer = int(self.count[CLOCK.sent])
            self.count[CLOCK.sent] += 1
            yield At(self.env, acknowledges[transfer % len(acknowledges)], DELIVER)
            self.acknowledge = 1
            while self.request.now:
                yield At(self.env, 1, DELIVER)
            yield At(self.env, releases[transfer % len(releases)], DELIVER)
            self.acknowledge = 0


class Output:
    """The output port: words go out one after the other; it is busy until ACK of the last one is seen to fall."""

    def __init__(
        self, env: simpy.Environment, mask: int, gap: int, request: Register, acknowledge: Synchroniser, count: Ints
    ) -> None:
        self.env, self.mask, self.gap, self.count = env, mask, gap, count
        self.request, self.acknowledge = request, acknowledge
        self.busy = Register(0)
        self.words: deque[int] = deque()
        self.sent: list[tuple[int, int]] = []
        self.offered = simpy.Event(env)

    def offer(self, *words: int) -> None:
        """Decided in this cycle: REQ of the first word and busy from the next one on."""
        assert not self.busy.now, "the output port takes no word while it is busy"
        self.words.extend(words)
        self.busy.then = 1
        self.offered.succeed()

    def run(self) -> Process:
        """Live through the cycles of all transfers."""
        while True:
            yield self.offered
            self.offered = simpy.Event(self.env)
            while self.words:
                self.sent.append((int(self.env.now) + 1, self.words.popleft() & self.mask))
                self.request.then = 1
                yield from self.until_acknowledge_is(1)
                self.request.then = 0
                yield from self.until_acknowledge_is(0)
                if self.words:
                    yield from self.cycles(self.gap - 1)
            self.busy.then = 0

    def until_acknowledge_is(self, value: int) -> Process:
        """The first cycle from the next one on in which ACK is seen so."""
        yield from self.cycles(1)
        while self.acknowledge.now != value:
            yield from self.cycles(1)

    def cycles(self, number: int) -> Process:
        """So many cycles of a busy port."""
        for _ in range(number):
            yield At(self.env, 1, ARBITRATE)
            self.count[CLOCK.output_busy] += 1
            self.count[CLOCK.busy_until] = self.count[CLOCK.end] = self.env.now
