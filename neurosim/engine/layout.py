"""Arrays of the compiled engine: who feeds whom, and the working state of one step. Allocated once a run.

One record array per kind of thing (router input, router output, node, ...): its fields lie side by side in
memory, and a compiled function takes few arguments.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.image import Hardware, Image, Ints
from neurosim.ops import Cause, Op, Phase, Unit
from neurosim.routing import xy

__all__ = ["NOWHERE", "WHEEL", "Machine", "build_machine"]

NOWHERE = -1_000_000  # an output at the edge of the mesh
WHEEL = 256  # cycles that the timer wheel looks ahead; later wake-ups are looked at again

_INPUT = (
    "feeder",  # 5 * router + output that feeds this input, or -(n + 1) for terminal n
    "pushed",  # flits that entered in this step, the wire included
    "popped",  # flits that left
    "front_from",  # first cycle in which the present front may be considered
    "held",  # output held by the packet at the front, or -1
    "claimed",  # cycle of the claim (two-stage arrangement)
    "todo",  # outputs that a partly forwarded multicast flit still needs, 0: all
    "crossed",  # cycles in which the present front crossed
    "waiting",  # 1 if the feeder needs a wake-up when a slot is freed
    "busy",
    "blocked",
    "last",  # end of the last crossing
)
_OUTPUT = (
    "after",  # input port 5 * router + port behind the output, -(n + 1) for terminal n, or NOWHERE
    "owner",  # input that holds the output, or -1
    "pointer",  # round robin
    "sent",  # flits in this step
)
_SLOT = (
    "packet",
    "flit",
    "arrival",  # may lie ahead: the flit is on the wire
    "pop_cycle",  # when the flit that was in this slot left
)
_NODE = (
    "attach",  # router input that the terminal feeds
    "items",  # length of the sweep, 0: none
    "cycles",  # per item
    "conflict",  # of which waiting for banks
    "latency",  # from the end of an item to its result
    "unit",  # which unit sweeps
    "alone",  # 1: meets no other source in this step
    "scripted",  # 1: packets are complete in given cycles; no sweep, no packetiser
    "first",  # emissions first..stop-1, packets from packet0 on
    "stop",
    "packet0",
    "emission",  # working state: current emission,
    "packet",  # current packet,
    "flit",  # its next flit
    "at",  # item after the last emission
    "sweep_free",
    "sweep_busy",
    "sweep_blocked",
    "pack_free",
    "pack_busy",
    "pack_blocked",
    "ready",  # when the current packet is complete
    "sent_last",  # cycle of the last flit
    "inject_blocked",
    "flits",
    "stalled",  # 1: a flit waits for a slot whose cycle is not known
    "ejected",  # flits granted to the terminal
    "axon_free",
    "axon_busy",
    "axon_blocked",
    "rows",  # rows started
    "synapse_free",
    "synapse_busy",
)
_PACKET = ("set", "kind", "origin", "number", "release")  # release: scripted traffic only
_EMISSION = ("position", "packets")  # item of the sweep; first packet
_RINGS = (
    "credit_at",
    "row_at",
    "take_at",
    "tail_at",
    "credit_mask",
    "row_mask",
    "take_mask",
    "tail_mask",
    "slot_mask",
)
_SLICE = ("core", "population", "first", "neurons", "sets", "sets_end")
_HOST = ("set", "kind")


class Machine(NamedTuple):
    """The machine in arrays. Records as listed above; int64 unless marked."""

    hw: Any  # record [1]: the fields of image.Hardware, where the four rings start, and masks of all rings
    input: Any  # record [5 * routers]
    output: Any  # record [5 * routers]
    present: Ints  # [routers] bit p: input p holds a flit (which may still be on the wire)
    slot: Any  # record [5 * routers * places]: FIFO entries
    node: Any  # record [nodes]
    ring: Ints  # [nodes, ...] axon credits, row starts, spike takes, packet tails: by number modulo depth
    packet: Any  # record [packets of a step]
    emission: Any  # record [emissions of a step + 1]
    wheel: NDArray[np.uint64]  # [WHEEL, words]: routers to look at, by cycle
    marks: NDArray[np.uint64]  # [WHEEL / 64]: occupied wheel slots
    ports: NDArray[np.uint8]  # [sets, routers]
    service: Ints  # [kinds, nodes, 3]: flits, axon cycles, synapse cycles
    slice: Any  # record [slices]
    order: Ints  # slices of core n: order[core_ptr[n]:core_ptr[n + 1]]
    core_ptr: Ints
    sets: Ints
    host: Any  # record: pixel packets, label packets, rate packets
    host_ptr: Ints  # [4] where each group starts and ends
    kinds: Ints  # [3]: kind of error(0), of readout; set of the readout
    delivered: Ints  # [kinds, nodes]
    lone: Ints  # [kinds, nodes] 1: a node that sends this kind meets no other source (forest.py)
    path: Ints  # [routers + 6, 2] stack of the tree walk (forest.py)
    counts: Ints  # [phases, nodes, ops]
    cycles: Ints  # [phases, nodes, units, causes]; BARRIER is filled in at the end of the run
    totals: Ints  # [2, phases]: cycles, steps
    clock: Ints  # [6]: cycle, overruns, deadlock, emissions and packets of this step, last end of a service
    spikes: Ints  # [populations]
    links: Ints  # [5 * routers]
    log: Ints  # [capacity, 6]: cycle, event, node, a, b, c; no rows: nothing is recorded
    logged: Ints  # [1]


def _records(fields: tuple[str, ...], n: int) -> Any:
    return np.zeros(n, np.dtype([(name, np.int64) for name in fields])).view(np.recarray)


def _zeros(*shape: int) -> Ints:
    return np.zeros(shape, np.int64)


def _wire(hw: Hardware, inputs: Any, outputs: Any, nodes: Any) -> None:
    outputs.after = NOWHERE
    inputs.feeder = NOWHERE
    opposite = {xy.EAST: xy.WEST, xy.WEST: xy.EAST, xy.NORTH: xy.SOUTH, xy.SOUTH: xy.NORTH}
    for r in range(hw.cores):
        for port, back in opposite.items():
            other = xy.neighbour(r, port, hw.columns, hw.rows)
            if other is not None:
                outputs.after[5 * r + port] = 5 * other + back
                inputs.feeder[5 * other + back] = 5 * r + port
    nodes.attach[:-1] = 5 * np.arange(hw.cores) + xy.LOCAL
    nodes.attach[-1] = 5 * hw.host_router + xy.WEST
    for n, q in enumerate(nodes.attach):
        outputs.after[q] = inputs.feeder[q] = -(n + 1)


def build_machine(image: Image, pointers: Ints, cycle: int, room: tuple[int, int], log_rows: int) -> Machine:
    """An idle machine for `image`; `room`: most emissions and packets of a step."""
    hw, nodes, kinds = image.hardware, image.nodes, image.kinds
    depths = (hw.axon_fifo, hw.synapse_queue, hw.spike_queue, hw.packet_queue, hw.buffer_flits)
    places = [1 << (depth - 1).bit_length() for depth in depths]
    starts = np.concatenate([[0], np.cumsum(places)])
    record = _records((*hw._fields, *_RINGS), 1)
    record[0] = (*hw, *(int(start) for start in starts[:4]), *(n - 1 for n in places))
    inputs, outputs, node = (
        _records(_INPUT, 5 * hw.cores),
        _records(_OUTPUT, 5 * hw.cores),
        _records(_NODE, nodes),
    )
    _wire(hw, inputs, outputs, node)
    inputs.held = outputs.owner = -1
    outputs.pointer = pointers.ravel()
    table = image.slices
    slices = _records(_SLICE, len(table.core))
    for s in range(len(slices)):
        row = (table.core, table.population, table.first, table.size, table.set_ptr, table.set_ptr[1:])
        slices[s] = tuple(int(column[s]) for column in row)
    program = image.program
    groups = (
        [(int(a), int(b)) for a, b in zip(program.load_set, program.load_kind, strict=True)],
        [(int(a), kinds.label) for a in program.label_set],
        [(int(a), kinds.rate) for a in program.rate_set],
    )
    host = _records(_HOST, sum(len(group) for group in groups))
    for k, entry in enumerate(entry for group in groups for entry in group):
        host[k] = entry
    phases, count = len(Phase), len(kinds.flits)
    flits = np.broadcast_to(kinds.flits[:, None], kinds.axon.shape)
    return Machine(
        hw=record,
        input=inputs,
        output=outputs,
        present=_zeros(hw.cores),
        slot=_records(_SLOT, 5 * hw.cores * places[4]),
        node=node,
        ring=_zeros(nodes, int(starts[4])),
        packet=_records(_PACKET, room[1] + 1),
        emission=_records(_EMISSION, room[0] + 1),
        wheel=np.zeros((WHEEL, (hw.cores + 63) // 64), np.uint64),
        marks=np.zeros(WHEEL // 64, np.uint64),
        ports=image.ports.copy(),
        service=np.stack([flits, kinds.axon, kinds.synapse], axis=-1),
        slice=slices,
        order=table.order.copy(),
        core_ptr=table.core_ptr.copy(),
        sets=table.sets.copy(),
        host=host,
        host_ptr=np.cumsum([0, *(len(group) for group in groups)]).astype(np.int64),
        kinds=np.array([len(image.sizes) - 1, kinds.readout, program.readout_set], np.int64),
        delivered=_zeros(count, nodes),
        lone=_zeros(count, nodes),
        path=_zeros(hw.cores + 6, 2),
        counts=_zeros(phases, nodes, len(Op)),
        cycles=_zeros(phases, nodes, len(Unit), len(Cause)),
        totals=_zeros(2, phases),
        clock=np.array([cycle, 0, 0, 0, 0, 0], np.int64),
        spikes=_zeros(len(image.sizes)),
        links=_zeros(5 * hw.cores),
        log=_zeros(log_rows, 6),
        logged=_zeros(1),
    )
