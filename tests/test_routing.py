"""Dimension-ordered routing: x before y, shortest ways, no turns and no rings that could deadlock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.routing import torus, xy

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


def channels_on(start: int, target: int, columns: int, rows: int, count: int) -> list[tuple[int, int, tuple[int, int]]]:
    """(router, output, (low, high)) on the way around a torus of a packet that always takes its lowest channel."""
    at, port, channel, hops = start, torus.LOCAL, 0, []
    while (out := torus.output(at, target, columns, rows)) != torus.LOCAL:
        offered = torus.channels(at, target, port, channel, out, columns, count)
        hops.append((at, out, offered))
        after = torus.neighbour(at, out, columns, rows)
        assert after is not None
        at, port, channel = after, out ^ 1, offered[0]
    assert at == target and torus.channels(at, target, port, channel, torus.LOCAL, columns, count) == (0, count)
    return hops


def around(a: int, b: int, length: int) -> int:
    return min((a - b) % length, (b - a) % length)


@given(MESHES, st.data())
def test_every_way_round_is_shortest_x_first_and_keeps_its_class(mesh: tuple[int, int], data: st.DataObject) -> None:
    columns, rows = mesh
    start, target = (data.draw(st.integers(0, columns * rows - 1)) for _ in range(2))
    count = data.draw(st.sampled_from((2, 4, 6)))
    hops = channels_on(start, target, columns, rows, count)
    dx, dy = around(start % columns, target % columns, columns), around(start // columns, target // columns, rows)
    assert len(hops) == dx + dy
    assert all(out < torus.NORTH for _, out, _ in hops[:dx]) and all(out >= torus.NORTH for _, out, _ in hops[dx:])
    goals = target % columns < start % columns, target // columns < start // columns
    for part, upper in ((hops[:dx], goals[0]), (hops[dx:], goals[1])):
        assert {offered for _, _, offered in part} <= {(count // 2, count) if upper else (0, count // 2)}


@pytest.mark.parametrize(("columns", "rows"), [(2, 2), (3, 4), (5, 5), (6, 3), (7, 1), (8, 8)])
def test_no_channels_of_a_torus_wait_for_each_other_in_a_circle(columns: int, rows: int) -> None:
    follow: dict[tuple[int, int, int], set[tuple[int, int, int]]] = {}
    for start in range(columns * rows):
        for target in range(columns * rows):
            places = [(at, out, low) for at, out, (low, _) in channels_on(start, target, columns, rows, 2)]
            for place, after in zip(places, [*places[1:], None], strict=False):
                follow.setdefault(place, set()).update({after} - {None})
    while follow:  # take away what nothing waits behind, until nothing is left
        free = [place for place, behind in follow.items() if not behind & follow.keys()]
        assert free
        for place in free:
            del follow[place]


@pytest.mark.parametrize(("at", "goal", "port"), [(0, 2, torus.EAST), (1, 3, torus.WEST), (2, 0, torus.EAST)])
def test_half_way_round_even_routers_go_up_and_odd_ones_down(at: int, goal: int, port: int) -> None:
    assert torus.output(at, goal, 4, 1) == port
    assert torus.output(4 * at, 4 * goal, 4, 4) == (torus.NORTH if port == torus.EAST else torus.SOUTH)
    assert [torus.output(at, goal, 4, 1, ties) for ties in range(4)] == [torus.EAST, torus.WEST] * 2
    assert [torus.output(4 * at, 4 * goal, 4, 4, ties) for ties in (1, 2)] == [torus.NORTH, torus.SOUTH]


@given(MESHES, st.data())
def test_neighbours_on_a_torus_are_mutual(mesh: tuple[int, int], data: st.DataObject) -> None:
    columns, rows = mesh
    router = data.draw(st.integers(0, columns * rows - 1))
    for port in range(4):
        other = torus.neighbour(router, port, columns, rows)
        assert (other is None) == ((columns if port < torus.NORTH else rows) == 1)
        if other is not None:
            assert torus.neighbour(other, port ^ 1, columns, rows) == router
