"""A Run on disk: one npz file with every array of the ledger. Files are replaced whole, never half.

`flatten` also serves the checkpoints of a session: it turns a record of arrays (`Run`, `State`) into named
arrays.
"""

import contextlib
import dataclasses
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.run import Run
from neurosim.errors import ResultError

__all__ = [
    "DAMAGE",
    "TEMPORARY",
    "Arrays",
    "flatten",
    "load_arrays",
    "load_run",
    "run_from_arrays",
    "save_arrays",
    "save_run",
    "write_file",
]

TEMPORARY = ".tmp-"  # a file of which only a part may be written begins like this
Arrays = dict[str, NDArray[Any]]
# What zipfile, zlib and numpy raise on damaged bytes (MemoryError: a header that asks for a huge array).
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    TypeError,
    OSError,
)


def write_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Replace `path` by what `write` puts into the open binary file that it is given.

    The content goes to a temporary file beside it, is flushed to the disk, and takes the name in one step:
    whoever looks finds the old file or the new one. If `write` raises, the old file stays as it was.
    """
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable where the system can open folders (not on Windows)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], compress: bool = False) -> None:
    """Write named arrays to an npz file; the same arrays give the same bytes."""
    buffer = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(buffer, **cast(Any, dict(arrays)))
    write_file(path, lambda file: file.write(buffer.getbuffer()))


def load_arrays(path: Path) -> Arrays:
    """All arrays of an npz file. Raises ResultError, which names the file, if it is missing or damaged."""
    try:
        stored = np.load(path, allow_pickle=False)
        if isinstance(stored, np.ndarray):
            raise ResultError(f"{path}: expected an npz file, found a single npy array")
        with stored:
            return {name: stored[name] for name in stored.files}
    except ResultError:
        raise
    except FileNotFoundError:
        raise ResultError(f"{path}: expected an npz file, found nothing there") from None
    except DAMAGE as error:
        raise ResultError(f"{path}: expected a whole npz file, found a damaged one ({error})") from None


def flatten(record: Any, prefix: str = "") -> Arrays:
    """The fields of a dataclass of arrays and numbers as arrays named `prefix + field`.

    None is left out, and so is a list: words that were loaded and do not change.
    """
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    kept = {name: value for name, value in values.items() if not isinstance(value, list | NoneType)}
    return {prefix + name: np.asarray(value) for name, value in kept.items()}


def run_from_arrays(arrays: Mapping[str, NDArray[Any]], prefix: str = "") -> Run:
    """The Run that `flatten(run, prefix)` took apart. Raises ResultError if a part is missing."""
    names = [field.name for field in dataclasses.fields(Run)]
    missing = [name for name in names if name != "events" and prefix + name not in arrays]
    if missing:
        raise ResultError(f"expected the arrays of a recorded run, found no {', '.join(missing)}")
    values: dict[str, Any] = {name: arrays.get(prefix + name) for name in names}
    numbers = {name: int(value) for name, value in values.items() if value is not None and value.ndim == 0}
    return Run(**{**values, **numbers})


def save_run(run: Run, path: str | Path) -> None:
    """Write a Run to an npz file, atomically."""
    save_arrays(Path(path), flatten(run), compress=True)


def load_run(path: str | Path) -> Run:
    """Read a Run that `save_run` wrote. Raises ResultError if the file is missing, damaged or no Run."""
    try:
        return run_from_arrays(load_arrays(Path(path)))
    except ResultError as error:
        raise ResultError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None
