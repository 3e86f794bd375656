"""Random words, saturation and bit search: values, statistics, with and without JIT; the cache folder."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim import kernel

WORDS = st.integers(0, 2**64 - 1)
# seed, stream, tick, index -> key; from `key_by_hand` below.
KEYS = [((0, 0, 0, 0), 0x1957A760), ((1, 2, 3, 4), 0xED9C0B08), ((2**40, 16, 59_999, 783), 0x278A8D4F)]
DRAWS = [
    ((0, 0), 0),
    ((0, 1), 0x64625032),
    ((0xDEADBEEF, 7), 0x6CFCD930),
    ((0xFFFFFFFF, 0xFFFFFFFF), 0xEB721C8A),
]


def splitmix(z: int) -> int:
    """The finaliser of splitmix64 in plain Python."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return z ^ (z >> 31)


def key_by_hand(seed: int, stream: int, tick: int, index: int) -> int:
    """Rule 7 of the contract in plain Python."""
    z = splitmix((seed + 0x9E3779B97F4A7C15) % 2**64)
    for value, factor in (
        (stream, 0xD1B54A32D192ED03),
        (tick, 0x8CB92BA72F3D8DD7),
        (index, 0xABC98388FB8FAC03),
    ):
        z = splitmix((z + value * factor) % 2**64)
    return z >> 32


def draw_by_hand(key: int, counter: int) -> int:
    """One random word in plain Python."""
    x = key ^ (counter * 0x9E3779B9) % 2**32
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) % 2**32
    x = ((x ^ (x >> 15)) * 0x735A2D97) % 2**32
    return x ^ (x >> 15)


@pytest.mark.parametrize(("arguments", "key"), KEYS)
def test_keys_are_pinned(arguments: tuple[int, int, int, int], key: int) -> None:
    assert int(kernel.stream_key(*arguments)) == key == key_by_hand(*arguments)


@pytest.mark.parametrize(("arguments", "word"), DRAWS)
def test_words_are_pinned(arguments: tuple[int, int], word: int) -> None:
    assert int(kernel.draw32(*arguments)) == word == draw_by_hand(*arguments)


@given(st.integers(0, 2**62), st.integers(0, 99), st.integers(0, 2**40), st.integers(0, 2**20))
def test_keys_follow_the_definition(seed: int, stream: int, tick: int, index: int) -> None:
    assert int(kernel.stream_key(seed, stream, tick, index)) == key_by_hand(seed, stream, tick, index)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_words_follow_the_definition(key: int, counter: int) -> None:
    assert int(kernel.draw32(key, counter)) == draw_by_hand(key, counter)


def test_the_type_of_an_integer_does_not_matter() -> None:
    expected = draw_by_hand(7, 9)
    for kind in (np.int64, np.uint32, np.uint64, np.int32):
        assert int(kernel.draw32(kind(7), kind(9))) == expected
        assert int(kernel.stream_key(kind(1), kind(2), kind(3), kind(4))) == key_by_hand(1, 2, 3, 4)


def chi_square(values: np.ndarray, bins: int) -> float:
    """Pearson's statistic against the uniform distribution, as a number of standard deviations."""
    counts = np.bincount(values, minlength=bins)
    expected = len(values) / bins
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return (statistic - (bins - 1)) / (2 * (bins - 1)) ** 0.5


def test_words_of_a_stream_are_uniform() -> None:
    key = kernel.stream_key(3, 16, 5, 0)
    words = np.array([int(kernel.draw32(key, k)) for k in range(20_000)])
    for shift in (0, 8, 16, 24):  # dropout takes the lowest byte, rounding the upper bits
        assert abs(chi_square((words >> shift) & 255, 256)) < 5
    ones = ((words[:, None] >> np.arange(32)) & 1).mean(axis=0)
    assert np.abs(ones - 0.5).max() < 5 * 0.5 / len(words) ** 0.5


def test_streams_of_neighbouring_keys_are_independent() -> None:
    """Same counter, consecutive axons, samples, seeds: as good as one stream."""
    for row in (lambda i: (3, 16, 5, i), lambda i: (3, 16, i, 5), lambda i: (i, 16, 5, 5)):
        words = np.array([int(kernel.draw32(kernel.stream_key(*row(i)), 11)) for i in range(20_000)])
        assert abs(chi_square(words >> 24, 256)) < 5
        assert abs(chi_square(words & 255, 256)) < 5
        assert abs(np.corrcoef(words[1:], words[:-1])[0, 1]) < 5 / len(words) ** 0.5


def test_first_bit_of_every_single_bit_and_of_all_ones_above() -> None:
    for bit in range(64):
        assert kernel.first_bit(np.uint64(1 << bit)) == bit
        assert kernel.first_bit(np.uint64((2**64 - 1) >> bit << bit)) == bit


@given(st.integers(1, 2**64 - 1))
def test_first_bit_against_arithmetic(word: int) -> None:
    assert kernel.first_bit(np.uint64(word)) == (word & -word).bit_length() - 1


@given(st.integers(-(2**63), 2**63 - 1), st.integers(1, 62))
def test_saturate_clamps_to_the_signed_word(value: int, bits: int) -> None:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    assert kernel.saturate(value, bits) == min(max(value, low), high)


@pytest.mark.parametrize("bits", [1, 8, 16, 24, 62])
def test_saturate_at_the_very_edge(bits: int) -> None:
    high = 2 ** (bits - 1) - 1
    assert [kernel.saturate(v, bits) for v in (high, high + 1, -high - 1, -high - 2)] == [
        high,
        high,
        -high - 1,
        -high - 1,
    ]


def test_the_compiler_changes_no_value(tmp_path: Path) -> None:
    code = (
        "import json, warnings; warnings.simplefilter('ignore')\n"
        "import numpy as np\n"
        "from neurosim import kernel as k\n"
        "keys = [int(k.stream_key(s, 16, 3 * s, 7)) for s in range(50)]\n"
        "words = [int(k.draw32(np.uint32(key), 5)) for key in keys]\n"
        "bits = [int(k.first_bit(np.uint64(key or 1))) for key in keys]\n"
        "edges = [int(k.saturate(np.int64(key), 20)) for key in keys]\n"
        "print(json.dumps([keys, words, bits, edges]))"
    )
    results = []
    for disable in ("0", "1"):
        environment = {**os.environ, "NUMBA_DISABLE_JIT": disable}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        results.append(json.loads(done.stdout))
    assert results[0] == results[1]
    assert results[0][0][1] == key_by_hand(1, 16, 3, 7)


def test_the_cache_folder_is_named_after_all_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package"
    (package / "part").mkdir(parents=True)
    for name in ("kernel.py", "part/a.py", "part/b.py"):
        (package / name).write_text("x = 1\n")
    monkeypatch.setattr(kernel, "__file__", str(package / "kernel.py"))
    monkeypatch.setattr(kernel, "user_cache_dir", lambda name: str(tmp_path / "cache"))
    first = kernel.source_hash()
    assert kernel._cache_folder() == tmp_path / "cache" / "jit" / first
    (package / "note.txt").write_text("not a source")
    assert kernel.source_hash() == first
    (package / "part/a.py").write_text("x = 2\n")
    second = kernel.source_hash()
    (package / "part/a.py").rename(package / "part/c.py")
    third = kernel.source_hash()
    assert len({first, second, third}) == 3
    assert kernel._cache_folder().name == third
    assert kernel._cache_folder().is_dir()


def test_only_a_few_old_cache_folders_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "user_cache_dir", lambda name: str(tmp_path))
    for k in range(8):
        folder = tmp_path / "jit" / f"old{k}"
        folder.mkdir(parents=True)
        os.utime(folder, (k, k))
    new = kernel._cache_folder()
    assert {p.name for p in (tmp_path / "jit").iterdir()} == {"old4", "old5", "old6", "old7", new.name}


def test_a_cache_that_cannot_be_written_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(kernel, "user_cache_dir", lambda name: str(tmp_path / "file"))
    monkeypatch.setattr(kernel.tempfile, "gettempdir", lambda: str(tmp_path))
    assert kernel._cache_folder().parent.parent == tmp_path


def test_kernels_of_a_plug_in_are_cached_under_its_name_and_source(tmp_path: Path) -> None:
    usual, folders = numba.config.CACHE_DIR, []
    for text in ("a = 1\n", "a = 2\n"):
        plugin = ModuleType("somewhere.my_rule")
        plugin.__file__ = str(tmp_path / "my_rule.py")
        Path(plugin.__file__).write_text(text)
        with pytest.raises(KeyError), kernel.cache_for(plugin):
            folders.append(Path(numba.config.CACHE_DIR))
            raise KeyError
        assert numba.config.CACHE_DIR == usual
    assert folders[0] != folders[1]
    assert all(f.parent == Path(usual) and f.name.startswith("my_rule-") for f in folders)
