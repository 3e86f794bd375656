"""The chip: what a YAML file under hwconfigs/ says, validated and frozen. Knows no network and no engine."""

import os
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from neurosim import yamlio
from neurosim.core import Accumulator, Axon, Core, Learning, Memory, Neuron, Packetiser, Soma, Synapse
from neurosim.noc import Link, Noc, Router
from neurosim.section import Head, Natural, Positive, Section, require

__all__ = [
    "Accumulator",
    "Axon",
    "Chip",
    "Core",
    "Host",
    "Learning",
    "Link",
    "Memory",
    "Neuron",
    "Noc",
    "Packetiser",
    "Router",
    "Soma",
    "Sync",
    "Synapse",
    "load_chip",
]


Threshold = Annotated[tuple[Positive, Positive], Field(strict=False)]


class Sync(Section):
    """What ends a step: `barrier` (all quiet, then latency) or `tick` (a fixed period; overruns counted).

    `latency_by_routers`: pairs [routers in use, cycles], rising; latency_cycles holds where none applies.
    """

    mode: Literal["barrier", "tick"]
    latency_cycles: Positive
    period_cycles: Positive | None = None
    latency_by_routers: tuple[Threshold, ...] = Field(default=(), strict=False)

    def latency(self, routers: int) -> int:
        """Latency of a barrier between `routers` routers in use: the last entry of the table that they reach."""
        reached = [cycles for least, cycles in self.latency_by_routers if least <= routers]
        return reached[-1] if reached else self.latency_cycles

    @model_validator(mode="after")
    def _period_belongs_to_tick(self) -> Self:
        tick, period = self.mode == "tick", self.period_cycles
        table, waits = [[pair[k] for pair in self.latency_by_routers] for k in range(2)]
        require(
            (
                tick == (period is not None),
                ("period_cycles",),
                "expected a whole number of at least 1 with mode tick, got nothing"
                if tick
                else f"expected no period with mode barrier, got {period}",
            ),
            (
                not tick or period is None or period > self.latency_cycles,
                ("period_cycles",),
                f"expected more than latency_cycles = {self.latency_cycles}, got {period}",
            ),
            (
                table == sorted(set(table)),
                ("latency_by_routers",),
                f"expected rising numbers of routers, got {table}",
            ),
            (
                waits == sorted(waits),
                ("latency_by_routers",),
                f"expected latencies that do not fall with more routers, got {waits}",
            ),
            (
                not tick or not table,
                ("latency_by_routers",),
                "expected no table with mode tick, got one",
            ),
        )
        return self


class Host(Section):
    """Host link, attached to the unused west port of one router at the west edge; on a torus, which has no edge, to one
    more local port of any router."""

    router: Natural
    latency_cycles: Natural
    cycles_per_flit: Positive
    values_per_packet: Positive


class Chip(Head):
    """One chip: cores at the nodes of a mesh or torus, one clock, one host link, one cost table by name."""

    core: Core
    noc: Noc
    sync: Sync
    host: Host

    @property
    def routers(self) -> int:
        """Number of routers."""
        return self.noc.routers

    @property
    def cores(self) -> int:
        """Number of cores."""
        return self.noc.routers * self.noc.cores_per_router

    @property
    def flit_bits(self) -> int:
        """What one flit carries."""
        return self.noc.link.width_bits

    @property
    def link_mm(self) -> float:
        """Length of a link between routers."""
        return self.noc.link.length_mm

    @property
    def is_crossbar(self) -> bool:
        """Whether synapse memories read columns as well as rows."""
        return bool(self.core.learning.circuits) and self.core.learning.backward == "crossbar"

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        noc, router = self.noc, self.host.router
        axon_bits = (self.core.axon.entries - 1).bit_length()
        spike_bits = noc.header_bits + axon_bits
        quiet = noc.slowest_link + 2 + noc.router.credit_cycles
        slowest = "vertical_latency_cycles" if noc.slowest_link > noc.link.latency_cycles else "latency_cycles"
        home = f"expected at least {quiet} (link.{slowest} + 2 + router.credit_cycles: all credits are home before"
        shortest = min((cycles for _, cycles in self.sync.latency_by_routers), default=quiet)
        places = range(0, noc.routers, noc.columns if noc.topology == "mesh" else 1)
        home_of_host = "a router at the west edge" if noc.topology == "mesh" else "a router"
        require(
            (
                router in places,
                ("host", "router"),
                f"expected {home_of_host} (one of {_some(places)}), got {router}",
            ),
            (
                not noc.multicast or spike_bits <= noc.link.width_bits,
                ("noc", "link", "width_bits"),
                f"expected at least {spike_bits} for multicast (a spike is one flit: header_bits ="
                f" {noc.header_bits} and {axon_bits} bits of axon number), got {noc.link.width_bits}",
            ),
            (
                not noc.multicast or noc.router.arrangement == "single_stage",
                ("noc", "multicast"),
                "expected false with noc.router.arrangement two_stage (a head claims one output), got true",
            ),
            (
                self.core.packetiser.route_bits >= spike_bits,
                ("core", "packetiser", "route_bits"),
                f"expected at least {spike_bits} (header_bits = {noc.header_bits} and {axon_bits} bits of"
                f" axon number), got {self.core.packetiser.route_bits}",
            ),
            (
                self.sync.latency_cycles >= quiet,
                ("sync", "latency_cycles"),
                f"{home} the next step), got {self.sync.latency_cycles}",
            ),
            (shortest >= quiet, ("sync", "latency_by_routers"), f"{home} the next step), got {shortest}"),
        )
        return self


def _some(numbers: range) -> str:
    """The numbers of a range; a long one is cut short."""
    shown = ", ".join(str(number) for number in numbers[:8])
    return shown if len(numbers) <= 8 else f"{shown}, ... {numbers[-1]}"


def load_chip(path_or_name: str | os.PathLike[str], overrides: Iterable[str] = ()) -> Chip:
    """The chip in a YAML file, or a shipped one by its bare name (`mesh16`).

    `overrides` are assignments such as `core.synapse.banks=4`, applied before validation.
    Raises ConfigError with every complaint about the file, one a line.
    """
    return yamlio.load(yamlio.find(path_or_name), Chip, overrides)
