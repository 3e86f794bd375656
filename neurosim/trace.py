"""A Run on disk: one npz file with every array of the ledger. Files are replaced whole, never half.

`flatten` and `restore` also serve the checkpoints of a session: they turn any frozen record of arrays
(`Run`, `State`, `EventTable`) into named arrays and back.
"""

import contextlib
import dataclasses
import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.run import EventTable, Run
from neurosim.errors import ResultError

__all__ = [
    "Arrays",
    "flatten",
    "load_arrays",
    "load_run",
    "run_from_arrays",
    "save_arrays",
    "save_run",
    "write_file",
]

Arrays = dict[str, NDArray[Any]]


def write_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Replace `path` by what `write` puts into the open binary file that it is given.

    The content goes to a temporary file beside it, is flushed to the disk, and takes the name in one step:
    whoever looks finds the old file or the new one. If `write` raises, the old file stays as it was.
    """
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
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
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        raise ResultError(f"{path}: expected an npz file, found nothing there") from None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ResultError(f"{path}: expected a whole npz file, found a damaged one ({error})") from None


def flatten(record: Any, prefix: str = "") -> Arrays:
    """The fields of a dataclass as arrays named `prefix + field`.

    Tuples and lists become `field.0`, `field.1`, ...; nested dataclasses `field.name`; None is left out.
    """
    return dict(_leaves(record, prefix))


def _leaves(record: Any, prefix: str) -> Iterator[tuple[str, NDArray[Any]]]:
    for field in dataclasses.fields(record):
        yield from _leaf(getattr(record, field.name), prefix + field.name)


def _leaf(value: Any, name: str) -> Iterator[tuple[str, NDArray[Any]]]:
    if value is None:
        return
    if dataclasses.is_dataclass(value):
        yield from _leaves(value, f"{name}.")
    elif isinstance(value, (tuple, list)):
        for number, item in enumerate(value):
            yield from _leaf(item, f"{name}.{number}")
    else:
        yield name, np.asarray(value)


def _record(kind: type[Any], arrays: Mapping[str, NDArray[Any]], prefix: str) -> Any:
    """Rebuild a flat dataclass whose fields are arrays, whole numbers or missing (None)."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        array = arrays.get(prefix + field.name)
        values[field.name] = array.item() if array is not None and array.ndim == 0 else array
    return kind(**values)


def run_from_arrays(arrays: Mapping[str, NDArray[Any]], prefix: str = "") -> Run:
    """The Run that `flatten(run, prefix)` took apart. Raises ResultError if a part is missing."""
    missing = [
        field.name
        for field in dataclasses.fields(Run)
        if field.name != "events" and prefix + field.name not in arrays
    ]
    if missing:
        raise ResultError(f"recorded run: expected the arrays {', '.join(missing)}, found none of that name")
    run = _record(Run, arrays, prefix)
    if any(name.startswith(f"{prefix}events.") for name in arrays):
        run = dataclasses.replace(run, events=_record(EventTable, arrays, f"{prefix}events."))
    return cast(Run, run)


def save_run(run: Run, path: str | Path) -> None:
    """Write a Run to an npz file, atomically."""
    save_arrays(Path(path), flatten(run), compress=True)


def load_run(path: str | Path) -> Run:
    """Read a Run that `save_run` wrote. Raises ResultError if the file is missing, damaged or no Run."""
    try:
        return run_from_arrays(load_arrays(Path(path)))
    except ResultError as error:
        raise ResultError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
