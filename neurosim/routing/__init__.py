"""Routing functions, one file each; here, which of them a network uses: `torus` is 1 if it has rings for rows."""

from neurosim.routing import torus as rings
from neurosim.routing import xy

__all__ = ["neighbour", "output"]


def output(router: int, target: int, columns: int, rows: int, torus: int) -> int:
    """Output port at `router` of a packet for the router `target`; xy.LOCAL if it has arrived."""
    return rings.output(router, target, columns, rows) if torus else xy.output(router, target, columns)


def neighbour(router: int, port: int, columns: int, rows: int, torus: int) -> int | None:
    """The router behind `port`, or None if there is none."""
    return rings.neighbour(router, port, columns, rows) if torus else xy.neighbour(router, port, columns, rows)
