"""The chip: what a YAML file under hwconfigs/ says, validated and frozen. Knows no network and no engine."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "Accumulator",
    "Axon",
    "Chip",
    "Core",
    "Host",
    "Learning",
    "Link",
    "Neuron",
    "Noc",
    "Packetiser",
    "Router",
    "Soma",
    "Sync",
    "Synapse",
]

Quality = Literal["measured", "simulated", "estimated"]
Positive = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]


class Section(BaseModel):
    """A section of a chip file: frozen, strict, unknown keys refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Axon(Section):
    """Axon-in: a FIFO fed by the router, and a table with one word per axon."""

    fifo_flits: Positive
    entries: Positive
    entry_bits: Positive
    lookup_cycles: Positive


class Synapse(Section):
    """Synapse unit: row reads from a banked memory into the accumulators."""

    capacity_kib: Positive
    word_bits: Positive
    banks: Positive
    ports: Annotated[int, Field(ge=1, le=2)]
    latency_cycles: Natural
    queue_packets: Positive
    lanes: Positive
    weight_bits: Annotated[int, Field(ge=2, le=32)]
    weight_fraction_bits: Natural


class Accumulator(Section):
    """One double-buffered accumulator word per neuron."""

    bits: Annotated[int, Field(ge=8, le=62)]


class Soma(Section):
    """Soma unit: sweeps over the neurons of the core once a step."""

    cycles_per_neuron: Positive
    latency_cycles: Natural
    queue_spikes: Positive


class Neuron(Section):
    """Neuron memory: one word per neuron (membrane, spike train, count, desire, keep, error sum)."""

    entries: Positive
    word_bits: Positive
    membrane_bits: Annotated[int, Field(ge=8, le=62)]


class Packetiser(Section):
    """Packetiser: reads the route table and hands packets to the network interface."""

    cycles_per_packet: Positive
    queue_packets: Positive
    route_entries: Positive
    route_bits: Positive


class Learning(Section):
    """The on-core learning circuit. `circuits` names the rules it implements; none: an inference core."""

    circuits: tuple[str, ...] = Field(strict=False)
    backward: Literal["transposed_read"]
    lanes: Positive
    history_bits: Positive
    slots_per_cycle: Positive
    trace_bits: Positive
    trace_fraction_bits: Natural
    error_bits: Positive
    rate_fraction_bits: Natural
    rounding: Literal["nearest", "stochastic"]
    random_bits: Annotated[int, Field(ge=1, le=32)]


class Core(Section):
    """One pipelined learning core."""

    kind: Literal["pipelined"]
    axon: Axon
    synapse: Synapse
    accumulator: Accumulator
    soma: Soma
    neuron: Neuron
    packetiser: Packetiser
    learning: Learning


class Router(Section):
    """Input-buffered wormhole router (specs/router.md, section 3)."""

    arrangement: Literal["single_stage", "two_stage"]
    arbiter: Literal["round_robin"]
    virtual_channels: Literal[1]
    buffer_flits: Positive
    routing_cycles: Annotated[int, Field(ge=0, le=1)]
    credit_cycles: Natural
    traversal_cycles: Literal[1]


class Link(Section):
    """Links between neighbouring routers."""

    latency_cycles: Positive
    width_bits: Positive
    length_mm: Annotated[float, Field(gt=0, strict=False)]


class Noc(Section):
    """The network-on-chip."""

    topology: Literal["mesh"]
    routing: Literal["xy"]
    columns: Positive
    rows: Positive
    header_bits: Positive
    multicast: bool
    router: Router
    link: Link
    dead_links: tuple[tuple[Natural, Natural], ...] = Field(default=(), strict=False)


class Sync(Section):
    """What ends a step: `barrier` (all quiet, then latency) or `tick` (a fixed period; overruns counted)."""

    mode: Literal["barrier", "tick"]
    latency_cycles: Positive
    period_cycles: Positive | None = None

    @model_validator(mode="after")
    def _period_belongs_to_tick(self) -> "Sync":
        if (self.mode == "tick") != (self.period_cycles is not None):
            raise ValueError("period_cycles is required with mode tick, and only there")
        return self


class Host(Section):
    """Host link, attached to the unused west port of one router at the west edge."""

    router: Natural
    latency_cycles: Natural
    cycles_per_flit: Positive
    values_per_packet: Positive


class Chip(Section):
    """One chip: cores at the nodes of a mesh, one clock, one host link, one cost table by name."""

    name: str
    description: str
    source: str
    quality: Quality
    clock_mhz: Annotated[float, Field(gt=0, strict=False)]
    costs: str
    core: Core
    noc: Noc
    sync: Sync
    host: Host

    @property
    def cores(self) -> int:
        """Number of cores (= routers)."""
        return self.noc.columns * self.noc.rows
