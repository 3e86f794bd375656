"""Compiled integer kernels: the decorator, saturation, and counter-based random numbers.

The only module that imports numba. Its disk cache does not notice edits in other files, so the cache
folder is named after a hash of all sources of the package: another source, another folder.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
from numba.cpython.unsafe.numbers import trailing_zeros
from platformdirs import user_cache_dir

__all__ = [
    "COMPILING",
    "CompileError",
    "cache_for",
    "cache_is_warm",
    "draw32",
    "first_bit",
    "inlined",
    "inner",
    "kernel",
    "module_source",
    "saturate",
    "source_hash",
    "stream_key",
]


def source_hash() -> str:
    """Hash of all Python sources of the package (16 hex digits): names the cache and marks results."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_folder() -> Path:
    root = Path(user_cache_dir("neurosim")) / "jit"
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not os.access(root, os.W_OK):
            raise OSError
    except OSError:
        root = Path(tempfile.gettempdir()) / f"neurosim-jit-{os.getuid() if hasattr(os, 'getuid') else 0}"
        root.mkdir(parents=True, exist_ok=True)
    folder = root / source_hash()
    if not folder.exists():
        older = sorted((p for p in root.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
        for stale in older[:-4]:
            shutil.rmtree(stale, ignore_errors=True)
        folder.mkdir(exist_ok=True)
    os.utime(folder)  # in use: not among the oldest
    return folder


_FOLDER = _cache_folder()
_config: Any = numba.config
_config.CACHE_DIR = str(_FOLDER)


COMPILING = "compiling the kernels (once for each rule, neuron and kind of network; about half a minute)"


def cache_is_warm(outermost: str = "run_batch", *plugins: ModuleType) -> bool:
    """True if kernels of exactly these sources (and `plugins`, if given) were compiled before on this machine: the
    outermost one is the last."""
    folder = _plugin_folder(*plugins) if plugins else _FOLDER
    return any(folder.rglob(f"*{outermost}*.nbc"))


def _plugin_folder(*plugins: ModuleType) -> Path:
    sources = hashlib.sha256(b"".join(module_source(module) for module in plugins)).hexdigest()[:12]
    stems = [module.__name__.rpartition(".")[2] for module in plugins]
    return _FOLDER / "-".join([*stems, sources])


def module_source(module: ModuleType) -> bytes:
    """The source text of a plug-in module."""
    return Path(module.__file__).read_bytes() if module.__file__ else b""


@contextmanager
def cache_for(*plugins: ModuleType) -> Iterator[None]:
    """Kernels defined inside are cached apart, under the names and the sources of `plugins`."""
    _config.CACHE_DIR = str(_plugin_folder(*plugins))
    try:
        yield
    finally:
        _config.CACHE_DIR = str(_FOLDER)


# _nrt=False: no reference counting. Kernels allocate nothing, and counting the references of a machine of
# thirty arrays at every call cost more than the work (measured: a factor of five).
CompileError = numba.core.errors.NumbaError
_njit: Any = numba.njit  # its annotations leave these options out
_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` on first call (nopython, cached on disk, integers only by convention)."""
    compiled: Callable[..., Any] = _njit(**_OPTIONS)(function)
    return compiled


def inner(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `kernel`, but only called by other kernels: no Python wrapper is compiled, which for a function that
    takes a whole machine costs more than the function itself."""
    compiled: Callable[..., Any] = _njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(
        function
    )
    return compiled


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `kernel`, copied into its caller: for parts of a loop that is hot and takes many arrays."""
    compiled: Callable[..., Any] = _njit(inline="always", **_OPTIONS)(function)
    return compiled


@kernel
def saturate(value: int, bits: int) -> int:
    """Clamp `value` to the range of a signed word of `bits` bits."""
    limit = 1 << (bits - 1)
    return max(-limit, min(limit - 1, value))


@kernel
def _mix(value: int) -> np.uint64:
    # The finaliser of splitmix64: a bijection of 64-bit words with full avalanche.
    z = np.uint64(value)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def stream_key(seed: int, stream: int, tick: int, index: int) -> np.uint32:
    """A 32-bit key of one random stream: hash(seed, stream, tick, index), the rule 7 of the contract."""
    z = _mix(np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15))
    z = _mix(z + np.uint64(stream) * np.uint64(0xD1B54A32D192ED03))
    z = _mix(z + np.uint64(tick) * np.uint64(0x8CB92BA72F3D8DD7))
    z = _mix(z + np.uint64(index) * np.uint64(0xABC98388FB8FAC03))
    return np.uint32(z >> np.uint64(32))


@kernel
def draw32(key: int, counter: int) -> np.uint32:
    """The random word number `counter` (32 bits) of the stream `key`."""
    # 32-bit multiplications only: the compiler turns a loop of draws into vector code.
    x = np.uint32(np.uint32(key) ^ np.uint32(np.uint32(counter) * np.uint32(0x9E3779B9)))
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x21F0AAAD))
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x735A2D97))
    return np.uint32(x ^ (x >> np.uint32(15)))


_trailing_zeros: Any = trailing_zeros  # an intrinsic: what its declaration says is not how it is called


def _first_bit(word: int) -> np.int64:
    """Number of the lowest set bit of a non-zero 64-bit word."""
    return np.int64(_trailing_zeros(np.uint64(word)))


def _first_bit_plain(word: int) -> int:
    """Number of the lowest set bit of a non-zero 64-bit word."""
    whole = int(word) & 0xFFFFFFFFFFFFFFFF
    return (whole & -whole).bit_length() - 1


# One instruction of the processor, which numba has only in a module that it calls unsafe (it knows no Python form).
first_bit: Callable[..., Any] = _first_bit_plain if _config.DISABLE_JIT else kernel(_first_bit)
