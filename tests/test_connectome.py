"""Connectomes: what they count, and that every contradiction is named before anything is placed."""

from typing import Any

import numpy as np
import pytest

from neurosim.connectome import SCRIPTED, Connectome, Dense, Group, Sparse
from neurosim.errors import ConfigError

ONE, THREE = Group("in", 1, SCRIPTED), Group("out", 3)


def listed(start: list[int], target: list[int], /, **dtypes: Any) -> Sparse:
    """Sparse synapses of weight 1."""
    of = {"start": np.int64, "target": np.int64, "weight": np.int16} | dtypes
    return Sparse(np.array(start, of["start"]), np.array(target, of["target"]), np.ones(len(target), of["weight"]))


def complaints(*groups: Group, **parts: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Connectome("net", groups, **parts)
    return str(caught.value).splitlines()


def test_neurons_are_numbered_through_the_groups() -> None:
    dense = (Dense(0, 1, np.ones((1, 3), np.int16)), Dense(1, 1, np.ones((3, 3), np.int16)))
    net = Connectome("net", (ONE, THREE), dense, listed([0, 2, 2, 2, 3], [1, 1, 3]))
    assert net.sizes.tolist() == [1, 3] and net.first.tolist() == [0, 1, 4]
    assert (net.neurons, net.synapses) == (4, 3 + 9 + 3)
    assert Connectome("net", (ONE,)).synapses == 0


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (Group("g", 0), "group 'g': size: expected at least 1, got 0"),
        (Group("g", 2, threshold=0), "group 'g': threshold: expected at least 1, got 0"),
        (Group("g", 2, leak_shift=63), "group 'g': leak_shift: expected 0 to 62, got 63"),
        (Group("g", 2, leak_shift=-1), "group 'g': leak_shift: expected 0 to 62, got -1"),
        (Group("g", 2, bias=np.zeros(3, np.int64)), "group 'g': bias: expected one number or 2, got an array [3]"),
        (Group("g", 2, bias=np.array([1.5, 2])), "group 'g': bias: expected whole numbers, got float64"),
        (Group("g", 2, threshold=1.5), "group 'g': expected whole numbers, got threshold = 1.5"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_group_is_named(group: Group, message: str) -> None:
    assert complaints(group) == [message]


def test_groups_share_one_soma_circuit() -> None:
    assert complaints() == ["groups: expected at least one, got none"]
    assert complaints(ONE, THREE, Group("x", 1, "lif")) == [
        "groups: expected one soma circuit besides 'scripted', got integrate_fire, lif"
    ]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (Dense(0, 2, np.ones((1, 3), np.int16)), "dense[0]: expected group numbers below 2, got 0 and 2"),
        (Dense(-1, 1, np.ones((1, 3), np.int16)), "dense[0]: expected group numbers below 2, got -1 and 1"),
        (
            Dense(0, 1, np.ones((3, 1), np.int16)),
            "dense[0]: weight: expected int16[1, 3] (pre, post), got int16[3, 1]",
        ),
        (
            Dense(0, 1, np.ones((1, 3))),
            "dense[0]: weight: expected int16[1, 3] (pre, post), got float64[1, 3]",
        ),
        (Dense(1, 0, np.ones((3, 1), np.int16)), "dense[0]: 'in' is scripted: it integrates nothing"),
    ],
)
def test_a_wrong_dense_projection_is_named(block: Dense, message: str) -> None:
    assert complaints(ONE, THREE, dense=(block,)) == [message]


START = "sparse: start: expected 5 rising numbers from 0 to 2 (neurons + 1, synapses), got"


@pytest.mark.parametrize(
    ("sparse", "message"),
    [
        (listed([0, 1, 2], [1, 1]), f"{START} 3 from 0 to 2"),
        (listed([0, 2, 1, 2, 2], [1, 1]), f"{START} 5 from 0 to 2"),
        (listed([0, 2, 1, 2, 2], [1, 1], start=np.uint64), f"{START} 5 from 0 to 2"),
        (listed([1, 1, 1, 2, 2], [1, 1]), f"{START} 5 from 1 to 2"),
        (listed([0, 1, 1, 1, 1], [1, 1]), f"{START} 5 from 0 to 1"),
        (listed([], [1, 1]), f"{START} 0 from - to -"),
        (listed([0, 1, 2, 2, 2], [1, 1], weight=np.int32), "sparse: weight: expected int16[2], got int32[2]"),
        (listed([0, 1, 2, 2, 2], [1, 4]), "sparse: target: expected neurons 0 to 3, got 1 to 4"),
        (listed([0, 1, 2, 2, 2], [-1, 1]), "sparse: target: expected neurons 0 to 3, got -1 to 1"),
        (listed([0, 1, 2, 2, 2], [0, 1]), "sparse: target: 'in' is scripted: it integrates nothing"),
        (
            listed([0, 1, 2, 2, 2], [1, 1], target=np.float64),
            "sparse: start, target: expected whole numbers, got int64 and float64",
        ),
    ],
)
def test_wrong_sparse_synapses_are_named(sparse: Sparse, message: str) -> None:
    assert complaints(ONE, THREE, sparse=sparse) == [message]


def test_all_complaints_come_together() -> None:
    found = complaints(ONE, THREE, dense=(Dense(5, 0, np.ones((1, 1), np.int16)),), sparse=listed([0], [9]))
    assert len(found) == 3 and found[0].startswith("dense[0]") and found[2].startswith("sparse: target")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"groups": Group("a", 2)}, "groups: expected a tuple of Group, got Group"),
        ({"dense": Dense(0, 0, np.zeros((2, 2), np.int16))}, "dense: expected a tuple of Dense, got Dense"),
        ({"sparse": (1,)}, "sparse: expected one Sparse or None, got tuple of int"),
        ({"dense": (Dense("a", 0, np.zeros((2, 2), np.int16)),)}, r"dense\[0\]: expected group numbers below 1, got"),
        ({"dense": (Dense(0, 0, [[1, 2], [3, 4]]),)}, r"dense\[0\]: weight: expected int16.*, got int64"),
    ],
)
def test_parts_of_another_kind_are_refused(parts: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Connectome(**{"name": "net", "groups": (Group("a", 2),), **parts})
