"""The ways of packets through the network: which outputs a destination set takes at every router."""

import numpy as np
from numpy.typing import NDArray

from neurosim import routing
from neurosim.chip import Chip
from neurosim.errors import PlacementError
from neurosim.routing import xy

__all__ = ["Ways"]

Masks = NDArray[np.uint8]  # bit o set = forward to output o


class Ways:
    """Ways on one chip. Nodes are its cores and the host; a core is a terminal of router core // cores_per_router."""

    def __init__(self, chip: Chip) -> None:
        self.chip, self.noc = chip, chip.noc
        self.torus = int(chip.noc.topology == "torus")
        self._dead = {tuple(sorted(link)) for link in chip.noc.dead_links}

    def router(self, node: int) -> int:
        """The router that a node is attached to."""
        return self.chip.host.router if node == self.chip.cores else node // self.noc.cores_per_router

    def port(self, node: int) -> int:
        """The port of its router that a node is attached to."""
        if node == self.chip.cores:
            return xy.LOCAL + self.noc.cores_per_router if self.torus else xy.WEST
        return xy.LOCAL + node % self.noc.cores_per_router

    def output(self, router: int, target: int) -> int:
        """Output port at `router` towards the router `target`; xy.LOCAL if it is there."""
        return routing.output(router, target, self.noc.columns, self.noc.rows, self.torus)

    def neighbour(self, router: int, port: int) -> int | None:
        """The router behind a port, or None."""
        return routing.neighbour(router, port, self.noc.columns, self.noc.rows, self.torus)

    def mark(self, masks: Masks, start: int, node: int) -> None:
        """Add the way from node `start` to `node` to one destination set, uint8[routers].

        Raises PlacementError if it needs a dead link.
        """
        at, target = self.router(start), self.router(node)
        while (port := self.output(at, target)) != xy.LOCAL:
            masks[at] |= 1 << port
            after = self.neighbour(at, port)
            assert after is not None
            if tuple(sorted((at, after))) in self._dead:
                raise PlacementError(
                    f"xy routing from {self._name(start)} to {self._name(node)} needs the link {at}-{after}, "
                    "which noc.dead_links declares dead"
                )
            at = after
        masks[at] |= 1 << self.port(node)

    def after(self) -> NDArray[np.int64]:
        """The router behind each port, -1 where there is none: int64[routers, 8]."""
        table = np.full((self.noc.routers, 8), -1, np.int64)
        for router in range(self.noc.routers):
            for port in (xy.EAST, xy.WEST, xy.NORTH, xy.SOUTH):
                other = self.neighbour(router, port)
                table[router, port] = -1 if other is None else other
        return table

    def _name(self, node: int) -> str:
        return "the host" if node == self.chip.cores else f"core {node}"

    def unicast(self) -> Masks:
        """Destination sets 0..cores, one node each, from every router: uint8[cores + 1, routers].

        Dead links are not looked at here (see `mark`).
        """
        masks = np.zeros((self.chip.cores + 1, self.noc.routers), np.uint8)
        towards = [
            [1 << self.output(router, target) for router in range(self.noc.routers)]
            for target in range(self.noc.routers)
        ]
        for node in range(self.chip.cores + 1):
            masks[node] = towards[self.router(node)]
            masks[node, self.router(node)] = 1 << self.port(node)
        return masks
