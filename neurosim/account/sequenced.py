"""The ledger of a sequenced chip: what a `Sequence` counted, as ops of the closed list, and a cause for every cycle.

One node is the core, the other the host. The core has one unit that works, the controller, which is booked on SOMA
(reports call it `controller`): busy in its operations, blocked while the output port is busy and holds a loop, a pop
or WAIT, in conflict while the input port is released, starved in the rest of WAIT. At the host node the unit HOST is
the output port: busy in a transfer.
"""

import numpy as np

from neurosim.engine.sequence import Sequence
from neurosim.image import Ints
from neurosim.ops import CAUSES, PHASES, UNITS, Cause, Op, Phase, Unit

__all__ = ["UNIT_NAMES", "causes", "limit", "tally"]

# What reports call the units of a sequenced chip.
UNIT_NAMES = {"soma": "controller", "host": "output port"}

# The counters of `Clock` that make up an op of the core. A SOP is SYNAPSE_ADD, alone; its memory accesses stand beside
# it. `integrated` are weights of synapses taken by neurons, `updated` all other updates.
_OPS: dict[Op, tuple[str, ...]] = {
    Op.SYNAPSE_ADD: ("integrated",),
    Op.SOMA_UPDATE: ("updated",),
    Op.SPIKE: ("spikes",),
    Op.WEIGHT_UPDATE: ("learned", "consolidated"),
    Op.NEURON_READ: ("neuron_reads",),
    Op.NEURON_WRITE: ("neuron_writes",),
    Op.SYNAPSE_READ: ("synapse_reads",),
    Op.SYNAPSE_WRITE: ("synapse_writes",),
}
_BUSY = ("push_cycles", "loop_cycles", "bistable_cycles", "pop_cycles")
_BLOCKED = ("frozen_cycles", "pop_held_cycles", "held_cycles")
CORE, HOST = range(2)


def tally(run: Sequence, phase: Phase) -> Ints:
    """int64[phases, 2 nodes, ops]: everything counted in one phase. AER transfers of both ports are the host's."""
    counts = np.zeros((len(PHASES), 2, len(Op)), np.int64)
    for op, names in _OPS.items():
        counts[phase, CORE, op] = sum(run.count(name) for name in names)
    counts[phase, HOST, Op.HOST_FLIT] = run.count("served") + run.count("sent")
    return counts


def causes(run: Sequence, phase: Phase) -> Ints:
    """int64[phases, 2 nodes, units, causes]: each unit's causes add up to the cycles of the run."""
    cycles = np.zeros((len(PHASES), 2, len(UNITS), len(CAUSES)), np.int64)
    core, port = cycles[phase, CORE, Unit.SOMA], cycles[phase, HOST, Unit.HOST]
    core[Cause.BUSY] = sum(run.count(name) for name in _BUSY)
    core[Cause.BLOCKED] = sum(run.count(name) for name in _BLOCKED)
    core[Cause.CONFLICT] = run.count("release_cycles")
    core[Cause.STARVED] = run.cycles - core.sum()
    port[Cause.BUSY] = run.count("output_busy")
    port[Cause.STARVED] = run.cycles - port[Cause.BUSY]
    return cycles


def limit(cycles: Ints, cycles_per_target: int, writes: int) -> str:
    """What takes most of the controller's time, in words. cycles: int64[causes] of one phase; writes: of neurons in it,
    each at the end of a turn of the loop over targets."""
    loops = 2 * writes * cycles_per_target >= cycles[Cause.BUSY]
    texts = {
        Cause.BUSY: f"the loop over targets ({cycles_per_target} cycles a target)" if loops
        else "what the controller does beside neurons: pushes, pops, bistability",
        Cause.BLOCKED: "the output port: the controller stands still in its handshakes",
        Cause.CONFLICT: "the input port: the release of its handshake",
        Cause.STARVED: "the wait for events: handshakes, and the host",
    }
    return texts.get(Cause(int(cycles.argmax())), "nothing")
