"""The leaky integrate-and-fire neuron of ODIN (specs/odin.md section 4): 8 bits, unsigned, clamped at both ends.

One update for each event that reaches the neuron: a weight, or a time reference, on which it leaks.
"""

from neurosim.kernel import kernel

__all__ = ["SIGNED", "STATE", "update"]

STATE = ("membrane", "threshold", "leak")
SIGNED = False


@kernel
def update(membrane: int, drive: int, reference: int, threshold: int, leak: int, bits: int) -> tuple[int, int]:
    """(membrane after, 1 if it fired). drive: signed weight; reference: 1 for a time reference, which only leaks."""
    change = -leak if reference != 0 else drive
    value = max(0, min((1 << bits) - 1, membrane + change))
    fired = 1 if value >= threshold else 0
    return value - fired * value, fired
