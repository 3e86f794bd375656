"""Replay of recorded learning: samples, weights before and after, and what the outputs counted, bit for bit.

The vectors of SSNN-BP (specs/local_rules.md, "Reference vectors") were made layer after layer within a step, with one
random generator for everything. The chip here does the same: no pipeline, `xorshift` for its registers, one population
a core.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.chip import load_chip
from neurosim.engine import simulate
from neurosim.errors import NeurosimError, ReplayError, ResultError
from neurosim.image import Image
from neurosim.learning import load_rule
from neurosim.network import mlp
from neurosim.place import place
from neurosim.stimulus import Batch
from neurosim.trace import load_arrays

__all__ = ["Verdict", "replay_vectors"]

_SCALARS = ("T", "warm", "k", "fw", "bmode", "gate", "seed")
_FIXED = ("sizes", "X", "Y", "counts", *_SCALARS)


@dataclass(frozen=True)
class Verdict:
    """One case: `identical` is None if the case needs a mechanism that is not modelled."""

    case: str
    identical: bool | None
    message: str


def replay_vectors(path: Path, engine: str) -> Verdict:
    """Learn the samples of an npz file of SSNN-BP vectors and compare every weight, bias and count.

    Raises ReplayError for a file that holds something else.
    """
    try:
        found = load_arrays(path)
    except ResultError as error:
        raise ReplayError(str(error)) from None
    if "W1_init" in found and "fw" not in found:
        return Verdict(path.stem, None, "vectors in float32; tests/silicon holds them against the rule")
    missing = [name for name in _FIXED if name not in found]
    if missing:
        raise ReplayError(f"{path}: expected vectors of SSNN-BP, missing: {', '.join(missing)}")
    try:
        _check(found)
        if found["bmode"] != 0:
            return Verdict(path.stem, None, f"needs bmode = {found['bmode']}, whose random bytes are not specified")
        return _compare(path.stem, found, engine)
    except (LookupError, ValueError, TypeError, ArithmeticError, NeurosimError) as error:
        raise ReplayError(f"{path}: expected vectors of SSNN-BP, found other content ({error})") from error


def _check(found: dict[str, NDArray[Any]]) -> None:
    """Raise ValueError unless the samples and what became of them have the shapes and ranges of the network."""
    for name in _SCALARS:
        if found[name].shape or found[name].dtype.kind not in "iu" or found[name] < 0:
            raise ValueError(f"{name}: expected a whole number, got {found[name]}")
    sizes, labels = found["sizes"], found["Y"]
    if sizes.ndim != 1 or len(sizes) < 2 or sizes.dtype.kind not in "iu":
        raise ValueError(f"sizes: expected two or more whole numbers, got {sizes}")
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not ((labels >= 0) & (labels < sizes[-1])).all():
        raise ValueError(f"Y: expected labels 0..{sizes[-1] - 1}, one for each sample")
    if found["X"].dtype != np.uint8:
        raise ValueError(f"X: expected pixels as uint8, got {found['X'].dtype}")
    layers = list(enumerate(zip(sizes[:-1], sizes[1:], strict=True)))
    shapes = {"X": (len(labels), sizes[0]), "counts": (len(labels), sizes[-1])}
    shapes |= {f"W{q}_{when}": pair for q, pair in layers for when in ("init", "final")}
    shapes |= {f"b{q}_final": (post,) for q, (_, post) in layers}
    shapes |= {f"b{q}_init": (post,) for q, (_, post) in layers if f"b{q}_init" in found}
    for name, shape in shapes.items():
        if found[name].shape != shape or found[name].dtype.kind not in "fiu":
            wanted = tuple(int(n) for n in shape)
            raise ValueError(f"{name}: expected numbers of shape {wanted}, got {found[name].shape}")


def _place(found: dict[str, NDArray[Any]]) -> Image:
    number = {name: int(found[name]) for name in _SCALARS}
    bits = 16 if number["fw"] <= 13 else 32
    formats = (f"core.synapse.weight_bits={bits}", f"core.synapse.weight_fraction_bits={number['fw']}",
               "core.accumulator.bits=40", "core.neuron.membrane_bits=40")  # fmt: skip
    rule = load_rule("ssnn_bp")
    settings = rule.Settings(
        steps=number["T"], warm=number["warm"], filter_shift=number["k"], step_bits=number["fw"], gate=number["gate"],
        dither=False, pipeline=False,
    )  # fmt: skip
    network = mlp([int(n) for n in found["sizes"]], "bernoulli", "composite")
    return place(network, load_chip("mesh16", formats), rule, settings, random="xorshift")


def _compare(case: str, found: dict[str, NDArray[Any]], engine: str) -> Verdict:
    image = _place(found)
    layers, scale, labels = len(found["sizes"]) - 1, 2.0 ** int(found["fw"]), found["Y"].astype(np.int64)
    biases = [found[f"b{q}_init"] / scale for q in range(layers) if f"b{q}_init" in found]
    weights = [found[f"W{q}_init"].T / scale for q in range(layers)]
    state = image.new_state(int(found["seed"]), weights, biases)
    batch = Batch(found["X"], labels, 0, np.zeros(len(labels), np.int64), True)
    run = simulate(image, state, batch, engine)
    results: dict[str, NDArray[Any]] = {"counts": run.output_counts}
    results |= {f"W{q}_final": matrix.T * scale for q, matrix in enumerate(image.weights(state))}
    results |= {f"b{q}_final": vector * scale for q, vector in enumerate(image.biases(state))}
    for name, got in results.items():
        different = np.argwhere(got != found[name])
        if len(different):
            at = tuple(int(k) for k in different[0])
            message = f"{name}{list(at)}: expected {found[name][at]}, got {got[at]:g} ({len(different)} differ)"
            return Verdict(case, False, message)
    return Verdict(case, True, f"{len(labels)} samples, {image.offsets[-1]:,} weights")
