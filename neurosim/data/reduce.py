"""Smaller images for chips with few inputs: area averages, whole numbers, the same on every machine."""

from math import isqrt

import numpy as np
import numpy.typing as npt

from neurosim.data.datasets import Dataset
from neurosim.errors import ConfigError

__all__ = ["area_average", "reduced"]


def area_average(images: npt.NDArray[np.uint8], side: int, border: int = 0) -> npt.NDArray[np.uint8]:
    """Square images uint8[n, pixels], row by row, as uint8[n, side * side]; `border` pixels are cut off all around.

    Each new pixel is the mean of the area that it covers, parts of pixels counted as parts, rounded half up.
    Raises ConfigError for images that are not square, or a border that leaves nothing.
    """
    old = isqrt(images.shape[1])
    inner = old - 2 * border
    if old * old != images.shape[1] or not 0 <= border or inner < 1 or side < 1:
        raise ConfigError(
            f"images: expected squares with something left inside a border of {border}, got {images.shape[1]} pixels"
        )
    square = images.reshape(-1, old, old)[:, border : border + inner, border : border + inner]
    edges = np.arange(side + 1) * inner  # in units of 1 / side of an old pixel
    low = np.maximum(edges[:-1, None], np.arange(inner) * side)
    high = np.minimum(edges[1:, None], (np.arange(inner) + 1) * side)
    part = np.maximum(high - low, 0).astype(np.float64)  # sums stay far below 2^53: exact
    total = part @ square.astype(np.float64) @ part.T
    mean = (total.astype(np.int64) + inner * inner // 2) // (inner * inner)
    return np.asarray(mean.reshape(len(images), -1), np.uint8)


def reduced(data: Dataset, side: int, border: int = 0) -> Dataset:
    """The data set with all its images reduced by `area_average`."""
    train, test = (area_average(images, side, border) for images in (data.train_images, data.test_images))
    return Dataset(data.name, train, data.train_labels, test, data.test_labels, data.classes)
