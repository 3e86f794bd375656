"""Cost tables: what one hardware event costs, from low to high, with the source of every number."""

import os
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from neurosim import yamlio
from neurosim.complaint import Complaints, Path, did_you_mean
from neurosim.errors import ConfigError
from neurosim.machine import Machine
from neurosim.ops import FLIT_OPS, LINK_OPS, OPS, SEQUENCED_OPS, Op, describe
from neurosim.section import Quality, Section, require
from neurosim.sequenced import SequencedChip

__all__ = ["Band", "Cost", "CostTable", "Power", "Sram", "SramLaw", "Static", "Transposable", "costs_of", "load_costs",
           "require_match"]  # fmt: skip

Band = tuple[float, float, float]  # low, mid, high
Energy = Annotated[float, Field(ge=0, le=1e9)]
Factor = Annotated[float, Field(gt=0, le=1e3)]
Exponent = Annotated[float, Field(ge=-2, le=2)]

LOGIC_BAND = (1 / 2, 2.0)  # one op of logic: the mid value divided and multiplied by 2
NOC_BAND = (1 / 1.5, 1.5)  # one bit through router or link


class Cost(Section):
    """Energy of one event in pJ. Without low and high the table's default band applies.

    A cost of zero needs a `reason`, so that nothing is free by oversight.
    """

    low_pj: Energy | None = None
    mid_pj: Energy
    high_pj: Energy | None = None
    source: str
    quality: Quality
    reason: str | None = None

    @model_validator(mode="after")
    def _band_is_ordered(self) -> Self:
        low, mid, high = self.low_pj, self.mid_pj, self.high_pj
        require(
            (low is None or low <= mid, ("low_pj",), f"expected at most mid_pj = {mid:g}, got {_text(low)}"),
            (
                high is None or high >= mid,
                ("high_pj",),
                f"expected at least mid_pj = {mid:g}, got {_text(high)}",
            ),
            (mid > 0 or bool(self.reason), ("mid_pj",), "expected a number above 0, or a reason, got 0"),
        )
        return self

    def band(self, default: tuple[float, float]) -> Band:
        """Low, mid and high in pJ; `default` are the factors for what is not given."""
        low = self.mid_pj * default[0] if self.low_pj is None else self.low_pj
        high = self.mid_pj * default[1] if self.high_pj is None else self.high_pj
        return low, self.mid_pj, high


class SramLaw(Section):
    """E = a_pj * (capacity in KiB)^size_exponent * (word bits / 32)^width_exponent, for one access."""

    a_pj: Annotated[float, Field(gt=0, le=1e6)]
    size_exponent: Exponent
    width_exponent: Exponent
    low_factor: Annotated[float, Field(gt=0, le=1)] = 0.6
    high_factor: Annotated[float, Field(ge=1, le=1e3)] = 1.4
    source: str
    quality: Quality

    def band(self, capacity_bits: int, word_bits: int) -> Band:
        """Energy of one access in pJ (low, mid, high) to a memory of that capacity and width."""
        size = capacity_bits / 8192
        mid = self.a_pj * size**self.size_exponent * (word_bits / 32) ** self.width_exponent
        return mid * self.low_factor, mid, mid * self.high_factor


class Sram(Section):
    """Reads and writes of on-chip memories.

    The size is that of the whole memory, not of a bank: the wires that collect the banks cross all of it.
    Outside the grid of the fit (see `source`) the law is an extrapolation.
    """

    read: SramLaw
    write: SramLaw


class Ratio(Section):
    """How many times as much as a memory that reads rows only."""

    low: Factor
    mid: Factor
    high: Factor

    @model_validator(mode="after")
    def _band_is_ordered(self) -> Self:
        low, mid, high = self.band
        require(
            (low <= mid, ("low",), f"expected at most mid = {mid:g}, got {low:g}"),
            (high >= mid, ("high",), f"expected at least mid = {mid:g}, got {high:g}"),
        )
        return self

    @property
    def band(self) -> Band:
        """Low, mid and high."""
        return self.low, self.mid, self.high


class Transposable(Section):
    """A memory that reads columns as well as rows: `crossbar`. Its cells are larger, its lines longer.

    access: energy of any access that the law under `sram` prices.  static: power of the cells.
    """

    access: Ratio
    static: Ratio
    source: str
    quality: Quality


class Power(Section):
    """Static power of one thing in microwatts."""

    low_uw: Energy
    mid_uw: Energy
    high_uw: Energy
    source: str
    quality: Quality

    @model_validator(mode="after")
    def _band_is_ordered(self) -> Self:
        low, mid, high = self.band
        require(
            (low <= mid, ("low_uw",), f"expected at most mid_uw = {mid:g}, got {low:g}"),
            (high >= mid, ("high_uw",), f"expected at least mid_uw = {mid:g}, got {high:g}"),
        )
        return self

    @property
    def band(self) -> Band:
        """Low, mid and high in microwatts."""
        return self.low_uw, self.mid_uw, self.high_uw


class Static(Section):
    """What leaks, whether anything happens or not."""

    core_logic: Power
    router: Power
    sram_kib: Power


class CostTable(Section):
    """Prices of every op of `neurosim.ops`, and static power.

    core: which chips the table prices, `any` or `sequenced` alone; then ops that no sequenced core does need no price.
    max_clock_mhz: the fastest clock at the table's voltage; without it any.
    clock: pJ per cycle and core, whatever happens in it; without it nothing.  ops: pJ per event.
    per_bit: pJ per bit of a flit. per_bit_mm: pJ per bit of a flit and mm of link.
    A memory op without an entry under `ops` is priced by the law under `sram`; transposable: what a crossbar changes.
    """

    name: str
    description: str
    source: str
    quality: Quality
    node_nm: Annotated[float, Field(gt=0, le=1e4)]
    vdd_v: Annotated[float, Field(gt=0, le=100)] | None = None
    core: Literal["any", "sequenced"] = "any"
    max_clock_mhz: Annotated[float, Field(gt=0, le=1e6)] | None = None
    sram: Sram | None = None
    transposable: Transposable | None = None
    clock: Cost | None = None
    ops: dict[str, Cost]
    per_bit: dict[str, Cost] = Field(default_factory=dict)
    per_bit_mm: dict[str, Cost] = Field(default_factory=dict)
    static: Static

    @property
    def priced_ops(self) -> tuple[Op, ...]:
        """The ops that chips of this table do."""
        return SEQUENCED_OPS if self.core == "sequenced" else tuple(Op)

    @model_validator(mode="after")
    def _every_op_has_one_price(self) -> Self:
        wrong: list[tuple[Path, str]] = []
        for section, allowed in self._allowed().items():
            for key in getattr(self, section):
                if key not in allowed:
                    hint = did_you_mean(key, allowed)
                    known = ", ".join(allowed)
                    wrong.append(((section, key), f"expected one of the ops {known}, got '{key}'{hint}"))
        for op in self.priced_ops:
            name = op.name.lower()
            priced = [s for s in self._allowed() if name in getattr(self, s)]
            lawful = self.sram is not None and describe(op).memory is not None
            if not priced and lawful and op is Op.COLUMN_READ and self.transposable is None:
                wrong.append(
                    (("transposable",), f"expected it, or ops.{name}: the law under sram is for rows; got nothing")
                )
            elif not priced and not lawful:
                what = describe(op).what
                wrong.append(
                    (("ops", name), f"expected a price of {what}, got nothing (the cost is missing)")
                )
            if len(priced) > 1:
                wrong.append(((priced[1], name), f"expected one price, got another under {priced[0]}"))
        if wrong:
            raise Complaints(*wrong)
        return self

    @staticmethod
    def _allowed() -> dict[str, tuple[str, ...]]:
        flits = tuple(op.name.lower() for op in FLIT_OPS)
        return {"ops": OPS, "per_bit": flits, "per_bit_mm": tuple(op.name.lower() for op in LINK_OPS)}


def _text(value: float | None) -> str:
    return "nothing" if value is None else f"{value:g}"


def load_costs(name_or_path: str | os.PathLike[str], overrides: Iterable[str] = ()) -> CostTable:
    """The cost table in a YAML file, or a shipped one by its bare name (`cacti22lop`).

    `overrides` are assignments such as `static.router.mid_uw=100`, applied before validation.
    Raises ConfigError with every complaint about the file, one a line; a missing cost is one.
    """
    return yamlio.load(yamlio.find(name_or_path, "costs"), CostTable, overrides)


def costs_of(chip: Machine) -> CostTable:
    """The cost table that a chip names. Raises ConfigError if it is not valid, or not for such a chip."""
    costs = load_costs(chip.costs)
    require_match(chip, costs)
    return costs


def require_match(chip: Machine, costs: CostTable) -> None:
    """Raise ConfigError unless a table prices chips of this kind, and at this clock."""
    if costs.core == "sequenced" and not isinstance(chip, SequencedChip):
        raise ConfigError(
            f"costs: {costs.name} prices sequenced cores only; {chip.name} has pipelined cores: "
            "take another table, such as cacti22lop"
        )
    if costs.max_clock_mhz is not None and chip.clock_mhz > costs.max_clock_mhz:
        volts = "" if costs.vdd_v is None else f" at {costs.vdd_v:g} V"
        raise ConfigError(
            f"costs: {costs.name} holds up to {costs.max_clock_mhz:g} MHz{volts}; {chip.name} has clock_mhz = "
            f"{chip.clock_mhz:g}: lower chip.clock_mhz, or take another table"
        )
