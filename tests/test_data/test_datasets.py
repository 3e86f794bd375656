"""Where the files of a data set are found, in which forms, and what the embedded set holds."""

import gzip
import importlib.util
import io
import os
from pathlib import Path

import numpy as np
import pytest

from neurosim.data import datasets
from neurosim.data.catalogue import CATALOGUE
from neurosim.data.datasets import DATASETS, EMBEDDED_SHA256, load_dataset, load_folder
from neurosim.data.idx import read_idx
from neurosim.errors import ConfigError, DataError

from .conftest import Tiny

REPOSITORY = Path(__file__).parents[2]
SHARED = REPOSITORY.parent / "shared" / "data"
needs_shared = pytest.mark.skipif(
    not (SHARED / "mnist").is_dir(), reason="no ../shared/data beside the checkout"
)

# How often each digit occurs: the first 10,000 training labels, and the official test set.
TRAIN_HISTOGRAM = [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]
TEST_HISTOGRAM = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Tiny) -> Path:
    """An empty cache folder, no NEUROSIM_DATA, and `tiny` in the catalogue."""
    folder = tmp_path / "cache"
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *args, **kwargs: str(folder))
    monkeypatch.delenv("NEUROSIM_DATA", raising=False)
    monkeypatch.setitem(CATALOGUE, "tiny", tiny.source)
    return folder


def test_embedded_set_is_the_one_described() -> None:
    data = load_dataset("embedded")
    assert data.train_images.shape == data.test_images.shape == (10_000, 784)
    assert data.train_images.dtype == data.test_images.dtype == np.uint8
    assert data.train_labels.dtype == data.test_labels.dtype == np.int64
    assert np.bincount(data.train_labels).tolist() == TRAIN_HISTOGRAM
    assert np.bincount(data.test_labels).tolist() == TEST_HISTOGRAM
    assert len(data.classes) == 10
    assert data.train_labels[:5].tolist() == [5, 0, 4, 1, 9]


def test_arrays_cannot_be_written() -> None:
    data = load_dataset("embedded")
    for array in (data.train_images, data.train_labels, data.test_images, data.test_labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_changed_embedded_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "EMBEDDED_SHA256", "0" * 64)
    with pytest.raises(DataError, match=f"expected SHA-256 {'0' * 64}, found {EMBEDDED_SHA256}"):
        load_dataset("embedded")


def test_absent_embedded_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "EMBEDDED_FILE", "gone.npz")
    with pytest.raises(DataError, match="gone.npz: cannot be read"):
        load_dataset("embedded")


def test_licence_lies_beside_the_data() -> None:
    text = (REPOSITORY / "neurosim" / "data" / "embedded" / "LICENSE").read_text()
    assert "CC BY-SA 3.0" in text and "LeCun" in text and "Cortes" in text


@needs_shared
def test_mnist_from_folder_holds_the_embedded_set() -> None:
    part, full = load_dataset("embedded"), load_dataset("mnist", data_dir=SHARED)
    assert full.train_images.shape == (60_000, 784)
    assert np.array_equal(full.train_images[:10_000], part.train_images)
    assert np.array_equal(full.train_labels[:10_000], part.train_labels)
    assert np.array_equal(full.test_images, part.test_images)
    assert np.array_equal(full.test_labels, part.test_labels)


def test_script_packs_the_same_bytes_again(tiny: Tiny, tmp_path: Path) -> None:
    path = REPOSITORY / "benchmarks" / "make_embedded.py"
    spec = importlib.util.spec_from_file_location("make_embedded", path)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    tiny.write(tmp_path / "gz")
    tiny.write(tmp_path / "raw", bytes, "")
    made = [script.pack(load_folder(tmp_path / form, tiny.source), train=4) for form in ("gz", "raw")]
    assert made[0] == made[1]
    with np.load(io.BytesIO(made[0])) as arrays:
        assert np.array_equal(arrays["train_images"], tiny.arrays[0][:4].reshape(4, 784))
        assert np.array_equal(arrays["train_labels"], tiny.arrays[1][:4])
        assert np.array_equal(arrays["test_images"], tiny.arrays[2].reshape(-1, 784))
        assert np.array_equal(arrays["test_labels"], tiny.arrays[3])


@needs_shared
@pytest.mark.parametrize("name", ["fashion", "fashion-mnist"])
def test_fashion_by_both_names(name: str) -> None:
    data = load_dataset(name, data_dir=SHARED / "fashion-mnist", download=False)
    assert data.name == "fashion"
    assert np.bincount(data.train_labels).tolist() == [6_000] * 10
    assert np.bincount(data.test_labels).tolist() == [1_000] * 10
    assert data.classes[9] == "ankle boot"


@needs_shared
def test_the_other_set_of_the_family_is_recognised() -> None:
    with pytest.raises(DataError, match="found the file of Fashion-MNIST"):
        load_dataset("mnist", data_dir=SHARED / "fashion-mnist")


def _strip_header(content: bytes) -> bytes:
    """Compressed another way: other level, other header."""
    return gzip.compress(content, compresslevel=1, mtime=77)


@pytest.mark.parametrize("subfolder", ["", "tiny"])
@pytest.mark.parametrize(
    ("pack", "ending"),
    [(gzip.compress, ".gz"), (_strip_header, ".gz"), (bytes, ""), (bytes, ".gz"), (gzip.compress, "")],
    ids=["gz", "re-compressed", "raw", "raw-named-gz", "gz-without-ending"],
)
def test_forms_and_layouts(tiny: Tiny, tmp_path: Path, subfolder: str, pack, ending: str) -> None:  # type: ignore[no-untyped-def]
    tiny.write(tmp_path / subfolder, pack, ending)
    data = load_folder(tmp_path, tiny.source)
    assert data is not None
    assert np.array_equal(data.train_images, tiny.arrays[0].reshape(-1, 784))
    assert np.array_equal(data.train_labels, tiny.arrays[1])
    assert np.array_equal(data.test_images, tiny.arrays[2].reshape(-1, 784))
    assert np.array_equal(data.test_labels, tiny.arrays[3])


def test_names_with_a_dot(tiny: Tiny, tmp_path: Path) -> None:
    for stem, content in tiny.raw.items():
        (tmp_path / stem.replace("-idx", ".idx")).write_bytes(content)
    assert load_folder(tmp_path, tiny.source) is not None


def test_folder_without_the_set_is_none(tiny: Tiny, tmp_path: Path) -> None:
    assert load_folder(tmp_path, tiny.source) is None


def test_search_order(tiny: Tiny, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    argument, variable = tmp_path / "argument", tmp_path / "variable"
    places = [argument, variable, cache / "tiny"]
    for place in places:
        tiny.write(place)
    monkeypatch.setenv("NEUROSIM_DATA", str(variable))
    used: list[Path] = []

    def spy(path: Path, shape: tuple[int, ...]):  # type: ignore[no-untyped-def]
        used.append(path)
        return read_idx(path, shape)

    monkeypatch.setattr(datasets, "read_idx", spy)
    for place in places:
        used.clear()
        load_dataset("tiny", data_dir=argument, download=False)
        assert {path.parent for path in used} == {place}
        for path in place.iterdir():
            path.unlink()
    with pytest.raises(
        DataError, match="Tiny: expected its four files in .*argument or .*variable or .*cache"
    ):
        load_dataset("tiny", data_dir=argument, download=False)


def test_absent_and_not_to_be_downloaded(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--data-dir .* NEUROSIM_DATA, or take the data set `embedded`"):
        load_dataset("tiny", data_dir=tmp_path, download=False)
    assert not cache.exists()


@pytest.mark.parametrize("kind", ["absent", "file"])
@pytest.mark.parametrize("where", ["data_dir", "NEUROSIM_DATA"])
def test_named_folder_must_exist(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, where: str
) -> None:
    path = tmp_path / "x"
    if kind == "file":
        path.write_text("no folder")
    if where == "NEUROSIM_DATA":
        monkeypatch.setenv("NEUROSIM_DATA", str(path))
    found = "a file" if kind == "file" else "nothing there"
    with pytest.raises(DataError, match=f"x: expected a folder, as {where}.* says, found {found}"):
        load_dataset("tiny", data_dir=path if where == "data_dir" else None)


def test_damaged_cache_says_how_to_mend_it(cache: Path, tiny: Tiny) -> None:
    tiny.write(cache / "tiny")
    (cache / "tiny" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"junk")
    with pytest.raises(
        DataError, match="t10k-labels-idx1-ubyte.gz: .*; delete it to have it downloaded again"
    ):
        load_dataset("tiny")


@pytest.mark.parametrize(
    ("name", "hint"), [("mnits", "did you mean mnist"), ("Fashion", "did you mean fashion"), ("", "found ''")]
)
def test_unknown_name(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint) as caught:
        load_dataset(name)
    assert ", ".join(DATASETS) in str(caught.value)


def test_home_is_expanded(tiny: Tiny, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    tiny.write(tmp_path / "data")
    assert load_dataset("tiny", data_dir=os.path.join("~", "data"), download=False).name == "tiny"
