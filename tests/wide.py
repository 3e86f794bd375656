"""Desire back-propagation in formats so wide that the chip computes what floats compute.

The inputs can be given as spike trains: with the state's seed `TRAINS`, the input neurons fire as the float32
encoder of the authors does, which differs from the exact accumulator by one slot for three pixel values.
No random number is drawn in these formats, so that the seed is free.
"""

import hashlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from types import ModuleType
from typing import Any

import numpy as np
import oracle_desire as oracle
from numpy.typing import NDArray

from neurosim.chip import load_chip
from neurosim.engine import Run, compiled, forward, simulate
from neurosim.engine.reference.cells import Cells
from neurosim.image import Image, State
from neurosim.kernel import inner
from neurosim.learning import desire_bp, load_rule
from neurosim.network import mlp
from neurosim.place import place
from neurosim.stimulus import Batch

TRAINS = 1  # seed of a state whose input neurons fire as in float32
FORMATS = (
    "core.learning.circuits=[desire_trains]",
    "core.synapse.weight_bits=32",
    "core.synapse.weight_fraction_bits=24",
    "core.accumulator.bits=62",
    "core.neuron.membrane_bits=62",
    "core.neuron.word_bits=256",
    "core.learning.error_bits=62",
    "core.learning.trace_bits=28",
    "core.learning.trace_fraction_bits=24",
    "core.learning.rate_fraction_bits=11",
    "core.learning.rounding=nearest",
)
_BITS = oracle.encode_float32(np.arange(256).astype(np.uint8), 20).astype(np.int64)
TABLE = (_BITS << np.arange(21)[:, None]).sum(axis=0)  # int64[256] spike train of every pixel value


@inner
def encode(act: Any, values: Any, hw: Any, seed: int, tick: int) -> None:
    """In place of `forward.encode`."""
    if seed != TRAINS:
        forward.encode(act, values, hw, seed, tick)
        return
    for t in range(hw.steps + 1):
        n = 0
        for i in range(values.shape[0]):
            if (TABLE[values[i]] >> t) & 1 == 1:
                act.spike[0, t, n] = i
                n += 1
                act.train[i] |= np.int64(1) << t
                act.fired[i] += 1
        act.number[0, t] = n


@cache
def rule() -> ModuleType:
    """The rule as a user's file; its own name and text keep it apart in the cache of compiled code."""
    here = hashlib.sha256(inspect.getsource(inspect.getmodule(_patched)).encode()).hexdigest()  # type: ignore[arg-type]
    folder = Path(gettempdir()) / f"neurosim-test-{here[:12]}"
    folder.mkdir(exist_ok=True)
    path = folder / "desire_trains.py"
    path.write_text(f"{Path(desire_bp.__file__).read_text()}\n# inputs: {here}\n")
    module = load_rule(str(path))
    with _patched():
        compiled.phased(module)
    return module


@contextmanager
def _patched() -> Iterator[None]:
    original, cell = forward.encode, Cells.encode

    def trains(self: Cells, core: int, j: int, slot: int) -> bool:
        if self.seed != TRAINS:
            return cell(self, core, j, slot)
        return bool(TABLE[int(self.values[j])] >> slot & 1)

    forward.encode, Cells.encode = encode, trains  # type: ignore[method-assign]
    try:
        yield
    finally:
        forward.encode, Cells.encode = original, cell  # type: ignore[method-assign]


def put(sizes: tuple[int, ...], chip: str = "tiny", *overrides: str) -> Image:
    """A network in wide formats."""
    settings = desire_bp.Settings(weight_limit=100.0)
    own = rule()
    return place(mlp(sizes), load_chip(chip, [*FORMATS, *overrides]), own, own.Settings(**vars(settings)))


def train(
    image: Image,
    weights: list[NDArray[Any]],
    values: NDArray[np.uint8],
    labels: NDArray[Any],
    lr: float,
    engine: str,
    seed: int = 0,
) -> tuple[Run, State]:
    """Present samples in order, learning; weights (post, pre) in real units."""
    state = image.new_state(seed, [w.astype(np.float64) for w in weights])
    rates = np.full(len(values), image.rate(lr), np.int64)
    batch = Batch(values, labels.astype(np.int64), 0, rates, True)
    if engine == "compiled":
        return simulate(image, state, batch, engine), state
    with _patched():
        return simulate(image, state, batch, engine), state
