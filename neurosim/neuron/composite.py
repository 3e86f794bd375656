"""Forward half of a composite neuron (specs/local_rules.md B.3): a filtered drive, and spikes drawn from it.

State per neuron: membrane (signed, saturating, GUARD more fraction bits than a weight), and the error B that the
backward half keeps (the rule's `on_error`). The bias is the weight of a line that spikes in every step and lies in
the neuron's word. A rate code of a clipped ReLU: the neuron fires with probability clip(membrane, 0, 1). The output
group does not fire: the neuron with the largest noisy membrane wins the step (Gumbel noise, so that neuron k wins
with probability softmax_k).
"""

from math import log

import numpy as np
from numpy.typing import NDArray

from neurosim.kernel import kernel, saturate

__all__ = ["GUARD", "STATE", "contend", "integrate", "noise", "spike"]

STATE = ("membrane", "error", "bias")
GUARD = 4


@kernel
def integrate(membrane: int, drive: int, update: int, shift: int, bits: int) -> int:
    """Membrane after one more step: towards `drive` (weights that arrived, and the bias) by a shift.

    `update` counts the steps of the sample from 0: a running mean of the first ones, then an exponential average,
    min(shift, floor(log2(update + 1))).
    """
    by = 0
    while by < shift and (update + 1) >> (by + 1) != 0:
        by += 1
    return saturate(membrane + (((drive << GUARD) - membrane) >> by), bits)


@kernel
def spike(membrane: int, byte: int, one: int) -> int:
    """1 if the neuron fires: its membrane in 256ths of `one` (1.0), rounded down, is above a uniform byte."""
    return 1 if membrane << 8 >= (byte + 1) * one else 0


@kernel
def contend(membrane: int, noise: int) -> int:
    """What an output neuron brings to the contest of its group."""
    return membrane + noise


def noise(one: int) -> NDArray[np.int64]:
    """Gumbel noise of each random byte in units of the membrane: int64[256], the table of a core with outputs."""
    return np.array([round(-log(-log((byte + 0.5) / 256)) * one) for byte in range(256)], np.int64)
