"""The network-on-chip of a chip: mesh or torus, routers, links, and which links are broken."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from neurosim.complaint import Path
from neurosim.section import Natural, Positive, Section, require

__all__ = ["Link", "Noc", "Router"]

Nodes = Annotated[tuple[Natural, Natural], Field(strict=False)]


class Router(Section):
    """Input-buffered wormhole router (specs/router.md, section 3)."""

    arrangement: Literal["single_stage", "two_stage"]
    arbiter: Literal["round_robin"]
    virtual_channels: Annotated[int, Field(ge=1, le=8)]
    buffer_flits: Positive  # of each virtual channel of an input
    routing_cycles: Annotated[int, Field(ge=0, le=1)]
    credit_cycles: Natural
    traversal_cycles: Literal[1]


class Link(Section):
    """Links between neighbouring routers."""

    latency_cycles: Positive
    vertical_latency_cycles: Positive | None = None  # north and south, where they differ
    interval_cycles: Positive = 1  # from one flit on a link to the next
    width_bits: Positive
    length_mm: Annotated[float, Field(gt=0, le=1e6)]


class Noc(Section):
    """The network-on-chip."""

    topology: Literal["mesh", "torus"]
    routing: Literal["xy"]  # on a torus the shorter way round
    columns: Annotated[int, Field(ge=1, le=256)]
    rows: Annotated[int, Field(ge=1, le=256)]
    cores_per_router: Annotated[int, Field(ge=1, le=4)] = 1
    header_bits: Positive
    multicast: bool
    router: Router
    link: Link
    dead_links: tuple[Nodes, ...] = Field(default=(), strict=False)

    @property
    def routers(self) -> int:
        """Number of routers."""
        return self.columns * self.rows

    @property
    def slowest_link(self) -> int:
        """Cycles of the slowest link."""
        return max(self.link.latency_cycles, self.link.vertical_latency_cycles or 0)

    def adjacent(self, one: int, other: int) -> bool:
        """Whether two routers are neighbours."""
        (row, column), (row2, column2) = divmod(one, self.columns), divmod(other, self.columns)
        inside, down, across = max(one, other) < self.routers, abs(row - row2), abs(column - column2)
        if self.topology == "torus":
            down, across = min(down, self.rows - down), min(across, self.columns - across)
        return inside and down + across == 1

    @model_validator(mode="after")
    def _links_carry_headers(self) -> Self:
        nodes, width = self.routers * self.cores_per_router + 1, self.link.width_bits
        address = (nodes - 1).bit_length()
        seen: set[frozenset[int]] = set()
        demands: list[tuple[bool, Path, str]] = [
            (
                self.header_bits >= address,
                ("header_bits",),
                f"expected at least {address} to tell {nodes} nodes apart, got {self.header_bits}",
            ),
            (
                self.header_bits <= width,
                ("header_bits",),
                f"expected at most link.width_bits = {width} (a header is one flit), got {self.header_bits}",
            ),
        ]
        shortest = min(self.link.latency_cycles, self.link.vertical_latency_cycles or self.link.latency_cycles)
        demands.append(
            (
                self.link.interval_cycles <= shortest + 2,
                ("link", "interval_cycles"),
                f"expected at most {shortest + 2} (a hop: the shortest latency and 2 for the router),"
                f" got {self.link.interval_cycles}",
            )
        )
        demands += self._channels()
        for index, (one, other) in enumerate(self.dead_links):
            here: Path = ("dead_links", index)
            got = f"got [{one}, {other}]"
            neighbours = f"expected two neighbours of the {self.columns} x {self.rows} {self.topology}, {got}"
            demands.append((self.adjacent(one, other), here, neighbours))
            pair = frozenset((one, other))
            demands.append((pair not in seen, here, f"expected each link once, {got} again"))
            seen.add(pair)
        require(*demands)
        return self

    def _channels(self) -> list[tuple[bool, Path, str]]:
        """What virtual channels and rings demand."""
        torus, channels = self.topology == "torus", self.router.virtual_channels
        several = f"with router.virtual_channels = {channels}"
        return [
            (
                not torus or channels % 2 == 0,
                ("router", "virtual_channels"),
                "expected an even number on a torus (packets would wait for each other around a ring: half of the"
                f" channels are for those that cross its seam), got {channels}",
            ),
            (
                not torus or self.cores_per_router <= 3,
                ("cores_per_router",),
                f"expected at most 3 on a torus (the host has a local port of its own), got {self.cores_per_router}",
            ),
            (
                channels == 1 or self.router.arrangement == "single_stage",
                ("router", "arrangement"),
                f"expected single_stage {several} (only that is modelled), got {self.router.arrangement}",
            ),
            (
                channels == 1 or not self.multicast,
                ("multicast",),
                f"expected false {several} (routers copy flits only with one channel), got true",
            ),
        ]
