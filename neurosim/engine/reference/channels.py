"""The router with virtual channels of the reference engine, as specs/router.md section 3 says it.

Each input has a FIFO for each of its channels, each output the credits and the owner of each channel behind it. Four
arbiters, each with its round-robin pointer: (1) an input, between its channels that want the same output; (2) an
input, between outputs; (3) an output, between inputs; (4) a head that has won, between channels of the output.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import simpy

from neurosim.engine.layout import Placed
from neurosim.engine.reference.book import Book
from neurosim.engine.reference.packet import Flit
from neurosim.engine.reference.router import Output, Router, connect
from neurosim.engine.reference.work import Work
from neurosim.image import Ints
from neurosim.ops import Op, Unit
from neurosim.routing import torus, xy

__all__ = ["SOURCE", "ChannelRouter", "build_routers"]

OUTPUT, CHANNEL, CHOICE, OWNED, SOURCE = range(5)  # the pointers of a router in the state, each for all ports


@dataclass
class Lane:
    """A virtual channel of an input: FIFO of (flit, arrival cycle), and (output, channel) that its packet holds."""

    fifo: deque[tuple[Flit, int]] = field(default_factory=deque)
    front_from: int = 0
    held: tuple[int, int] | None = None


@dataclass
class Gate:
    """An input port."""

    lanes: list[Lane]
    channel_turn: int = 0  # pointer over its channels
    output_turn: int = 0  # pointer over outputs
    credit: Callable[[int], None] = lambda channel: None  # tells the feeder that a slot of a channel is free


@dataclass
class Exit(Output):
    """An output port: besides, of each channel behind it, the credits and whether a packet holds it."""

    rooms: list[int] = field(default_factory=list)
    owned: list[bool] = field(default_factory=list)
    channel_turn: int = 0  # pointer over its channels


class Request(NamedTuple):
    """The front of a channel of an input wants an output; `held`: its packet already has a channel there."""

    input: int
    channel: int
    output: int
    held: bool


class ChannelRouter(Router):
    """Input-buffered, single stage, virtual channels."""

    def __init__(self, env: simpy.Environment, number: int, image: Placed, book: Book, work: Work) -> None:
        self.channels = image.hardware.channels
        self.gates = [Gate([Lane() for _ in range(self.channels)]) for _ in range(image.hardware.radix)]
        self.exits: dict[int, Exit] = {}
        super().__init__(env, number, image, book, work)

    def attach(self, port: int, depth: int, send: Callable[[Flit, int, int], None], **link: int) -> None:
        """Output `port` leads to buffers of `depth` flits, one for each channel."""
        count = self.channels
        self.exits[port] = Exit(0, send, rooms=[depth] * count, owned=[False] * count, channel_turn=count - 1, **link)
        self.outputs[port] = self.exits[port]

    def listen(self, port: int, credit: Callable[[int], None]) -> None:
        """Who feeds input `port` is told when a slot of a channel of it is free."""
        self.gates[port].credit = credit

    def load(self, pointers: Ints) -> None:
        """Take the round-robin pointers of the state."""
        turns = pointers.reshape(-1, self.radix).tolist()
        for port, gate in enumerate(self.gates):
            gate.channel_turn, gate.output_turn = turns[CHANNEL][port], turns[CHOICE][port]
        for port, output in self.exits.items():
            output.pointer, output.channel_turn = turns[OUTPUT][port], turns[OWNED][port]

    def save(self, pointers: Ints) -> None:
        """Put the round-robin pointers into the state."""
        turns = pointers.reshape(-1, self.radix)
        for port, gate in enumerate(self.gates):
            turns[CHANNEL, port], turns[CHOICE, port] = gate.channel_turn, gate.output_turn
        for port, output in self.exits.items():
            turns[OUTPUT, port], turns[OWNED, port] = output.pointer, output.channel_turn

    def arrive(self, port: int, flit: Flit, channel: int) -> None:
        """A flit comes off the wire into a channel of input `port` (deliver phase)."""
        self.gates[port].lanes[channel].fifo.append((flit, self.now))
        self.book.count(self.place(port)[0], Op.BUFFER_WRITE)
        self.bell.ring()

    def place(self, port: int) -> tuple[int, Unit]:
        """Node and unit under which an input port is booked; behind the cores' comes the host's (torus)."""
        if port == xy.LOCAL + self.image.hardware.concentration:
            return self.image.hardware.cores, Unit.ROUTER_LOCAL
        return super().place(port)

    def empty(self) -> bool:
        """No flit is here."""
        return not any(lane.fifo for gate in self.gates for lane in gate.lanes)

    def first_cycles(self) -> dict[tuple[int, int], int]:
        """First cycle in which the front of each (input, channel) that has one may be considered."""
        result, routing = {}, self.image.hardware.routing_cycles
        for i, gate in enumerate(self.gates):
            for channel, lane in enumerate(gate.lanes):
                if lane.fifo:
                    flit, arrival = lane.fifo[0]
                    result[i, channel] = max(arrival, lane.front_from) + (routing if flit.head else 0)
        return result

    def arbitrate(self) -> tuple[list[int], bool]:
        """One cycle: the inputs that were considered, and whether anything was granted."""
        fronts = [place for place, first in self.first_cycles().items() if first <= self.now]
        considered = sorted({i for i, _ in fronts})
        asking = [request for i, channel in fronts for request in self.request(i, channel)]
        winners = self.by_output(self.by_input(self.by_channel(asking)))
        for winner in winners:
            self.win(winner)
        self.account(considered, {winner.input for winner in winners})
        return considered, bool(winners)

    def request(self, i: int, channel: int) -> list[Request]:
        """What the front of a channel of input i asks for: one output, or nothing in this cycle."""
        lane = self.gates[i].lanes[channel]
        if lane.held:
            o, c = lane.held
            ready = self.exits[o].rooms[c] > 0
        else:
            o = self.route(lane.fifo[0][0])
            ready = bool(self.open_channels(i, channel, o))
        if not ready or self.exits[o].free_from > self.now:
            return []
        return [Request(i, channel, o, lane.held is not None)]

    def route(self, flit: Flit) -> int:
        """The output of a packet: its destination set names one."""
        return int(self.image.ports[flit.packet.target, self.number]).bit_length() - 1

    def open_channels(self, i: int, channel: int, o: int) -> list[int]:
        """Channels of output o that the head in a channel of input i may take, in the order of its pointer."""
        hw, output = self.image.hardware, self.exits[o]
        low, high = 0, self.channels
        if hw.torus:
            node = self.gates[i].lanes[channel].fifo[0][0].packet.target % (hw.cores + 1)  # scripts have more sets
            goal = hw.host_router if node == hw.cores else node // hw.concentration
            low, high = torus.channels(self.number, goal, i, channel, o, hw.columns, self.channels)
        order = [(output.channel_turn + k) % self.channels for k in range(self.channels)]
        return [c for c in order if low <= c < high and not output.owned[c] and output.rooms[c] > 0]

    def by_channel(self, asking: list[Request]) -> list[Request]:
        """(1) Of the channels of one input that want the same output one is left."""
        groups: dict[tuple[int, int], list[Request]] = {}
        for request in asking:
            groups.setdefault((request.input, request.output), []).append(request)
        turn, count = [gate.channel_turn for gate in self.gates], self.channels
        return [
            min(group, key=lambda r: (not r.held, (r.channel - turn[r.input]) % count)) for group in groups.values()
        ]

    def by_input(self, asking: list[Request]) -> list[Request]:
        """(2) Every input keeps one output."""
        groups: dict[int, list[Request]] = {}
        for request in asking:
            groups.setdefault(request.input, []).append(request)
        turn = [gate.output_turn for gate in self.gates]
        return [
            min(group, key=lambda r: (not r.held, (r.output - turn[r.input]) % self.radix)) for group in groups.values()
        ]

    def by_output(self, asking: list[Request]) -> list[Request]:
        """(3) Every output takes one input."""
        groups: dict[int, list[Request]] = {}
        for request in asking:
            groups.setdefault(request.output, []).append(request)
        turn = {o: output.pointer for o, output in self.exits.items()}
        return [
            min(group, key=lambda r: (not r.held, (r.input - turn[r.output]) % self.radix)) for group in groups.values()
        ]

    def win(self, winner: Request) -> None:
        """The pointers move behind the winner; (4) a head takes a channel; the flit crosses."""
        i, channel, o, _ = winner
        gate, output = self.gates[i], self.exits[o]
        lane = gate.lanes[channel]
        gate.output_turn, output.pointer = (o + 1) % self.radix, (i + 1) % self.radix
        gate.channel_turn = (channel + 1) % self.channels
        if lane.held is None:
            c = self.open_channels(i, channel, o)[0]
            output.channel_turn = (c + 1) % self.channels
            lane.held, output.owned[c] = (o, c), True
        c = lane.held[1]
        flit, _ = lane.fifo.popleft()
        output.rooms[c] -= 1
        if flit.tail:
            lane.held, output.owned[c] = None, False
        lane.front_from = self.now + 1
        self.cross(i, o, flit, channel)
        output.send(flit, self.delay(output), c)
        self.book.count(self.place(i)[0], Op.BUFFER_READ)
        gate.credit(channel)

    def free_slot(self, o: int, channel: int) -> None:
        """The credit of a slot of a channel behind output `o` is here."""
        self.exits[o].rooms[channel] += 1


def build_routers(env: simpy.Environment, image: Placed, book: Book, work: Work) -> list[Router]:
    """The routers of a network, wired together."""
    kind = ChannelRouter if image.hardware.channels > 1 else Router
    routers: list[Router] = [kind(env, n, image, book, work) for n in range(image.hardware.routers)]
    connect(routers, image)
    return routers
