"""The image: its digest, and weights in and out of the chip's format."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.chip import load_chip
from neurosim.errors import DataError
from neurosim.image import Image
from neurosim.learning import desire_bp
from neurosim.network import mlp
from neurosim.place import place

SIZES = (16, 12, 8, 4)


def put(
    *overrides: str, sizes: tuple[int, ...] = SIZES, encoder: str = "accumulate", **options: Any
) -> Image:
    """A small network on the tiny chip."""
    return place(mlp(sizes, encoder), load_chip("tiny", overrides), desire_bp, **options)


IMAGE = put()


# ---- digest -----------------------------------------------------------------------------------------------


def test_the_same_placement_has_the_same_digest() -> None:
    assert put().digest() == IMAGE.digest()
    assert put("core.synapse.lanes=8").digest() == IMAGE.digest()  # as it was
    assert len(IMAGE.digest()) == 64


@pytest.mark.parametrize(
    "other",
    [
        put("core.synapse.lanes=4"),
        put("core.synapse.latency_cycles=3"),
        put("core.learning.lanes=4"),
        put("core.learning.rounding=nearest"),
        put("core.learning.trace_bits=10"),
        put("core.learning.rate_fraction_bits=15"),
        put("core.accumulator.bits=30", "core.neuron.membrane_bits=25"),
        put("noc.router.buffer_flits=5"),
        put("noc.router.arrangement=two_stage"),
        put("noc.link.width_bits=64"),
        put("sync.latency_cycles=17"),
        put("host.latency_cycles=51"),
        put("host.values_per_packet=8"),
        put(sizes=(16, 12, 8, 5)),
        put(sizes=(16, 12, 7, 4)),
        put(encoder="bernoulli"),
        put(dropout_hidden=0.3),
        put(dropout_input=0.3),
        put(settings=desire_bp.Settings(margin=5)),
        put(settings=desire_bp.Settings(steps=19, margin=3)),
        put(settings=desire_bp.Settings(theta_hidden=0.06)),
        put(settings=desire_bp.Settings(threshold=1.5)),
        put(settings=desire_bp.Settings(weight_limit=1.0)),
    ],
)
def test_another_machine_has_another_digest(other: Image) -> None:
    assert other.digest() != IMAGE.digest()


@pytest.mark.parametrize("name", [f.name for f in fields(Image)])
def test_every_number_counts(name: str) -> None:
    value = getattr(IMAGE, name)
    if name in ("rule", "neuron"):
        return
    for changed in changes(value):
        assert replace(IMAGE, **{name: changed}).digest() != IMAGE.digest()


def changes(value: Any) -> list[Any]:
    """The value with one part changed, part after part."""
    if isinstance(value, np.ndarray):
        if not value.size:
            return [np.zeros(1, value.dtype)]
        found = []
        for at in (0, value.size - 1):
            other = value.copy()
            other.flat[at] = not other.flat[at] if value.dtype == bool else other.flat[at] + 1
            found.append(other)
        return [*found, value.reshape(1, -1), value.astype(np.int32)]
    if hasattr(value, "_fields"):
        return [
            value._replace(**{name: part})
            for name in value._fields
            for part in changes(getattr(value, name))[:2]
        ]
    if isinstance(value, tuple):
        return [(value[0] + 1, *value[1:])]
    if isinstance(value, int):
        return [value + 1]
    if isinstance(value, str):
        return [value + "x"]
    return [replace(value, weight_bits=value.weight_bits + 1)]


def test_digits_do_not_run_together() -> None:
    hw = IMAGE.hardware
    one = replace(
        IMAGE, hardware=hw._replace(buffer_flits=10, routing_cycles=1, credit_cycles=1, link_cycles=1)
    )
    other = replace(
        IMAGE, hardware=hw._replace(buffer_flits=1, routing_cycles=0, credit_cycles=11, link_cycles=1)
    )
    assert one.digest() != other.digest()
    tables = [
        IMAGE.slices._replace(set_ptr=np.array(a, np.int64), sets=np.array(b, np.int64))
        for a, b in (([1, 2], [3]), ([1], [2, 3]))
    ]
    assert len({replace(IMAGE, slices=table).digest() for table in tables}) == 2


# ---- weights ----------------------------------------------------------------------------------------------

LSB = 2.0**-13


@given(st.integers(0, 2**32 - 1))
def test_weights_come_back_within_half_a_step(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = [rng.uniform(-2, 2, (b, a)) for a, b in zip(SIZES[:-1], SIZES[1:], strict=True)]
    state = IMAGE.new_state(0, weights)
    assert state.weights.dtype == np.int16
    flat, report = IMAGE.quantise(weights)
    assert np.array_equal(flat, state.weights)
    for mine, back, row in zip(weights, IMAGE.weights(state), report, strict=True):
        error = np.abs(mine - back).max()
        assert error <= LSB / 2
        assert row.largest_error == error
        assert (row.clipped, row.total) == (0, mine.size)
    again, _ = IMAGE.quantise(IMAGE.weights(state))
    assert np.array_equal(again, flat)


def test_the_layout_is_pre_by_post() -> None:
    weights = [np.zeros((b, a)) for a, b in zip(SIZES[:-1], SIZES[1:], strict=True)]
    weights[1][5, 7] = 1.0  # post 5, pre 7 of 12 -> 8
    flat = IMAGE.new_state(0, weights).weights
    assert flat[IMAGE.offsets[1] + 7 * 8 + 5] == 2**13
    assert np.count_nonzero(flat) == 1
    assert IMAGE.offsets.tolist() == [0, 192, 288, 320]


def test_clipping_is_reported_per_projection() -> None:
    weights = [np.zeros((b, a)) for a, b in zip(SIZES[:-1], SIZES[1:], strict=True)]
    weights[0][0, :3] = (2.5, -9.0, 2.0)
    weights[2][0, 0] = 2.0 + 0.4 * LSB  # rounds to the limit: not clipped
    flat, report = IMAGE.quantise(weights)
    assert [row.projection for row in report] == ["W1", "W2", "W3"]
    assert [row.clipped for row in report] == [2, 0, 0]
    assert [row.largest_error for row in report] == [7.0, 0.0, pytest.approx(0.4 * LSB)]
    assert (flat.min(), flat.max()) == (-(2**14), 2**14)


def test_float32_weights_are_quantised_alike() -> None:
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=(b, a)).astype(np.float32) for a, b in zip(SIZES[:-1], SIZES[1:], strict=True)]
    wide = [w.astype(np.float64) for w in weights]
    assert np.array_equal(IMAGE.quantise(weights)[0], IMAGE.quantise(wide)[0])


@pytest.mark.parametrize(
    "shapes", [[], [(12, 16), (8, 12)], [(16, 12), (12, 8), (8, 4)], [(12, 16), (8, 12), (4, 9)]]
)
def test_weights_of_another_shape_are_refused(shapes: list[tuple[int, int]]) -> None:
    with pytest.raises(DataError, match=r"expected shapes \[\(12, 16\), .*\(4, 8\)\] \(post, pre\), got"):
        IMAGE.quantise([np.zeros(shape) for shape in shapes])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(bad: float) -> None:
    weights = IMAGE.random_weights(0)
    weights[1][0, 0] = bad
    with pytest.raises(DataError, match="finite"):
        IMAGE.new_state(0, weights)


def test_wide_weights_take_32_bits() -> None:
    wide = put(
        "core.synapse.weight_bits=32",
        "core.synapse.weight_fraction_bits=24",
        "core.accumulator.bits=40",
        "core.neuron.membrane_bits=40",
        "core.learning.error_bits=40",
    )
    state = wide.new_state(3)
    assert state.weights.dtype == np.int32
    for mine, back in zip(wide.random_weights(3), wide.weights(state), strict=True):
        assert np.abs(mine - back).max() <= 2.0**-25


def test_random_weights_are_kaiming_normal_and_follow_the_seed() -> None:
    big = put(sizes=(200, 100, 50))
    first, second = big.random_weights(7)
    assert first.shape == (100, 200) and second.shape == (50, 100)
    assert first.std() == pytest.approx(np.sqrt(2 / 200), rel=0.03)
    assert second.std() == pytest.approx(np.sqrt(2 / 100), rel=0.05)
    assert abs(first.mean()) < 4 * first.std() / first.size**0.5
    assert np.array_equal(big.random_weights(7)[0], first)
    assert not np.array_equal(big.random_weights(8)[0], first)


def test_a_copy_of_a_state_is_independent() -> None:
    state = IMAGE.new_state(1)
    other = state.copy()
    other.weights[:] = 0
    other.pointers[:] = 3
    other.cycle = 9
    assert state.weights.any() and not state.pointers.any() and state.cycle == 0
