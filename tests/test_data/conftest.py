"""A tiny data set in the layout of MNIST, so that every way of damaging it can be tried in microseconds."""

import gzip
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from neurosim.data.catalogue import Part, Source

TRAIN, TEST = 7, 3


def idx_bytes(array: npt.NDArray[np.uint8]) -> bytes:
    """The raw idx file that holds `array`."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@dataclass(frozen=True)
class Tiny:
    """The set, its arrays, and its files by stem."""

    source: Source
    arrays: tuple[npt.NDArray[np.uint8], ...]
    raw: dict[str, bytes]

    def write(
        self, folder: Path, pack: Callable[[bytes], bytes] = gzip.compress, ending: str = ".gz"
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for stem, content in self.raw.items():
            (folder / (stem + ending)).write_bytes(pack(content))


@pytest.fixture
def tiny() -> Tiny:
    draw = np.random.default_rng(5)
    arrays = (
        draw.integers(0, 256, (TRAIN, 28, 28), dtype=np.uint8),
        draw.integers(0, 10, TRAIN, dtype=np.uint8),
        draw.integers(0, 256, (TEST, 28, 28), dtype=np.uint8),
        draw.integers(0, 10, TEST, dtype=np.uint8),
    )
    stems = (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    )
    raw = {stem: idx_bytes(array) for stem, array in zip(stems, arrays, strict=True)}
    parts = [
        Part(stem, array.shape, hashlib.sha256(raw[stem]).hexdigest())
        for stem, array in zip(stems, arrays, strict=True)
    ]
    source = Source("tiny", "Tiny", "tiny", "MNIST", tuple("0123456789"), *parts)
    return Tiny(source, arrays, raw)
