"""Dimension-ordered routing on a mesh: x first, then y, then the terminal (specs/router.md, section 3)."""

__all__ = ["EAST", "LOCAL", "NORTH", "SOUTH", "WEST", "output", "neighbour"]

EAST, WEST, NORTH, SOUTH, LOCAL = range(5)  # +x, -x, +y, -y, terminal


def output(router: int, target: int, columns: int) -> int:
    """Output port at `router` of a packet for the router `target`; LOCAL if it has arrived."""
    x, y = router % columns, router // columns
    tx, ty = target % columns, target // columns
    if x != tx:
        return EAST if tx > x else WEST
    if y != ty:
        return NORTH if ty > y else SOUTH
    return LOCAL


def neighbour(router: int, port: int, columns: int, rows: int) -> int | None:
    """The router behind `port`, or None at the edge of the mesh (and for LOCAL)."""
    x, y = router % columns, router // columns
    dx, dy = ((1, 0), (-1, 0), (0, 1), (0, -1), (0, 0))[port]
    if port == LOCAL or not (0 <= x + dx < columns and 0 <= y + dy < rows):
        return None
    return router + dx + dy * columns
