"""Energy: counts times costs, clock cycles and static power times time. Pure functions of a run's ledger."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurosim.account.costs import LOGIC_BAND, NOC_BAND, Band, CostTable, require_match
from neurosim.machine import Machine
from neurosim.ops import PHASES, Op, Phase, describe, unit_of

__all__ = ["BAND", "Energy", "clocking", "leakage", "power", "price", "prices"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BAND = ("low", "mid", "high")  # first axis of every array here


@dataclass(frozen=True)
class Energy:
    """Energy of a run in pJ. The first axis is low, mid, high; a low total is the sum of all low parts.

    dynamic: float64[3, phases, nodes, ops].  static, clock: float64[3, phases, nodes].
    """

    dynamic: Floats
    static: Floats
    clock: Floats

    @property
    def total(self) -> Floats:
        """float64[3]: everything: dynamic, static and clock."""
        return np.asarray(self.by_phase().sum(axis=1))

    def by_phase(self) -> Floats:
        """float64[3, phases]."""
        return np.asarray(self.dynamic.sum(axis=(2, 3)) + (self.static + self.clock).sum(axis=2))

    def by_node(self) -> Floats:
        """float64[3, nodes]."""
        return np.asarray(self.dynamic.sum(axis=(1, 3)) + (self.static + self.clock).sum(axis=1))

    def by_op(self) -> Floats:
        """float64[3, ops], without static and clock."""
        return np.asarray(self.dynamic.sum(axis=(1, 2)))

    def by_unit(self) -> dict[str, Floats]:
        """float64[3, phases] of every unit of `neurosim.ops`, in pipeline order, of `clock` and of `static`."""
        units = {unit: np.zeros(self.static.shape[:2]) for unit in dict.fromkeys(describe(op).unit for op in Op)}
        for op in Op:
            for phase in Phase:
                units[unit_of(op, phase)][:, phase] += self.dynamic[:, phase, :, op].sum(axis=1)
        units["clock"] = self.clock.sum(axis=2)
        units["static"] = self.static.sum(axis=2)
        return units


def prices(chip: Machine, costs: CostTable) -> Floats:
    """float64[3, ops]: what one event costs on this chip, in pJ; 0 for what no chip of this table does.

    Raises ConfigError for a table of other chips, or of slower ones.
    """
    require_match(chip, costs)
    return np.array([_price_of(op, chip, costs) for op in Op], np.float64).T


def _price_of(op: Op, chip: Machine, costs: CostTable) -> Band:
    name, info = op.name.lower(), describe(op)
    if op not in costs.priced_ops:
        return 0.0, 0.0, 0.0
    if name in costs.ops:
        return costs.ops[name].band(LOGIC_BAND)
    if name in costs.per_bit:
        return _times(costs.per_bit[name].band(NOC_BAND), chip.flit_bits)
    if name in costs.per_bit_mm:
        return _times(costs.per_bit_mm[name].band(NOC_BAND), chip.flit_bits * chip.link_mm)
    if info.memory is None or costs.sram is None:
        raise ValueError(f"{name}: no price in the cost table {costs.name}")
    memory = chip.core.memories().get(info.memory)
    if memory is None:  # a chip without that memory never reads it
        return 0.0, 0.0, 0.0
    law = costs.sram.read if info.access == "read" else costs.sram.write
    band = law.band(memory.capacity_bits, memory.word_bits)
    if costs.transposable and (op is Op.COLUMN_READ or (info.memory == "synapse" and chip.is_crossbar)):
        return _by(band, costs.transposable.access.band)
    return band


def _times(band: Band, factor: float) -> Band:
    return _by(band, (factor, factor, factor))


def _by(band: Band, factors: Band) -> Band:
    return band[0] * factors[0], band[1] * factors[1], band[2] * factors[2]


def power(chip: Machine, costs: CostTable) -> Floats:
    """float64[3, nodes]: static power in microwatts; a router counts with its first core, the host has nothing."""
    static = costs.static
    core = np.array(static.core_logic.band) + _kib(chip, costs) * np.array(static.sram_kib.band)
    result = np.zeros((3, chip.cores + 1))
    result[:, : chip.cores] = core[:, None]
    if chip.routers:
        result[:, : chip.cores : chip.cores // chip.routers] += np.array(static.router.band)[:, None]
    return result


def clocking(chip: Machine, costs: CostTable) -> Floats:
    """float64[3, nodes]: what the clock takes in a cycle, in pJ; the host has none."""
    result = np.zeros((3, chip.cores + 1))
    if costs.clock is not None:
        result[:, : chip.cores] = np.array(costs.clock.band(LOGIC_BAND))[:, None]
    return result


def _kib(chip: Machine, costs: CostTable) -> Floats:
    """float64[3]: KiB of a core that leak; the larger cells of a crossbar count as more of them."""
    memories = {name: memory.capacity_bits / 8192 for name, memory in chip.core.memories().items()}
    kib = np.full(3, sum(memories.values()))
    if costs.transposable and chip.is_crossbar:
        kib += memories["synapse"] * (np.array(costs.transposable.static.band) - 1)
    return kib


def leakage(chip: Machine, costs: CostTable) -> dict[str, Floats]:
    """Static power of the whole chip in microwatts, float64[3], by kind; the sum of `power` over the nodes."""
    static = costs.static
    return {
        "core_logic": chip.cores * np.array(static.core_logic.band),
        "sram_kib": chip.cores * _kib(chip, costs) * np.array(static.sram_kib.band),
        "router": chip.routers * np.array(static.router.band),
    }


def price(counts: Ints, phase_cycles: Ints, chip: Machine, costs: CostTable) -> Energy:
    """Price a run: counts int64[phases, nodes, ops] and phase_cycles int64[phases].

    Raises ValueError if the shapes are not those of the chip, or a count is negative or of an op without a price;
    ConfigError for a cost table of other chips.
    """
    shape = (len(PHASES), chip.cores + 1, len(Op))
    if counts.shape != shape or phase_cycles.shape != shape[:1]:
        raise ValueError(
            f"counts and phase_cycles: expected shapes {shape} and {shape[:1]}, "
            f"got {counts.shape} and {phase_cycles.shape}"
        )
    if counts.min() < 0 or phase_cycles.min() < 0:
        raise ValueError("counts and phase_cycles: expected no negative number")
    per_event = prices(chip, costs)
    unpriced = [op.name.lower() for op in Op if op not in costs.priced_ops and counts[:, :, op].any()]
    if unpriced:
        raise ValueError(f"counts: {', '.join(unpriced)}: no price in the cost table {costs.name}")
    dynamic = counts[None] * per_event[:, None, None, :]
    microseconds = phase_cycles / chip.clock_mhz
    static = power(chip, costs)[:, None, :] * microseconds[None, :, None]  # uW x us = pJ
    return Energy(dynamic, static, clocking(chip, costs)[:, None, :] * phase_cycles[None, :, None])
