"""Compiled timing of a step whose packets are single flits, through routers of one stage: every cycle exact.

The same machine as network.py, and the same cycles, for the common case: a spike is one flit. Two things happen at a
router: the front of an input begins to ask (it is in the wheel from when it shows until then), and an output takes
one of those that ask (it is in the wheel once somebody asks and the cycle of its next grant is known). Each is in
one place of a timer wheel at most, so that the places are linked lists, and nobody is looked at in vain.
"""

import numpy as np

from neurosim.engine.layout import PORTS, WHEEL, WHEEL_BITS, Machine
from neurosim.engine.network import (
    ARRIVE,
    CROSS,
    INJECT,
    NEVER,
    Words,
    behind,
    index,
    log,
    next_look,
    row_at,
    serve_tail,
    slot_of,
    start_packet,
    take_mark,
)
from neurosim.kernel import first_bit, inlined, inner

__all__ = ["run_singles"]

INPUT, OUTPUT = 0, 1


@inner
def enter(heads: Words, links: Words, marks: Words, sort: int, number: int, cycle: int, now: int) -> None:
    """Put an input or output into the wheel for `cycle`, or into the far wheel for the block that it lies in."""
    level, at = 0, cycle
    if cycle - now >= WHEEL:
        level, at = 1, min(cycle >> WHEEL_BITS, (now >> WHEEL_BITS) + WHEEL - 1)
    at &= WHEEL - 1
    links[sort, index(number)] = heads[level, at, sort]
    heads[level, at, sort] = number
    marks[level, at >> 6] |= np.uint64(1) << np.uint64(at & 63)
    marks[level, WHEEL >> 6] |= np.uint64(1) << np.uint64(at >> 6)


@inlined
def show(m: Machine, q: int, first: int, now: int) -> None:
    """A front has come to input q; it asks from cycle `first` on."""
    m.input[index(q)].front_from = first
    enter(m.heads, m.links, m.marks, INPUT, q, first, now)


@inlined
def call(m: Machine, o: int, now: int) -> None:
    """Somebody asks for output o: it is due when it is ready, if that is known."""
    output = m.output[index(o)]
    if output.due == 0 and output.ready < NEVER:
        output.due = 1
        enter(m.heads, m.links, m.marks, OUTPUT, o, max(output.ready, now), now)


@inlined
def supply(m: Machine, n: int, now: int) -> None:
    """Send the packets of node n as long as a slot is free (network.feed, for single flits)."""
    hw, node = m.hw[0], m.node[index(n)]
    q, depth = node.attach, hw.buffer_flits
    port = m.input[index(q)]
    p, e = node.packet, node.emission
    started = node.stalled == 1  # the packetiser has begun the packet that waits
    while e < node.stop:
        if not started:
            node.packet, node.emission = p, e
            if node.scripted == 1:
                node.ready = np.int64(m.packet[index(p)].release)
            else:
                start_packet(m, n)
        pushed = port.pushed
        if pushed - port.popped >= depth:
            node.stalled = 1
            break
        started = False
        node.stalled = 0
        wanted = max(node.ready, node.sent_last + 1)
        cycle = wanted
        slot = m.slot[slot_of(m, q, pushed)]
        if pushed >= depth:
            cycle = max(cycle, m.slot[slot_of(m, q, pushed - depth)].pop_cycle + 2)
        node.inject_blocked += cycle - wanted
        node.sent_last = cycle
        node.flits += 1
        slot.packet, slot.flit, slot.set, slot.row = p, 0, m.packet[index(p)].set, m.packet[index(p)].row
        slot.arrival = cycle + 2
        port.pushed = pushed + 1
        if pushed == port.popped:
            show(m, q, max(cycle + 2, port.front_from) + hw.routing_cycles, now)
        log(m, cycle, INJECT, n, m.packet[index(p)].number, 0, m.packet[index(p)].kind)
        m.ring[index(n), index(hw.tail_at + (m.packet[index(p)].number & hw.tail_mask))] = cycle
        p += 1
        if p == m.emission[index(e + 1)].packets:
            e += 1
    node.packet, node.emission = p, e


@inlined
def leave(m: Machine, q: int, now: int) -> None:
    """The front of input q is served: free its slot, tell the feeder, show the next front."""
    hw, port = m.hw[0], m.input[index(q)]
    port.blocked += now - port.front_from + 1 - port.crossed
    port.busy += port.crossed
    port.crossed = 0
    m.slot[slot_of(m, q, port.popped)].pop_cycle = now
    port.popped += 1
    port.front_from = now + 1
    if port.pushed > port.popped:
        show(m, q, max(m.slot[slot_of(m, q, port.popped)].arrival, now + 1) + hw.routing_cycles, now)
    feeder = port.feeder
    if feeder < 0:
        if m.node[index(-feeder - 1)].stalled == 1:
            supply(m, -feeder - 1, now)
    elif port.waiting == 1:
        port.waiting = 0
        output = m.output[index(feeder)]
        output.ready = max(output.free, now + output.back)
        if output.want != 0:
            call(m, feeder, now)


@inlined
def go(m: Machine, q: int, o: int, now: int) -> None:
    """The front of input q crosses to output o, both of one router; when that is ready again."""
    hw = m.hw[0]
    at = slot_of(m, q, m.input[index(q)].popped)
    p, target, row = np.int64(m.slot[at].packet), m.slot[at].set, m.slot[at].row
    log(m, now, CROSS, q // PORTS, PORTS * (q % PORTS) + o % PORTS, m.packet[index(p)].origin,
        1024 * m.packet[index(p)].number)  # fmt: skip
    output = m.output[index(o)]
    output.sent += 1
    output.pointer = behind(m, q % PORTS)
    ready = now + output.interval
    after = output.after
    if after >= 0:
        port = m.input[index(after)]
        pushed = port.pushed
        arrival = now + output.wire
        slot = m.slot[slot_of(m, after, pushed)]
        slot.packet, slot.flit, slot.set, slot.row, slot.arrival = p, 0, target, row, arrival
        port.pushed = pushed + 1
        if pushed == port.popped:
            show(m, after, max(arrival, port.front_from) + hw.routing_cycles, now)
        output.free = ready
        oldest = pushed + 1 - hw.buffer_flits  # the flit whose slot the next one takes
        if oldest >= port.popped:
            port.waiting = 1
            ready = NEVER
        elif oldest >= 0:
            ready = max(ready, m.slot[slot_of(m, after, oldest)].pop_cycle + output.back)
    else:
        n = -after - 1
        kind = np.int64(m.packet[index(p)].kind)
        log(m, now + 3, ARRIVE, n, m.packet[index(p)].origin, m.packet[index(p)].number, 0)
        serve_tail(m, n, p, kind, row_at(m, p, np.int64(row), n), np.int64(0), now + 3)
        oldest = m.node[index(n)].ejected - hw.axon_fifo
        if oldest >= 0:
            ready = max(ready, m.ring[index(n), index(hw.credit_at + (oldest & hw.credit_mask))])
    output.ready = ready


@inlined
def ask(m: Machine, q: int, now: int) -> None:
    """The front of input q may be considered: it asks for its outputs."""
    router, port = q // PORTS, m.input[index(q)]
    mask = np.int64(m.ports[index(m.slot[slot_of(m, q, port.popped)].set), index(router)])
    port.todo = mask
    while mask != 0:
        o = PORTS * router + first_bit(mask)
        mask &= mask - 1
        m.output[index(o)].want |= np.int64(1) << (q % PORTS)
        call(m, o, now)


@inlined
def grant(m: Machine, o: int, now: int) -> None:
    """Output o is ready, and takes one of the inputs that ask: the first at or after its pointer."""
    output = m.output[index(o)]
    output.due = 0
    turn = (output.want >> output.pointer) << output.pointer
    number = first_bit(turn if turn != 0 else output.want)
    output.want ^= np.int64(1) << number
    q = o // PORTS * PORTS + number
    go(m, q, o, now)
    if output.want != 0:
        call(m, o, now)
    port = m.input[index(q)]
    port.crossed += 1 if port.claimed != now else 0  # copies that cross in the same cycle are one read of the buffer
    port.claimed = now
    port.todo ^= np.int64(1) << (o % PORTS)
    if port.todo == 0:
        leave(m, q, now)


@inlined
def cascade(m: Machine, at: int, now: int) -> None:
    """A block of cycles begins: what lies in it goes to the near wheel."""
    for sort in range(2):
        number = np.int64(m.heads[1, at, sort])
        m.heads[1, at, sort] = -1
        while number >= 0:
            following = np.int64(m.links[sort, index(number)])
            cycle = m.input[index(number)].front_from if sort == INPUT else m.output[index(number)].ready
            enter(m.heads, m.links, m.marks, sort, number, cycle, now)
            number = following


@inner
def run_singles(m: Machine) -> bool:
    """Send and deliver the packets of all sources that meet, from cycle 0 of the step. False: deadlock."""
    for n in m.live:
        if m.node[index(n)].first < m.node[index(n)].stop and m.node[index(n)].alone == 0:
            supply(m, n, np.int64(0))
    level, now = next_look(m.marks, np.int64(0))
    while now >= 0:
        if level == 1:
            cascade(m, take_mark(m.marks, level, now), now)
        else:
            at = now & (WHEEL - 1)
            number = np.int64(m.heads[0, at, INPUT])
            m.heads[0, at, INPUT] = -1
            while number >= 0:
                following = np.int64(m.links[INPUT, index(number)])
                ask(m, number, now)
                number = following
            take_mark(m.marks, level, now)  # now: an output that was ready has come into this place
            number = np.int64(m.heads[0, at, OUTPUT])
            m.heads[0, at, OUTPUT] = -1
            while number >= 0:
                following = np.int64(m.links[OUTPUT, index(number)])
                grant(m, number, now)
                number = following
        level, now = next_look(m.marks, now + 1 - level)
    for q in m.live_in:
        if m.input[index(q)].pushed != m.input[index(q)].popped:
            return False
    return True
