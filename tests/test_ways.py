"""Ways of packets: which outputs a destination set takes at every router of a concentrated mesh."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.chip import Chip, load_chip
from neurosim.errors import PlacementError
from neurosim.routing import xy
from neurosim.ways import Ways

EAST, WEST, NORTH, SOUTH, LOCAL = (1 << port for port in (xy.EAST, xy.WEST, xy.NORTH, xy.SOUTH, xy.LOCAL))


def mesh(columns: int, rows: int, each: int, *overrides: str) -> Chip:
    sizes = [f"noc.columns={columns}", f"noc.rows={rows}", f"noc.cores_per_router={each}"]
    return load_chip("tiny", [*sizes, *overrides])


# 3 x 2 routers with two cores each; the host is node 12, west of router 3:   3 4 5
CHIP = mesh(3, 2, 2, "host.router=3")  #                                      0 1 2


def marked(*pairs: tuple[int, int]) -> list[int]:
    masks = np.zeros(6, np.uint8)
    for start, node in pairs:
        Ways(CHIP).mark(masks, start, node)
    return masks.tolist()


def test_cores_and_host_have_ports_of_their_own() -> None:
    ways = Ways(CHIP)
    assert [ways.router(node) for node in (0, 1, 2, 11, 12)] == [0, 0, 1, 5, 3]
    assert [ways.port(node) for node in (0, 1, 2, 11, 12)] == [4, 5, 4, 5, xy.WEST]


def test_ways_by_hand() -> None:
    assert marked((0, 1)) == [2 * LOCAL, 0, 0, 0, 0, 0]  # a core of the same router
    assert marked((0, 11)) == [EAST, EAST, NORTH, 0, 0, 2 * LOCAL]  # x first, then y
    assert marked((10, 0)) == [LOCAL, 0, 0, SOUTH, WEST, WEST]
    assert marked((4, 12)) == [NORTH, WEST, WEST, WEST, 0, 0]  # to the host, out of the west edge
    assert marked((12, 9)) == [0, 0, 0, EAST, 2 * LOCAL, 0]


def test_a_tree_is_the_union_of_its_ways() -> None:
    assert marked((0, 3), (0, 8), (0, 9)) == [EAST, NORTH | 2 * LOCAL, 0, 0, LOCAL | 2 * LOCAL, 0]


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.data())
def test_unicast_sets_lead_where_marked_ways_lead(columns: int, rows: int, each: int, data: st.DataObject) -> None:
    chip = mesh(columns, rows, each)
    ways, node = Ways(chip), st.integers(0, chip.cores)
    single, after = ways.unicast(), ways.after()
    start, end = data.draw(node), data.draw(node)
    masks = np.zeros(chip.noc.routers, np.uint8)
    ways.mark(masks, start, end)
    at, steps = ways.router(start), 0
    while masks[at] != 1 << ways.port(end) or at != ways.router(end):
        assert masks[at] == single[end, at]
        at = after[at, int(masks[at]).bit_length() - 1]
        steps += 1
    assert single[end, at] == 1 << ways.port(end)
    assert np.count_nonzero(masks) == steps + 1
    assert (after[:, xy.LOCAL :] == -1).all()


def test_a_dead_link_is_named_with_both_ends_of_the_way() -> None:
    ways = Ways(mesh(3, 2, 2, "noc.dead_links=[[1, 2]]"))
    masks = np.zeros(6, np.uint8)
    ways.mark(masks, 0, 3)
    for start, node, who in ((0, 4, "core 0 to core 4"), (4, 12, "core 4 to the host"), (12, 5, "the host to core 5")):
        with pytest.raises(PlacementError, match=rf"from {who} needs the link [12]-[12], which noc.dead_links"):
            ways.mark(masks, start, node)
