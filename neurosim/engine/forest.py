"""Sources that meet no other: their packets' cycles follow by recursion, without a cycle loop.

If no router input and no router output on the ways of a source is used by another source in the same step,
no arbiter ever chooses. A flit then crosses at max(arrival, crossing before it + 1, credit), and the credit is
known, because the flit that frees the slot belongs to the same source and went before. One packet after the
other, every cycle exact; about four times quicker than the general loop (docs/decisions, "forest").
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.layout import Machine
from neurosim.engine.network import CROSS, FLITS, INJECT, credit_cycle, log, receive, slot_of, start_packet
from neurosim.image import Image, Ints
from neurosim.kernel import inlined, inner

__all__ = ["lone_sources", "run_alone"]


@inlined
def travel(m: Machine, p: int, flit: int, start: int, arrival: int) -> None:
    """One flit from router input `start` over its whole way (a tree, if it is a multicast packet)."""
    m.path[0, 0], m.path[0, 1] = start, arrival
    depth = 1
    while depth > 0:
        depth -= 1
        q, here = m.path[depth, 0], m.path[depth, 1]
        port, router = m.input[q], q // 5
        first = max(here, port.front_from)
        if flit == 0:
            first += m.hw[0].routing_cycles
        ways = np.int64(m.ports[m.packet[p].set, router])
        latest, crossings, before = first, 0, -1
        for output in range(5):
            if (ways >> output) & 1 == 0:
                continue
            out = m.output[5 * router + output]
            cycle = max(first, credit_cycle(m, out.after))
            log(
                m,
                cycle,
                CROSS,
                router,
                5 * (q % 5) + output,
                m.packet[p].origin,
                1024 * m.packet[p].number + flit,
            )
            out.sent += 1
            out.pointer = (q % 5 + 1) % 5
            if out.after >= 0:
                m.path[depth, 0], m.path[depth, 1] = out.after, cycle + m.hw[0].link_cycles + 2
                depth += 1
            else:
                receive(m, -out.after - 1, p, flit, cycle + 3)
            m.path[m.path.shape[0] - 5 + output, 0] = cycle
            latest = max(latest, cycle)
        for output in range(5):  # copies of one flit that cross in the same cycle are one read of the buffer
            if (ways >> output) & 1 == 1:
                cycle = m.path[m.path.shape[0] - 5 + output, 0]
                before = 0
                for other in range(output):
                    if (ways >> other) & 1 == 1 and m.path[m.path.shape[0] - 5 + other, 0] == cycle:
                        before = 1
                crossings += 1 - before
        port.busy += crossings
        port.blocked += latest - first + 1 - crossings
        port.last = port.front_from = latest + 1
        m.slot[slot_of(m, q, port.popped)].pop_cycle = latest
        port.pushed += 1
        port.popped += 1


@inner
def run_alone(m: Machine, n: int) -> None:
    """All packets of node n, in order."""
    hw, node = m.hw[0], m.node[n]
    q = node.attach
    for e in range(node.first, node.stop):
        for p in range(m.emission[e].packets, m.emission[e + 1].packets):
            node.emission, node.packet = e, p
            start_packet(m, n)
            flits = m.service[m.packet[p].kind, n, FLITS]
            for flit in range(flits):
                wanted = max(node.ready, node.sent_last + 1)
                cycle = wanted
                number = m.input[q].pushed - hw.buffer_flits
                if number >= 0:
                    cycle = max(cycle, m.slot[slot_of(m, q, number)].pop_cycle + 2)
                node.inject_blocked += cycle - wanted
                node.sent_last = cycle
                node.flits += 1
                log(m, cycle, INJECT, n, m.packet[p].number, flit, m.packet[p].kind)
                travel(m, p, flit, q, cycle + 2)
            m.ring[n, hw.tail_at + (m.packet[p].number & hw.tail_mask)] = node.sent_last
    node.emission = node.stop


def lone_sources(image: Image, after: Ints, attach: Ints) -> Ints:
    """int64[kinds, nodes]: 1 if node n, when it sends packets of this kind, meets no other source.

    A step has the kinds that are sent in it; two sources meet if a router input or output serves both.
    """
    kinds, nodes = len(image.kinds.flits), image.nodes
    lone = np.zeros((kinds, nodes), np.int64)
    if image.hardware.two_stage:
        return lone
    slices, top = image.slices, len(image.sizes) - 1
    cores = [[int(c) for c in slices.core[slices.population == p]] for p in range(top + 1)]
    forward = [
        (int(slices.core[s]), int(t))
        for s in range(len(slices.core))
        for t in slices.sets[slices.set_ptr[s] : slices.set_ptr[s + 1]]
    ]
    steps = [(list(range(top)), forward)]
    for q in range(1, top):
        steps.append(([top + q], [(a, b) for a in cores[q + 1] for b in cores[q]]))
    steps.append(([image.kinds.readout], [(a, image.program.readout_set) for a in cores[top]]))
    host = [image.kinds.label, image.kinds.rate, *range(image.kinds.readout + 1, kinds)]
    steps.append(
        (host, [(nodes - 1, int(t)) for t in set(image.program.load_set) | set(image.program.rate_set)])
    )
    for sent, routes in steps:
        users: dict[int, set[int]] = {}
        for source, target in routes:
            for place in _places(image.ports[target], int(attach[source]), after):
                users.setdefault(place, set()).add(source)
        meeting = {source for met in users.values() if len(met) > 1 for source in met}
        for source in {source for source, _ in routes} - meeting:
            lone[sent, source] = 1
    return lone


def _places(ports: NDArray[np.uint8], start: int, after: Any) -> set[int]:
    """Router inputs (q) and outputs (-1 - output) on the way of one destination set from input `start`."""
    places, todo = set(), [start]
    while todo:
        q = todo.pop()
        places.add(q)
        for output in range(5):
            if ports[q // 5] >> output & 1:
                places.add(-1 - (q // 5 * 5 + output))
                if after[q // 5 * 5 + output] >= 0:
                    todo.append(int(after[q // 5 * 5 + output]))
    return places
