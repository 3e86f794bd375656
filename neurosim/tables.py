"""The tables of an image: slices, routes, packet kinds, host program. Built by placement, read by engines."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.chip import Chip
from neurosim.core import BACKWARD
from neurosim.engine.contract import ceil_div, row_cycles
from neurosim.errors import PlacementError
from neurosim.image import Hardware, Ints, Kinds, Program, Slices
from neurosim.learning import Card, Formats
from neurosim.network import Network
from neurosim.ops import Op, Phase
from neurosim.ways import Ways

__all__ = ["Part", "copy_bits", "hardware", "kinds", "program", "routes", "slice_table", "timing"]


class Part(NamedTuple):
    """Neurons first..first+size-1 of a population on one core."""

    core: int
    population: int
    first: int
    size: int


def hardware(chip: Chip, steps: int, threshold: int, leak_shift: int, encoder: int, routers: int) -> Hardware:
    """The timing and format numbers of a chip, of which `routers` routers are in use, and of the network on it."""
    return timing(chip, routers)._replace(steps=steps, threshold=threshold, leak_shift=leak_shift, encoder=encoder)


def timing(chip: Chip, routers: int) -> Hardware:
    """The timing and format numbers of a chip, of which `routers` routers are in use, without a network."""
    core, noc = chip.core, chip.noc
    stochastic = core.learning.rounding == "stochastic"
    return Hardware(
        cores=chip.cores,
        columns=noc.columns,
        rows=noc.rows,
        torus=int(noc.topology == "torus"),
        concentration=noc.cores_per_router,
        channels=noc.router.virtual_channels,
        buffer_flits=noc.router.buffer_flits,
        routing_cycles=noc.router.routing_cycles,
        credit_cycles=noc.router.credit_cycles,
        link_cycles=noc.link.latency_cycles,
        vertical_cycles=noc.link.vertical_latency_cycles or noc.link.latency_cycles,
        link_interval=noc.link.interval_cycles,
        two_stage=int(noc.router.arrangement == "two_stage"),
        axon_fifo=core.axon.fifo_flits,
        synapse_queue=core.synapse.queue_packets,
        spike_queue=core.soma.queue_spikes,
        packet_queue=core.packetiser.queue_packets,
        soma_cycles=core.soma.cycles_per_neuron,
        input_cycles=core.soma.cycles_per_input or core.soma.cycles_per_neuron,
        spike_cycles=core.soma.cycles_per_spike,
        soma_latency=core.soma.latency_cycles,
        packet_cycles=core.packetiser.cycles_per_packet,
        synapse_latency=core.synapse.latency_cycles,
        barrier=chip.sync.latency(routers),
        tick_period=chip.sync.period_cycles or 0,
        host_router=chip.host.router,
        host_latency=chip.host.latency_cycles,
        host_flit_cycles=chip.host.cycles_per_flit,
        weights_per_word=core.synapse.word_bits // core.synapse.weight_bits,
        banks=core.synapse.banks,
        ports=core.synapse.ports,
        learning_lanes=core.learning.lanes,
        slots_per_cycle=core.learning.slots_per_cycle,
        membrane_bits=core.neuron.membrane_bits,
        steps=0,
        threshold=0,
        leak_shift=0,
        encoder=0,
        random_bits=core.learning.random_bits if stochastic else 0,
        backward=BACKWARD.index(core.learning.backward),
    )


def _ints(values: Any) -> Ints:
    return np.asarray(list(values), np.int64)


def slice_table(network: Network, chip: Chip, parts: list[Part], form: Formats) -> Slices:
    """Parts as arrays (destination sets still empty)."""
    parts = sorted(parts, key=lambda part: (part.population, part.first))
    populations = _ints(part.population for part in parts)
    cores = _ints(part.core for part in parts)
    per_word = chip.core.synapse.word_bits // form.weight_bits
    count = len(network.sizes)
    return Slices(
        core=cores,
        population=populations,
        first=_ints(part.first for part in parts),
        size=_ints(part.size for part in parts),
        words=_ints(-(-part.size // per_word) if part.population else 0 for part in parts),
        ptr=np.searchsorted(populations, np.arange(count + 1)).astype(np.int64),
        order=np.argsort(cores, kind="stable").astype(np.int64),
        core_ptr=np.searchsorted(np.sort(cores), np.arange(chip.cores + 1)).astype(np.int64),
        set_ptr=np.zeros(len(parts) + 1, np.int64),
        sets=np.zeros(0, np.int64),
        back_ptr=np.zeros(len(parts) + 1, np.int64),
    )


def routes(network: Network, chip: Chip, slices: Slices, card: Card) -> tuple[NDArray[np.uint8], Slices]:
    """Destination sets of all slices: one unicast set per post core, or one multicast set.

    Where cores keep mirrored copies, desires have sets of their own: multicast only if such a packet is one flit.
    Raises PlacementError if a way crosses a dead link or a route table overflows.
    """
    ways = Ways(chip)
    rows = [ways.unicast()]
    sets: list[int] = []
    set_ptr = [0]
    top = len(network.sizes) - 1
    way = np.zeros(chip.noc.routers, np.uint8)
    for core in sorted({int(core) for core in slices.core}):  # pixel values, label, learning rate
        ways.mark(way, chip.cores, core)
    for core in slice_cores(slices, top):  # read-out
        ways.mark(way, core, chip.cores)

    def send(core: int, targets: list[int], multicast: bool) -> None:
        tree = np.zeros((1, chip.noc.routers), np.uint8)
        for target in targets:
            ways.mark(tree[0], core, target)
        if multicast and len(targets) > 1:
            sets.append(sum(len(block) for block in rows))
            rows.append(tree)
        else:
            sets.extend(targets)

    for s, core in enumerate(slices.core):
        p = int(slices.population[s])
        send(int(core), slice_cores(slices, p + 1) if p < top else [], chip.noc.multicast)
        set_ptr.append(len(sets))
        for target in slice_cores(slices, p - 1) if p > 1 else []:  # errors end at the first hidden layer
            ways.mark(np.zeros_like(way), int(core), target)
    back_ptr = [len(sets)]
    together = chip.noc.multicast and _flits(chip, copy_bits(chip, card)) == 1
    for core, p in zip(slices.core, slices.population, strict=True):
        if chip.core.mirrors and p > 1:
            send(int(core), slice_cores(slices, int(p) - 1), together)
        back_ptr.append(len(sets))
    slices = slices._replace(set_ptr=_ints(set_ptr), sets=_ints(sets), back_ptr=_ints(back_ptr))
    _check_routes(chip, slices)
    return np.concatenate(rows), slices


def copy_bits(chip: Chip, card: Card) -> int:
    """What a desire carries to a mirrored copy: the axon number of its row, symbol, magnitude and spike train."""
    return (chip.core.axon.entries - 1).bit_length() + card.symbol_bits + card.factor_bits + card.history_bits


def slice_cores(slices: Slices, p: int) -> list[int]:
    """Cores of population p, in the order of its slices."""
    return [int(core) for core in slices.core[slices.population == p]]


def _check_routes(chip: Chip, slices: Slices) -> None:
    packets = np.diff(slices.set_ptr) + np.diff(slices.back_ptr)
    way_back = 0 if chip.core.mirrors else 1  # of all error packets of a slice
    for core in range(chip.cores):
        mine = [s for s in range(len(slices.core)) if slices.core[s] == core]
        need = sum(
            int(slices.size[s]) * int(packets[s]) + (way_back if slices.population[s] else 0) for s in mine
        )
        if need > chip.core.packetiser.route_entries:
            raise PlacementError(
                f"core {core}: {need} route entries needed, "
                f"core.packetiser.route_entries is {chip.core.packetiser.route_entries}"
            )


def _flits(chip: Chip, payload_bits: int) -> int:
    return int(ceil_div(chip.noc.header_bits + payload_bits, chip.noc.link.width_bits))


def kinds(network: Network, chip: Chip, slices: Slices, card: Card, count_bits: int, online: bool) -> Kinds:
    """The packet kinds: flits, phase, service cycles and accesses at every node that may receive them.

    count_bits: of what an output neuron counted.
    """
    core, nodes, projections = chip.core, chip.cores + 1, len(network.projections)
    neuron_address = (core.neuron.entries - 1).bit_length()
    axon_address = (core.axon.entries - 1).bit_length()
    per_packet = chip.host.values_per_packet
    load = 2 * projections + 3
    count = load + per_packet
    table = Kinds(
        flits=np.ones(count, np.int64),
        phase=np.full(count, Phase.IO, np.int64),
        axon=np.ones((count, nodes), np.int64),
        synapse=np.zeros((count, nodes), np.int64),
        ops=np.zeros((count, nodes, len(Op)), np.int64),
        learn_ops=np.zeros((count, nodes, len(Op)), np.int64),
        label=2 * projections,
        rate=2 * projections + 1,
        readout=2 * projections + 2,
    )
    for q in range(projections):
        # Online, a bit that says whether the spike may teach travels with it, and a flip-flop notes it.
        _forward_kind(table, q, chip, slices, axon_address + online, Op.REGISTER_WRITE if online else Op.AXON_WRITE)
        if core.mirrors:
            _copy_kind(table, q, projections + q, chip, slices, card, online)
        elif online:
            _sum_kind(table, q, projections, chip, slices, neuron_address)
        else:
            _error_kind(table, q, projections, chip, slices, neuron_address + card.symbol_bits)
    for kind, bits in ((table.label, 16), (table.rate, 32)):
        table.flits[kind] = _flits(chip, bits)
        table.ops[kind, :-1, Op.REGISTER_WRITE] = 1
    answer = count_bits + (core.neuron.membrane_bits if online else 0)
    table.flits[table.readout] = _flits(chip, neuron_address + answer)
    for values in range(1, per_packet + 1):  # kind load + values - 1 carries that many pixel values
        kind = load + values - 1
        table.flits[kind] = _flits(chip, neuron_address + 8 * values)
        table.axon[kind, :-1] = values
        table.ops[kind, :-1, Op.NEURON_WRITE] = values
    table.axon[:, -1] = chip.host.cycles_per_flit
    return table


def _forward_kind(table: Kinds, q: int, chip: Chip, slices: Slices, payload: int, note: Op) -> None:
    core = chip.core
    table.flits[q] = _flits(chip, payload)
    if chip.noc.multicast and table.flits[q] > 1:
        need, width = chip.noc.header_bits + payload, chip.noc.link.width_bits
        raise PlacementError(
            f"spikes: {need} bits (header, axon number, teach bit) must be one flit for noc.multicast, "
            f"noc.link.width_bits is {width}"
        )
    table.phase[q] = Phase.FORWARD
    for s in np.flatnonzero(slices.population == q + 1):
        node, words, size = int(slices.core[s]), int(slices.words[s]), int(slices.size[s])
        table.axon[q, node] = core.axon.lookup_cycles
        unit = core.synapse
        table.synapse[q, node] = row_cycles(words, size, unit.banks, unit.ports, unit.lanes, unit.lane_cycles)
        ops = table.ops[q, node]
        ops[Op.AXON_READ] = 1
        ops[Op.SYNAPSE_READ] = words
        ops[Op.SYNAPSE_ADD] = ops[Op.ACCUMULATOR_READ] = ops[Op.ACCUMULATOR_WRITE] = size
        table.learn_ops[q, node, note] = 1


def _error_kind(table: Kinds, q: int, projections: int, chip: Chip, slices: Slices, desire_bits: int) -> None:
    """A desire if the layer above lies on one core, a partial sum otherwise."""
    kind = projections + q
    whole = int(np.sum(slices.population == q + 1)) == 1
    address = (chip.core.neuron.entries - 1).bit_length()
    table.flits[kind] = _flits(chip, desire_bits if whole else address + chip.core.learning.error_bits)
    table.phase[kind] = Phase.ERROR
    for node in slice_cores(slices, q):
        table.axon[kind, node] = 2  # read, then write of the neuron word
        ops = table.ops[kind, node]
        ops[Op.NEURON_READ] = ops[Op.NEURON_WRITE] = 1
        ops[Op.ERROR_ADD] = 0 if whole else 1


def _copy_kind(table: Kinds, q: int, kind: int, chip: Chip, slices: Slices, card: Card, online: bool) -> None:
    """An error symbol for the mirrored copies at population q: a row in the synapse unit.

    Phased: times a factor, in learning lanes; symbol and spike train are kept in the axon word until the update.
    Online: added as it is, and moved by a step where a neuron's own spike teaches; every word is written back at once.
    """
    core, unit = chip.core, chip.core.synapse
    table.flits[kind] = _flits(chip, copy_bits(chip, card))
    table.phase[kind] = Phase.ERROR
    for s in np.flatnonzero(slices.population == q):
        node, size = int(slices.core[s]), int(slices.size[s])
        words = -(-size // unit.weights_per_word)
        table.axon[kind, node] = core.axon.lookup_cycles
        uses = 2 if online else 1  # of a port by each word
        table.synapse[kind, node] = row_cycles(uses * words, size, unit.banks, unit.ports, core.learning.lanes, 1)
        ops = table.ops[kind, node]
        ops[Op.AXON_READ], ops[Op.AXON_WRITE] = 1, 0 if online else 1
        ops[Op.SYNAPSE_READ], ops[Op.SYNAPSE_WRITE] = words, words if online else 0
        ops[Op.ERROR_MAC] = ops[Op.ACCUMULATOR_READ] = ops[Op.ACCUMULATOR_WRITE] = size


def _sum_kind(table: Kinds, q: int, projections: int, chip: Chip, slices: Slices, address: int) -> None:
    """What the symbols of an online rule bring to one neuron: at most two of them from the output group."""
    kind, largest = projections + q, int(np.max(slices.size[slices.population == q + 1]))
    symbols = 2 if q == projections - 1 else largest
    bits = chip.core.synapse.weight_bits + (symbols - 1).bit_length()
    table.flits[kind] = _flits(chip, address + min(bits, chip.core.learning.error_bits))
    table.phase[kind] = Phase.ERROR
    for node in slice_cores(slices, q):
        table.axon[kind, node] = 2  # read, then write of the neuron word
        ops = table.ops[kind, node]
        ops[Op.NEURON_READ] = ops[Op.NEURON_WRITE] = ops[Op.ERROR_ADD] = 1


def program(network: Network, chip: Chip, slices: Slices, table: Kinds, online: bool) -> Program:
    """What the host sends in each sample: pixel values, and (training) the label and the rate.

    Online, the inputs take the rate, too: they draw which of their spikes teach.
    """
    per_packet = chip.host.values_per_packet
    load_base = table.readout + 1
    load: list[tuple[int, int, int, int]] = []
    for s in np.flatnonzero(slices.population == 0):
        core, first, size = int(slices.core[s]), int(slices.first[s]), int(slices.size[s])
        for at in range(0, size, per_packet):
            values = min(per_packet, size - at)
            load.append((core, load_base + values - 1, first + at, values))
    learners = sorted({int(c) for c, p in zip(slices.core, slices.population, strict=True) if p > 0 or online})
    columns = list(zip(*load, strict=True))
    return Program(
        load_set=_ints(columns[0]),
        load_kind=_ints(columns[1]),
        load_first=_ints(columns[2]),
        load_size=_ints(columns[3]),
        label_set=_ints(slice_cores(slices, len(network.sizes) - 1)),
        rate_set=_ints(learners),
        readout_set=chip.cores,
    )
