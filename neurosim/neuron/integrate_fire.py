"""Integrate-and-fire without leak: integrate, fire, back to zero. State per neuron: membrane (signed, saturating)."""

from neurosim.kernel import kernel

__all__ = ["STATE", "step"]

STATE = ("membrane",)


@kernel
def step(membrane: int, drive: int, keep: int, threshold: int, leak_shift: int, bits: int) -> tuple[int, int]:
    """One step of one neuron: (membrane, drive, keep bit) -> (membrane after, 1 if it fired).

    `drive` is the sum of the weights that arrived and of the bias; `leak_shift` is not used.
    """
    limit = 1 << (bits - 1)
    value = max(-limit, min(limit - 1, membrane + drive))
    fired = 1 if value >= threshold and keep != 0 else 0
    return value * (1 - fired), fired
