"""Batches and rasters: what is refused before an engine sees it."""

from typing import Any

import numpy as np
import pytest

from neurosim.stimulus import Batch, Raster


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


def raster(start: list[int], neuron: list[int]) -> Raster:
    return Raster(np.array(start, np.int64), np.array(neuron, np.int64))


def test_a_raster_lists_the_spikes_of_each_step() -> None:
    found = raster([0, 2, 2, 3], [1, 4, 0])
    assert found.steps == 3
    assert (found.part(0, 1).start.tolist(), found.part(0, 1).neuron.tolist()) == ([0, 2], [1, 4])
    assert (found.part(1, 3).start.tolist(), found.part(1, 3).neuron.tolist()) == ([0, 0, 1], [0])
    assert found.part(1, 1).steps == 0
    silent = Raster.silent(5)
    assert (silent.steps, len(silent.neuron)) == (5, 0)
    assert raster([0], []).steps == 0
    assert raster([0, 1, 2, 3], [5, 5, 5]).steps == 3  # the same neuron, step after step


@pytest.mark.parametrize(
    ("start", "neuron", "message"),
    [
        ([], [], "start: expected numbers from 0 to 0"),
        ([1, 2], [3, 4], "start: expected numbers from 0 to 2"),
        ([0, 1], [3, 4], "start: expected numbers from 0 to 2"),
        ([0, 3, 2, 4], [1, 2, 3, 4], "start: expected rising numbers"),
        ([0, 2], [4, 1], "neuron: expected rising numbers of at least 0 within each step"),
        ([0, 2], [1, 1], "neuron: expected rising numbers of at least 0 within each step"),
        ([0, 2, 3], [1, 0, 2], "neuron: expected rising numbers of at least 0 within each step"),
        ([0, 1], [-1], "neuron: expected rising numbers of at least 0 within each step"),
    ],
)
def test_a_wrong_raster_is_refused(start: list[int], neuron: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        raster(start, neuron)


def test_a_raster_of_other_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="raster: expected int64, got int64 and float64"):
        Raster(np.array([0, 1]), np.array([3.0]))
    with pytest.raises(ValueError, match="start: expected numbers from 0 to 1"):
        Raster(np.array([[0], [1]]), np.array([3]))


def test_lists_and_other_whole_numbers_are_taken() -> None:
    raster = Raster([0, 1, 2], np.array([3, 1], np.uint16))  # type: ignore[arg-type]
    assert (raster.start.dtype, raster.neuron.dtype, raster.steps) == (np.int64, np.int64, 2)


def test_the_step_and_the_spike_that_do_not_rise_are_named() -> None:
    with pytest.raises(ValueError, match="within each step, got 4 in step 1 after 7$"):
        raster([0, 1, 3], [9, 7, 4])
