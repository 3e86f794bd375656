"""The stimulus: what the host sends to the chip, sample by sample."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Batch", "Events", "Raster"]


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


@dataclass(frozen=True)
class Raster:
    """Spikes of the scripted neurons of a connectome in consecutive steps.

    In step t fire the neurons neuron[start[t]:start[t + 1]], ascending: start int64[steps + 1], neuron int64[spikes].
    Raises ValueError if that is not so.
    """

    start: NDArray[np.int64]
    neuron: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("start", "neuron"):  # lists and other whole numbers are int64, too
            array = np.asarray(getattr(self, name))
            if array.dtype.kind in "iu" or array.size == 0:
                array = array.astype(np.int64)
            object.__setattr__(self, name, array)
        if self.start.dtype != np.int64 or self.neuron.dtype != np.int64:
            raise ValueError(f"raster: expected int64, got {self.start.dtype} and {self.neuron.dtype}")
        if self.neuron.ndim != 1:
            raise ValueError(f"raster: neuron: expected a list of numbers, got {list(self.neuron.shape)}")
        if self.start.ndim != 1 or len(self.start) < 1 or self.start[0] != 0 or self.start[-1] != len(self.neuron):
            raise ValueError(f"raster: start: expected numbers from 0 to {len(self.neuron)}, got {self.start}")
        if (np.diff(self.start) < 0).any():
            raise ValueError("raster: start: expected rising numbers")
        rising = np.diff(self.neuron) > 0
        rising[self.start[1:-1][(self.start[1:-1] > 0) & (self.start[1:-1] < len(self.neuron))] - 1] = True
        if not rising.all() or (len(self.neuron) and self.neuron.min() < 0):
            first = np.flatnonzero(~rising)
            at = int(first[0]) + 1 if len(first) else int(np.argmin(self.neuron))
            step = int(np.searchsorted(self.start, at, side="right")) - 1
            found = f"{self.neuron[at]} in step {step}" + (f" after {self.neuron[at - 1]}" if len(first) else "")
            raise ValueError(f"raster: neuron: expected rising numbers of at least 0 within each step, got {found}")

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.start) - 1

    @classmethod
    def silent(cls, steps: int) -> "Raster":
        """No scripted spike in any step."""
        return cls(np.zeros(steps + 1, np.int64), np.zeros(0, np.int64))

    def part(self, first: int, last: int) -> "Raster":
        """Steps first..last-1."""
        low, high = self.start[first], self.start[last]
        return Raster(self.start[first : last + 1] - low, self.neuron[low:high])


@dataclass(frozen=True)
class Events:
    """Words for the input port of a sequenced chip, one after the other.

    time: int64[n], the earliest cycle in which REQ of each may rise, none before that of the event ahead.
    word: int64[n]. Raises ValueError if that is not so.
    """

    time: NDArray[np.int64]
    word: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("time", "word"):
            array = np.asarray(getattr(self, name))
            if array.dtype.kind not in "iu" and array.size:
                raise ValueError(f"events: {name}: expected whole numbers, got {array.dtype}")
            object.__setattr__(self, name, array.astype(np.int64))
        if self.time.ndim != 1 or self.time.shape != self.word.shape:
            raise ValueError(f"events: expected [n] and [n], got {list(self.time.shape)} and {list(self.word.shape)}")
        if len(self.time) and (self.time.min() < 0 or self.time.max() >= 2**59 or self.word.min() < 0):
            raise ValueError("events: expected times of 0 to 2^59 and words of at least 0")
