"""Scripted traffic through both engines and through the naive mesh: the same cycles for every packet."""

import numpy as np
import pytest
from hypothesis import given, target
from hypothesis import strategies as st

from neurosim.engine.traffic import Stamps, Traffic, bare_hardware, run_traffic

from .naive import stamps
from .strategies import examples, small

Packets = list[tuple[int, int, int, int]]


@st.composite
def scripts(draw: st.DrawFn, nodes: int) -> Packets:
    """Packets (create, source, target, flits) in order of creation: all to one, pairs, or at random."""
    pattern = draw(st.sampled_from(("one", "random", "opposite")))
    node, longest = st.integers(0, nodes - 1), draw(small(5))
    sink = draw(node)
    packets = []
    for create in sorted(draw(st.lists(st.integers(0, 12), min_size=1, max_size=60))):
        source = draw(node)
        to = {"one": sink, "opposite": nodes - 1 - source}.get(pattern)
        packets.append((create, source, draw(node) if to is None else to, draw(st.integers(1, longest))))
    return packets


def columns(found: Stamps) -> list[list[int]]:
    """The stamps of each packet."""
    return np.stack([found.inject_head, found.inject_tail, found.eject_head, found.eject_tail], 1).tolist()


@pytest.mark.parametrize("two_stage", [False, True])
@examples(150)
@given(data=st.data())
def test_three_models_of_the_mesh_agree(two_stage: bool, data: st.DataObject) -> None:
    width, height = data.draw(st.sampled_from(((2, 1), (1, 4), (5, 1), (2, 2), (3, 3), (4, 4), (4, 2))))
    depth, link, vertical = data.draw(small(8)), data.draw(small(4)), data.draw(small(5))
    interval = data.draw(st.integers(1, min(link, vertical) + 2))
    routing, credit = data.draw(st.integers(0, 1)), data.draw(st.integers(0, 2))
    packets = data.draw(scripts(width * height))
    expected = stamps(width, height, depth, link, vertical, interval, routing, credit, two_stage, packets)
    target(max(row[3] for row in expected), label="cycles until the last packet has arrived")
    hardware = bare_hardware(
        width, height, depth, link_cycles=link, routing_cycles=routing, credit_cycles=credit,
        two_stage=two_stage,
    )._replace(vertical_cycles=vertical, link_interval=interval)  # fmt: skip
    traffic = Traffic(*np.array(packets, np.int64).T)
    for engine in ("compiled", "reference"):
        assert columns(run_traffic(hardware, traffic, engine)) == expected, engine


@pytest.mark.parametrize("torus", [False, True])
@examples(150)
@given(data=st.data())
def test_both_engines_agree_on_virtual_channels(torus: bool, data: st.DataObject) -> None:
    width, height = data.draw(st.sampled_from(((3, 3), (2, 1), (5, 1), (2, 2), (4, 4), (1, 6), (4, 2))))
    depth, link = data.draw(small(8)), data.draw(small(3))
    hardware = bare_hardware(
        width, height, depth, link_cycles=link, routing_cycles=data.draw(st.integers(0, 1)),
        credit_cycles=data.draw(st.integers(0, 2)), channels=data.draw(st.sampled_from((2, 4) if torus else (2, 3, 4))),
        rings=torus,
    )._replace(vertical_cycles=data.draw(small(4)), link_interval=data.draw(st.sampled_from((1, 1, 2))))  # fmt: skip
    packets = data.draw(scripts(width * height))
    ties = np.arange(len(packets)) % 4 if torus and data.draw(st.booleans()) else None
    traffic = Traffic(*np.array(packets, np.int64).T, ties)
    fast, slow = (run_traffic(hardware, traffic, engine, arrivals=True) for engine in ("compiled", "reference"))
    target(float(slow.eject_tail.max()), label="cycles until the last packet has arrived")
    for name, expected in vars(slow).items():
        found = vars(fast)[name]
        if name == "flits":  # in no order
            found, expected = np.sort(found), np.sort(expected)
        assert np.array_equal(found, expected), name
    assert len(slow.arrivals) == (slow.routers * traffic.flits).sum()
