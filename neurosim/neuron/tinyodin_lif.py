"""The leaky integrate-and-fire neuron of tinyODIN (specs/odin.md section 8): signed, saturating, leaks towards zero.

The threshold is compared without sign, and only by a membrane of zero or more: a threshold beyond the largest
membrane never fires.
"""

from neurosim.kernel import kernel, saturate

__all__ = ["SIGNED", "STATE", "update"]

STATE = ("membrane", "threshold", "leak")
SIGNED = True


@kernel
def update(membrane: int, drive: int, reference: int, threshold: int, leak: int, bits: int) -> tuple[int, int]:
    """(membrane after, 1 if it fired). drive: signed weight; reference: 1 for a time reference, which only leaks."""
    if reference == 0:
        value = saturate(membrane + drive, bits)
    elif membrane > 0:
        value = max(0, membrane - leak)
    else:
        value = min(0, membrane + leak)
    fired = 1 if value >= 0 and value >= threshold else 0
    return value - fired * value, fired
