"""Input neuron that fires regularly, at a random phase (our extension, specs/tuning.md section 5, B-ext).

State per neuron: the value (8 bits, written by the host) and the accumulator (8 bits), which starts a sample at a
random byte. Random bits: 8 a sample, where a Bernoulli neuron takes 8 a step.
"""

from neurosim.kernel import kernel

__all__ = ["STATE", "step"]

STATE = ("value", "accumulator")


@kernel
def step(accumulator: int, value: int) -> tuple[int, int]:
    """One step: (accumulator, pixel value 0..255) -> (accumulator after, 1 if it overflowed)."""
    total = accumulator + value
    return total & 255, total >> 8
