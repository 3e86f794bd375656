"""Desire back-propagation in formats so wide that the chip computes what floats compute."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.chip import load_chip
from neurosim.engine import Run, simulate
from neurosim.image import Image, State
from neurosim.learning import load_rule
from neurosim.network import mlp
from neurosim.place import place
from neurosim.stimulus import Batch

FORMATS = (
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


def put(
    sizes: tuple[int, ...],
    chip: str = "tiny",
    *overrides: str,
    encoder: str = "accumulate",
    dropout: tuple[float, float] = (0.0, 0.0),
    **settings: Any,
) -> Image:
    """A network in wide formats; `dropout` of inputs and hidden neurons."""
    rule = load_rule("desire_bp")
    chosen = rule.Settings(**({"weight_limit": 100.0} | settings))
    return place(
        mlp(sizes, encoder=encoder), load_chip(chip, [*FORMATS, *overrides]), rule, chosen,
        dropout_input=dropout[0], dropout_hidden=dropout[1],
    )  # fmt: skip


def train(
    image: Image,
    weights: list[NDArray[Any]],
    values: NDArray[np.uint8],
    labels: NDArray[Any],
    lr: float | NDArray[Any],
    engine: str,
) -> tuple[Run, State]:
    """Present samples in order, learning; weights (post, pre) in real units, one rate or one for each sample."""
    state = image.new_state(0, [w.astype(np.float64) for w in weights])
    rates = np.array([image.rate(float(r)) for r in np.broadcast_to(lr, len(values))], np.int64)
    batch = Batch(values, labels.astype(np.int64), 0, rates, True)
    return simulate(image, state, batch, engine), state
