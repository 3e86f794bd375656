"""Leaky integrate-and-fire with soft reset (specs/local_rules.md A.6): leak, integrate, fire, subtract.

State per neuron: membrane (signed, saturating). Integers with a declared binary point.
"""

from neurosim.kernel import kernel, saturate

__all__ = ["STATE", "step"]

STATE = ("membrane",)


@kernel
def step(membrane: int, drive: int, keep: int, threshold: int, leak_shift: int, bits: int) -> tuple[int, int]:
    """One step of one neuron: (membrane, drive, keep bit) -> (membrane after, 1 if it fired).

    `drive` is the sum of the weights that arrived, `keep` is 0 for a neuron that dropout silences.
    """
    value = saturate(membrane - (membrane >> leak_shift) + drive, bits)
    fired = 1 if value >= threshold and keep != 0 else 0
    return value - fired * threshold, fired
