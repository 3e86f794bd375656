"""Weight files: what is accepted, and one message for each way of being wrong."""

import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim.data.weights import load_weights
from neurosim.errors import DataError

SHAPES = [(4, 6), (3, 4)]
W1 = np.linspace(-1, 1, 24).reshape(4, 6)
W2 = np.linspace(-2, 0, 12).reshape(3, 4)


def _with(value: float) -> np.ndarray[Any, Any]:
    changed = W2.copy()
    changed[1, 2] = value
    return changed


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<f2", "i1", "u2", "i8", "longdouble"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_numbers_come_back_as_float64(tmp_path: Path, dtype: str, save: Any) -> None:
    first = (W1 * 50).clip(0).astype(dtype)
    save(tmp_path / "w.npz", W1=np.asfortranarray(first), W2=W2)
    loaded = load_weights(tmp_path / "w.npz", SHAPES)
    assert [array.dtype for array in loaded] == [np.float64, np.float64]
    assert all(array.dtype.isnative and array.flags.c_contiguous for array in loaded)
    assert np.array_equal(loaded[0], first.astype(np.float64))
    assert np.array_equal(loaded[1], W2)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"W1": W1}, "expected the arrays W1, W2; W2 is missing"),
    "extra": ({"W1": W1, "W2": W2, "b1": W1[0]}, "expected the arrays W1, W2; b1 is not one of them"),
    "unnamed": ({"arr_0": W1, "arr_1": W2}, "W1 is missing, W2 is missing, arr_0 is not one of them"),
    "no arrays": ({}, "W1 is missing, W2 is missing"),
    "transposed": (
        {"W1": W1.T, "W2": W2},
        r"W1: expected shape \(4, 6\) .post, pre., found \(6, 4\); transpose it",
    ),
    "wrong size": ({"W1": W1, "W2": W2[:2]}, r"W2: expected shape \(3, 4\) .post, pre., found \(2, 4\)$"),
    "flat": ({"W1": W1.ravel(), "W2": W2}, r"W1: expected shape \(4, 6\) .post, pre., found \(24,\)"),
    "scalar": ({"W1": np.float64(1), "W2": W2}, r"W1: expected shape .* found \(\)"),
    "no rows": ({"W1": np.empty((0, 6)), "W2": W2}, r"W1: expected shape .* found \(0, 6\)"),
    "NaN": (
        {"W1": W1, "W2": _with(np.nan)},
        r"W2: expected finite values, found 1 others, first nan at \[1, 2\]",
    ),
    "infinite": ({"W1": W1, "W2": _with(-np.inf)}, r"W2: .* first -inf at \[1, 2\]"),
    "too large": (
        {"W1": W1, "W2": _with(1).astype("longdouble") * np.longdouble("1e4000")},
        "W2: .* found 11 others, first -inf",
    ),
    "objects": ({"W1": W1.astype(object), "W2": W2}, "W1: expected numbers, found Python objects"),
    "complex": ({"W1": W1 + 1j, "W2": W2}, "W1: expected floating-point or integer values, found complex128"),
    "Boolean": ({"W1": W1 > 0, "W2": W2}, "W1: expected floating-point or integer values, found bool"),
    "text": ({"W1": W1.astype(str), "W2": W2}, "W1: expected floating-point or integer values, found <U"),
    "dates": ({"W1": np.zeros((4, 6), "M8[s]"), "W2": W2}, "W1: expected floating-point .* found datetime64"),
    "records": ({"W1": np.zeros((4, 6), [("a", "f8")]), "W2": W2}, "W1: expected floating-point or integer"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arrays_are_named(tmp_path: Path, name: str) -> None:
    arrays, message = WRONG[name]
    if name == "too large" and np.finfo(np.longdouble).max <= np.finfo(np.float64).max:
        pytest.skip("no type here is wider than float64")
    path = tmp_path / "w.npz"
    np.savez(path, **arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=message) as caught:
            load_weights(path, SHAPES)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def _npz(**arrays: Any) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def _zip(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, member in members.items():
            archive.writestr(f"{name}.npy", member)
    return content.getvalue()


WHOLE = _npz(W1=W1, W2=W2)
HUGE = b"\x93NUMPY\x01\x00\x76\x00" + (
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999, 99999999), }".ljust(117) + b"\n"
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected an npz file, found an empty file"),
        (b"W1 = [[1, 2], [3, 4]]", "expected an npz file, found something else"),
        (b"\x93NUMPY\x01\x00", "expected an npz file, found a single npy array"),
        (WHOLE[:-1], "expected a sound npz file, found a damaged one"),
        (WHOLE[: len(WHOLE) // 2], "expected a sound npz file, found a damaged one"),
        (WHOLE[:4], "expected a sound npz file, found a damaged one"),
        (
            WHOLE[:100] + bytes([WHOLE[100] ^ 1]) + WHOLE[101:],
            "expected a sound npz file, found a damaged one",
        ),
        (_zip(W1=b"", W2=b""), "W1: expected a sound npy array, found a damaged one"),
        (_zip(W1=b"not npy at all", W2=b""), "W1: expected a sound npy array, found a damaged one"),
        (_zip(W1=HUGE, W2=HUGE), "W1: expected a sound npy array, found a damaged one"),
    ],
)
def test_damaged_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "w.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_weights(path, SHAPES)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="w.npz: expected an npz file, found nothing"):
        load_weights(tmp_path / "w.npz", SHAPES)


def test_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected an npz file, found a folder"):
        load_weights(tmp_path, SHAPES)


def test_every_bit_and_every_length(tmp_path: Path) -> None:
    """No flipped bit and no cut gives other weights: refused, or without effect (dates and the like)."""
    small, shapes = np.array([[0.5, -1.25]]), [(1, 2)]
    path = tmp_path / "w.npz"
    whole = _npz(W1=small)
    for damaged in [
        *(whole[:length] for length in range(len(whole))),
        *(
            whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :]
            for at in range(len(whole))
            for bit in range(8)
        ),
    ]:
        path.write_bytes(damaged)
        try:
            (loaded,) = load_weights(path, shapes)
        except DataError:
            continue
        assert np.array_equal(loaded, small)
