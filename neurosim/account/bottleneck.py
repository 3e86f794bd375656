"""The bottleneck of each phase: the busiest unit, and the resource behind it in words."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.chip import Chip
from neurosim.ops import PHASES, UNITS, Cause, Phase, Unit

__all__ = ["Bottleneck", "bottleneck"]

Ints = NDArray[np.int64]
_LOW = 0.5  # below this share no unit limits the phase


class Bottleneck(NamedTuple):
    """The unit that works the largest share of a phase (busy, or waiting for a bank or port)."""

    phase: str
    node: int
    unit: str
    share: float  # busy and conflict, of the phase's cycles
    conflict: float  # conflict alone
    barrier: float  # share of the phase that the latency of its barriers takes
    resource: str


def bottleneck(cycles: Ints, phase_cycles: Ints, steps: Ints, chip: Chip) -> tuple[Bottleneck, ...]:
    """One row for each phase that took time.

    cycles: int64[phases, nodes, units, causes].  phase_cycles, steps: int64[phases].
    Among equals the lowest node and then the first unit is named.
    """
    rows, latency = [], chip.sync.latency(_routers(cycles, chip))
    for phase in Phase:
        length = int(phase_cycles[phase])
        if length == 0:
            continue
        work = cycles[phase, :, :, Cause.BUSY] + cycles[phase, :, :, Cause.CONFLICT]
        node, number = (int(i) for i in np.unravel_index(int(work.argmax()), work.shape))
        unit = Unit(number)
        share = float(work[node, unit]) / length
        conflict = float(cycles[phase, node, unit, Cause.CONFLICT]) / length
        barrier = min(1.0, float(steps[phase]) * latency / length)
        resource = _resource(chip, node, unit, share, conflict, barrier, latency)
        rows.append(Bottleneck(PHASES[phase], node, UNITS[unit], share, conflict, barrier, resource))
    return tuple(rows)


def _routers(cycles: Ints, chip: Chip) -> int:
    """Routers in use: those of cores with neurons, which sweep in every run, and the host's if the host sends."""
    swept = cycles[:, :, Unit.SOMA, Cause.BUSY].sum(axis=0)[: chip.cores]
    used = set((np.flatnonzero(swept) // chip.noc.cores_per_router).tolist())
    if cycles[:, chip.cores, Unit.HOST, Cause.BUSY].any():
        used.add(chip.host.router)
    return len(used)


def _resource(
    chip: Chip, node: int, unit: Unit, share: float, conflict: float, barrier: float, latency: int
) -> str:
    """The limiting resource in words."""
    if barrier > share:
        if chip.sync.mode == "tick":
            return f"the tick: steps are shorter than its {chip.sync.period_cycles} cycles"
        return f"the barrier: {latency} cycles at the end of every step"
    place = "the host" if node == chip.cores else f"core {node}"
    if share < _LOW:
        name = UNITS[unit].replace("_", " ")
        return f"latency: no unit works half of the time (the most: {name} of {place})"
    if conflict > share / 2:
        return f"bank conflicts of the {UNITS[unit]} unit of {place}"
    return f"{_service(chip, unit)} of {place}"


def _service(chip: Chip, unit: Unit) -> str:
    core = chip.core
    if unit is Unit.SYNAPSE:
        return _row_limit(chip, "the synapse unit", core.synapse.lanes, core.synapse.lane_cycles, _pace(chip))
    if unit is Unit.LEARNING:
        return _row_limit(chip, "the learning unit", core.learning.lanes, 1)
    if unit is Unit.SOMA:
        spikes = f", {core.soma.cycles_per_spike} more for a spike" if core.soma.cycles_per_spike else ""
        return f"the soma sweep ({core.soma.cycles_per_neuron} cycles a neuron{spikes})"
    if unit is Unit.AXON:
        return f"the axon unit ({core.axon.lookup_cycles} cycles a packet)"
    if unit is Unit.PACKETISER:
        return f"the packetiser ({core.packetiser.cycles_per_packet} cycles a packet)"
    if unit is Unit.INJECT:
        return "the injection port (one flit a cycle)"
    if unit is Unit.HOST:
        return f"the host link ({chip.host.cycles_per_flit} cycles a flit)"
    direction, interval = UNITS[unit].removeprefix("router_"), chip.noc.link.interval_cycles
    often = "one flit a cycle" if unit is Unit.ROUTER_LOCAL or interval == 1 else f"one flit in {interval} cycles"
    return f"the {direction} input of the router ({often})"


def _pace(chip: Chip) -> str:
    """How long the synapse unit takes for a synapse, where that is more than a cycle."""
    dense, sparse = chip.core.synapse.lane_cycles, chip.core.synapse.sparse
    if sparse is not None:
        return f" ({dense} cycles a synapse, {sparse.lane_cycles} in sparse rows)"
    return f" ({dense} cycles a synapse)" if dense > 1 else ""


def _row_limit(chip: Chip, name: str, lanes: int, lane_cycles: int, pace: str = "") -> str:
    """What sets the length of a row: the words that the memory gives in a cycle, or the lanes."""
    synapse = chip.core.synapse
    words = synapse.banks * synapse.ports
    if words * synapse.weights_per_word * lane_cycles < lanes:
        return f"the synapse memory ({words} words a cycle) behind {name}"
    return f"the {'lane' if lanes == 1 else f'{lanes} lanes'} of {name}{pace}"
