"""Compiled timing of a step whose packets are single flits, through routers of one stage: every cycle exact.

The same machine as network.py, and the same cycles, for the common case: a spike is one flit. A router then keeps
one word of requests (bit 8 * output + input), in which each output finds its candidates without a loop over ports,
and each output knows the first cycle of its next grant. A router is visited only in cycles in which one of its
outputs may take a flit: when a front appears, the later of its arrival and the output's next grant.
"""

import numpy as np

from neurosim.engine.layout import PORTS, Machine
from neurosim.engine.network import (
    ARRIVE,
    CROSS,
    INJECT,
    NEVER,
    behind,
    index,
    log,
    next_look,
    row_at,
    serve_tail,
    slot_of,
    start_packet,
    take_mark,
    wake,
)
from neurosim.kernel import first_bit, inlined, inner

__all__ = ["run_singles"]

ONE, BYTE = np.uint64(1), np.uint64(255)
COLUMN = np.uint64(0x0101010101010101)  # all outputs that one input may ask for


@inlined
def appoint(m: Machine, q: int, now: int) -> None:
    """When to look at the hidden front of input q: when it may be considered, and its output is ready."""
    router, port = q // PORTS, m.input[index(q)]
    first = port.front_from
    mask = np.int64(m.ports[index(m.slot[slot_of(m, q, port.popped)].set), index(router)])
    if mask & (mask - 1) == 0:  # one output: nothing to do before that is ready
        first = max(first, m.output[index(PORTS * router + first_bit(mask))].ready)
    if first < NEVER:
        m.gate[index(router)].unset &= ~(np.int64(1) << (q % PORTS))
        wake(m, router, first, now)
    else:  # when the output has a credit again, the router looks, and appoints
        m.gate[index(router)].unset |= np.int64(1) << (q % PORTS)


@inlined
def show(m: Machine, q: int, first: int, now: int) -> None:
    """A front has come to input q that may be considered from cycle `first` on."""
    m.input[index(q)].front_from = first
    m.gate[index(q // PORTS)].hidden |= np.int64(1) << (q % PORTS)
    appoint(m, q, now)


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
    port.blocked += now - port.front_from - port.crossed
    port.busy += 1 + port.crossed
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
        wake(m, feeder // PORTS, output.ready, now)


@inlined
def go(m: Machine, q: int, number: int, now: int) -> None:
    """The front of input q crosses to the output `number` of its router; when that is ready again."""
    hw, router = m.hw[0], q // PORTS
    at = slot_of(m, q, m.input[index(q)].popped)
    p, target, row = np.int64(m.slot[at].packet), m.slot[at].set, m.slot[at].row
    log(m, now, CROSS, router, PORTS * (q % PORTS) + number, m.packet[index(p)].origin, 1024 * m.packet[index(p)].number)
    output = m.output[index(PORTS * router + number)]
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
def look(m: Machine, router: int, level: int, now: int) -> None:
    """One cycle of one router: fronts whose time has come ask; every ready output takes one of those that ask.

    `level` 1: the far wheel called, which only knows the block of cycles: ask for the cycle now.
    """
    gate = m.gate[index(router)]
    hidden, fresh = gate.hidden, np.uint64(0)
    while hidden != 0:
        number = first_bit(hidden)
        hidden &= hidden - 1
        q = PORTS * router + number
        if m.input[index(q)].front_from <= now:
            gate.hidden ^= np.int64(1) << number
            gate.unset &= ~(np.int64(1) << number)
            mask = m.ports[index(m.slot[slot_of(m, q, m.input[index(q)].popped)].set), index(router)]
            fresh |= m.spread[mask] << np.uint64(number)
        elif level == 1 or (gate.unset >> number) & 1 == 1:
            appoint(m, q, now)
    word, moved = gate.want | fresh, np.int64(0)
    gate.want = word
    while word != np.uint64(0):
        number = first_bit(word) >> 3
        shift = np.uint64(8 * number)
        asking = (word >> shift) & BYTE
        word &= ~(BYTE << shift)
        output = m.output[index(PORTS * router + number)]
        if output.ready > now:  # somebody has called for that cycle, unless a front has only now come to ask
            if output.ready < NEVER and (level == 1 or (fresh >> shift) & BYTE != np.uint64(0)):
                wake(m, router, output.ready, now)
            continue
        turn = (asking >> np.uint64(output.pointer)) << np.uint64(output.pointer)
        winner = first_bit(turn if turn != np.uint64(0) else asking)
        gate.want &= ~(ONE << (shift + np.uint64(winner)))
        moved |= np.int64(1) << winner
        go(m, PORTS * router + winner, number, now)
        if asking & (asking - ONE) != np.uint64(0) and output.ready < NEVER:  # who lost asks again
            wake(m, router, output.ready, now)
    while moved != 0:
        number = first_bit(moved)
        moved &= moved - 1
        if gate.want & (COLUMN << np.uint64(number)) == np.uint64(0):
            leave(m, PORTS * router + number, now)
        else:
            m.input[PORTS * router + number].crossed += 1


@inner
def run_singles(m: Machine) -> bool:
    """Send and deliver the packets of all sources that meet, from cycle 0 of the step. False: deadlock."""
    for n in m.live:
        if m.node[index(n)].first < m.node[index(n)].stop and m.node[index(n)].alone == 0:
            supply(m, n, np.int64(0))
    level, now = next_look(m.marks, np.int64(0))
    while now >= 0:
        at = take_mark(m.marks, level, now)
        for block in range(m.wheel.shape[2]):
            word = m.wheel[level, at, index(block)]
            m.wheel[level, at, index(block)] = np.uint64(0)
            while word != np.uint64(0):
                router = 64 * block + first_bit(word)
                word &= word - ONE
                look(m, router, level, now)
        level, now = next_look(m.marks, now + 1 - level)
    for q in m.live_in:
        if m.input[index(q)].pushed != m.input[index(q)].popped:
            return False
    return True
