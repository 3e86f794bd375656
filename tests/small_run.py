"""Runs the compiled engine on two training samples and one test sample with each rule; saves all that it returns.

`python small_run.py OUT.npz`: for processes whose environment changes how numba compiles.
"""

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.chip import load_chip
from neurosim.engine import Run, simulate
from neurosim.image import Image
from neurosim.learning import desire_bp, ssnn_bp
from neurosim.network import mlp
from neurosim.place import place
from neurosim.stimulus import Batch

# Four cores in all kinds of company: a layer on two cores, several layers on one.
CHIP = ("noc.columns=2", "noc.rows=2", "core.neuron.entries=8", "noc.multicast=true")


def small_run() -> dict[str, np.ndarray]:
    """Every array of the runs, and the weights, pointers and clock of the state, by name, for each rule."""
    phased = place(mlp((9, 12, 6, 3)), load_chip("tiny", CHIP), desire_bp, dropout_input=0.1, dropout_hidden=0.2)
    chip = load_chip("tiny", (*CHIP, "core.learning.backward=mirrored"))
    online = place(mlp((9, 12, 6, 3), "bernoulli", "composite"), chip, ssnn_bp, ssnn_bp.Settings(step_bits=5))
    found = run_of(phased, 2.0**-9)
    return found | {f"online.{name}": array for name, array in run_of(online, 0.5).items()}


def run_of(image: Image, learning_rate: float) -> dict[str, np.ndarray]:
    """The same for one image."""
    state = image.new_state(4)
    rng = np.random.default_rng(4)
    found: dict[str, np.ndarray] = {}
    for name, first, n, learn in (("train", 7, 2, True), ("test", 0, 1, False)):
        values = rng.integers(0, 256, (n, 9)).astype(np.uint8)
        rates = np.full(n, image.rate(learning_rate), np.int64)
        batch = Batch(values, rng.integers(0, 3, n), first, rates, learn)
        before = state.weights.copy()
        run = simulate(image, state, batch, "compiled", record=True)
        for field in fields(Run):
            value: Any = getattr(run, field.name)
            found[f"{name}.{field.name}"] = np.asarray(value)
        found[f"{name}.moved"] = np.count_nonzero(before != state.weights) * np.ones(1, np.int64)
    kept = {"weights": state.weights, "bias": state.bias, "random": state.random, "pointers": state.pointers}
    return {**found, **kept, "cycle": np.array(state.cycle)}


if __name__ == "__main__":
    np.savez(Path(sys.argv[1]), **small_run())  # type: ignore[arg-type]
