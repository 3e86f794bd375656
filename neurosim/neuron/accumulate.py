"""Input neuron that accumulates a constant pixel value (specs/local_rules.md A.5): no leak, no noise.

State per neuron: the value (8 bits, written by the host) and the accumulator (9 bits).
"""

from neurosim.kernel import kernel

__all__ = ["FULL_SCALE", "STATE", "step"]

STATE = ("value", "accumulator")
FULL_SCALE = 255


@kernel
def step(accumulator: int, value: int) -> tuple[int, int]:
    """One step: (accumulator, pixel value 0..255) -> (accumulator after, 1 if it fired)."""
    total = accumulator + value
    if total >= FULL_SCALE:
        return total - FULL_SCALE, 1
    return total, 0
