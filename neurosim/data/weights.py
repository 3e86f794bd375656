"""Weights trained elsewhere: an npz file with one array a projection, in real units."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurosim.errors import DataError
from neurosim.trace import DAMAGE

__all__ = ["load_weights"]

_ENDING = ".npy"
_KINDS = "fiu"  # float, signed, unsigned: what is exact or nearest in float64 without a question


def load_weights(
    path: str | Path, shapes: Sequence[tuple[int, int]], *, biases: bool = False
) -> list[npt.NDArray[np.float64]]:
    """The arrays W1, W2, ... of the npz file at `path`, one for each of `shapes`, as float64.

    With `biases`, b1, b2, ... of shape (post,) follow in the list, and must be in the file.

    Shapes are (post, pre), from the input to the output; values are in real units (a threshold is 1).
    Floating-point and integer arrays are accepted. Nothing is unpickled.
    Raises DataError, which names file and array, for a file that is missing, damaged or no npz; for a missing
    or additional array, another shape or type, and NaN or infinity.
    """
    path = Path(path)
    expected = [f"W{number}" for number in range(1, len(shapes) + 1)]
    wanted: list[tuple[int, ...]] = list(shapes)
    if biases:
        expected += [f"b{number}" for number in range(1, len(shapes) + 1)]
        wanted += [(post,) for post, _ in shapes]
    members = _members(path)
    if set(members) != set(expected):
        complaint = [f"{name} is missing" for name in expected if name not in members]
        complaint += [f"{name} is not one of them" for name in sorted(members) if name not in expected]
        raise DataError(f"{path}: expected the arrays {', '.join(expected)}; {', '.join(complaint)}")
    return [
        _weights(f"{path}: {name}", members[name], shape)
        for name, shape in zip(expected, wanted, strict=True)
    ]


def _members(path: Path) -> dict[str, bytes]:
    """Name and content of each array file in the archive, its CRC checked."""
    if path.is_dir():
        raise DataError(f"{path}: expected an npz file, found a folder")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: expected an npz file, found nothing") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    if not content:
        raise DataError(f"{path}: expected an npz file, found an empty file")
    if not content.startswith(b"PK"):
        kind = "a single npy array" if content.startswith(b"\x93NUMPY") else "something else (no zip archive)"
        raise DataError(f"{path}: expected an npz file, found {kind}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name.removesuffix(_ENDING): archive.read(name) for name in archive.namelist()}
    except DAMAGE as error:
        raise DataError(f"{path}: expected a sound npz file, found a damaged one ({error})") from None


def _weights(where: str, content: bytes, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """The array in the npy file `content`, checked; `where` names file and array in messages."""
    if b"|O" in content[:128]:
        raise DataError(f"{where}: expected numbers, found Python objects")
    try:
        array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except DAMAGE as error:
        raise DataError(f"{where}: expected a sound npy array, found a damaged one ({error})") from None
    if array.dtype.kind not in _KINDS:
        raise DataError(f"{where}: expected floating-point or integer values, found {array.dtype}")
    if array.shape != shape:
        hint = "; transpose it" if array.shape == shape[::-1] else ""
        order = " (post, pre)" if len(shape) == 2 else ""
        raise DataError(f"{where}: expected shape {shape}{order}, found {array.shape}{hint}")
    with np.errstate(over="ignore"):  # a wider float that overflows becomes infinity, and is refused
        weights = np.ascontiguousarray(array, dtype=np.float64)
    wrong = np.argwhere(~np.isfinite(weights))
    if len(wrong):
        first = f"{weights[tuple(wrong[0])]} at {wrong[0].tolist()}"
        raise DataError(f"{where}: expected finite values, found {len(wrong)} others, first {first}")
    return weights
