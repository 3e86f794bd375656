"""Input neuron that fires at random with probability value / 256, fresh in every step.

State per neuron: the value (8 bits, written by the host). Random bits per step: 8.
"""

from neurosim.kernel import kernel

__all__ = ["STATE", "step"]

STATE = ("value",)


@kernel
def step(value: int, byte: int) -> int:
    """1 if the uniform random `byte` (0..255) lies below the pixel value."""
    return 1 if byte < value else 0
