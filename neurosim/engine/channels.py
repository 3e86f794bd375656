"""Compiled timing of flits through routers with virtual channels: every cycle exact (specs/router.md, section 3).

A router is looked at in each cycle in which one of its fronts may cross; a source in each in which it may send. Both
are one bit in the calendar (`Machine.due`), and a look too many does no harm: it finds out when the next one is due.
The cycle of a credit follows from when the flit left whose slot was freed; as long as that flit is still there nobody
looks, and when it leaves it calls the feeder.
"""

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.layout import PORTS, WHEEL, WHEEL_BITS, Machine
from neurosim.engine.network import (
    ARRIVE,
    AXON_CYCLES,
    CROSS,
    FLITS,
    INJECT,
    NEVER,
    behind,
    log,
    row_at,
    serve,
    slot_of,
    start_packet,
)
from neurosim.engine.wheel import index, next_look, take_mark
from neurosim.kernel import first_bit, inlined, inner
from neurosim.routing.torus import channels

__all__ = ["run_channels"]

LANE, KEY, SINCE = range(3)  # columns of Machine.bid: of an output its best lane and how good; of an input since when
ONE = np.uint64(1)


@inner
def wake(due: NDArray[np.uint64], marks: NDArray[np.uint64], number: int, cycle: int, now: int) -> None:
    """Look at router or node `number` in `cycle`, or, if that is far away, when its block of cycles begins."""
    level, at = 0, cycle
    if cycle - now >= WHEEL:
        level, at = 1, min(cycle >> WHEEL_BITS, (now >> WHEEL_BITS) + WHEEL - 1)
    at &= WHEEL - 1
    due[level, at, number >> 6] |= ONE << np.uint64(number & 63)
    marks[level, at >> 6] |= ONE << np.uint64(at & 63)
    marks[level, WHEEL >> 6] |= ONE << np.uint64(at >> 6)


@inlined
def after(turn: int, number: int, count: int) -> int:
    """How far `number` comes after `turn`, cyclically."""
    return number - turn if number >= turn else number - turn + count


@inner
def slot_ready(m: Machine, place: int, back: int) -> int:
    """The cycle from which the feeder of lane `place` has a credit; NEVER if the flit in that slot is still there."""
    lane = m.lane[index(place)]
    oldest, result = lane.pushed - m.hw[0].buffer_flits, 0
    if oldest >= lane.popped:
        result = NEVER
    elif oldest >= 0:
        result = m.slot[slot_of(m, place, oldest)].pop_cycle + back
    return result


@inner
def room_ready(m: Machine, o: int, c: int) -> int:
    """The cycle from which output o has a credit for its channel c; NEVER if that is not known."""
    hw, output = m.hw[0], m.output[index(o)]
    behind_it, result = np.int64(output.after), 0
    if behind_it >= 0:
        result = slot_ready(m, behind_it * hw.channels + c, output.back)
    else:
        oldest = m.lane[index(o * hw.channels + c)].sent - hw.axon_fifo
        if oldest >= 0:
            result = m.home[index(-behind_it - 1), index(c), index(oldest & hw.credit_mask)]
    return result


@inner
def open_channel(m: Machine, q: int, v: int, o: int, target: int, now: int) -> tuple[int, int]:
    """(channel, cycle): which channel of output o the head in channel v of input q can take at `now`, in the order of
    the pointer; -1 if none, and when there may be one."""
    hw = m.hw[0]
    low, high = 0, hw.channels
    if hw.torus == 1:
        node = target % (hw.cores + 1)  # scripted traffic has more sets than nodes
        goal = hw.host_router if node == hw.cores else node // hw.concentration
        low, high = channels(q // PORTS, goal, q % PORTS, v, o % PORTS, hw.columns, hw.channels)
    chosen, soon = -1, NEVER
    c = m.turn[index(o)].owned
    for _ in range(hw.channels):
        if low <= c and c < high and m.lane[index(o * hw.channels + c)].owned == 0:
            ready = room_ready(m, o, c)
            soon = min(soon, ready)
            if ready <= now:
                chosen = c
                break
        c = c + 1 if c + 1 < hw.channels else 0
    return chosen, soon


@inner
def request(m: Machine, q: int, v: int, now: int) -> tuple[int, int, int, int]:
    """(output, key, first, cycle): what the front of channel v of input q asks for. The lower key wins at the input:
    packets that hold a channel before heads, then outputs, then channels in the order of the pointers. Output -1: it
    asks for nothing, but perhaps from `cycle` on; it may be considered from cycle `first` on."""
    hw, turn = m.hw[0], m.turn[index(q)]
    place = q * hw.channels + v
    lane = m.lane[index(place)]
    slot = m.slot[slot_of(m, place, lane.popped)]
    first, held, head = max(slot.arrival, lane.front_from), np.int64(lane.held), 0
    base = q // PORTS * PORTS
    if held < 0:
        head = 1
        first += hw.routing_cycles
        port = first_bit(m.ports[index(slot.set), index(q // PORTS)])
        _, cycle = open_channel(m, q, v, base + port, np.int64(slot.set), now)
    else:
        port = held // hw.channels
        cycle = room_ready(m, base + port, held % hw.channels)
    cycle = max(cycle, first, m.output[index(base + port)].free)
    key = (head * PORTS + after(turn.choice, port, hw.radix)) * hw.channels + after(turn.channel, v, hw.channels)
    return port if cycle <= now else -1, key, first, cycle


@inner
def offer(m: Machine, r: int, i: int, now: int) -> int:
    """Input i of router r keeps one output and bids for it. Returns when it may have another bid; NEVER: unknown."""
    hw, q = m.hw[0], r * PORTS + i
    best, place, port, since, soon = NEVER, -1, -1, now, NEVER
    for v in range(hw.channels):
        lane = m.lane[index(q * hw.channels + v)]
        if lane.pushed > lane.popped:
            o, key, first, cycle = request(m, q, v, now)
            since = min(since, first)
            if o < 0:
                soon = min(soon, cycle)
            elif key < best:
                best, place, port = key, q * hw.channels + v, o
    m.bid[i, SINCE] = since
    if place >= 0:
        soon = now + 1
        head = 1 if m.lane[index(place)].held < 0 else 0
        key = head * PORTS + after(m.output[index(r * PORTS + port)].pointer, i, hw.radix)
        if m.bid[port, LANE] < 0 or key < m.bid[port, KEY]:
            m.bid[port, LANE], m.bid[port, KEY] = place, key
    return soon


@inner
def look(m: Machine, r: int, now: int) -> None:
    """One cycle of router r: bids, then every output takes the best: bid[output] becomes the lane whose front crosses
    (-1: none) and the channel that it takes."""
    soon = NEVER
    for i in range(m.hw[0].radix):
        m.bid[i, LANE] = -1
    for i in range(m.hw[0].radix):
        soon = min(soon, offer(m, r, i, now))
    for o in range(m.hw[0].radix):
        if m.bid[o, LANE] >= 0:
            win(m, m.bid[o, LANE], r * PORTS + o, now)
    if soon < NEVER:
        wake(m.due, m.marks, r, soon, now)


@inner
def win(m: Machine, place: int, o: int, now: int) -> None:
    """The front of lane `place` crosses to output o; the pointers move behind it."""
    hw = m.hw[0]
    q, v = place // hw.channels, place % hw.channels
    lane, port, output = m.lane[index(place)], m.input[index(q)], m.output[index(o)]
    front = m.slot[slot_of(m, place, lane.popped)]
    c = np.int64(lane.held % hw.channels)
    if lane.held < 0:
        c, _ = open_channel(m, q, v, o, np.int64(front.set), now)
        m.turn[index(o)].owned = c + 1 if c + 1 < hw.channels else 0
        lane.held = o % PORTS * hw.channels + c
        m.lane[index(o * hw.channels + c)].owned = 1
    m.turn[index(q)].choice = behind(m, o % PORTS)
    m.turn[index(q)].channel = v + 1 if v + 1 < hw.channels else 0
    output.pointer = behind(m, q % PORTS)
    if front.left == 0:
        lane.held = -1
        m.lane[index(o * hw.channels + c)].owned = 0
    port.blocked += now - max(port.front_from, m.bid[q % PORTS, SINCE])
    port.busy += 1
    port.front_from = now + 1
    port.popped += 1
    free_slot(m, place, now)
    m.bid[o % PORTS, KEY] = c


@inner
def free_slot(m: Machine, place: int, now: int) -> None:
    """The front of lane `place` leaves; a feeder that had no credit left is called for when this one is home."""
    lane, feeder = m.lane[index(place)], np.int64(m.input[index(place // m.hw[0].channels)].feeder)
    m.slot[slot_of(m, place, lane.popped)].pop_cycle = now
    full = lane.pushed - lane.popped >= m.hw[0].buffer_flits
    lane.popped += 1
    lane.front_from = now + 1
    if full:
        number, back = m.hw[0].routers - feeder - 1, 2
        if feeder >= 0:
            number, back = feeder // PORTS, m.output[index(feeder)].back
        wake(m.due, m.marks, number, now + back, now)


@inner
def cross(m: Machine, place: int, o: int, c: int, now: int) -> None:
    """The flit that has just left lane `place` goes on by channel c of output o."""
    hw, output = m.hw[0], m.output[index(o)]
    q, v = place // hw.channels, place % hw.channels
    front = m.slot[slot_of(m, place, m.lane[index(place)].popped - 1)]
    p, left, target, row = np.int64(front.packet), np.int64(front.left), front.set, front.row
    kind = np.int64(m.packet[index(p)].kind)
    flit = m.service[index(kind), 0, FLITS] - 1 - left
    log(m, now, CROSS, q // PORTS, 64 * v + PORTS * (q % PORTS) + o % PORTS, m.packet[index(p)].origin,
        1024 * m.packet[index(p)].number + flit)  # fmt: skip
    output.sent += 1
    output.free = now + output.interval
    behind_it = np.int64(output.after)
    if behind_it >= 0:
        push(m, behind_it, c, p, left, target, row, now + output.wire, flit == 0, now)
    else:
        n = -behind_it - 1
        log(m, now + 3, ARRIVE, n, m.packet[index(p)].origin, m.packet[index(p)].number, flit)
        taken = m.node[index(n)].ejected
        length, cycles = 1, 0
        if left == 0:
            length, cycles = m.service[index(kind), index(n), AXON_CYCLES], row_at(m, p, np.int64(row), n)
            m.delivered[index(kind), index(n)] += 1
        serve(m, n, p, length, cycles, flit, now + 3)
        room = m.lane[index(o * hw.channels + c)]
        credit = m.ring[index(n), index(hw.credit_at + (taken & hw.credit_mask))]
        m.home[index(n), index(c), index(room.sent & hw.credit_mask)] = credit
        room.sent += 1


@inner
def push(m: Machine, q: int, c: int, p: int, left: int, target: int, row: int, arrival: int, head: bool,
         now: int) -> None:  # fmt: skip
    """A flit is on its way to channel c of input q."""
    place = q * m.hw[0].channels + c
    lane = m.lane[index(place)]
    slot = m.slot[slot_of(m, place, lane.pushed)]
    slot.packet, slot.left, slot.set, slot.row, slot.arrival = p, left, target, row, arrival
    m.input[index(q)].pushed += 1
    lane.pushed += 1
    if lane.pushed == lane.popped + 1:
        first = max(arrival, lane.front_from) + (m.hw[0].routing_cycles if head else 0)
        wake(m.due, m.marks, q // PORTS, first, now)


@inner
def start(m: Machine, n: int, now: int) -> None:
    """The next packet of node n, if there is one, is made ready to be sent."""
    node = m.node[index(n)]
    if node.emission < node.stop:
        if node.scripted == 1:
            node.ready = np.int64(m.packet[index(node.packet)].release)
        else:
            start_packet(m, n)
        wake(m.due, m.marks, m.hw[0].routers + n, max(node.ready, node.sent_last + 1), now)


@inner
def source_channel(m: Machine, q: int, begun: bool, now: int) -> tuple[int, int]:
    """(channel, cycle): the channel by which the source at input q can send the next flit, of a packet that it has
    `begun` or not; -1 if none, and when there may be one."""
    hw, turn = m.hw[0], m.turn[index(q)]
    chosen, soon = -1, NEVER
    c, tries = turn.source, hw.channels
    if begun:
        c, tries = turn.sending, 1
    for _ in range(tries):
        ready = slot_ready(m, q * hw.channels + c, np.int64(2))
        soon = min(soon, ready)
        if ready <= now:
            chosen = c
            break
        c = c + 1 if c + 1 < hw.channels else 0
    return chosen, soon


@inlined
def send(m: Machine, n: int, now: int) -> None:
    """Node n sends its next flit, if it is ready and a channel has a credit."""
    hw, node = m.hw[0], m.node[index(n)]
    wanted = max(node.ready, node.sent_last + 1)
    c, soon = source_channel(m, node.attach, node.flit > 0, now)
    if wanted > now or c < 0:
        soon = max(soon, wanted)
        if soon < NEVER:
            wake(m.due, m.marks, hw.routers + n, soon, now)
    else:
        inject(m, n, c, wanted, now)


@inlined
def inject(m: Machine, n: int, c: int, wanted: int, now: int) -> None:
    """Node n sends its next flit by channel c; it could have done so in cycle `wanted`."""
    hw, node = m.hw[0], m.node[index(n)]
    p = node.packet
    packet, turn = m.packet[index(p)], m.turn[index(node.attach)]
    if node.flit == 0:
        turn.sending, turn.source = c, c + 1 if c + 1 < hw.channels else 0
    node.inject_blocked += now - wanted
    node.sent_last = now
    node.flits += 1
    left = m.service[index(packet.kind), index(n), FLITS] - 1 - node.flit
    push(m, node.attach, c, p, left, packet.set, packet.row, now + 2, node.flit == 0, now)
    log(m, now, INJECT, n, packet.number, node.flit, packet.kind)
    node.flit += 1
    if left > 0:
        wake(m.due, m.marks, hw.routers + n, now + 1, now)
    else:
        m.ring[index(n), index(hw.tail_at + (packet.number & hw.tail_mask))] = now
        node.flit = 0
        node.packet = p + 1
        if p + 1 == m.emission[index(node.emission + 1)].packets:
            node.emission += 1
        start(m, n, now)


@inner
def run_channels(m: Machine) -> bool:
    """Send and deliver the packets of all sources, from cycle 0 of the step. False: deadlock."""
    hw = m.hw[0]
    for place in range(m.lane.shape[0]):
        lane = m.lane[place]
        lane.pushed = lane.popped = lane.front_from = lane.owned = lane.sent = 0
        lane.held = -1
    for n in m.live:
        start(m, n, np.int64(0))
    level, now = next_look(m.marks, np.int64(0))
    while now >= 0:
        at = take_mark(m.marks, level, now)
        for word in range(m.due.shape[2]):
            bits = m.due[level, at, word]
            m.due[level, at, word] = 0
            while bits != np.uint64(0):
                number = 64 * word + first_bit(bits)
                bits &= bits - ONE
                if level == 1:
                    wake(m.due, m.marks, number, now, now)
                elif number < hw.routers:
                    look(m, number, now)
                    for o in range(hw.radix):
                        if m.bid[o, LANE] >= 0:
                            cross(m, m.bid[o, LANE], number * PORTS + o, m.bid[o, KEY], now)
                elif m.node[index(number - hw.routers)].emission < m.node[index(number - hw.routers)].stop:
                    send(m, number - hw.routers, now)
        now += 1 - level
        level, now = next_look(m.marks, now)
    for q in m.live_in:
        if m.input[index(q)].pushed != m.input[index(q)].popped:
            return False
    return True
