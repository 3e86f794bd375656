"""Latency: cycles of the one clock as time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.machine import Machine

__all__ = ["Latency", "latency", "microseconds"]


class Latency(NamedTuple):
    """Time of one sample, from the first host word to the end of its last step, in microseconds."""

    mean_us: float
    median_us: float
    p99_us: float
    max_us: float


def microseconds(cycles: NDArray[np.int64], chip: Machine) -> NDArray[np.float64]:
    """float64 of the same shape: cycles / clock in MHz."""
    return np.asarray(cycles / chip.clock_mhz, np.float64)


def latency(sample_cycles: NDArray[np.int64], chip: Machine) -> Latency:
    """Mean and tail of the samples of a run. sample_cycles: int64[samples]; all zero if there are none."""
    if not len(sample_cycles):
        return Latency(0.0, 0.0, 0.0, 0.0)
    times = microseconds(sample_cycles, chip)
    median, p99 = np.percentile(times, (50, 99))
    return Latency(float(times.mean()), float(median), float(p99), float(times.max()))
