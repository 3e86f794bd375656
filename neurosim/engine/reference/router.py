"""The router of the reference engine, as specs/router.md section 3 says it: one look at all ports each cycle."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import simpy

from neurosim.engine.layout import Placed
from neurosim.engine.reference.book import Book
from neurosim.engine.reference.clock import ARBITRATE, DELIVER, At, Bell, Process, later
from neurosim.engine.reference.packet import Flit
from neurosim.engine.reference.work import Work
from neurosim.image import Ints
from neurosim.ops import Op, Unit
from neurosim.routing import neighbour, xy

__all__ = ["Output", "Router", "connect"]

CROSS = 2


@dataclass
class Input:
    """An input port: FIFO of (flit, arrival cycle), and what the packet at the front holds."""

    fifo: deque[tuple[Flit, int]] = field(default_factory=deque)
    front_from: int = 0
    held: int | None = None
    claimed: int = -1
    todo: set[int] = field(default_factory=set)  # outputs that the front still needs
    credit: Callable[[int], None] = lambda channel: None  # tells the feeder that a slot is free


@dataclass
class Output:
    """An output port: credits for the buffer behind it, who holds it, and where its flits go."""

    credits: int
    send: Callable[[Flit, int, int], None]  # (flit, delay, virtual channel)
    owner: int | None = None
    pointer: int = 0
    wire: int = 0  # cycles of the link behind it; 0: a terminal
    interval: int = 1  # cycles from a flit to the next
    free_from: int = 0


class Router:
    """Input-buffered, round-robin, credits; arrangement A (single stage) or T (two stages)."""

    def __init__(self, env: simpy.Environment, number: int, image: Placed, book: Book, work: Work) -> None:
        self.env, self.number, self.image, self.book, self.work = env, number, image, book, work
        self.radix = image.hardware.radix
        self.inputs = [Input() for _ in range(self.radix)]
        self.outputs: dict[int, Output] = {}
        self.bell = Bell(env)
        env.process(self.run())

    def attach(self, port: int, depth: int, send: Callable[[Flit, int, int], None], **link: int) -> None:
        """Output `port` leads to a buffer of `depth` flits."""
        self.outputs[port] = Output(depth, send, **link)

    def listen(self, port: int, credit: Callable[[int], None]) -> None:
        """Who feeds input `port` is told when a slot of a channel of it is free."""
        self.inputs[port].credit = credit

    def load(self, pointers: Ints) -> None:
        """Take the round-robin pointers of the state."""
        for port, output in self.outputs.items():
            output.pointer = int(pointers[port])

    def save(self, pointers: Ints) -> None:
        """Put the round-robin pointers into the state."""
        for port, output in self.outputs.items():
            pointers[port] = output.pointer

    def arrive(self, port: int, flit: Flit, channel: int) -> None:
        """A flit comes off the wire into input `port` (deliver phase)."""
        self.inputs[port].fifo.append((flit, self.now))
        self.book.count(self.place(port)[0], Op.BUFFER_WRITE)
        self.bell.ring()

    def place(self, port: int) -> tuple[int, Unit]:
        """Node and unit under which an input port is booked: a core has its own, the others are the first core's."""
        if port < xy.LOCAL:
            return self.home, Unit(Unit.ROUTER_EAST + port)
        return self.home + port - xy.LOCAL, Unit.ROUTER_LOCAL

    @property
    def home(self) -> int:
        """First core of this router."""
        return self.number * self.image.hardware.concentration

    @property
    def now(self) -> int:
        """Cycle of the run."""
        return int(self.env.now)

    def run(self) -> Process:
        """Every cycle in which a flit is here: requests as they stand, then grants.

        After a cycle in which nothing moved the next look is when something changes: the fronts wait until then.
        """
        while True:
            while self.empty():
                yield self.bell.next
            yield At(self.env, 0, ARBITRATE)
            considered, moved = self.arbitrate()
            if moved:
                yield At(self.env, 1, DELIVER)
                continue
            before = self.now
            yield self.change()
            for i in considered:
                self.book.times[self.place(i)].blocked += self.now - before - 1

    def change(self) -> simpy.Event:
        """What may come first: an arrival or a credit, a front that may be considered, a link that is free."""
        times = [*self.first_cycles().values()]
        times += [output.free_from for output in self.outputs.values()]
        later_ones = [time for time in times if time > self.now]
        if not later_ones:
            return self.bell.next
        return self.bell.next | At(self.env, min(later_ones) - self.now, DELIVER)

    def empty(self) -> bool:
        """No flit is here."""
        return not any(port.fifo for port in self.inputs)

    def first_cycles(self) -> dict[Any, int]:
        """First cycle in which the front of each input that has one may be considered."""
        return {i: self.first_cycle(port) for i, port in enumerate(self.inputs) if port.fifo}

    def arbitrate(self) -> tuple[list[int], bool]:
        """One cycle: the inputs that were considered, and whether anything was granted or claimed."""
        considered = [i for i, first in self.first_cycles().items() if first <= self.now]
        requests: dict[int, list[int]] = {}
        claims: dict[int, list[int]] = {}
        for i in considered:
            port = self.inputs[i]
            for o in self.wanted(port):
                output = self.outputs[o]
                if port.held is None and output.owner is not None:
                    continue
                if port.held is None and self.image.hardware.two_stage:
                    claims.setdefault(o, []).append(i)
                elif output.credits > 0 and output.free_from <= self.now and port.claimed < self.now:
                    requests.setdefault(o, []).append(i)
        moved = self.grant(requests)
        for o, candidates in claims.items():
            i = self.round_robin(self.outputs[o], candidates)
            self.outputs[o].owner, self.inputs[i].held, self.inputs[i].claimed = i, o, self.now
        self.account(considered, moved)
        return considered, bool(moved or claims)

    def account(self, considered: list[int], moved: set[int]) -> None:
        """What this cycle was for the inputs that were considered."""
        for i in considered:
            time = self.book.times[self.place(i)]
            if i in moved:
                time.serve(self.now - self.book.cycle, 1)
            else:
                time.blocked += 1

    def first_cycle(self, port: Input) -> int:
        """First cycle in which the front of `port` may be considered."""
        flit, arrival = port.fifo[0]
        return max(arrival, port.front_from) + (self.image.hardware.routing_cycles if flit.head else 0)

    def wanted(self, port: Input) -> set[int]:
        """Outputs that the front of `port` still has to cross to."""
        if port.held is not None:
            return {port.held}
        if not port.todo:
            mask = int(self.image.ports[port.fifo[0][0].packet.target, self.number])
            port.todo = {o for o in range(self.radix) if mask >> o & 1}
            self.work.enter(len(port.todo) - 1)  # the step waits for every copy of a multicast packet
        return port.todo

    def round_robin(self, output: Output, candidates: list[int]) -> int:
        """The first candidate at or after the pointer, which moves behind it."""
        winner = min(candidates, key=lambda i: (i - output.pointer) % self.radix)
        output.pointer = (winner + 1) % self.radix
        return winner

    def grant(self, requests: dict[int, list[int]]) -> set[int]:
        """Every requested output takes one input; returns the inputs that crossed."""
        moved = set()
        for o, candidates in sorted(requests.items()):
            output = self.outputs[o]
            i = candidates[0] if self.image.hardware.two_stage else self.round_robin(output, candidates)
            port = self.inputs[i]
            flit = port.fifo[0][0]
            output.credits -= 1
            output.owner, port.held = (None, None) if flit.tail else (i, o)
            port.todo.discard(o)
            self.cross(i, o, flit)
            output.send(flit, self.delay(output), 0)
            moved.add(i)
        for i in moved:
            self.book.count(self.place(i)[0], Op.BUFFER_READ)
            if not self.inputs[i].todo:
                self.pop(self.inputs[i])
        return moved

    def cross(self, i: int, o: int, flit: Flit, channel: int = 0) -> None:
        """One flit through the crossbar, from virtual channel `channel` of input i to output o."""
        output, packet = self.outputs[o], flit.packet
        at = self.now - self.book.cycle
        way, what = 64 * channel + 8 * i + o, 1024 * packet.number + flit.number
        self.book.log(at, CROSS, self.number, way, packet.origin, what)
        self.book.count(self.home, Op.ARBITRATE)
        self.book.count(self.home, Op.CROSSBAR)
        self.book.links[self.number, o] += 1
        output.free_from = self.now + output.interval
        if output.wire:
            self.book.count(self.home, Op.VERTICAL_FLIT if o in (xy.NORTH, xy.SOUTH) else Op.LINK_FLIT)

    def delay(self, output: Output) -> int:
        """Cycles from a crossing to the arrival at what is behind."""
        return output.wire + 2 if output.wire else 3

    def pop(self, port: Input) -> None:
        """The front is served: its slot is free, the next front may be considered in the next cycle."""
        port.fifo.popleft()
        port.todo = set()
        port.front_from = self.now + 1
        port.credit(0)

    def add_credit(self, o: int, delay: int, channel: int) -> None:
        """A slot behind output `o` was freed; usable `delay` cycles from now."""

        def give() -> None:
            self.free_slot(o, channel)
            self.bell.ring()

        later(self.env, delay, DELIVER, give)

    def free_slot(self, o: int, channel: int) -> None:
        """The credit of a slot behind output `o` is here."""
        self.outputs[o].credits += 1


def connect(routers: list[Router], image: Placed) -> None:
    """Wire neighbouring routers together."""
    hw = image.hardware
    opposite = {xy.EAST: xy.WEST, xy.WEST: xy.EAST, xy.NORTH: xy.SOUTH, xy.SOUTH: xy.NORTH}
    for router in routers:
        for port, back in opposite.items():
            other = neighbour(router.number, port, hw.columns, hw.rows, hw.torus)
            if other is not None:
                _link(router, port, routers[other], back, image)


def _link(here: Router, port: int, there: Router, back: int, image: Placed) -> None:
    hw = image.hardware
    wire = hw.vertical_cycles if port in (xy.NORTH, xy.SOUTH) else hw.link_cycles

    def send(flit: Flit, delay: int, channel: int) -> None:
        later(here.env, delay, DELIVER, lambda: there.arrive(back, flit, channel))

    here.attach(port, hw.buffer_flits, send, wire=wire, interval=hw.link_interval)
    there.listen(back, lambda channel: here.add_credit(port, wire + 1 + hw.credit_cycles, channel))
