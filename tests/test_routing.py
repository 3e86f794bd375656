"""Dimension-ordered routing: x before y, shortest ways, no turns that could deadlock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.routing import xy

MESHES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def way(start: int, target: int, columns: int, rows: int) -> tuple[list[int], list[int]]:
    """Routers and ports on the way."""
    routers, ports = [start], []
    while (port := xy.output(routers[-1], target, columns)) != xy.LOCAL:
        after = xy.neighbour(routers[-1], port, columns, rows)
        assert after is not None
        routers.append(after)
        ports.append(port)
    return routers, ports


@given(MESHES, st.data())
def test_every_way_is_shortest_and_turns_once(mesh: tuple[int, int], data: st.DataObject) -> None:
    columns, rows = mesh
    start, target = (data.draw(st.integers(0, columns * rows - 1)) for _ in range(2))
    routers, ports = way(start, target, columns, rows)
    dx, dy = abs(start % columns - target % columns), abs(start // columns - target // columns)
    assert routers[-1] == target
    assert len(ports) == dx + dy
    assert all(port in (xy.EAST, xy.WEST) for port in ports[:dx])
    assert all(port in (xy.NORTH, xy.SOUTH) for port in ports[dx:])
    assert len(set(ports)) <= 2


@given(MESHES, st.data())
def test_neighbours_are_mutual_and_end_at_the_edge(mesh: tuple[int, int], data: st.DataObject) -> None:
    columns, rows = mesh
    router = data.draw(st.integers(0, columns * rows - 1))
    x, y = router % columns, router // columns
    edges = {xy.EAST: x == columns - 1, xy.WEST: x == 0, xy.NORTH: y == rows - 1, xy.SOUTH: y == 0}
    back = {xy.EAST: xy.WEST, xy.WEST: xy.EAST, xy.NORTH: xy.SOUTH, xy.SOUTH: xy.NORTH}
    for port, edge in edges.items():
        other = xy.neighbour(router, port, columns, rows)
        assert (other is None) == edge
        if other is not None:
            assert xy.neighbour(other, back[port], columns, rows) == router
    assert xy.neighbour(router, xy.LOCAL, columns, rows) is None


@pytest.mark.parametrize(
    ("start", "target", "port"),
    [
        (5, 5, xy.LOCAL),
        (5, 6, xy.EAST),
        (5, 4, xy.WEST),
        (5, 9, xy.NORTH),
        (5, 1, xy.SOUTH),
        (5, 15, xy.EAST),
    ],
)
def test_first_hops_in_a_four_by_four_mesh(start: int, target: int, port: int) -> None:
    assert xy.output(start, target, 4) == port
