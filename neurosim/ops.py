"""The closed list of hardware events that can be counted, and where each happens.

An engine counts ops; `neurosim.account` prices them afterwards. Every op belongs to one unit.
A memory op also names its memory, whose size and width set the energy of one access.
"""

from enum import IntEnum
from typing import NamedTuple

__all__ = [
    "CAUSES",
    "FLIT_OPS",
    "HOST_UNITS",
    "LINK_OPS",
    "OPS",
    "PHASES",
    "UNITS",
    "Cause",
    "Op",
    "Phase",
    "Unit",
    "describe",
    "unit_of",
]


class Phase(IntEnum):
    """What a step of a sample is for. Every count and every cycle belongs to exactly one phase."""

    IO = 0  # host traffic: pixel values, label, learning rate, read-out
    FORWARD = 1
    ERROR = 2
    UPDATE = 3


class Unit(IntEnum):
    """The units of a node (core, router or host) that have a service and a cause for every cycle."""

    HOST = 0  # the host link (it exists once, at the host node)
    AXON = 1  # axon FIFO and table of a core; at the host node: the receiver of read-outs
    SYNAPSE = 2  # row reads into the accumulators
    SOMA = 3  # sweep over the neurons
    PACKETISER = 4  # route table and packet assembly
    INJECT = 5  # network interface: sends flits into the router
    LEARNING = 6  # transposed reads, replay, weight writes
    ROUTER_EAST = 7  # input ports of the router, in the order of specs/router.md section 3
    ROUTER_WEST = 8
    ROUTER_NORTH = 9
    ROUTER_SOUTH = 10
    ROUTER_LOCAL = 11  # of every core (on a torus, of the host, too); the others belong to the first core of a router


HOST_UNITS = (Unit.HOST, Unit.AXON, Unit.PACKETISER, Unit.INJECT)  # what the host node has of them


class Cause(IntEnum):
    """Why a cycle of a unit went by. The causes of a unit add up to the run's cycles, always."""

    BUSY = 0
    STARVED = 1  # no input, while the unit still has work to come in this step
    BLOCKED = 2  # work at hand, but no slot ahead (router ports: no grant)
    CONFLICT = 3  # waiting for a memory bank or port
    BARRIER = 4  # done for this step, waiting for the others


class Op(IntEnum):
    """One countable hardware event."""

    HOST_FLIT = 0
    AXON_READ = 1
    AXON_WRITE = 2
    SYNAPSE_READ = 3
    SYNAPSE_WRITE = 4
    ACCUMULATOR_READ = 5
    ACCUMULATOR_WRITE = 6
    NEURON_READ = 7
    NEURON_WRITE = 8
    ROUTE_READ = 9
    SYNAPSE_ADD = 10
    SOMA_UPDATE = 11
    ENCODE = 12
    SPIKE = 13
    DESIRE_UPDATE = 14
    ERROR_MAC = 15
    ERROR_ADD = 16
    TRACE_STEP = 17
    CREDIT_ADD = 18
    WEIGHT_UPDATE = 19
    RANDOM_BIT = 20
    REGISTER_WRITE = 21
    BUFFER_WRITE = 22
    BUFFER_READ = 23
    ARBITRATE = 24
    CROSSBAR = 25
    LINK_FLIT = 26
    SCALE = 27
    VERTICAL_FLIT = 28
    SPARSE_ADD = 29
    COLUMN_READ = 30


class OpInfo(NamedTuple):
    """Where an op happens, which memory it touches, and what it is."""

    unit: str
    memory: str | None
    access: str | None
    what: str


_INFO: dict[Op, OpInfo] = {
    Op.HOST_FLIT: OpInfo("host", None, None, "one flit over the chip's host link"),
    Op.AXON_READ: OpInfo("axon", "axon", "read", "one axon table word (row address, spike history)"),
    Op.AXON_WRITE: OpInfo("axon", "axon", "write", "one axon table word (spike history)"),
    Op.SYNAPSE_READ: OpInfo("synapse", "synapse", "read", "one word of synapse memory"),
    Op.SYNAPSE_WRITE: OpInfo("learning", "synapse", "write", "one word of synapse memory"),
    Op.ACCUMULATOR_READ: OpInfo("synapse", "accumulator", "read", "one accumulator word"),
    Op.ACCUMULATOR_WRITE: OpInfo("synapse", "accumulator", "write", "one accumulator word"),
    Op.NEURON_READ: OpInfo("soma", "neuron", "read", "one word of neuron memory"),
    Op.NEURON_WRITE: OpInfo("soma", "neuron", "write", "one word of neuron memory"),
    Op.ROUTE_READ: OpInfo("packetiser", "route", "read", "one route table word"),
    Op.SYNAPSE_ADD: OpInfo("synapse", None, None, "one weight added to an accumulator"),
    Op.SOMA_UPDATE: OpInfo("soma", None, None, "one membrane leaked, integrated and compared"),
    Op.ENCODE: OpInfo("soma", None, None, "one input neuron accumulated and compared"),
    Op.SPIKE: OpInfo("soma", None, None, "one spike fired"),
    Op.DESIRE_UPDATE: OpInfo("soma", None, None, "one error circuit evaluated"),
    Op.ERROR_MAC: OpInfo("learning", None, None, "one weight times a small integer added to an error sum"),
    Op.ERROR_ADD: OpInfo("soma", None, None, "one arrived partial error sum added"),
    Op.TRACE_STEP: OpInfo("learning", None, None, "one trace leaked and incremented"),
    Op.CREDIT_ADD: OpInfo("learning", None, None, "one trace added at a post spike"),
    Op.WEIGHT_UPDATE: OpInfo("learning", None, None, "one increment scaled, rounded, added and saturated"),
    Op.RANDOM_BIT: OpInfo("learning", None, None, "one pseudo-random bit"),
    Op.REGISTER_WRITE: OpInfo("axon", None, None, "one control register written by a packet"),
    Op.BUFFER_WRITE: OpInfo("router", None, None, "one flit written to a router input buffer"),
    Op.BUFFER_READ: OpInfo("router", None, None, "one flit read from a router input buffer"),
    Op.ARBITRATE: OpInfo("router", None, None, "one output granted"),
    Op.CROSSBAR: OpInfo("router", None, None, "one flit through the crossbar"),
    Op.SCALE: OpInfo("soma", None, None, "one sum multiplied by the spike amplitude (dropout)"),
    Op.LINK_FLIT: OpInfo("link", None, None, "one flit over one link to the east or west"),
    Op.VERTICAL_FLIT: OpInfo("link", None, None, "one flit over one link to the north or south"),
    Op.SPARSE_ADD: OpInfo("synapse", None, None, "one weight added to the accumulator that its index names"),
    Op.COLUMN_READ: OpInfo("learning", "synapse", "read", "one word of synapse memory across rows (crossbar)"),
}

OPS: tuple[str, ...] = tuple(op.name.lower() for op in Op)
PHASES: tuple[str, ...] = tuple(phase.name.lower() for phase in Phase)
UNITS: tuple[str, ...] = tuple(unit.name.lower() for unit in Unit)
CAUSES: tuple[str, ...] = tuple(cause.name.lower() for cause in Cause)


# Who does it, where that depends on the phase.
_UNIT_IN_PHASE: dict[tuple[Op, Phase], str] = {
    (Op.SYNAPSE_READ, Phase.ERROR): "learning",
    (Op.SYNAPSE_READ, Phase.UPDATE): "learning",
    (Op.AXON_READ, Phase.UPDATE): "learning",
    (Op.AXON_WRITE, Phase.UPDATE): "learning",
    (Op.NEURON_READ, Phase.UPDATE): "learning",
    (Op.NEURON_WRITE, Phase.IO): "axon",
    (Op.RANDOM_BIT, Phase.FORWARD): "soma",
}


# All that a sequenced core counts.
SEQUENCED_OPS = (Op.HOST_FLIT, Op.SYNAPSE_READ, Op.SYNAPSE_WRITE, Op.NEURON_READ, Op.NEURON_WRITE, Op.SYNAPSE_ADD,
                 Op.SOMA_UPDATE, Op.SPIKE, Op.WEIGHT_UPDATE)  # fmt: skip
FLIT_OPS = (Op.HOST_FLIT, Op.BUFFER_WRITE, Op.BUFFER_READ, Op.CROSSBAR, Op.LINK_FLIT, Op.VERTICAL_FLIT)
LINK_OPS = (Op.LINK_FLIT, Op.VERTICAL_FLIT)


def unit_of(op: Op, phase: Phase) -> str:
    """The unit that does `op` in `phase`.

    In the error phase neuron words are read by three units (learning scan, axon, soma); they are booked on the
    soma. Accumulator words are booked on the synapse unit, the soma's reads and clears included.
    """
    return _UNIT_IN_PHASE.get((op, phase), _INFO[op].unit)


def describe(op: Op) -> OpInfo:
    """Where `op` happens, which memory it touches (or None), read or write, and what it is in words."""
    return _INFO[op]
