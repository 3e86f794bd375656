"""Digits (or garments) learnt with desire back-propagation: network, rule, data and hyper-parameters.

Three presets. `tuned` is the product's default (specs/tuning.md, sections 1.3 and 6): one weight LSB of
2^-13 as the first learning rate, falling linearly to zero, hidden dropout 0.3. `paper` is what the authors
published (specs/local_rules.md, A.2 and A.3): 1e-5 * exp(-0.04 epoch) and their dropout per network.
The paper's two networks take `paper` unless told otherwise, all others take `tuned`. `graded` switches our extension of
the rule on, graded desires (specs/tuning.md, section 5): its thresholds, and twice the rate of `tuned`.
"""

from collections.abc import Mapping
from math import exp
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from neurosim.data.datasets import Dataset

__all__ = [
    "DATASET",
    "ENCODER",
    "EPOCHS",
    "NETWORK",
    "NEURON",
    "PRESETS",
    "RULE",
    "Settings",
    "default_preset",
    "learning_rates",
    "preset_values",
    "view",
]

RULE = "desire_bp"
NETWORK = "784-512-10"
DATASET = "embedded"
EPOCHS = 10  # of the 10,000 embedded images: 100,000 presentations, about a minute
ENCODER = "accumulate"
NEURON = "lif"

PRESETS = ("tuned", "paper", "graded")
# Our extension of the rule: a desire is active sooner, and has a size.
_GRADED = {"graded": True, "theta_output": 0.12, "theta_hidden": 0.02}
# Dropout of the input and the hidden neurons in the authors' two configurations.
_PAPER_DROPOUT: dict[tuple[int, ...], tuple[float, float]] = {
    (784, 1600, 800, 10): (0.0, 0.3),
    (784, 1000, 100, 10): (0.05, 0.40),
}

Probability = Annotated[float, Field(ge=0, lt=1)]


class Settings(BaseModel):
    """How a network is trained, in real units. What the rule's circuits hold is `Settings` of the rule."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    preset: Literal["tuned", "paper", "graded"] = "tuned"
    learning_rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0**-13
    schedule: Literal["linear", "constant", "exponential"] = "linear"
    decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0  # per epoch, exponential only
    dropout_input: Probability = 0.0
    dropout_hidden: Probability = 0.3


def default_preset(sizes: tuple[int, ...], rule: str, graded: bool = False) -> str:
    """`graded` if that is on, `paper` for the two networks of the paper with the paper's rule, else `tuned`."""
    if graded:
        return "graded"
    return "paper" if rule == RULE and sizes in _PAPER_DROPOUT else "tuned"


def preset_values(preset: str, sizes: tuple[int, ...], graded: bool = False) -> Mapping[str, Any]:
    """The values of a preset for a network of these layer sizes, by field of `Settings` and of the rule's `Settings`.

    `graded`: the extension was asked for, whatever the preset.
    """
    if preset == "graded":
        return {"preset": "graded", "learning_rate": 2.0**-12, **_GRADED}
    extension = _GRADED if graded else {}
    if preset != "paper":
        return {"preset": "tuned", **extension}
    dropout_input, dropout_hidden = _PAPER_DROPOUT.get(sizes, (0.0, 0.3))
    return {
        "preset": "paper",
        "learning_rate": 1e-5,
        "schedule": "exponential",
        "decay": 0.04,
        "dropout_input": dropout_input,
        "dropout_hidden": dropout_hidden,
        **extension,
    }


def learning_rates(
    settings: Settings, first: int, count: int, per_epoch: int, total: int
) -> NDArray[np.float64]:
    """Learning rates float64[count] of the presentations first .. first + count - 1, of `total` in all.

    linear: from the first value straight to zero at presentation `total`; exponential: a factor
    exp(-decay) after each epoch of `per_epoch` presentations; constant: constant.
    """
    numbers = np.arange(first, first + count)
    if settings.schedule == "linear":
        return np.asarray(settings.learning_rate * (total - numbers) / total, np.float64)
    if settings.schedule == "exponential":
        epochs = numbers // per_epoch
        factors = np.array([exp(-settings.decay * int(epoch)) for epoch in epochs], np.float64)
        return np.asarray(settings.learning_rate * factors, np.float64)
    return np.full(count, settings.learning_rate)


def view(data: Dataset, inputs: int) -> Dataset:
    """What the chip is shown of a data set: all of it."""
    return data
