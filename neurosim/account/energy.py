"""Energy: counts times costs, and static power times time. Pure functions of a run's ledger."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurosim.account.costs import LOGIC_BAND, NOC_BAND, Band, CostTable
from neurosim.chip import Chip
from neurosim.ops import PHASES, Op, Phase, describe, unit_of

__all__ = ["BAND", "Energy", "leakage", "power", "price", "prices"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BAND = ("low", "mid", "high")  # first axis of every array here


@dataclass(frozen=True)
class Energy:
    """Energy of a run in pJ. The first axis is low, mid, high; a low total is the sum of all low parts.

    dynamic: float64[3, phases, nodes, ops].  static: float64[3, phases, nodes].
    """

    dynamic: Floats
    static: Floats

    @property
    def total(self) -> Floats:
        """float64[3]: everything, dynamic and static."""
        return np.asarray(self.by_phase().sum(axis=1))

    def by_phase(self) -> Floats:
        """float64[3, phases]."""
        return np.asarray(self.dynamic.sum(axis=(2, 3)) + self.static.sum(axis=2))

    def by_node(self) -> Floats:
        """float64[3, nodes]."""
        return np.asarray(self.dynamic.sum(axis=(1, 3)) + self.static.sum(axis=1))

    def by_op(self) -> Floats:
        """float64[3, ops], without the static part."""
        return np.asarray(self.dynamic.sum(axis=(1, 2)))

    def by_unit(self) -> dict[str, Floats]:
        """float64[3, phases] of every unit of `neurosim.ops`, in pipeline order, and of `static`."""
        units = {unit: np.zeros(self.static.shape[:2]) for unit in dict.fromkeys(describe(op).unit for op in Op)}
        for op in Op:
            for phase in Phase:
                units[unit_of(op, phase)][:, phase] += self.dynamic[:, phase, :, op].sum(axis=1)
        units["static"] = self.static.sum(axis=2)
        return units


def prices(chip: Chip, costs: CostTable) -> Floats:
    """float64[3, ops]: what one event costs on this chip, in pJ."""
    return np.array([_price_of(op, chip, costs) for op in Op], np.float64).T


def _price_of(op: Op, chip: Chip, costs: CostTable) -> Band:
    name, info, link = op.name.lower(), describe(op), chip.noc.link
    if name in costs.ops:
        return costs.ops[name].band(LOGIC_BAND)
    if name in costs.per_bit:
        return _times(costs.per_bit[name].band(NOC_BAND), link.width_bits)
    if name in costs.per_bit_mm:
        return _times(costs.per_bit_mm[name].band(NOC_BAND), link.width_bits * link.length_mm)
    if info.memory is None or costs.sram is None:
        raise ValueError(f"{name}: no price in the cost table {costs.name}")
    memory = chip.core.memories()[info.memory]
    law = costs.sram.read if info.access == "read" else costs.sram.write
    band = law.band(memory.capacity_bits, memory.word_bits)
    if costs.transposable and (op is Op.COLUMN_READ or (info.memory == "synapse" and _is_crossbar(chip))):
        return _by(band, costs.transposable.access.band)
    return band


def _is_crossbar(chip: Chip) -> bool:
    return bool(chip.core.learning.circuits) and chip.core.learning.backward == "crossbar"


def _times(band: Band, factor: float) -> Band:
    return _by(band, (factor, factor, factor))


def _by(band: Band, factors: Band) -> Band:
    return band[0] * factors[0], band[1] * factors[1], band[2] * factors[2]


def power(chip: Chip, costs: CostTable) -> Floats:
    """float64[3, nodes]: static power in microwatts; a router counts with its first core, the host has nothing."""
    memories = {name: memory.capacity_bits / 8192 for name, memory in chip.core.memories().items()}
    kib, static = np.full(3, sum(memories.values())), costs.static
    if costs.transposable and _is_crossbar(chip):
        kib += memories["synapse"] * (np.array(costs.transposable.static.band) - 1)
    core = np.array(static.core_logic.band) + kib * np.array(static.sram_kib.band)
    result = np.zeros((3, chip.cores + 1))
    result[:, : chip.cores] = core[:, None]
    result[:, : chip.cores : chip.noc.cores_per_router] += np.array(static.router.band)[:, None]
    return result


def leakage(chip: Chip, costs: CostTable) -> dict[str, Floats]:
    """Static power of the whole chip in microwatts, float64[3], by kind; the sum of `power` over the nodes."""
    kib = sum(memory.capacity_bits for memory in chip.core.memories().values()) / 8192
    static = costs.static
    number = {"core_logic": chip.cores, "sram_kib": chip.cores * kib, "router": chip.noc.columns * chip.noc.rows}
    return {kind: how_many * np.array(getattr(static, kind).band) for kind, how_many in number.items()}


def price(counts: Ints, phase_cycles: Ints, chip: Chip, costs: CostTable) -> Energy:
    """Price a run: counts int64[phases, nodes, ops] and phase_cycles int64[phases].

    Raises ValueError if the shapes are not those of the chip, or a count is negative.
    """
    shape = (len(PHASES), chip.cores + 1, len(Op))
    if counts.shape != shape or phase_cycles.shape != shape[:1]:
        raise ValueError(
            f"counts and phase_cycles: expected shapes {shape} and {shape[:1]}, "
            f"got {counts.shape} and {phase_cycles.shape}"
        )
    if counts.min() < 0 or phase_cycles.min() < 0:
        raise ValueError("counts and phase_cycles: expected no negative number")
    dynamic = counts[None] * prices(chip, costs)[:, None, None, :]
    microseconds = phase_cycles / chip.clock_mhz
    static = power(chip, costs)[:, None, :] * microseconds[None, :, None]  # uW x us = pJ
    return Energy(dynamic, static)
