"""Compiled timing at both ends of the network: sources and receivers, whose cycles follow by arithmetic.

Sources and receivers have one queue and one server each (docs/decisions/0001, "The chain of a spike"). What lies
between them is in flits.py (flits through routers, event by event) and forest.py (sources that meet no other).
"""

from typing import Any

import numpy as np

from neurosim.engine.layout import BY_KIND, BY_NODE, CYCLE, LAST, Machine
from neurosim.engine.wheel import index
from neurosim.image import Ints
from neurosim.kernel import inlined, inner

__all__ = ["ARRIVE", "AXON", "CROSS", "EMIT", "FLITS", "INJECT", "NEVER", "SYNAPSE", "behind", "log",
           "ready_cycle", "receive", "row_at", "serve", "serve_tail", "slot_of", "start_packet"]  # fmt: skip

EMIT, INJECT, CROSS, ARRIVE, AXON, SYNAPSE = range(6)  # events of the log
NEVER = 1 << 60
FLITS, AXON_CYCLES, SYNAPSE_CYCLES = range(3)  # columns of Machine.service


@inlined
def log(m: Machine, cycle: int, event: int, node: int, a: int, b: int, c: int) -> None:
    """Append one event to the log, if there is one."""
    if m.log.shape[0] > 0:
        append(m.log, m.logged, m.clock[CYCLE] + cycle, event, node, a, b, c)


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


@inlined
def ready_cycle(m: Machine, o: int) -> int:
    """First cycle in which output o can be granted, if all flits that went before have gone: its link is free, and
    the buffer behind has a slot."""
    hw, output = m.hw[0], m.output[index(o)]
    result, after = output.ready, np.int64(output.after)
    if after >= 0:
        oldest = m.input[index(after)].pushed - hw.buffer_flits  # the flit whose slot the next one takes
        if oldest >= 0:
            result = max(result, m.slot[slot_of(m, after, oldest)].pop_cycle + output.back)
    else:
        oldest = m.node[index(-after - 1)].ejected - hw.axon_fifo
        if oldest >= 0:
            result = max(result, m.ring[index(-after - 1), index(hw.credit_at + (oldest & hw.credit_mask))])
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
    kind = np.int64(m.packet[index(p)].kind)
    log(m, cycle, ARRIVE, n, m.packet[index(p)].origin, m.packet[index(p)].number, flit)
    if flit == m.service[index(kind), index(n), FLITS] - 1:
        serve_tail(m, n, p, kind, row_at(m, p, np.int64(m.packet[index(p)].row), n), flit, cycle)
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
    m.clock[LAST] = max(m.clock[LAST], done)


@inlined
def behind(m: Machine, port: int) -> int:
    """The input after `port`, where the round-robin pointer goes when it has won."""
    return port + 1 if port + 1 < m.hw[0].radix else 0
