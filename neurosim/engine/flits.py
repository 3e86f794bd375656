"""Compiled timing of flits through routers, event by event: every cycle exact (specs/router.md, section 3).

Two things happen at a router. The front of an input begins to ask for its outputs; the input is in the wheel from
when the front shows until then. An output takes one of those that ask; it is in the wheel once somebody asks and the
cycle of its next grant is known. Each is in one place of the wheel at most, and nobody is looked at in vain. In the
arrangement with two stages a head first claims its output; an output that heads wait for is in the wheel for that, too.
"""

import numpy as np

from neurosim.engine.layout import PORTS, WHEEL, Machine
from neurosim.engine.network import (
    ARRIVE,
    CROSS,
    FLITS,
    INJECT,
    NEVER,
    behind,
    log,
    row_at,
    serve,
    serve_tail,
    slot_of,
    start_packet,
)
from neurosim.engine.wheel import enter, index, next_look, take_first, take_mark
from neurosim.kernel import first_bit, inlined, inner

__all__ = ["run_flits"]

INPUT, OUTPUT, CLAIM = range(3)  # sorts of entries in the wheel


@inlined
def show(m: Machine, q: int, target: int, first: int, now: int) -> None:
    """A front of a packet for destination set `target` has come to input q; it asks from cycle `first` on."""
    port = m.input[index(q)]
    if port.held < 0:  # a head; the other flits follow it
        first += m.hw[0].routing_cycles
        port.todo = m.ports[index(target), index(q // PORTS)]
    else:
        port.todo = np.int64(1) << port.held
    port.front_from = first
    enter(m.heads, m.links, m.marks, INPUT, q, first, now)


@inlined
def candidates(m: Machine, o: int) -> np.int64:
    """Inputs that output o may take a flit from, one bit each: those that ask, or of them the one that holds it."""
    output = m.output[index(o)]
    want = np.int64(output.want)
    return want if output.owner < 0 else want & (np.int64(1) << output.owner)


@inlined
def call(m: Machine, o: int, now: int) -> None:
    """Output o is due when it is ready, if that is known and there is somebody to take a flit from."""
    output = m.output[index(o)]
    if output.due == 0 and output.ready < NEVER and candidates(m, o) != 0:
        output.due = 1
        enter(m.heads, m.links, m.marks, OUTPUT, o, max(output.ready, now), now)


@inlined
def call_claim(m: Machine, o: int, now: int) -> None:
    """Two stages: output o is due for a claim if nobody holds it and heads wait; not in the cycle of its last tail."""
    output = m.output[index(o)]
    if output.claim_due == 0 and output.owner < 0 and output.heads != 0:
        output.claim_due = 1
        enter(m.heads, m.links, m.marks, CLAIM, o, max(output.free - output.interval + 1, now), now)


@inlined
def supply(m: Machine, n: int, now: int) -> None:
    """Send the flits of node n as long as a slot is free."""
    hw, node = m.hw[0], m.node[index(n)]
    q, depth = node.attach, hw.buffer_flits
    port = m.input[index(q)]
    p, e, flit = node.packet, node.emission, node.flit
    started = node.stalled == 1  # the packetiser has begun the packet that waits
    while e < node.stop:
        if flit == 0 and not started:
            node.packet, node.emission = p, e
            if node.scripted == 1:
                node.ready = np.int64(m.packet[index(p)].release)
            else:
                start_packet(m, n)
        pushed = np.int64(port.pushed)
        if pushed - port.popped >= depth:
            node.stalled = 1
            break
        started = False
        node.stalled = 0
        wanted = max(node.ready, node.sent_last + 1)
        cycle = wanted
        if pushed >= depth:
            cycle = max(cycle, m.slot[slot_of(m, q, pushed - depth)].pop_cycle + 2)
        node.inject_blocked += cycle - wanted
        node.sent_last = cycle
        node.flits += 1
        packet, slot = m.packet[index(p)], m.slot[slot_of(m, q, pushed)]
        left = m.service[index(packet.kind), index(n), FLITS] - 1 - flit
        slot.packet, slot.left, slot.set, slot.row = p, left, packet.set, packet.row
        slot.arrival = cycle + 2
        port.pushed = pushed + 1
        if pushed == port.popped:
            show(m, q, packet.set, max(cycle + 2, port.front_from), now)
        log(m, cycle, INJECT, n, packet.number, flit, packet.kind)
        flit += 1
        if left == 0:
            m.ring[index(n), index(hw.tail_at + (packet.number & hw.tail_mask))] = cycle
            flit = 0
            p += 1
            if p == m.emission[index(e + 1)].packets:
                e += 1
    node.packet, node.emission, node.flit = p, e, flit


@inlined
def leave(m: Machine, q: int, now: int) -> None:
    """The front of input q is served: free its slot, tell the feeder, show the next front."""
    port = m.input[index(q)]
    port.blocked += now - port.front_from + 1 - port.crossed
    port.busy += port.crossed
    port.crossed = 0
    m.slot[slot_of(m, q, port.popped)].pop_cycle = now
    port.popped += 1
    port.front_from = now + 1
    if port.pushed > port.popped:
        slot = m.slot[slot_of(m, q, port.popped)]
        show(m, q, slot.set, max(slot.arrival, now + 1), now)
    feeder = np.int64(port.feeder)
    if feeder < 0:
        if m.node[index(-feeder - 1)].stalled == 1:
            supply(m, -feeder - 1, now)
    elif port.waiting == 1:
        port.waiting = 0
        output = m.output[index(feeder)]
        output.ready = max(output.free, now + output.back)
        call(m, feeder, now)


@inlined
def go(m: Machine, q: int, o: int, now: int) -> np.int64:
    """The front of input q crosses to output o; when that is ready again. Returns the flits that follow it."""
    hw = m.hw[0]
    front = m.slot[slot_of(m, q, m.input[index(q)].popped)]
    p, left, target, row = np.int64(front.packet), np.int64(front.left), front.set, front.row
    kind, flit = np.int64(m.packet[index(p)].kind), np.int64(0)
    if m.log.shape[0] > 0 or left > 0:
        flit = m.service[index(kind), 0, FLITS] - 1 - left
    log(m, now, CROSS, q // PORTS, PORTS * (q % PORTS) + o % PORTS, m.packet[index(p)].origin,
        1024 * m.packet[index(p)].number + flit)  # fmt: skip
    output = m.output[index(o)]
    output.sent += 1
    ready = now + output.interval
    output.free = ready
    after = np.int64(output.after)
    if after >= 0:
        port = m.input[index(after)]
        pushed = np.int64(port.pushed)
        arrival = now + output.wire
        slot = m.slot[slot_of(m, after, pushed)]
        slot.packet, slot.left, slot.set, slot.row, slot.arrival = p, left, target, row, arrival
        port.pushed = pushed + 1
        if pushed == port.popped:
            show(m, after, target, max(arrival, port.front_from), now)
        oldest = pushed + 1 - hw.buffer_flits  # the flit whose slot the next one takes
        if oldest >= port.popped:
            port.waiting = 1
            ready = NEVER
        elif oldest >= 0:
            ready = max(ready, m.slot[slot_of(m, after, oldest)].pop_cycle + output.back)
    else:
        n = -after - 1
        log(m, now + 3, ARRIVE, n, m.packet[index(p)].origin, m.packet[index(p)].number, flit)
        if left == 0:
            serve_tail(m, n, p, kind, row_at(m, p, np.int64(row), n), flit, now + 3)
        else:
            serve(m, n, p, np.int64(1), np.int64(0), flit, now + 3)
        oldest = m.node[index(n)].ejected - hw.axon_fifo
        if oldest >= 0:
            ready = max(ready, m.ring[index(n), index(hw.credit_at + (oldest & hw.credit_mask))])
    output.ready = ready
    return left


@inlined
def ask(m: Machine, q: int, now: int) -> None:
    """The front of input q may be considered: it asks for its outputs, or (two stages) waits for a claim."""
    port = m.input[index(q)]
    mask, bit = np.int64(port.todo), np.int64(1) << (q % PORTS)
    if m.hw[0].two_stage == 1 and port.held < 0:
        o = q // PORTS * PORTS + first_bit(mask)
        m.output[index(o)].heads |= bit
        call_claim(m, o, now)
    else:
        while mask != 0:
            o = q // PORTS * PORTS + first_bit(mask)
            mask &= mask - 1
            m.output[index(o)].want |= bit
            call(m, o, now)


@inlined
def choose(m: Machine, o: int, asking: int) -> int:
    """Round robin: the first of the inputs `asking` at or after the pointer of output o, which moves behind it."""
    output = m.output[index(o)]
    turn = (asking >> output.pointer) << output.pointer
    number = first_bit(turn if turn != 0 else asking)
    output.pointer = behind(m, number)
    return number


@inlined
def claim(m: Machine, o: int, now: int) -> None:
    """Two stages: output o is claimed by one of the heads that wait, which may cross from the next cycle on."""
    output = m.output[index(o)]
    output.claim_due = 0
    number = choose(m, o, np.int64(output.heads))
    output.heads ^= np.int64(1) << number
    output.owner = number
    output.want |= np.int64(1) << number
    output.ready = max(output.ready, now + 1)
    m.input[index(o // PORTS * PORTS + number)].held = o % PORTS
    call(m, o, now)


@inlined
def grant(m: Machine, o: int, now: int) -> None:
    """Output o is ready, and takes a flit: from the input that holds it, else round robin."""
    output = m.output[index(o)]
    output.due = 0
    asking, number = candidates(m, o), np.int64(output.owner)
    if m.hw[0].two_stage == 0:
        number = choose(m, o, asking)
    bit = np.int64(1) << number
    output.want ^= bit
    q = o // PORTS * PORTS + number
    port = m.input[index(q)]
    if go(m, q, o, now) > 0:
        output.owner, port.held = number, o % PORTS
    else:
        output.owner = port.held = -1
        if output.heads != 0:
            call_claim(m, o, now)
    if output.want != 0:
        call(m, o, now)
    port.crossed += 1 if port.claimed != now else 0  # copies that cross in the same cycle are one read of the buffer
    port.claimed = now
    port.todo ^= np.int64(1) << (o % PORTS)
    if port.todo == 0:
        leave(m, q, now)


@inlined
def cascade(m: Machine, at: int, now: int) -> None:
    """A block of cycles begins: what lies in it goes to the near wheel."""
    for sort in range(CLAIM):  # a claim is due in the next cycle at the latest
        number = take_first(m.heads, 1, at, sort)
        while number >= 0:
            following = np.int64(m.links[sort, index(number)])
            cycle = m.input[index(number)].front_from
            if sort == OUTPUT:
                cycle = m.output[index(number)].ready
            enter(m.heads, m.links, m.marks, sort, number, cycle, now)
            number = following


@inner
def run_flits(m: Machine) -> bool:
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
            number = take_first(m.heads, 0, at, INPUT)
            while number >= 0:
                following = np.int64(m.links[INPUT, index(number)])
                ask(m, number, now)
                number = following
            take_mark(m.marks, level, now)  # now: outputs that were ready have come into this place
            number = take_first(m.heads, 0, at, CLAIM)
            while number >= 0:
                following = np.int64(m.links[CLAIM, index(number)])
                claim(m, number, now)
                number = following
            number = take_first(m.heads, 0, at, OUTPUT)
            while number >= 0:
                following = np.int64(m.links[OUTPUT, index(number)])
                grant(m, number, now)
                number = following
        now += 1 - level
        soon = m.marks[0, (now & (WHEEL - 1)) >> 6] >> np.uint64(now & 63)
        if soon != np.uint64(0) and now & (WHEEL - 1) != 0:  # in the same block of cycles: the far wheel has no say
            level = 0
            now += first_bit(soon)
        else:
            level, now = next_look(m.marks, now)
    for q in m.live_in:
        if m.input[index(q)].pushed != m.input[index(q)].popped:
            return False
    return True
