"""Damaged data files: each gets one DataError that names the file, what was expected and what was found."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.data.datasets import load_folder
from neurosim.data.idx import read_idx
from neurosim.errors import DataError

from .conftest import Tiny, idx_bytes

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"


def _flip(content: bytes, at: int, mask: int = 0x10) -> bytes:
    return content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]


def _count(content: bytes, count: int) -> bytes:
    """The raw idx file with another number of items in its header."""
    return content[:4] + struct.pack(">I", count) + content[8:]


# name: (file, from raw content to the damaged file, words of the message)
DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "empty": (IMAGES, lambda raw: b"", "expected an idx file, found an empty file"),
    "one byte": (IMAGES, lambda raw: b"\0", "found one that starts 00"),
    "text": (
        IMAGES,
        lambda raw: b"<!DOCTYPE html>",
        "expected an idx file .raw or gzip., found one that starts",
    ),
    "text, compressed": (IMAGES, lambda raw: gzip.compress(b"hello"), "found one that starts 68 65 6c 6c"),
    "gz truncated": (IMAGES, lambda raw: gzip.compress(raw)[:-100], "found a truncated one"),
    "gz without its trailer": (IMAGES, lambda raw: gzip.compress(raw)[:-8], "found a truncated one"),
    "gz header only": (IMAGES, lambda raw: gzip.compress(raw)[:10], "found a truncated one"),
    "gz magic only": (IMAGES, lambda raw: b"\x1f\x8b", "found a truncated one"),
    "gz data flipped": (IMAGES, lambda raw: _flip(gzip.compress(raw), 2000), "a damaged one"),
    "gz checksum flipped": (
        LABELS,
        lambda raw: _flip(gzip.compress(raw), -8 + len(gzip.compress(raw))),
        "CRC",
    ),
    "gz method unknown": (LABELS, lambda raw: _flip(gzip.compress(raw), 2), "a damaged one"),
    "gz with trailing junk": (LABELS, lambda raw: gzip.compress(raw) + b"junk", "a damaged one"),
    "wrong magic": (IMAGES, lambda raw: _flip(raw, 0), "found one that starts 10 00 08 03"),
    "wrong type": (IMAGES, lambda raw: _flip(raw, 2, 0x05), "expected idx type 0x08 .uint8., found 0x0d"),
    "wrong dimensions": (
        IMAGES,
        lambda raw: _flip(raw, 3, 0x01),
        "expected 7 x 28 x 28 values, found 7 x 28 by",
    ),
    "no dimensions": (LABELS, lambda raw: b"\0\0\x08\0" + raw[4:], "expected 7 values, found 0-dimensional"),
    "header cut": (IMAGES, lambda raw: raw[:9], "expected 16 bytes of idx header, found a file of 9"),
    "255 dimensions": (IMAGES, lambda raw: _flip(raw, 3, 0xFC)[:100], "expected 1024 bytes of idx header"),
    "huge size": (
        IMAGES,
        lambda raw: _count(raw, 2**32 - 1),
        "expected 7 x 28 x 28 values, found 4294967295 x",
    ),
    "no items": (IMAGES, lambda raw: _count(raw, 0)[:16], "found 0 x 28 x 28 by its header"),
    "labels too many": (
        LABELS,
        lambda raw: _count(raw, 8) + b"\0",
        "expected 7 values, found 8 by its header",
    ),
    "labels too few": (LABELS, lambda raw: _count(raw, 6)[:-1], "expected 7 values, found 6 by its header"),
    "data cut": (IMAGES, lambda raw: raw[:-1], "expected 5488 bytes of data after the header, found 5487"),
    "data cut, compressed": (IMAGES, lambda raw: gzip.compress(raw[:-9]), "5488 bytes of data .* found 5479"),
    "data too long": (
        LABELS,
        lambda raw: raw + b"\0",
        "expected 7 bytes of data after the header, found more",
    ),
    "pixel flipped": (
        IMAGES,
        lambda raw: _flip(raw, 999),
        "expected uncompressed content with SHA-256 .*, found",
    ),
    "label flipped": (LABELS, lambda raw: gzip.compress(_flip(raw, 9)), "with SHA-256 .*, found"),
    "images for labels": (
        LABELS,
        lambda raw: idx_bytes(np.zeros((7, 28, 28), np.uint8)),
        "expected 7 values, fo",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(tiny: Tiny, tmp_path: Path, name: str) -> None:
    stem, damage, message = DAMAGE[name]
    tiny.write(tmp_path)
    path = tmp_path / f"{stem}.gz"
    path.write_bytes(damage(tiny.raw[stem]))
    with pytest.raises(DataError, match=message) as caught:
        load_folder(tmp_path, tiny.source)
    assert str(caught.value).startswith(f"{path}: expected ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("stem", [IMAGES, LABELS, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_missing_file_is_named(tiny: Tiny, tmp_path: Path, stem: str) -> None:
    tiny.write(tmp_path / "tiny")
    path = tmp_path / "tiny" / f"{stem}.gz"
    path.unlink()
    with pytest.raises(DataError) as caught:
        load_folder(tmp_path, tiny.source)
    assert str(caught.value) == f"{path}: expected an idx file, found nothing"


def test_folder_in_place_of_a_file(tiny: Tiny, tmp_path: Path) -> None:
    tiny.write(tmp_path)
    path = tmp_path / f"{LABELS}.gz"
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError) as caught:
        load_folder(tmp_path, tiny.source)
    assert str(caught.value) == f"{path}: expected an idx file, found a folder"


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="cannot be read .Permission denied."):
        read_idx(tmp_path / "x", (1,))


def test_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A file that would unpack to 1 GiB is read no further than its expected end."""
    path = tmp_path / "x.gz"
    with gzip.open(path, "wb", compresslevel=1) as target:
        target.write(b"\0\0\x08\x01" + struct.pack(">I", 7) + bytes(1 << 22))
    with pytest.raises(DataError, match="expected 7 bytes of data after the header, found more"):
        read_idx(path, (7,))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_flipped_bit_goes_unnoticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Any one bit of a compressed file: refused, or (padding, dates) without effect."""
    array = np.arange(60, dtype=np.uint8)
    packed = gzip.compress(idx_bytes(array), mtime=0)
    at = data.draw(st.integers(0, len(packed) - 1))
    path = tmp_path_factory.getbasetemp() / "flipped.gz"
    path.write_bytes(_flip(packed, at, 1 << data.draw(st.integers(0, 7))))
    try:
        found, _ = read_idx(path, array.shape)
    except DataError:
        return
    assert np.array_equal(found, array)
