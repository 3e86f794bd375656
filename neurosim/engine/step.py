"""Compiled steps: open (all units idle), fill with sweeps and packets, close (cycles to causes, counts to ops)."""

import numpy as np

from neurosim.engine.channels import run_channels
from neurosim.engine.contract import step_cycles
from neurosim.engine.flits import run_flits
from neurosim.engine.forest import run_alone
from neurosim.engine.forward import BERNOULLI, REGULAR, Activity
from neurosim.engine.layout import BY_KIND, CYCLE, DEADLOCK, EMISSIONS, LAST, OVERRUNS, PACKETS, PORTS, Machine
from neurosim.image import Ints
from neurosim.kernel import inlined, inner
from neurosim.ops import Cause, Op, Phase, Unit
from neurosim.routing import xy

__all__ = [
    "ZERO",
    "add_emission",
    "add_packet",
    "begin_node",
    "charge",
    "close_step",
    "delay_emission",
    "forward_step",
    "host_step",
    "open_step",
    "readout_step",
    "set_sweep",
]

ZERO = np.int64(0)  # a plain 0 is a type of its own to numba: each call would be compiled once more
BUSY, STARVED, BLOCKED, CONFLICT = (
    Cause.BUSY.value,
    Cause.STARVED.value,
    Cause.BLOCKED.value,
    Cause.CONFLICT.value,
)


@inner
def open_step(m: Machine) -> None:
    """All units idle, all credits home, cycle 0 of the step."""
    for q in m.live_in:
        port = m.input[q]
        port.pushed = port.popped = port.front_from = port.busy = port.blocked = 0
        port.claimed = -1
    for q in m.live_out:
        m.output[q].sent = m.output[q].ready = m.output[q].free = 0
    for n in m.live:
        node = m.node[n]
        node.items = node.cycles = node.extra = node.extra_done = 0
        node.conflict = node.latency = node.scripted = node.alone = 0
        node.first = node.stop = node.emission = node.packet = node.packet0 = 0
        node.at = node.flit = node.stalled = node.flits = 0
        node.sweep_free = node.sweep_busy = node.sweep_blocked = 0
        node.pack_free = node.pack_busy = node.pack_blocked = node.inject_blocked = node.ready = 0
        node.ejected = node.axon_free = node.axon_busy = node.axon_blocked = 0
        node.rows = node.synapse_free = node.synapse_busy = 0
        node.sent_last = -1
    m.clock[EMISSIONS] = m.clock[PACKETS] = m.clock[LAST] = 0


@inner
def begin_node(m: Machine, n: int) -> None:
    """The emissions that follow belong to node n; nodes are filled in order."""
    node = m.node[n]
    node.first = node.stop = node.emission = m.clock[EMISSIONS]
    node.packet = node.packet0 = m.clock[PACKETS]


@inlined
def add_emission(m: Machine, n: int, position: int) -> None:
    """The next emission: item `position` of the sweep of node n."""
    e = m.clock[EMISSIONS]
    emission = m.emission[e]
    emission.position, emission.packets, emission.before, emission.more = position, m.clock[PACKETS], 0, 0
    m.clock[EMISSIONS] = e + 1
    m.node[n].stop = e + 1


@inlined
def delay_emission(m: Machine, before: int, more: int) -> None:
    """The latest emission: its item takes `more` cycles than an item of its sweep, the items before it `before`."""
    emission = m.emission[m.clock[EMISSIONS] - 1]
    emission.before, emission.more = before, more


@inlined
def add_packet(m: Machine, n: int, target: int, kind: int) -> None:
    """One more packet of the latest emission, to destination set `target`."""
    p = m.clock[PACKETS]
    packet = m.packet[p]
    packet.set, packet.kind, packet.origin, packet.number = target, kind, n, p - m.node[n].packet0
    packet.row = BY_KIND
    m.clock[PACKETS] = p + 1
    m.node[n].alone = m.lone[kind, n]
    m.emission[m.clock[EMISSIONS]].packets = p + 1


@inner
def set_sweep(
    m: Machine, n: int, unit: int, items: int, cycles: int, conflict: int, scan: int, latency: int
) -> None:
    """Node n sweeps `items` items of `cycles` each (`conflict` of them waiting for banks) after `scan` cycles."""
    node = m.node[n]
    node.unit, node.items, node.cycles, node.conflict, node.latency = unit, items, cycles, conflict, latency
    node.sweep_free = node.sweep_busy = scan


@inner
def charge(
    m: Machine, phase: int, node: int, unit: int, busy: int, conflict: int, blocked: int, end: int
) -> None:
    """One unit's cycles of a step; what is left until `end` it starved, what is left of the step it waited."""
    m.cycles[phase, node, unit, BUSY] += busy - conflict
    m.cycles[phase, node, unit, CONFLICT] += conflict
    m.cycles[phase, node, unit, BLOCKED] += blocked
    m.cycles[phase, node, unit, STARVED] += end - busy - blocked


@inner
def close_step(m: Machine, phase: int) -> None:
    """Run the packets, then book the step: length, causes of every unit that served, counts of the traffic."""
    hw = m.hw[0]
    meeting = 0
    for n in m.live:
        if m.node[n].first < m.node[n].stop:
            if m.node[n].alone == 1:
                run_alone(m, n)
            else:
                meeting += 1
    if meeting > 0:
        arrived = run_flits(m) if hw.channels == 1 else run_channels(m)
        if not arrived:
            m.clock[DEADLOCK] = 1
    over = m.clock[LAST]
    for n in m.live:
        over = max(over, book_source(m, phase, n))
        book_end(m, phase, n)
    if m.clock[EMISSIONS] > 0:
        book_routers(m, phase)
    length, overruns = step_cycles(over, hw.barrier, hw.tick_period)
    m.totals[0, phase] += length
    m.totals[1, phase] += 1
    m.clock[CYCLE] += length
    m.clock[OVERRUNS] += overruns


@inner
def book_source(m: Machine, phase: int, n: int) -> int:
    """Causes and counts of the sweep, packetiser and injector of node n; returns when the sweep is over."""
    hw, node = m.hw[0], m.node[n]
    if node.items == 0:
        return 0
    rest = (node.items - node.at) * node.cycles + node.extra - node.extra_done
    free, busy = node.sweep_free + rest, node.sweep_busy + rest
    charge(m, phase, n, node.unit, busy, node.items * node.conflict, node.sweep_blocked, free)
    if node.pack_busy > 0:
        charge(m, phase, n, Unit.PACKETISER.value, node.pack_busy, ZERO, node.pack_blocked, node.pack_free)
        charge(m, phase, n, Unit.INJECT.value, node.flits, ZERO, node.inject_blocked, node.sent_last + 1)
        if n == hw.cores:
            m.counts[phase, n, Op.HOST_FLIT.value] += node.flits
        else:
            m.counts[phase, n, Op.ROUTE_READ.value] += node.pack_busy // hw.packet_cycles
    return free + node.latency


@inner
def book_end(m: Machine, phase: int, n: int) -> None:
    """Causes of the axon and synapse units of node n."""
    node = m.node[n]
    if node.axon_busy > 0:
        charge(m, phase, n, Unit.AXON.value, node.axon_busy, ZERO, node.axon_blocked, node.axon_free)
        if n == m.hw[0].cores:
            m.counts[phase, n, Op.HOST_FLIT.value] += node.ejected
    if node.synapse_busy > 0:
        charge(m, phase, n, Unit.SYNAPSE.value, node.synapse_busy, ZERO, ZERO, node.synapse_free)


@inner
def book_routers(m: Machine, phase: int) -> None:
    """Causes of the router inputs and counts of the flits."""
    for q in m.live_in:
        port = m.input[q]
        if port.busy > 0:
            charge(m, phase, np.int64(port.book), np.int64(port.unit), np.int64(port.busy), ZERO, port.blocked,
                   port.front_from)  # fmt: skip
            m.counts[phase, port.book, Op.BUFFER_WRITE.value] += port.pushed
            m.counts[phase, port.book, Op.BUFFER_READ.value] += port.busy
    for q in m.live_out:
        output = m.output[q]
        if output.sent > 0:
            m.flits[q] += output.sent
            counts = m.counts[phase, output.book]
            counts[Op.ARBITRATE.value] += output.sent
            counts[Op.CROSSBAR.value] += output.sent
            if output.after >= 0:
                vertical = q % PORTS == xy.NORTH or q % PORTS == xy.SOUTH
                counts[Op.VERTICAL_FLIT.value if vertical else Op.LINK_FLIT.value] += output.sent


@inner
def first_spike(spikes: Ints, number: int, neuron: int) -> int:
    """Index of the first spike at or after `neuron` in a sorted list."""
    low, high = 0, number
    while low < high:
        middle = (low + high) >> 1
        if spikes[middle] < neuron:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def sweep_slice(m: Machine, act: Activity, n: int, s: int, slot: int, at: int, send: bool) -> None:
    """Spikes of slice s in `slot`, at items at, at + 1, ... of node n's sweep; packets only if `send`."""
    hw, part = m.hw[0], m.slice[s]
    p, first, size = part.population, part.first, part.neurons
    item = hw.input_cycles - hw.soma_cycles if p == 0 else 0  # what an item takes more than others of the sweep
    spike = 0 if p == 0 else hw.spike_cycles
    spikes, number = act.spike[p, slot], act.number[p, slot]
    k = first_spike(spikes, number, first)
    fired = 0
    while k < number and spikes[k] < first + size:
        fired += 1
        passed = m.node[n].extra + (spikes[k] - first) * item
        if send and part.sets < part.sets_end:
            add_emission(m, n, at + spikes[k] - first)
            delay_emission(m, passed, item + spike)
            for d in range(part.sets, part.sets_end):
                add_packet(m, n, m.sets[d], p)
        m.node[n].extra += spike
        k += 1
    m.node[n].extra += size * item
    m.spikes[p] += fired
    m.counts[Phase.FORWARD.value, n, Op.SPIKE.value] += fired


@inner
def forward_step(m: Machine, act: Activity, slot: int, learn: bool, drop: Ints) -> None:
    """Step `slot` of the forward phase: every neuron that has something to integrate is swept, spikes are sent."""
    hw = m.hw[0]
    open_step(m)
    for n in range(hw.cores):
        begin_node(m, n)
        items = 0
        counts = m.counts[Phase.FORWARD.value, n]
        for k in range(m.core_ptr[n], m.core_ptr[n + 1]):
            s = m.order[k]
            p, size = m.slice[s].population, m.slice[s].neurons
            if (p == 0 and slot == hw.steps) or (p > 0 and slot == 0):
                continue
            sweep_slice(m, act, n, s, slot, items, slot < hw.steps)
            items += size
            counts[Op.NEURON_READ.value] += size
            counts[Op.NEURON_WRITE.value] += size
            if p == 0:
                counts[Op.ENCODE.value] += size
                if hw.encoder == BERNOULLI or (hw.encoder == REGULAR and slot == 0):
                    counts[Op.RANDOM_BIT.value] += 8 * size
            else:
                counts[Op.SOMA_UPDATE.value] += size
                counts[Op.ACCUMULATOR_READ.value] += size
                counts[Op.ACCUMULATOR_WRITE.value] += size
                if learn and drop[p - 1] > 0:
                    counts[Op.SCALE.value] += size
            if learn and drop[p] > 0 and slot == (0 if p == 0 else 1):
                counts[Op.RANDOM_BIT.value] += 8 * size
        if items > 0:
            set_sweep(m, n, Unit.SOMA.value, items, hw.soma_cycles, ZERO, ZERO, hw.soma_latency)
    close_step(m, Phase.FORWARD.value)


@inner
def host_step(m: Machine, first: int, last: int) -> None:
    """The host sends its packet groups first..last-1 (0: pixel values, 1: label, 2: learning rate)."""
    hw = m.hw[0]
    open_step(m)
    begin_node(m, hw.cores)
    low, high = m.host_ptr[first], m.host_ptr[last]
    for k in range(low, high):
        add_emission(m, hw.cores, k - low)
        add_packet(m, hw.cores, m.host[k].set, m.host[k].kind)
    set_sweep(m, hw.cores, Unit.HOST.value, high - low, ZERO, ZERO, ZERO, ZERO)
    m.node[hw.cores].sweep_free = hw.host_latency  # the first packet is on its way; the others follow closely
    close_step(m, Phase.IO.value)


@inner
def readout_step(m: Machine) -> None:
    """Inference only: every output neuron sends its spike count to the host."""
    hw, top = m.hw[0], m.spikes.shape[0] - 1
    open_step(m)
    for n in range(hw.cores):
        begin_node(m, n)
        for k in range(m.core_ptr[n], m.core_ptr[n + 1]):
            part = m.slice[m.order[k]]
            if part.population == top:
                for j in range(part.neurons):
                    add_emission(m, n, j)
                    add_packet(m, n, m.kinds[2], m.kinds[1])
                m.counts[Phase.IO.value, n, Op.NEURON_READ.value] += part.neurons
                set_sweep(m, n, Unit.SOMA.value, part.neurons, hw.soma_cycles, ZERO, ZERO, hw.soma_latency)
    close_step(m, Phase.IO.value)
