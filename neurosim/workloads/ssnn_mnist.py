"""Digits (or garments) learnt with SSNN-BP: network, rule, data and hyper-parameters (specs/tuning.md, section 6).

There is no learning rate in the chip: steps x weight step takes its place, and it falls by letting a spike teach with
probability 1, 1/2, 1/4, ... (`halvings` times, after equal parts of the run). 3 halvings suit the embedded images, 4
the full sets. Fashion-MNIST wants a finer weight step (settings.step_bits=11).
"""

from collections.abc import Mapping
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
    "RULE",
    "Settings",
    "default_preset",
    "learning_rates",
    "preset_values",
    "view",
]

RULE = "ssnn_bp"
NETWORK = "784-200-10"
DATASET = "embedded"
EPOCHS = 6  # of the 10,000 embedded images: 60,000 presentations
ENCODER = "regular"
NEURON = "composite"


class Settings(BaseModel):
    """How a network is trained. What the rule's circuits hold is `Settings` of the rule."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    preset: Literal["tuned"] = "tuned"
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1.0  # probability that a spike teaches, at first
    halvings: Annotated[int, Field(ge=0, le=16)] = 3


def default_preset(sizes: tuple[int, ...], rule: str, graded: bool = False) -> str:
    """There is one."""
    return "tuned"


def preset_values(preset: str, sizes: tuple[int, ...], graded: bool = False) -> Mapping[str, Any]:
    """The values of a preset: the defaults."""
    return {"preset": "tuned"}


def learning_rates(settings: Settings, first: int, count: int, per_epoch: int, total: int) -> NDArray[np.float64]:
    """Probability that a spike teaches, float64[count], in presentations first .. first + count - 1 of `total`.

    It halves `halvings` times, after equal parts of the run.
    """
    part = np.arange(first, first + count) * (settings.halvings + 1) // max(total, 1)
    return np.asarray(settings.learning_rate * 2.0**-part, np.float64)


def view(data: Dataset, inputs: int) -> Dataset:
    """What the chip is shown of a data set: all of it."""
    return data
