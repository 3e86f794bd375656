"""Data sets by name: the embedded MNIST split, and MNIST and Fashion-MNIST from a folder or by download."""

import difflib
import hashlib
import io
import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurosim.data.catalogue import CATALOGUE, Part, Source
from neurosim.data.download import download_source
from neurosim.data.idx import read_idx
from neurosim.errors import ConfigError, DataError

__all__ = ["DATASETS", "EMBEDDED_FILE", "EMBEDDED_SHA256", "Dataset", "load_dataset", "load_folder"]

EMBEDDED_FILE = "mnist_train10000_test10000.npz"
EMBEDDED_SHA256 = "d5150ec6dbe467e4ac9e8f98dcdf2a07b93a8090a517df5501f87f68fa0cb148"

DATASETS: tuple[str, ...] = ("embedded", *CATALOGUE)
_ALIASES = {"fashion-mnist": "fashion"}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, split into train and test; the arrays are read-only.

    Images are uint8[n, 784], row by row, 0 = background; labels int64[n], 0 .. len(classes) - 1.
    """

    name: str
    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            array.setflags(write=False)


def load_dataset(name: str, data_dir: str | Path | None = None, download: bool = True) -> Dataset:
    """The data set `name`: embedded (MNIST, 10,000 + 10,000 images), mnist, or fashion (also: fashion-mnist).

    The full sets are searched in `data_dir`, the folder that NEUROSIM_DATA names, and the user's cache
    folder; the first that holds any file of the set is used. A folder holds the four idx files (raw or gzip)
    itself or in a subfolder `mnist` or `fashion-mnist`. Where all lack it and `download` is true, the cache
    is filled. Every file is checked by SHA-256. The embedded set needs no folder and ignores `data_dir`.
    Raises ConfigError for an unknown name; DataError for a missing or damaged file or a failed download.
    """
    key = _ALIASES.get(name, name)
    if key == "embedded":
        return _load_embedded()
    if key not in CATALOGUE:
        close = difflib.get_close_matches(name, [*DATASETS, *_ALIASES], n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise ConfigError(f"data set: expected one of {', '.join(DATASETS)}, found {name!r}{hint}")
    source = CATALOGUE[key]
    searched = _user_folders(data_dir)
    for folder in searched:
        dataset = load_folder(folder, source)
        if dataset is not None:
            return dataset
    return _from_cache(source, searched, download)


def load_folder(folder: Path, source: Source) -> Dataset | None:
    """The set `source` from `folder` or its subfolder `source.folder`; None if no file of it is there.

    Raises DataError, which names the file, if only some of the files are there or one of them is damaged.
    """
    for place in (folder / source.folder, folder):
        found = [_find(place, part) for part in source.parts]
        if any(found):
            train_images, train_labels, test_images, test_labels = (
                _read_part(path or place / part.names[0], part)
                for path, part in zip(found, source.parts, strict=True)
            )
            return Dataset(
                name=source.name,
                train_images=train_images.reshape(len(train_images), -1),
                train_labels=train_labels.astype(np.int64),
                test_images=test_images.reshape(len(test_images), -1),
                test_labels=test_labels.astype(np.int64),
                classes=source.classes,
            )
    return None


def _find(place: Path, part: Part) -> Path | None:
    return next((place / name for name in part.names if os.path.exists(place / name)), None)


def _is_complete(place: Path, source: Source) -> bool:
    return all(_find(place, part) for part in source.parts)


def _read_part(path: Path, part: Part) -> npt.NDArray[np.uint8]:
    array, digest = read_idx(path, part.shape)
    if digest != part.sha256:
        others = {other.sha256: source.title for source in CATALOGUE.values() for other in source.parts}
        what = f"the file of {others[digest]}" if digest in others else f"{digest} (other or damaged content)"
        raise DataError(f"{path}: expected uncompressed content with SHA-256 {part.sha256}, found {what}")
    return array


def _user_folders(data_dir: str | Path | None) -> list[Path]:
    """The folders that the user named, most explicit first; naming one that does not exist is an error."""
    named = [("data_dir (--data-dir)", data_dir), ("NEUROSIM_DATA", os.environ.get("NEUROSIM_DATA"))]
    folders = []
    for where, value in named:
        if value is None or str(value) == "":
            continue
        folder = Path(os.path.expanduser(value))
        if not folder.is_dir():
            found = "a file" if folder.exists() else "nothing there"
            raise DataError(f"{folder}: expected a folder, as {where} says, found {found}")
        folders.append(folder)
    return folders


def _from_cache(source: Source, searched: list[Path], download: bool) -> Dataset:
    """The set from the user's cache folder, whose missing files are downloaded first if `download`."""
    import platformdirs

    cache = Path(platformdirs.user_cache_dir("neurosim", appauthor=False))
    place = cache / source.folder
    trouble = "not downloaded, as asked"
    if download and not _is_complete(place, source):
        try:
            download_source(source, place)
        except DataError as error:
            trouble = str(error)
    if _is_complete(place, source):
        try:
            dataset = load_folder(cache, source)
        except DataError as error:
            raise DataError(f"{error}; delete it to have it downloaded again") from None
        if dataset is not None:
            return dataset
    places = " or ".join(map(str, [*searched, place]))
    names = ", ".join(part.names[0] for part in source.parts)
    raise DataError(
        f"{source.title}: expected its four files in {places}, found none or not all; {trouble}. "
        f"Put {names} into a folder and name it with --data-dir (data_dir=) or NEUROSIM_DATA, "
        f"or take the data set `embedded`"
    )


def _load_embedded() -> Dataset:
    resource = files("neurosim.data").joinpath("embedded", EMBEDDED_FILE)
    try:
        content = resource.read_bytes()
    except OSError as error:
        raise DataError(f"{resource}: cannot be read ({error.strerror}); install neurosim again") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != EMBEDDED_SHA256:
        found = f"found {digest}; install neurosim again"
        raise DataError(f"{resource}: expected SHA-256 {EMBEDDED_SHA256}, {found}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Dataset(
            name="embedded",
            train_images=arrays["train_images"],
            train_labels=arrays["train_labels"].astype(np.int64),
            test_images=arrays["test_images"],
            test_labels=arrays["test_labels"].astype(np.int64),
            classes=CATALOGUE["mnist"].classes,
        )
