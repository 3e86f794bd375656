"""Compiled timing of one step: packets through sources, routers and receivers, every cycle exact.

Only the routers are simulated cycle by cycle, and only in cycles in which something may change. A flit is
pushed into the next FIFO when it is granted, with its arrival cycle; a credit is looked up when it is
needed, because the cycle in which slot m was freed is kept. Sources and receivers have one queue and one
server each, so that their cycles follow by arithmetic (docs/decisions/0001, "The chain of a spike").
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.layout import BY_KIND, BY_NODE, PORTS, WHEEL, WHEEL_BITS, Machine
from neurosim.image import Ints
from neurosim.kernel import first_bit, inlined, inner

__all__ = ["ARRIVE", "AXON", "CROSS", "EMIT", "FLITS", "INJECT", "NEVER", "SYNAPSE", "behind", "index", "log",
           "next_look", "ready_cycle", "receive", "row_at", "run_packets", "serve_tail", "slot_of", "start_packet",
           "take_mark", "wake"]  # fmt: skip

Words = NDArray[np.uint64]
EMIT, INJECT, CROSS, ARRIVE, AXON, SYNAPSE = range(6)  # events of the log
NEVER = 1 << 60
index = np.uint64  # of an index that is not negative: numba then does not look whether it counts from the end
FLITS, AXON_CYCLES, SYNAPSE_CYCLES = range(3)  # columns of Machine.service


@inlined
def log(m: Machine, cycle: int, event: int, node: int, a: int, b: int, c: int) -> None:
    """Append one event to the log, if there is one."""
    if m.log.shape[0] > 0:
        append(m.log, m.logged, m.clock[0] + cycle, event, node, a, b, c)


@inner
def append(rows: Ints, logged: Ints, cycle: int, event: int, node: int, a: int, b: int, c: int) -> None:
    """The next row of the log, as long as there is room; `logged` counts on."""
    n = logged[0]
    if n < rows.shape[0]:
        rows[n, 0] = cycle
        rows[n, 1] = event
        rows[n, 2] = node
        rows[n, 3] = a
        rows[n, 4] = b
        rows[n, 5] = c
    logged[0] = n + 1


@inlined
def wake(m: Machine, router: int, cycle: int, now: int) -> None:
    """Look at `router` in `cycle`."""
    set_mark(m.wheel, m.marks, router, cycle, now)


@inner
def set_mark(wheel: Words, marks: Words, router: int, cycle: int, now: int) -> None:
    """Note a look at `router` in `cycle`; if the near wheel does not reach so far, when that block begins."""
    level, at = 0, cycle
    if cycle - now >= WHEEL:
        level, at = 1, min(cycle >> WHEEL_BITS, (now >> WHEEL_BITS) + WHEEL - 1)
    at &= WHEEL - 1
    wheel[level, at, index(router >> 6)] |= np.uint64(1) << np.uint64(router & 63)
    marks[level, at >> 6] |= np.uint64(1) << np.uint64(at & 63)
    marks[level, WHEEL >> 6] |= np.uint64(1) << np.uint64(at >> 6)


@inlined
def slot_of(m: Machine, q: int, number: int) -> np.uint64:
    """Where flit `number` of input q lies. Rings have a power of two of places: a mask is quicker than a remainder."""
    return index(q * (m.hw[0].slot_mask + 1) + (number & m.hw[0].slot_mask))


@inlined
def sweep_to(m: Machine, n: int, e: int, kind: int) -> int:
    """Sweep node n up to the item of emission e; returns the cycle in which its result is in the spike queue."""
    hw, node = m.hw[0], m.node[index(n)]
    cycles = node.cycles
    if n == hw.cores:  # the host link takes the time of its packet
        cycles = m.service[index(kind), index(n), FLITS] * hw.host_flit_cycles
    emission = m.emission[index(e)]
    passed = (emission.position - node.at) * cycles + emission.before - node.extra_done
    free = node.sweep_free + passed
    start = free
    number = e - node.first
    if number >= hw.spike_queue:
        start = max(start, m.ring[index(n), index(hw.take_at + ((number - hw.spike_queue) & hw.take_mask))] + 1)
    node.sweep_blocked += start - free
    node.sweep_busy += passed + cycles + emission.more
    node.sweep_free = start + cycles + emission.more
    node.at = emission.position + 1
    node.extra_done = emission.before + emission.more
    log(m, node.sweep_free + node.latency, EMIT, n, emission.position, kind, 0)
    return node.sweep_free + node.latency


@inlined
def start_packet(m: Machine, n: int) -> None:
    """Sweep and packetiser of node n up to the cycle in which its current packet is complete."""
    hw, node = m.hw[0], m.node[index(n)]
    p, e = node.packet, node.emission
    available = node.pack_free
    if p == m.emission[index(e)].packets:  # the first packet of an emission: the sweep gets there now
        available = max(available, sweep_to(m, n, e, m.packet[index(p)].kind))
    start = available
    number = m.packet[index(p)].number
    if number >= hw.packet_queue:
        start = max(start, m.ring[index(n), index(hw.tail_at + ((number - hw.packet_queue) & hw.tail_mask))] + 1)
    node.pack_blocked += start - available
    node.pack_free = start + hw.packet_cycles
    node.pack_busy += hw.packet_cycles
    if p == m.emission[index(e)].packets:
        m.ring[index(n), index(hw.take_at + ((e - node.first) & hw.take_mask))] = start
    node.ready = start + hw.packet_cycles


@inner
def feed(m: Machine, n: int, now: int, started: bool) -> None:
    """Send the flits of node n as long as a slot is free; `started`: the packetiser has begun the current packet."""
    hw, node = m.hw[0], m.node[n]
    q, depth = node.attach, hw.buffer_flits
    port = m.input[q]
    while node.emission < node.stop:
        p = node.packet
        if node.flit == 0 and not started:
            if node.scripted == 1:
                node.ready = m.packet[p].release
            else:
                start_packet(m, n)
        pushed = port.pushed
        node.stalled = 1 if pushed - port.popped >= depth else 0
        if node.stalled == 1:
            return
        started = False
        wanted = max(node.ready, node.sent_last + 1)
        cycle = wanted
        if pushed >= depth:
            cycle = max(cycle, m.slot[slot_of(m, q, pushed - depth)].pop_cycle + 2)
        node.inject_blocked += cycle - wanted
        node.sent_last = cycle
        node.flits += 1
        slot = m.slot[slot_of(m, q, pushed)]
        slot.packet, slot.flit, slot.arrival = p, node.flit, cycle + 2
        port.pushed = pushed + 1
        m.present[q // PORTS] |= np.int64(1) << (q % PORTS)
        if pushed == port.popped:
            wake(m, q // PORTS, cycle + 2, now)
        log(m, cycle, INJECT, n, m.packet[p].number, node.flit, m.packet[p].kind)
        node.flit += 1
        if node.flit == m.service[m.packet[p].kind, n, FLITS]:
            m.ring[n, hw.tail_at + (m.packet[p].number & hw.tail_mask)] = cycle
            node.flit = 0
            node.packet = p + 1
            if p + 1 == m.emission[node.emission + 1].packets:
                node.emission += 1


@inlined
def ready_cycle(m: Machine, output: int) -> int:
    """First cycle in which `output` (PORTS * router + port) can be granted: its link is free and the buffer behind
    has a slot; NEVER if that is not yet known."""
    hw = m.hw[0]
    result = m.output[index(output)].ready
    after = m.output[index(output)].after
    if after >= 0:
        pushed, depth = m.input[index(after)].pushed, hw.buffer_flits
        if pushed >= depth:
            if m.input[index(after)].popped <= pushed - depth:
                m.input[index(after)].waiting = 1
                result = NEVER
            else:
                freed = m.slot[slot_of(m, after, pushed - depth)].pop_cycle
                result = max(result, freed + m.output[index(output)].back)
    else:
        number = m.node[index(-after - 1)].ejected
        if number >= hw.axon_fifo:
            place = hw.credit_at + ((number - hw.axon_fifo) & hw.credit_mask)
            result = max(result, m.ring[index(-after - 1), index(place)])
    return result


@inner
def find_row(rows: Any, low: int, high: int, n: int) -> np.int64:
    """Row cycles at node n, by bisection in the list low..high-1 of a multicast packet."""
    while high - low > 1:
        middle = (low + high) >> 1
        if rows[middle].node <= n:
            low = middle
        else:
            high = middle
    return np.int64(rows[low].cycles)


@inlined
def row_at(m: Machine, p: int, row: int, n: int) -> int:
    """Cycles of packet p at the synapse unit of node n, if it says `row`; 0: it goes no further than the axon unit."""
    if row == BY_KIND:
        row = m.service[index(m.packet[index(p)].kind), index(n), SYNAPSE_CYCLES]
    elif row == BY_NODE:
        row = find_row(m.row, np.int64(m.packet[index(p)].rows), np.int64(m.packet[index(p)].rows_end), n)
    return row


@inlined
def receive(m: Machine, n: int, p: int, flit: int, cycle: int) -> None:
    """A flit arrives at terminal n: axon unit, then (rows only) synapse unit."""
    kind = np.int64(m.packet[p].kind)
    log(m, cycle, ARRIVE, n, m.packet[p].origin, m.packet[p].number, flit)
    if flit == m.service[kind, n, FLITS] - 1:
        serve_tail(m, n, p, kind, row_at(m, p, np.int64(m.packet[p].row), n), flit, cycle)
    else:
        serve(m, n, p, np.int64(1), np.int64(0), flit, cycle)


@inlined
def serve_tail(m: Machine, n: int, p: int, kind: int, row: int, flit: int, cycle: int) -> None:
    """The last flit of a packet of `kind` with a row of `row` cycles (0: none) arrives at terminal n."""
    serve(m, n, p, m.service[index(kind), index(n), AXON_CYCLES], row, flit, cycle)
    m.delivered[index(kind), index(n)] += 1


@inlined
def serve(m: Machine, n: int, p: int, length: int, row: int, flit: int, cycle: int) -> None:
    """A flit at terminal n: `length` cycles of the axon unit, then `row` cycles of the synapse unit."""
    hw, node = m.hw[0], m.node[index(n)]
    if n == hw.cores:
        length = hw.host_flit_cycles
    free = max(cycle, node.axon_free)
    start = free
    if row > 0 and node.rows >= hw.synapse_queue:
        start = max(start, m.ring[index(n), index(hw.row_at + ((node.rows - hw.synapse_queue) & hw.row_mask))] + 1)
    node.axon_blocked += start - free
    node.axon_busy += length
    node.axon_free = start + length
    log(m, start, AXON, n, m.packet[index(p)].origin, m.packet[index(p)].number, flit)
    m.ring[index(n), index(hw.credit_at + (node.ejected & hw.credit_mask))] = start + 2 + hw.credit_cycles
    node.ejected += 1
    done = start + length
    if n == hw.cores:
        done += hw.host_latency
    if row > 0:
        begin = max(start + length, node.synapse_free)
        m.ring[index(n), index(hw.row_at + (node.rows & hw.row_mask))] = begin
        node.rows += 1
        node.synapse_free = begin + row
        node.synapse_busy += row
        log(m, begin, SYNAPSE, n, m.packet[index(p)].origin, m.packet[index(p)].number, 0)
        done = begin + row + hw.synapse_latency
    m.clock[5] = max(m.clock[5], done)


@inlined
def cross(m: Machine, q: int, output: int, now: int) -> None:
    """The front flit of input q crosses to `output` (PORTS * router + port) and goes on the wire."""
    slot = m.slot[slot_of(m, q, m.input[q].popped)]
    p, flit = slot.packet, slot.flit
    packet = m.packet[p]
    log(m, now, CROSS, q // PORTS, PORTS * (q % PORTS) + output % PORTS, packet.origin, 1024 * packet.number + flit)
    m.output[output].sent += 1
    m.output[output].ready = now + m.output[output].interval
    after = m.output[output].after
    if after >= 0:
        port = m.input[after]
        target = m.slot[slot_of(m, after, port.pushed)]
        arrival = now + m.output[output].wire
        target.packet, target.flit, target.arrival = p, flit, arrival
        if port.pushed == port.popped:
            wake(m, after // PORTS, arrival, now)
        port.pushed += 1
        m.present[after // PORTS] |= np.int64(1) << (after % PORTS)
    else:
        receive(m, -after - 1, p, flit, now + 3)


@inlined
def first_cycle(m: Machine, q: int) -> int:
    """First cycle in which the front flit of input q may be considered."""
    hw, port = m.hw[0], m.input[q]
    slot = m.slot[slot_of(m, q, port.popped)]
    first = max(slot.arrival, port.front_from)
    if slot.flit == 0:
        first += hw.routing_cycles
    return first


@inlined
def pop(m: Machine, q: int, now: int) -> None:
    """The front of input q has crossed: free its slot, tell the feeder, show the next front."""
    port = m.input[q]
    port.blocked += now - first_cycle(m, q) + 1 - port.crossed
    m.slot[slot_of(m, q, port.popped)].pop_cycle = now
    port.popped += 1
    port.crossed = 0
    port.todo = 0
    port.front_from = now + 1
    if port.feeder < 0:
        if m.node[-port.feeder - 1].stalled == 1:
            feed(m, -port.feeder - 1, now, m.node[-port.feeder - 1].flit == 0)
    elif port.waiting == 1:
        port.waiting = 0
        wake(m, port.feeder // PORTS, now + m.output[port.feeder].back, now)
    if port.pushed > port.popped:
        slot = m.slot[slot_of(m, q, port.popped)]
        wake(m, q // PORTS, max(slot.arrival, now + 1), now)
    else:
        m.present[q // PORTS] &= ~(np.int64(1) << (q % PORTS))


@inner
def winner(candidates: int, pointer: int) -> int:
    """The first of the candidate inputs (8 bits, not 0) at or after `pointer`, cyclically."""
    port = pointer
    while (candidates >> port) & 1 == 0:
        port = (port + 1) % PORTS  # there is no candidate among the places that are no ports
    return port


@inlined
def behind(m: Machine, port: int) -> int:
    """The input after `port`, where the round-robin pointer goes when it has won."""
    return port + 1 if port + 1 < m.hw[0].radix else 0


@inlined
def claim(m: Machine, router: int, claims: int, now: int) -> None:
    """Two-stage arrangement: every free output that heads ask for is claimed by one of them."""
    hw = m.hw[0]
    for output in range(PORTS * router, PORTS * router + hw.radix):
        candidates = np.int64((claims >> np.uint64(8 * (output - PORTS * router))) & np.uint64(255))
        if candidates != 0:
            port = winner(candidates, m.output[output].pointer)
            m.output[output].pointer = behind(m, port)
            m.output[output].owner = port
            m.input[PORTS * router + port].held = output - PORTS * router
            m.input[PORTS * router + port].claimed = now


@inlined
def grant(m: Machine, router: int, requests: int, now: int) -> int:
    """Every requested output takes one input; flits cross, tails release, served fronts leave (their number)."""
    hw = m.hw[0]
    moved = 0  # inputs that crossed, 8 bits
    left = 0
    for output in range(PORTS * router, PORTS * router + hw.radix):
        candidates = np.int64((requests >> np.uint64(8 * (output - PORTS * router))) & np.uint64(255))
        if candidates == 0:
            continue
        number = winner(candidates, m.output[output].pointer)
        q = PORTS * router + number
        port = m.input[q]
        if hw.two_stage == 0:
            m.output[output].pointer = behind(m, number)
        slot = m.slot[slot_of(m, q, port.popped)]
        flits = m.service[m.packet[slot.packet].kind, 0, FLITS]
        if flits > 1 or hw.two_stage == 1:
            if slot.flit == flits - 1:
                m.output[output].owner = -1
                port.held = -1
            else:
                m.output[output].owner = number
                port.held = output - PORTS * router
        elif port.todo == 0:
            port.todo = np.int64(m.ports[m.packet[slot.packet].set, router])
        port.todo = port.todo & ~(1 << (output - PORTS * router))
        cross(m, q, output, now)
        moved |= 1 << number
    for q in range(PORTS * router, PORTS * router + hw.radix):
        if (moved >> (q - PORTS * router)) & 1 == 1:
            m.input[q].busy += 1
            m.input[q].crossed += 1
            if m.input[q].todo == 0:
                pop(m, q, now)
                left += 1
    return left


@inlined
def visit(m: Machine, router: int, now: int) -> None:
    """One cycle of one router: requests as they stand, then grants (router.md section 3, steps 4 to 6)."""
    hw = m.hw[0]
    requests = np.uint64(0)  # bit 8 * output + input
    claims = np.uint64(0)
    waiting = 0
    present = m.present[router]
    for number in range(hw.radix):
        if (present >> number) & 1 == 0:
            continue
        q = PORTS * router + number
        port = m.input[q]
        first = first_cycle(m, q)
        if port.held >= 0:
            first = max(first, port.claimed + 1)
        if first > now:
            wake(m, router, first, now)
            continue
        waiting += 1
        wanted = port.todo
        if port.held >= 0:
            wanted = 1 << port.held
        elif wanted == 0:
            slot = m.slot[slot_of(m, q, port.popped)]
            wanted = np.int64(m.ports[m.packet[slot.packet].set, router])
        for output in range(hw.radix):
            if (wanted >> output) & 1 == 0 or (port.held < 0 and m.output[PORTS * router + output].owner >= 0):
                continue
            if port.held < 0 and hw.two_stage == 1:
                claims |= np.uint64(1) << np.uint64(8 * output + number)
                continue
            ready = ready_cycle(m, PORTS * router + output)
            if ready <= now:
                requests |= np.uint64(1) << np.uint64(8 * output + number)
            elif ready < NEVER:
                wake(m, router, ready, now)
    if requests != np.uint64(0):
        waiting -= grant(m, router, requests, now)
    if claims != np.uint64(0):
        claim(m, router, claims, now)
    if waiting > 0 and (requests != np.uint64(0) or claims != np.uint64(0)):
        # A loser, or an output that is free from now + 1 on.
        wake(m, router, now + 1, now)


@inner
def next_place(marks: Words, level: int, now: int) -> np.int64:
    """The next occupied place of a wheel at or after cycle (or block) `now`, or -1. Two levels of bitmaps."""
    start = now & (WHEEL - 1)
    group = start >> 6
    ahead = marks[level, group] >> np.uint64(start & 63)
    occupied = marks[level, WHEEL >> 6]
    later = (occupied >> np.uint64(group)) >> np.uint64(1)  # two shifts: 64 at once is not defined
    result = np.int64(-1)
    if ahead != np.uint64(0):
        result = now + first_bit(ahead)
    elif later != np.uint64(0):
        group += 1 + first_bit(later)
        result = now + 64 * group + first_bit(marks[level, group]) - start
    elif occupied != np.uint64(0):  # around the end of the wheel
        group = first_bit(occupied)
        result = now + ((64 * group + first_bit(marks[level, group]) - start) & (WHEEL - 1))
    return result


@inner
def next_look(marks: Words, now: int) -> tuple[int, int]:
    """(level, cycle) of the next look at routers at or after `now`; the cycle is -1 if there is none.

    The beginning of a block comes before the cycles in it: what the far wheel holds may then be due in one of them.
    """
    near, block = next_place(marks, 0, now), next_place(marks, 1, now >> WHEEL_BITS)
    far = block << WHEEL_BITS
    level, cycle = 0, near
    if block >= 0 and (near < 0 or far <= near):
        level, cycle = 1, max(far, now)
    return level, cycle


@inner
def take_mark(marks: Words, level: int, cycle: int) -> int:
    """The place of `cycle` is being worked on: its mark goes. Returns the place."""
    at = (cycle if level == 0 else cycle >> WHEEL_BITS) & (WHEEL - 1)
    left = marks[level, at >> 6] & ~(np.uint64(1) << np.uint64(at & 63))
    marks[level, at >> 6] = left
    if left == np.uint64(0):
        marks[level, WHEEL >> 6] &= ~(np.uint64(1) << np.uint64(at >> 6))
    return at


@inner
def run_packets(m: Machine) -> bool:
    """Send and deliver the packets of all sources that meet, from cycle 0 of the step. False: deadlock."""
    for n in m.live:
        if m.node[n].first < m.node[n].stop and m.node[n].alone == 0:
            feed(m, n, np.int64(0), np.bool_(m.node[n].stalled == 1))
    level, now = next_look(m.marks, np.int64(0))
    while now >= 0:
        at = take_mark(m.marks, level, now)
        for block in range(m.wheel.shape[2]):
            word = m.wheel[level, at, block]
            m.wheel[level, at, block] = np.uint64(0)
            while word != np.uint64(0):
                router = 64 * block + first_bit(word)
                word &= word - np.uint64(1)
                visit(m, router, now)
        level, now = next_look(m.marks, now + 1 - level)
    for q in m.live_in:
        if m.input[q].pushed != m.input[q].popped:
            return False
    return True
