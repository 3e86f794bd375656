"""Dimension-ordered routing on a torus: x first, then y, the shorter way round (specs/router.md, section 3).

Packets that go round a ring could wait for each other in a circle. Two classes of virtual channels prevent it: a packet
takes class 1 through a dimension if it enters it at a coordinate above its goal, class 0 if not. Those of one class
never use all links of a ring in one direction.
"""

from neurosim.kernel import kernel
from neurosim.routing.xy import EAST, LOCAL, NORTH, SOUTH, WEST

__all__ = ["channels", "neighbour", "output"]


def _turn(at: int, goal: int, length: int, down: int) -> int:
    """+1 or -1: the shorter way round from `at` to `goal`; at half way round, -1 if `down` is 1."""
    up = (goal - at) % length
    if 2 * up == length:
        return 1 - 2 * down
    return 1 if 2 * up < length else -1


def output(router: int, target: int, columns: int, rows: int, ties: int | None = None) -> int:
    """Output port at `router` of a packet for the router `target`; LOCAL if it has arrived.

    Half way round, it goes up from even places and down from odd ones; or, given `ties`, down in x if bit 0 is set,
    down in y if bit 1 is.
    """
    y, x = divmod(router, columns)
    ty, tx = divmod(target, columns)
    if x != tx:
        return EAST if _turn(x, tx, columns, x % 2 if ties is None else ties & 1) > 0 else WEST
    if y != ty:
        return NORTH if _turn(y, ty, rows, y % 2 if ties is None else ties >> 1) > 0 else SOUTH
    return LOCAL


def neighbour(router: int, port: int, columns: int, rows: int) -> int | None:
    """The router behind `port`, or None where the ring has one router (and for the local ports)."""
    if port >= LOCAL or (columns if port in (EAST, WEST) else rows) == 1:
        return None
    y, x = divmod(router, columns)
    dx, dy = ((1, 0), (-1, 0), (0, 1), (0, -1))[port]
    return (x + dx) % columns + (y + dy) % rows * columns


@kernel
def channels(
    router: int, target: int, port: int, channel: int, output: int, columns: int, count: int
) -> tuple[int, int]:
    """The channels low..high-1 of `output` that a head may take, which came in by `channel` of input `port`.

    count: channels of a port; class 0 has the lower half of them, class 1 the upper. A local output offers all.
    """
    half = count >> 1
    low, high = 0, count
    if output < LOCAL:
        upper = channel >= half  # straight on: the class is kept
        if port >= LOCAL or port >> 1 != output >> 1:  # it enters a dimension
            if output < NORTH:
                upper = target % columns < router % columns
            else:
                upper = target // columns < router // columns
        low, high = (half, count) if upper else (0, half)
    return low, high
