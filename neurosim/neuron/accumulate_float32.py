"""Input neuron that fires as the accumulator does in the authors' code, which adds value / 255 in float32.

Rounding delays one spike of the values 60, 120 and 240 by a step (specs/local_rules.md A.5). In hardware form it
is a read-only memory of 256 spike trains. For replaying what the authors' code did; else use `accumulate`.
"""

import numpy as np
from numpy.typing import NDArray

from neurosim.kernel import kernel

__all__ = ["STATE", "spike_trains", "step"]

STATE = ("value",)


def spike_trains(steps: int) -> NDArray[np.int64]:
    """int64[256]: bit t of entry v is set if a neuron with value v fires in step t."""
    total, share = np.zeros(256, np.float32), np.arange(256, dtype=np.float32) / np.float32(255)
    trains = np.zeros(256, np.int64)
    for t in range(steps):
        total += share
        fired = total >= 1
        total[fired] -= np.float32(1)
        trains |= fired.astype(np.int64) << t
    return trains


@kernel
def step(train: int, slot: int) -> int:
    """1 if the stored spike train has a spike in `slot`."""
    return (train >> slot) & 1
