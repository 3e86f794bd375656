"""Scripted traffic: packets created in given cycles, through the bare network-on-chip of either engine.

Terminals accept every flit at once and have as many credits as a router input (specs/router.md section 2);
sources are unbounded. This is the machine's own network, without cores.
"""

from dataclasses import dataclass
from types import ModuleType

import numpy as np
import simpy

from neurosim import routing
from neurosim.engine.channels import run_channels
from neurosim.engine.flits import run_flits
from neurosim.engine.layout import PACKETS, Machine, build_machine
from neurosim.engine.network import ARRIVE, CROSS, INJECT
from neurosim.engine.reference.book import Book
from neurosim.engine.reference.channels import build_routers
from neurosim.engine.reference.clock import DELIVER, At, Process
from neurosim.engine.reference.packet import Packet
from neurosim.engine.reference.terminal import Terminal
from neurosim.engine.reference.work import Work
from neurosim.engine.step import add_emission, add_packet, begin_node, open_step
from neurosim.errors import ConfigError, SimulationError
from neurosim.generator import no_generators
from neurosim.image import Hardware, Image, Ints, Kinds, Program, Slices
from neurosim.kernel import kernel
from neurosim.learning import Formats
from neurosim.ops import Op, Phase
from neurosim.routing import torus, xy

__all__ = ["Stamps", "Traffic", "bare_hardware", "run_traffic"]


@dataclass(frozen=True)
class Traffic:
    """Packets in the order in which each source queues them. int64[packets] each."""

    create: Ints  # cycle
    source: Ints
    target: Ints
    flits: Ints
    ties: Ints | None = None  # torus: the way half way round, see routing.torus.output; None: as chips have it


@dataclass(frozen=True)
class Stamps:
    """What became of each packet: cycles of its head and tail, routers visited. int64[packets] each."""

    inject_head: Ints
    inject_tail: Ints
    eject_head: Ints
    eject_tail: Ints
    routers: Ints
    flits: Ints  # cycle in which each flit is ejected, in no order. int64[flits]
    arrivals: Ints  # flits at routers, sorted: cycle, router, input port, virtual channel, packet, 1 if it is a head


def bare_hardware(columns: int, rows: int, buffer_flits: int, *, link_cycles: int = 1, routing_cycles: int = 0,
                  credit_cycles: int = 0, two_stage: bool = False, channels: int = 1,
                  rings: bool = False) -> Hardware:  # fmt: skip
    """A mesh of routers with terminals that take one flit a cycle; with `rings` a torus."""
    values = dict.fromkeys(Hardware._fields, 1)
    values.update(
        cores=columns * rows, columns=columns, rows=rows, buffer_flits=buffer_flits, axon_fifo=buffer_flits,
        link_cycles=link_cycles, vertical_cycles=link_cycles, routing_cycles=routing_cycles,
        credit_cycles=credit_cycles, two_stage=int(two_stage), host_router=0, tick_period=0, encoder=0, random_bits=0,
        backward=0, channels=channels, torus=int(rings),
    )  # fmt: skip
    return Hardware(**values)


def run_traffic(hardware: Hardware, traffic: Traffic, engine: str = "compiled", arrivals: bool = False) -> Stamps:
    """Run the script. Raises SimulationError for a deadlock, ConfigError for an unknown engine.

    arrivals: record every flit at every router, too.
    """
    if engine not in ("compiled", "reference"):
        raise ConfigError(f"engine: expected one of compiled, reference, got '{engine}'")
    if np.max(traffic.create, initial=0) >= 2**31:
        raise ConfigError(f"traffic: create: expected cycles below 2^31, got {np.max(traffic.create)}")
    image = _bare_image(hardware, int(np.max(traffic.flits, initial=1)), traffic.ties is not None)
    events = (_compiled if engine == "compiled" else _reference)(image, traffic)
    return _stamps(events, traffic, hardware, arrivals)


def _bare_image(hw: Hardware, longest: int, ties: bool) -> Image:
    nodes, none = hw.cores + 1, np.zeros(0, np.int64)
    ports = np.zeros(((5 if ties else 1) * nodes, hw.cores), np.uint8)
    for target in range(hw.cores):
        for router in range(hw.cores):
            ports[target, router] = 1 << routing.output(router, target, hw.columns, hw.rows, hw.torus)
            for way in range(4 if ties else 0):
                port = torus.output(router, target, hw.columns, hw.rows, way)
                ports[(way + 1) * nodes + target, router] = 1 << port
    ops = np.zeros((longest, nodes, len(Op)), np.int64)
    ones, zeros = np.ones((longest, nodes), np.int64), np.zeros((longest, nodes), np.int64)
    kinds = Kinds(np.arange(1, longest + 1), np.full(longest, Phase.IO), ones, zeros, ops, ops, 0, 0, 0)
    core_ptr = np.zeros(hw.cores + 1, np.int64)
    slices = Slices(
        none, none, none, none, none, np.zeros(2, np.int64), none, core_ptr, np.zeros(1, np.int64), none,
        np.zeros(1, np.int64),
    )
    program = Program(none, none, none, none, none, none, 0)
    none_module, formats = ModuleType("none"), Formats(16, 0, 16, 8, 0, 16, 0, 8, False)
    return Image("bare network", hw, np.ones(1, np.int64), slices, ports, kinds, program, np.zeros(0, bool), none, none,
                 none, none_module, none_module, (), formats, (0, 0), no_generators(hw.cores), none)  # fmt: skip


@kernel
def _send(m: Machine, create: Ints, source: Ints, target: Ints, flits: Ints) -> bool:
    open_step(m)
    for n in range(m.node.shape[0]):
        begin_node(m, n)
        m.node[n].scripted = 1
        for k in range(create.shape[0]):
            if source[k] == n:
                add_emission(m, n, k)
                add_packet(m, n, target[k], flits[k] - 1)
                m.packet[m.clock[PACKETS] - 1].release = create[k]
    return run_flits(m) if m.hw[0].channels == 1 else run_channels(m)


def _compiled(image: Image, traffic: Traffic) -> Ints:
    packets, hw = len(traffic.create), image.hardware
    rows = int(np.sum(traffic.flits)) * (hw.columns + hw.rows + 4)
    m = build_machine(image, hw.pointers(), 0, (packets, packets), rows)
    columns = (np.array(c, np.int64) for c in (traffic.create, traffic.source, _sets(hw, traffic), traffic.flits))
    if not _send(m, *columns):
        raise SimulationError(
            "the network-on-chip is deadlocked: flits wait for each other and none can move"
        )
    return m.log[: m.logged[0]]


def _reference(image: Image, traffic: Traffic) -> Ints:
    env, hw = simpy.Environment(), image.hardware
    book, work = Book(image, 0, True), Work(env)
    routers = build_routers(env, image, book, work)
    for n, router in enumerate(routers):
        terminal = Terminal(env, n, image, book, work, router, xy.LOCAL, _nothing, _nothing, _no_row)
        router.attach(xy.LOCAL, hw.axon_fifo, terminal.receive)
        router.listen(xy.LOCAL, terminal.add_credit)
        script = [k for k in range(len(traffic.create)) if traffic.source[k] == n]
        work.enter(len(script))
        env.process(_script(terminal, traffic, script))
    try:
        env.run(until=work.done)
    except RuntimeError as error:
        raise SimulationError("the network-on-chip is deadlocked: flits wait for each other") from error
    return book.event_table()


def _sets(hw: Hardware, traffic: Traffic) -> Ints:
    """The destination set of each packet: its target, or one for the target and a way."""
    return traffic.target if traffic.ties is None else traffic.target + (hw.cores + 1) * (traffic.ties + 1)


def _nothing(node: int, packet: Packet) -> None:
    return None


def _no_row(node: int, packet: Packet) -> int:
    return 0


def _script(terminal: Terminal, traffic: Traffic, script: list[int]) -> Process:
    sets = _sets(terminal.image.hardware, traffic)
    for number, k in enumerate(script):
        flits = int(traffic.flits[k])
        packet = Packet(int(sets[k]), flits - 1, flits, (), terminal.node, number)
        yield At(terminal.env, int(traffic.create[k]) - terminal.now, DELIVER)
        terminal.packets.put(packet)


def _stamps(events: Ints, traffic: Traffic, hw: Hardware, arrivals: bool) -> Stamps:
    """Event log -> stamps per packet."""
    count = len(traffic.create)
    order = np.argsort(traffic.source, kind="stable")  # a source numbers its packets
    first = np.searchsorted(traffic.source[order], np.arange(hw.cores))
    sent, passed, here = (events[events[:, 1] == event] for event in (INJECT, CROSS, ARRIVE))
    injected, crossed = order[first[sent[:, 2]] + sent[:, 3]], order[first[passed[:, 4]] + passed[:, 5] // 1024]
    ejected, flit = order[first[here[:, 3]] + here[:, 4]], passed[:, 5] % 1024
    ends = []
    for packet, number, cycle in ((injected, sent[:, 4], sent[:, 0]), (ejected, here[:, 5], here[:, 0])):
        for end in (number == 0, number == traffic.flits[packet] - 1):
            stamps = np.zeros(count, np.int64)
            stamps[packet[end]] = cycle[end]
            ends.append(stamps)
    routers = np.bincount(crossed[flit == 0], minlength=count)
    table = np.zeros((0, 6), np.int64)
    if arrivals:
        heads = np.stack([sent[:, 0], injected, sent[:, 4], np.full(len(sent), 2)])
        table = _arrivals(heads, passed, crossed, flit, hw)
    return Stamps(ends[0], ends[1], ends[2], ends[3], routers, here[:, 0].copy(), table)


def _arrivals(sent: Ints, passed: Ints, packet: Ints, flit: Ints, hw: Hardware) -> Ints:
    """When each flit came to each router: some cycles after it was sent, or crossed the router before.

    sent: cycle, packet, flit, cycles to the router, int64[4, flits].  passed: crossings of the log.
    """
    way = passed[:, 3] % 64
    vertical = (way % 8 == xy.NORTH) | (way % 8 == xy.SOUTH)
    wire = np.where(vertical, hw.vertical_cycles, hw.link_cycles) + 2
    left = np.concatenate([sent, np.stack([passed[:, 0], packet, flit, wire])], axis=1)
    left = left[:, np.lexsort((left[0], left[2], left[1]))]  # flit after flit, each on its way
    came = np.lexsort((passed[:, 0], flit, packet))
    same = (left[1, 1:] == left[1, :-1]) & (left[2, 1:] == left[2, :-1])
    before = left[:, :-1][:, same]  # what led to each crossing, in the order of `came`
    port, channel = way[came] // 8, passed[came, 3] // 64
    columns = (before[0] + before[3], passed[came, 2], port, channel, packet[came], (flit[came] == 0).astype(np.int64))
    table = np.stack(columns, axis=1)
    return table[np.lexsort(table.T[::-1])]
