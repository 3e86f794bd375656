"""Digits learnt with SDSP on a sequenced core (ODIN): network, rule, data and hyper-parameters.

What the chip computes is its RTL's. How a sample is told to it is *our reconstruction*: the paper's own protocol, code
and parameters are not known here, and no number of ours is a reproduction of its 84.5 % on MNIST. `neurosim.lesson`
says how; the values here were chosen on the last 2,000 of the 10,000 embedded training images, never on test images.

28 x 28 pixels are cut to the inner 24 x 24 and averaged to a square of as many pixels as the network has inputs:
16 x 16 for all 256 rows of ODIN.
"""

from collections.abc import Mapping
from functools import lru_cache
from math import isqrt
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from neurosim.data.datasets import Dataset
from neurosim.data.reduce import reduced
from neurosim.errors import ConfigError

__all__ = ["DATASET", "ENCODER", "EPOCHS", "NETWORK", "NEURON", "RULE", "Settings", "default_preset", "learning_rates",
           "preset_values", "view"]  # fmt: skip

RULE = "sdsp"
NETWORK = "256-250"  # 25 neurons a class; neuron j stands for class j modulo the number of classes
DATASET = "embedded"
EPOCHS = 6
ENCODER = "regular"  # the host spreads a fixed number of spikes over the pixels
NEURON = "odin_lif"  # the chip's own circuit takes its place
INNER, BORDER = 24, 2  # of 28 x 28 pixels; larger images than the inner part are averages of the whole

_PRESET = {"theta_membrane": 100, "theta_1": 2, "theta_2": 7, "theta_3": 3, "calcium_leak": 3}

Share = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    """How a network is trained. Thresholds of SDSP are `Settings` of the rule."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    preset: Literal["tuned"] = "tuned"
    spikes: Annotated[int, Field(ge=1, le=4096)] = 128  # of a sample, over all pixels
    threshold: Annotated[int, Field(ge=1)] = 250  # of a neuron, in LSBs of the weights
    leak: Annotated[int, Field(ge=1)] = 127  # of a membrane at a time reference
    teaching_first: Annotated[float, Field(ge=0, le=4096)] = 14.0  # spikes that teach after a sample, at first
    teaching_last: Annotated[float, Field(ge=0, le=4096)] = 0.5
    label_share: Share = 0.1  # of the label's neurons that are taught
    other_share: Share = 0.03  # of all other neurons


def default_preset(sizes: tuple[int, ...], rule: str, graded: bool = False) -> str:
    """There is one."""
    return "tuned"


def preset_values(preset: str, sizes: tuple[int, ...], graded: bool = False) -> Mapping[str, Any]:
    """The values of a preset, by field of `Settings` and of the rule's `Settings`."""
    return {"preset": "tuned", **_PRESET}


def learning_rates(settings: Settings, first: int, count: int, per_epoch: int, total: int) -> NDArray[np.float64]:
    """Spikes that teach, float64[count], in presentations first .. first + count - 1 of `total`: a straight line."""
    done = np.arange(first, first + count) / max(total, 1)
    return np.asarray(settings.teaching_first + (settings.teaching_last - settings.teaching_first) * done, np.float64)


@lru_cache(maxsize=1)
def view(data: Dataset, inputs: int) -> Dataset:
    """The data set with images of so many pixels: squares, averaged. Raises ConfigError for no square number."""
    side = isqrt(inputs)
    if side * side != inputs:
        raise ConfigError(
            f"network: expected a square number of inputs, such as 256 (images of 16 x 16 pixels), got {inputs}"
        )
    return data if inputs == data.train_images.shape[1] else reduced(data, side, BORDER if side <= INNER else 0)
