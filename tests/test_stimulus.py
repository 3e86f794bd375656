"""Batches: what is refused before an engine sees it."""

from typing import Any

import numpy as np
import pytest

from neurosim.stimulus import Batch


def batch(**changes: Any) -> Batch:
    """Three samples of four pixels, with some fields changed."""
    fields: dict[str, Any] = {
        "values": np.zeros((3, 4), np.uint8),
        "labels": np.zeros(3, np.int64),
        "first": 0,
        "rates": np.zeros(3, np.int64),
        "learn": True,
    }
    return Batch(**{**fields, **changes})


def test_what_is_right_is_taken() -> None:
    assert len(batch().values) == 3
    empty = np.zeros(0, np.int64)
    assert len(batch(values=np.zeros((0, 4), np.uint8), labels=empty, rates=empty).values) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.zeros((3, 4))}, r"expected uint8\[n, inputs\], got float64"),
        ({"values": np.zeros(12, np.uint8)}, r"expected uint8\[n, inputs\], got uint8\(12,\)"),
        ({"values": np.zeros((3, 2, 2), np.uint8)}, r"got uint8\(3, 2, 2\)"),
        ({"labels": np.zeros(2, np.int64)}, r"expected 3 each, got \(2,\) and \(3,\)"),
        ({"rates": np.zeros((3, 1), np.int64)}, r"expected 3 each, got \(3,\) and \(3, 1\)"),
        ({"first": -1}, "at least 0, got -1"),
    ],
)
def test_what_is_wrong_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        batch(**changes)
