"""The idx file format of the MNIST family: uint8 arrays with a big-endian header, raw or gzip-compressed.

Layout: two zero bytes, type code (8 = uint8), number of dimensions, one uint32 a dimension, then the data.
"""

import gzip
import hashlib
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurosim.errors import DataError

__all__ = ["read_idx"]

_GZIP_MAGIC = b"\x1f\x8b"
_UINT8 = 8


def read_idx(path: Path, shape: tuple[int, ...]) -> tuple[npt.NDArray[np.uint8], str]:
    """Read the uint8 idx file at `path`, which must hold an array of exactly `shape`.

    Whether it is compressed is told from its first bytes, not from its name.
    Returns the array and the SHA-256 (hexadecimal) of the uncompressed file, header included, so that
    one digest covers every way of compressing it.
    Raises DataError for a file that is missing, empty, truncated, corrupt, not idx, or of another shape.
    """
    header = 4 + 4 * len(shape)
    content = _uncompressed(path, limit=header + math.prod(shape))
    found = _header(path, content)
    if found != shape:
        raise DataError(f"{path}: expected {_product(shape)} values, found {_product(found)} by its header")
    size = len(content) - header
    if size != math.prod(shape):
        more = "more" if size > math.prod(shape) else str(size)
        raise DataError(f"{path}: expected {math.prod(shape)} bytes of data after the header, found {more}")
    array = np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
    return array, hashlib.sha256(content).hexdigest()


def _uncompressed(path: Path, limit: int) -> bytes:
    """The first `limit` + 1 bytes of the idx content: enough to see that a file is too long."""
    if path.is_dir():
        raise DataError(f"{path}: expected an idx file, found a folder")
    try:
        with path.open("rb") as raw:
            magic = raw.read(2)
            if not magic:
                raise DataError(f"{path}: expected an idx file, found an empty file")
            raw.seek(0)
            if magic != _GZIP_MAGIC:
                return raw.read(limit + 1)
            with gzip.GzipFile(fileobj=raw) as packed:
                return packed.read(limit + 1)
    except FileNotFoundError:
        raise DataError(f"{path}: expected an idx file, found nothing") from None
    except EOFError:
        raise DataError(f"{path}: expected a whole gzip file, found a truncated one") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: expected a sound gzip file, found a damaged one ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def _header(path: Path, content: bytes) -> tuple[int, ...]:
    """The shape that the header of `content` declares."""
    if len(content) < 4 or content[:2] != b"\0\0":
        raise DataError(
            f"{path}: expected an idx file (raw or gzip), found one that starts {content[:4].hex(' ')}"
        )
    if content[2] != _UINT8:
        raise DataError(f"{path}: expected idx type 0x08 (uint8), found 0x{content[2]:02x}")
    dimensions = content[3]
    end = 4 + 4 * dimensions
    if len(content) < end:
        raise DataError(f"{path}: expected {end} bytes of idx header, found a file of {len(content)}")
    return tuple(int(size) for size in np.frombuffer(content[4:end], dtype=">u4"))


def _product(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "0-dimensional"
