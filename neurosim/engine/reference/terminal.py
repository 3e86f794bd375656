"""A terminal of the reference engine: the units of a core (or of the host link), each a SimPy process.

Read top to bottom it is the chain of a spike: sweep, packetiser, inject; then, at the other end, axon and
synapse unit. What a unit computes is done by the functions it is given (`Cells`), when is decided here.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import simpy

from neurosim.engine.layout import Placed
from neurosim.engine.reference.book import Book
from neurosim.engine.reference.clock import ARBITRATE, DELIVER, FINISH, At, Bell, Buffer, Process, later, wait
from neurosim.engine.reference.packet import Emission, Flit, Packet
from neurosim.engine.reference.router import Router
from neurosim.engine.reference.work import Work
from neurosim.ops import Op, Unit

__all__ = ["Item", "Sweep", "Terminal"]

EMIT, INJECT, ARRIVE, AXON, SYNAPSE = 0, 1, 3, 4, 5


@dataclass(frozen=True)
class Item:
    """One item of a sweep: its cycles (of which waiting for banks), and the packets that it sends."""

    cycles: int
    conflict: int = 0
    packets: tuple[Packet, ...] = ()


@dataclass(frozen=True)
class Sweep:
    """Work of a sweeping unit in one step: a scan, then item after item (computed when it is reached)."""

    unit: Unit
    items: Iterator[Item]
    scan: int = 0
    latency: int = 0
    delay: int = 0  # cycles before the first item in which the unit does nothing


class Terminal:
    """One node: its sending units feed the router, its receiving units are fed by it."""

    def __init__(
        self,
        env: simpy.Environment,
        node: int,
        image: Placed,
        book: Book,
        work: Work,
        router: Router,
        port: int,
        effect: Callable[[int, Packet], None],
        add_row: Callable[[int, Packet], None],
        row_cycles: Callable[[int, Packet], int],
    ) -> None:
        hw = image.hardware
        self.env, self.node, self.image, self.book, self.work = env, node, image, book, work
        self.router, self.port = router, port
        self.effect, self.add_row, self.row_cycles = effect, add_row, row_cycles
        self.bell = Bell(env)
        self.spikes = Buffer(self.bell, hw.spike_queue)
        self.packets = Buffer(self.bell, hw.packet_queue)
        self.rows = Buffer(self.bell, hw.synapse_queue)
        self.flits: deque[tuple[Flit, int]] = deque()  # with the virtual channel that each came by
        self.credits = [hw.buffer_flits] * hw.channels
        self.turn = 0  # where the next packet begins to look for a channel
        self.channel = -1  # of the packet that is being sent
        self.number = 0
        for process in (self.packetise(), self.inject(), self.axon(), self.synapse()):
            env.process(process)

    @property
    def now(self) -> int:
        """Cycle of the step."""
        return int(self.env.now) - self.book.cycle

    def sweep(self, sweep: Sweep) -> Process:
        """Item after item; an item that sends starts only with a slot in the spike queue."""
        time = self.book.times[self.node, sweep.unit]
        self.number = 0
        yield At(self.env, sweep.delay, ARBITRATE)
        if sweep.scan:
            time.serve(self.now, sweep.scan)
            yield At(self.env, sweep.scan, FINISH)
        for position, item in enumerate(sweep.items):
            free = self.now
            if item.packets:
                yield from wait(self.bell, lambda: self.spikes.slots > 0)
                self.spikes.reserve()
                time.blocked += self.now - free
                self._emit(Emission(position, item.packets), item.cycles + sweep.latency)
            time.serve(self.now, item.cycles, item.conflict)
            yield At(self.env, item.cycles, FINISH)
        later(self.env, sweep.latency, FINISH, self.work.leave)

    def _emit(self, emission: Emission, delay: int) -> None:
        for packet in emission.packets:
            packet.origin, packet.number = self.node, self.number
            self.number += 1
        self.work.enter(len(emission.packets))
        kind = emission.packets[0].kind
        self.book.log(self.now + delay, EMIT, self.node, emission.position, kind, 0)
        later(self.env, delay, FINISH, lambda: self.spikes.put(emission))

    def packetise(self) -> Process:
        """Spike after spike, packet after packet, each with a slot in the injection queue."""
        cycles = self.image.hardware.packet_cycles
        while True:
            yield from wait(self.bell, lambda: bool(self.spikes.items))
            for number, packet in enumerate(self.spikes.items[0].packets):
                free = self.now
                yield from wait(self.bell, lambda: self.packets.slots > 0)
                self.packets.reserve()
                if number == 0:
                    self.spikes.take()
                time = self.book.times[self.node, Unit.PACKETISER]
                time.blocked += self.now - free
                time.serve(self.now, cycles)
                if self.node < self.image.hardware.cores:
                    self.book.count(self.node, Op.ROUTE_READ)
                yield At(self.env, cycles, FINISH)
                self.packets.put(packet)

    def inject(self) -> Process:
        """Flit after flit into the router, at most one a cycle, each with a credit."""
        while True:
            yield from wait(self.bell, lambda: bool(self.packets.items))
            packet = self.packets.items[0]
            for number in range(packet.flits):
                free = self.now
                if number:
                    yield from wait(self.bell, lambda: self.credits[self.channel] > 0)
                else:
                    yield from wait(self.bell, lambda: any(self.credits))
                    self.choose()
                self.credits[self.channel] -= 1
                time = self.book.times[self.node, Unit.INJECT]
                time.blocked += self.now - free
                time.serve(self.now, 1)
                self._send(Flit(packet, number))
                if number == packet.flits - 1:
                    self.packets.take()
                yield At(self.env, 1, FINISH)

    def choose(self) -> None:
        """A packet takes the first virtual channel with a credit, beginning behind the last one used."""
        count = len(self.credits)
        order = [(self.turn + k) % count for k in range(count)]
        self.channel = next(channel for channel in order if self.credits[channel] > 0)
        self.turn = (self.channel + 1) % count

    def _send(self, flit: Flit) -> None:
        channel = self.channel
        self.book.log(self.now, INJECT, self.node, flit.packet.number, flit.number, flit.packet.kind)
        if self.node == self.image.hardware.cores:
            self.book.count(self.node, Op.HOST_FLIT)
        later(self.env, 2, DELIVER, lambda: self.router.arrive(self.port, flit, channel))

    def add_credit(self, channel: int) -> None:
        """A slot of the router's input was freed now; usable two cycles later."""

        def give() -> None:
            self.credits[channel] += 1
            self.bell.ring()

        later(self.env, 2, DELIVER, give)

    def receive(self, flit: Flit, delay: int, channel: int) -> None:
        """The router sends a flit; it is here after `delay` cycles."""

        def arrive() -> None:
            self.book.log(self.now, ARRIVE, self.node, flit.packet.origin, flit.packet.number, flit.number)
            self.flits.append((flit, channel))
            self.bell.ring()

        later(self.env, delay, DELIVER, arrive)

    def axon(self) -> Process:
        """Flit after flit; a tail that goes on to the synapse unit needs a slot there."""
        hw, kinds = self.image.hardware, self.image.kinds
        host = self.node == hw.cores
        while True:
            yield from wait(self.bell, lambda: bool(self.flits))
            flit, channel = self.flits.popleft()
            packet, free = flit.packet, self.now
            row = self.row_cycles(self.node, packet) if flit.tail else 0
            if row:
                yield from wait(self.bell, lambda: self.rows.slots > 0)
                self.rows.reserve()
            cycles = (
                hw.host_flit_cycles if host else int(kinds.axon[packet.kind, self.node]) if flit.tail else 1
            )
            time = self.book.times[self.node, Unit.AXON]
            time.blocked += self.now - free
            time.serve(self.now, cycles)
            self.book.log(self.now, AXON, self.node, packet.origin, packet.number, flit.number)
            self.router.add_credit(self.port, 2 + hw.credit_cycles, channel)
            if host:
                self.book.count(self.node, Op.HOST_FLIT)
            yield At(self.env, cycles, FINISH)
            if row:
                self.rows.put(packet)
            elif flit.tail:
                self.effect(self.node, packet)
                later(self.env, hw.host_latency if host else 0, FINISH, self.work.leave)

    def synapse(self) -> Process:
        """Row after row into the accumulators."""
        hw = self.image.hardware
        while True:
            yield from wait(self.bell, lambda: bool(self.rows.items))
            packet = self.rows.take()
            cycles = self.row_cycles(self.node, packet)
            self.book.times[self.node, Unit.SYNAPSE].serve(self.now, cycles)
            self.book.log(self.now, SYNAPSE, self.node, packet.origin, packet.number, 0)
            yield At(self.env, cycles, FINISH)
            self.add_row(self.node, packet)
            later(self.env, hw.synapse_latency, FINISH, self.work.leave)
