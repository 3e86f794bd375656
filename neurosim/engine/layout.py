"""Arrays of the compiled engine: who feeds whom, and the working state of one step. Allocated once a run.

One record array per kind of thing (router input, router output, node, ...): its fields lie side by side in
memory, and a compiled function takes few arguments.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.lanes import LANE, TURN, load_pointers
from neurosim.image import Hardware, Ints, Kinds, Program, Slices
from neurosim.ops import Cause, Op, Phase, Unit
from neurosim.routing import neighbour, xy

__all__ = ["BY_KIND", "BY_NODE", "CYCLE", "DEADLOCK", "EMISSIONS", "LAST", "NOWHERE", "OVERRUNS", "PACKETS", "PORTS",
           "WHEEL", "WHEEL_BITS", "Machine", "Placed", "build_machine"]  # fmt: skip

NOWHERE = -1_000_000  # an output at the edge of the mesh
PORTS = 8  # places for the ports of a router (four links, one to four cores); a power of two, to divide by shifts
WHEEL_BITS = 10
WHEEL = 1 << WHEEL_BITS  # places of a timer wheel: cycles in the near one, blocks of as many cycles in the far one

# Inputs and outputs take one cache line each: all that a cycle touches of them.
_INPUT = (
    ("front_from", np.int64),  # first cycle in which the present front may be considered
    ("blocked", np.int64),
    ("claimed", np.int64),  # cycle of the last crossing
    ("pushed", np.int32),  # flits that entered in this step, the wire included
    ("popped", np.int32),  # flits that left
    ("feeder", np.int32),  # PORTS * router + output that feeds this input, or -(n + 1) for terminal n
    ("waiting", np.int32),  # 1 if the feeder needs a wake-up when a slot is freed
    ("todo", np.int32),  # outputs that the front still needs
    ("busy", np.int32),
    ("crossed", np.int32),  # cycles in which the present front crossed
    ("held", np.int32),  # output held by the packet at the front, or -1
    ("book", np.int32),  # node whose ledger has this port
    ("unit", np.int32),  # and its unit there
)
_OUTPUT = (
    ("ready", np.int64),  # first cycle of the next grant; NEVER if it is not known
    ("free", np.int64),  # first cycle in which the link takes the next flit
    ("after", np.int32),  # input PORTS * router + port behind the output, -(n + 1) for terminal n, or NOWHERE
    ("pointer", np.int32),  # round robin
    ("want", np.int32),  # inputs whose front asks for it, one bit each
    ("due", np.int32),  # 1: it is in the wheel for a grant
    ("wire", np.int32),  # cycles from a grant to the arrival behind
    ("interval", np.int32),  # cycles from a grant to the next
    ("sent", np.int32),  # flits in this step
    ("back", np.int32),  # cycles from a pop behind to the credit here
    ("owner", np.int32),  # input that holds the output, or -1
    ("book", np.int32),  # node whose ledger has this output
    ("heads", np.int32),  # two stages: inputs whose head waits for a claim
    ("claim_due", np.int32),  # 1: it is in the wheel for a claim
)
_SLOT = (
    ("packet", np.int32),
    ("left", np.int32),  # flits of the packet that follow
    ("set", np.int32),  # destination set of the packet
    ("row", np.int32),  # its cycles at the synapse unit (as in the packet)
    ("arrival", np.int64),  # may lie ahead: the flit is on the wire
    ("pop_cycle", np.int64),  # when the flit that was in this slot left
)
_NODE = (
    "ejected",  # flits granted to the terminal
    "axon_free",
    "axon_busy",
    "axon_blocked",
    "rows",  # rows started
    "synapse_free",
    "synapse_busy",
    "stalled",  # 1: a flit waits for a slot whose cycle is not known
    "attach",  # router input that the terminal feeds
    "stop",  # emissions first..stop-1, packets from packet0 on
    "emission",  # working state: current emission,
    "packet",  # current packet,
    "ready",  # when it is complete
    "sent_last",  # cycle of the last flit
    "inject_blocked",
    "flits",
    "scripted",  # 1: packets are complete in given cycles; no sweep, no packetiser
    "pack_free",
    "pack_busy",
    "pack_blocked",
    "first",
    "packet0",
    "flit",  # next flit of the current packet
    "at",  # item after the last emission
    "sweep_free",
    "sweep_busy",
    "sweep_blocked",
    "extra",  # cycles that the items take besides `cycles` each: in all
    "extra_done",  # and up to the item that the sweep has reached
    "cycles",  # per item
    "latency",  # from the end of an item to its result
    "items",  # length of the sweep, 0: none
    "conflict",  # of an item's cycles waiting for banks
    "unit",  # which unit sweeps
    "alone",  # 1: meets no other source in this step
)
_PACKET = (
    ("set", np.int32),
    ("kind", np.int32),
    ("origin", np.int32),
    ("number", np.int32),
    ("row", np.int32),  # cycles at the synapse unit; BY_KIND: as the kind says; BY_NODE: look into Machine.row
    ("rows", np.int32),  # first entry there
    ("rows_end", np.int32),
    ("release", np.int32),  # scripted traffic only
)
_ROW = (("node", np.int32), ("cycles", np.int32))
_EMISSION = ("position", "packets", "before", "more")  # item, first packet, extra cycles: of earlier items, its own
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
_SLICE = ("core", "population", "first", "neurons", "sets", "sets_end", "back", "back_end")
_HOST = ("set", "kind")

CYCLE, OVERRUNS, DEADLOCK, EMISSIONS, PACKETS, LAST = range(6)  # entries of Machine.clock
BY_KIND, BY_NODE = -1, -2
LINE = 64  # bytes of a cache line


class Placed(Protocol):
    """What an Image and a Fabric have in common: where things lie, and how packets find them."""

    @property
    def hardware(self) -> Hardware: ...
    @property
    def sizes(self) -> Ints: ...
    @property
    def slices(self) -> Slices: ...
    @property
    def ports(self) -> NDArray[np.uint8]: ...
    @property
    def kinds(self) -> Kinds: ...
    @property
    def program(self) -> Program: ...
    @property
    def nodes(self) -> int: ...


class Machine(NamedTuple):
    """The machine in arrays. Records as listed above; int64 unless marked."""

    hw: Any  # record [1]: the fields of image.Hardware, where the four rings start, and masks of all rings
    input: Any  # record [PORTS * routers]
    output: Any  # record [PORTS * routers]
    slot: Any  # record [PORTS * routers * places]: FIFO entries
    lane: Any  # record [PORTS * routers * channels]: virtual channels (lanes.py; none if a port has one)
    turn: Any  # record [PORTS * routers]: their pointers
    home: Ints  # [nodes, channels, places] cycles in which the credits of a terminal are home, as ring
    bid: Ints  # [PORTS, 3] of the router that is looked at (channels.py)
    due: NDArray[np.uint64]  # [2, WHEEL, words]: routers and nodes to be looked at, in places of the wheels
    node: Any  # record [nodes]
    ring: Ints  # [nodes, ...] axon credits, row starts, spike takes, packet tails: by number modulo depth
    packet: Any  # record [packets of a step]
    emission: Any  # record [emissions of a step + 1]
    row: Any  # record: rows of multicast packets by node, ascending
    marks: NDArray[np.uint64]  # [2, WHEEL / 64 + 1]: occupied places of each wheel; the last word: occupied words
    heads: NDArray[np.int32]  # [2, WHEEL, 3]: first entry of a sort in a place of the near or far wheel, or -1
    links: NDArray[np.int32]  # [3, PORTS * routers]: the entry after each one there, or -1
    live: Ints  # nodes that may have work
    live_in: Ints  # router inputs that flits may pass
    live_out: Ints  # router outputs that flits may pass
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
    path: Ints  # [inputs + PORTS, 3] stack of the tree walk: input, arrival, crossing (forest.py)
    counts: Ints  # [phases, nodes, ops]
    cycles: Ints  # [phases, nodes, units, causes]; BARRIER is filled in at the end of the run
    totals: Ints  # [2, phases]: cycles, steps
    clock: Ints  # [6]: cycle, overruns, deadlock; of this step emissions, packets, last end of a service
    spikes: Ints  # [populations]
    flits: Ints  # [PORTS * routers] through each output
    log: Ints  # [capacity, 6]: cycle, event, node, a, b, c; no rows: nothing is recorded
    logged: Ints  # [1]


def _records(fields: Any, n: int, whole: bool = False) -> Any:
    """Records of zeros, beginning at a cache line; `whole`: each takes whole lines."""
    typed = [(field, np.int64) if isinstance(field, str) else field for field in fields]
    size = np.dtype(typed).itemsize
    typed += [(f"pad{k}", np.int64) for k in range(-(size // 8) % 8 if whole else 0)]
    dtype = np.dtype(typed)
    room = np.zeros(n * dtype.itemsize + LINE, np.uint8)
    begin = -room.ctypes.data % LINE
    return room[begin : begin + n * dtype.itemsize].view(dtype).view(np.recarray)


def _zeros(*shape: int) -> Ints:
    return np.zeros(shape, np.int64)


def _wire(hw: Hardware, inputs: Any, outputs: Any, nodes: Any) -> None:
    ports = PORTS * hw.routers
    router, port = np.divmod(np.arange(ports), PORTS)
    after, feeder = np.full(ports, NOWHERE), np.full(ports, NOWHERE)
    wire, back, interval = np.zeros(ports, np.int64), np.zeros(ports, np.int64), np.ones(ports, np.int64)
    book = router * hw.concentration  # the first core of a router, except for the inputs that cores feed
    opposite = {xy.EAST: xy.WEST, xy.WEST: xy.EAST, xy.NORTH: xy.SOUTH, xy.SOUTH: xy.NORTH}
    for r in range(hw.routers):
        for out, into in opposite.items():
            other = neighbour(r, out, hw.columns, hw.rows, hw.torus)
            if other is not None:
                here, there = PORTS * r + out, PORTS * other + into
                after[here], feeder[there] = there, here
                link = hw.vertical_cycles if out in (xy.NORTH, xy.SOUTH) else hw.link_cycles
                wire[here], back[here] = link + 2, link + 1 + hw.credit_cycles
                interval[here] = hw.link_interval
    core = np.arange(hw.cores)
    attach = PORTS * (core // hw.concentration) + xy.LOCAL + core % hw.concentration
    host_port = xy.LOCAL + hw.concentration if hw.torus else xy.WEST
    attach = np.append(attach, PORTS * hw.host_router + host_port)
    after[attach] = feeder[attach] = -1 - np.arange(len(attach))
    outputs.after, inputs.feeder, nodes.attach = after, feeder, attach
    outputs.wire, outputs.back, outputs.interval, outputs.book = wire, back, interval, book
    inputs.unit = Unit.ROUTER_EAST + np.minimum(port, xy.LOCAL)
    inputs.book = book
    inputs.book[attach[:-1]] = core
    if hw.torus:
        inputs.book[attach[-1]] = hw.cores


def build_machine(
    image: Placed, pointers: Ints, cycle: int, room: tuple[int, int], log_rows: int, rows: int = 0
) -> Machine:
    """An idle machine for an image or a fabric.

    room: most emissions and packets of a step.  rows: entries of Machine.row.
    """
    hw, nodes, kinds = image.hardware, image.nodes, image.kinds
    depths = (hw.axon_fifo, hw.synapse_queue, hw.spike_queue, hw.packet_queue, hw.buffer_flits)
    places = [1 << (depth - 1).bit_length() for depth in depths]
    starts = np.concatenate([[0], np.cumsum(places)])
    record = _records((*hw._fields, "routers", "radix", *_RINGS), 1)
    values = (*hw, hw.routers, hw.radix, *(int(start) for start in starts[:4]), *(n - 1 for n in places))
    for name, value in zip((*hw._fields, "routers", "radix", *_RINGS), values, strict=True):
        record[name] = value
    inputs, outputs, node = (
        _records(_INPUT, PORTS * hw.routers, whole=True),
        _records(_OUTPUT, PORTS * hw.routers, whole=True),
        _records(_NODE, nodes, whole=True),
    )
    _wire(hw, inputs, outputs, node)
    inputs.held = outputs.owner = -1
    lanes = PORTS * hw.routers * hw.channels if hw.channels > 1 else 0
    turns = _records(TURN, PORTS * hw.routers if lanes else 0)
    load_pointers(hw, pointers, outputs, turns)
    table = image.slices
    slices = _records(_SLICE, len(table.core))
    columns = (table.core, table.population, table.first, table.size, table.set_ptr[:-1], table.set_ptr[1:],
               table.back_ptr[:-1], table.back_ptr[1:])  # fmt: skip
    for name, column in zip(_SLICE, columns, strict=True):
        slices[name] = column[: len(slices)]
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
        slot=_records(_SLOT, PORTS * hw.routers * hw.channels * places[4]),
        lane=_records(LANE, lanes),
        turn=turns,
        home=_zeros(nodes if lanes else 0, hw.channels, places[0]),
        bid=_zeros(PORTS, 3),
        due=np.zeros((2, WHEEL, -(-(hw.routers + nodes) // 64) if lanes else 0), np.uint64),
        node=node,
        ring=_zeros(nodes, int(starts[4])),
        packet=_records(_PACKET, room[1] + 1),
        emission=_records(_EMISSION, room[0] + 1),
        row=_records(_ROW, rows),
        marks=np.zeros((2, WHEEL // 64 + 1), np.uint64),
        heads=np.full((2, WHEEL, 3), -1, np.int32),
        links=np.full((3, PORTS * hw.routers), -1, np.int32),
        live=np.arange(nodes),
        live_in=np.arange(PORTS * hw.routers),
        live_out=np.arange(PORTS * hw.routers),
        ports=image.ports if image.ports.flags.writeable else image.ports.copy(),  # read-only: another type to numba
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
        path=_zeros(PORTS * hw.routers + PORTS, 3),
        counts=_zeros(phases, nodes, len(Op)),
        cycles=_zeros(phases, nodes, len(Unit), len(Cause)),
        totals=_zeros(2, phases),
        clock=np.array([cycle, 0, 0, 0, 0, 0], np.int64),
        spikes=_zeros(len(image.sizes)),
        flits=_zeros(PORTS * hw.routers),
        log=_zeros(log_rows, 6),
        logged=_zeros(1),
    )
