"""The network-on-chip of a chip: mesh, routers, links, and which links are broken."""

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
    virtual_channels: Literal[1]
    buffer_flits: Positive
    routing_cycles: Annotated[int, Field(ge=0, le=1)]
    credit_cycles: Natural
    traversal_cycles: Literal[1]


class Link(Section):
    """Links between neighbouring routers."""

    latency_cycles: Positive
    width_bits: Positive
    length_mm: Annotated[float, Field(gt=0, le=1e6)]


class Noc(Section):
    """The network-on-chip."""

    topology: Literal["mesh"]
    routing: Literal["xy"]
    columns: Annotated[int, Field(ge=1, le=256)]
    rows: Annotated[int, Field(ge=1, le=256)]
    header_bits: Positive
    multicast: bool
    router: Router
    link: Link
    dead_links: tuple[Nodes, ...] = Field(default=(), strict=False)

    def adjacent(self, one: int, other: int) -> bool:
        """Whether two nodes are neighbours in the mesh."""
        (row, column), (row2, column2) = divmod(one, self.columns), divmod(other, self.columns)
        inside = max(one, other) < self.columns * self.rows
        return inside and abs(row - row2) + abs(column - column2) == 1

    @model_validator(mode="after")
    def _links_carry_headers(self) -> Self:
        nodes, width = self.columns * self.rows + 1, self.link.width_bits
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
        for index, (one, other) in enumerate(self.dead_links):
            here: Path = ("dead_links", index)
            got = f"got [{one}, {other}]"
            neighbours = f"expected two neighbours of the {self.columns} x {self.rows} mesh, {got}"
            demands.append((self.adjacent(one, other), here, neighbours))
            pair = frozenset((one, other))
            demands.append((pair not in seen, here, f"expected each link once, {got} again"))
            seen.add(pair)
        require(*demands)
        return self
