"""Sources that meet no other: their packets' cycles follow by recursion, without a cycle loop.

If no router input and no router output on the ways of a source is used by another source in the same step,
no arbiter ever chooses. A flit then crosses at max(arrival, crossing before it + 1, credit), and the credit is
known, because the flit that frees the slot belongs to the same source and went before. One packet after the
other, every cycle exact; two to three times quicker than event by event (docs/decisions/0002).
"""

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.contract import MIRRORED
from neurosim.engine.layout import PORTS, Machine
from neurosim.engine.network import (
    CROSS,
    FLITS,
    INJECT,
    behind,
    log,
    ready_cycle,
    receive,
    slot_of,
    start_packet,
)
from neurosim.engine.wheel import index
from neurosim.fabric import Fabric
from neurosim.image import Image, Ints
from neurosim.kernel import first_bit, inlined, inner, kernel

__all__ = ["look_ahead", "run_alone", "steps_of", "ways_of"]

NOBODY, MANY = -1, -2


@inlined
def travel(m: Machine, p: int, flit: int, start: int, arrival: int) -> None:
    """One flit from router input `start` over its whole way (a tree, if it is a multicast packet)."""
    q, here, depth = start, arrival, np.int64(0)
    target = index(m.packet[index(p)].set)
    routing = m.hw[0].routing_cycles if flit == 0 else 0
    while True:
        if q < 0:  # terminal -q - 1
            receive(m, -q - 1, p, flit, here)
            if depth == 0:
                break
            depth -= 1
            q, here = m.path[index(depth), 0], m.path[index(depth), 1]
            continue
        port, router = m.input[index(q)], q // PORTS
        first = max(here, port.front_from) + routing
        ways, latest, crossings, seen = np.int64(m.ports[target, index(router)]), first, 0, depth
        while ways != 0:
            o = PORTS * router + first_bit(ways)
            ways &= ways - 1
            out = m.output[index(o)]
            cycle = max(first, ready_cycle(m, o))
            log(m, cycle, CROSS, router, PORTS * (q % PORTS) + o % PORTS, m.packet[p].origin,
                1024 * m.packet[p].number + flit)  # fmt: skip
            out.sent += 1
            out.pointer = behind(m, q % PORTS)
            out.ready = cycle + out.interval
            new = 1  # copies of one flit that cross in the same cycle are one read of the buffer
            for k in range(seen, depth):
                new = 0 if m.path[index(k), 2] == cycle else new
            crossings += new
            latest = max(latest, cycle)
            m.path[index(depth), 0], m.path[index(depth), 1] = out.after, cycle + (out.wire if out.after >= 0 else 3)
            m.path[index(depth), 2] = cycle
            depth += 1
        port.busy += crossings
        port.blocked += latest - first + 1 - crossings
        port.front_from = latest + 1
        m.slot[slot_of(m, q, port.popped)].pop_cycle = latest
        port.pushed += 1
        port.popped += 1
        depth -= 1
        q, here = m.path[index(depth), 0], m.path[index(depth), 1]


@inner
def run_alone(m: Machine, n: int) -> None:
    """All packets of node n, in order."""
    hw, node = m.hw[0], m.node[index(n)]
    q = node.attach
    for e in range(node.first, node.stop):
        for p in range(m.emission[index(e)].packets, m.emission[index(e + 1)].packets):
            node.emission, node.packet = e, p
            start_packet(m, n)
            flits = m.service[index(m.packet[index(p)].kind), index(n), FLITS]
            for flit in range(flits):
                wanted = max(node.ready, node.sent_last + 1)
                cycle = wanted
                number = m.input[index(q)].pushed - hw.buffer_flits
                if number >= 0:
                    cycle = max(cycle, m.slot[slot_of(m, q, number)].pop_cycle + 2)
                node.inject_blocked += cycle - wanted
                node.sent_last = cycle
                node.flits += 1
                log(m, cycle, INJECT, n, m.packet[index(p)].number, flit, m.packet[index(p)].kind)
                travel(m, p, flit, q, cycle + 2)
            m.ring[index(n), index(hw.tail_at + (m.packet[index(p)].number & hw.tail_mask))] = node.sent_last
    node.emission = node.stop


@kernel
def survey(ports: NDArray[np.uint8], after: Ints, attach: Ints, sources: Ints, sets: Ints, user: Ints, stack: Ints,
           meets: Ints) -> None:  # fmt: skip
    """Who uses which place, if source k sends to destination set k: user[place] becomes the source, or MANY.

    A place is a router input q, or inputs + output. meets[n] becomes 1 if a place on the ways of n has other users.
    user: int64[2 * inputs] of NOBODY; stack: int64[inputs].
    """
    inputs = after.shape[0]
    for turn in range(2):
        for k in range(sources.shape[0]):
            stack[0] = attach[sources[k]]
            depth = 1
            while depth > 0:
                depth -= 1
                q = stack[depth]
                mask = np.int64(ports[sets[k], q // PORTS])
                for port in range(-1, PORTS):  # -1: the input itself
                    if port >= 0 and (mask >> port) & 1 == 0:
                        continue
                    output = q // PORTS * PORTS + port
                    place = q if port < 0 else inputs + output
                    if turn == 1:
                        if user[place] == MANY:
                            meets[sources[k]] = 1
                    elif user[place] != sources[k]:
                        user[place] = sources[k] if user[place] == NOBODY else MANY
                    if port >= 0 and after[output] >= 0:
                        stack[depth] = after[output]
                        depth += 1


def steps_of(image: Image) -> list[tuple[list[int], Ints, Ints]]:
    """What may be sent in one step: (packet kinds, source nodes, destination sets), the last two side by side."""
    slices, top, kinds, nodes = image.slices, len(image.sizes) - 1, image.kinds, image.nodes
    cores = [slices.core[slices.population == p] for p in range(top + 1)]
    forward = slices.sets[: slices.set_ptr[-1]]
    steps = [(list(range(top)), np.repeat(slices.core, np.diff(slices.set_ptr)), forward)]
    for q in range(1, top):
        # One packet for each core; a multicast packet to all of them takes no other ways.
        steps.append(([top + q], np.repeat(cores[q + 1], len(cores[q])), np.tile(cores[q], len(cores[q + 1]))))
    if image.online and image.hardware.backward == MIRRORED:  # error symbols travel with the spikes
        together, *_ = zip(*steps, strict=True)
        parts = [np.concatenate([step[k] for step in steps]) for k in (1, 2)]
        steps = [([kind for group in together for kind in group], parts[0], parts[1])]
    steps.append(([kinds.readout], cores[top], np.full(len(cores[top]), image.program.readout_set)))
    targets = np.unique(np.concatenate([image.program.load_set, image.program.rate_set]))
    host = [kinds.label, kinds.rate, *range(kinds.readout + 1, len(kinds.flits))]
    steps.append((host, np.full(len(targets), nodes - 1), targets))
    return steps


def ways_of(fabric: Fabric) -> list[tuple[list[int], Ints, Ints]]:
    """As `steps_of`, for a connectome: everything may be sent in every step."""
    slices, fan, rows, cores = fabric.slices, fabric.fan, fabric.rows, fabric.hardware.cores
    entries = np.repeat(slices.core, np.diff(fan.ptr))
    sources, sets = [np.repeat(entries, np.diff(fan.set_ptr))], [fan.sets]
    seen = np.zeros((cores, cores), np.uint8)
    direct(rows.start, rows.target, rows.tree, fabric.core, seen)
    for pairs in (np.nonzero(seen), (fabric.core[rows.tree >= 0], rows.tree[rows.tree >= 0])):
        sources.append(pairs[0].astype(np.int64))
        sets.append(pairs[1].astype(np.int64))
    return [(list(range(len(fabric.kinds.flits))), np.concatenate(sources), np.concatenate(sets))]


@kernel
def direct(start: Ints, target: NDArray[np.uint32], tree: Ints, core: NDArray[np.int32],
           seen: NDArray[np.uint8]) -> None:  # fmt: skip
    """seen[a, b] = 1 if a neuron on core a sends packets of its own to core b."""
    for j in range(start.shape[0] - 1):
        if tree[j] < 0:
            for k in range(start[j], start[j + 1]):
                seen[core[j], core[target[k]]] = 1


class Ahead(NamedTuple):
    """What is known before a step: which sources meet no other, and which nodes and ports are used at all."""

    lone: Ints  # [kinds, nodes]
    live: Ints
    live_in: Ints
    live_out: Ints


_AHEAD: WeakKeyDictionary[Any, Ahead] = WeakKeyDictionary()


def look_ahead(m: Machine, placed: Image | Fabric) -> Machine:
    """The machine with what is known beforehand of its image or fabric (worked out once for each).

    The two-stage arrangement and virtual channels always go event by event.
    """
    if placed not in _AHEAD:
        steps = ways_of(placed) if isinstance(placed, Fabric) else steps_of(placed)
        _AHEAD[placed] = _survey(m, steps, placed.hardware.two_stage == 1 or placed.hardware.channels > 1)
    ahead = _AHEAD[placed]
    m.lone[:] = ahead.lone
    return m._replace(live=ahead.live, live_in=ahead.live_in, live_out=ahead.live_out)


def _survey(m: Machine, steps: list[tuple[list[int], Ints, Ints]], meeting: bool) -> Ahead:
    inputs, nodes = len(m.input), len(m.node)
    used, live, lone = np.zeros(2 * inputs, bool), np.zeros(nodes, bool), np.zeros_like(m.lone)
    live[-1] = True
    live[m.slice.core] = True
    after, attach = m.output.after.astype(np.int64), m.node.attach.copy()
    for kinds, sources, sets in steps:
        user, meets = np.full(2 * inputs, NOBODY), np.zeros(nodes, np.int64)
        sources, sets = sources.astype(np.int64), sets.astype(np.int64)
        survey(m.ports, after, attach, sources, sets, user, np.zeros(inputs, np.int64), meets)
        used |= user != NOBODY
        live[sources] = True
        for kind in kinds:
            lone[kind, sources] = 0 if meeting else 1 - meets[sources]
    live[-1 - after[used[inputs:] & (after < 0)]] = True
    return Ahead(lone, *(np.flatnonzero(mask) for mask in (live, used[:inputs], used[inputs:])))
