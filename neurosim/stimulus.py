"""The stimulus: what the host sends to the chip, sample by sample."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Batch"]


@dataclass(frozen=True)
class Batch:
    """Consecutive presentations.

    values: uint8[n, inputs], pixel values.  labels: int64[n].  first: number of the first presentation,
    which keys all random draws.  rates: int64[n], the learning-rate register of each sample (see
    `Image.rate`).  learn: whether the label enters and the error and update phases run.
    """

    values: NDArray[np.uint8]
    labels: NDArray[np.int64]
    first: int
    rates: NDArray[np.int64]
    learn: bool

    def __post_init__(self) -> None:
        n = len(self.values)
        if self.values.dtype != np.uint8 or self.values.ndim != 2:
            raise ValueError(f"values: expected uint8[n, inputs], got {self.values.dtype}{self.values.shape}")
        for name, array in (("labels", self.labels), ("rates", self.rates)):
            if array.dtype != np.int64:
                raise ValueError(f"{name}: expected int64, got {array.dtype}")
        if self.labels.shape != (n,) or self.rates.shape != (n,):
            raise ValueError(
                f"labels and rates: expected {n} each, got {self.labels.shape} and {self.rates.shape}"
            )
        if self.first < 0:
            raise ValueError(f"first: expected a presentation number of at least 0, got {self.first}")
