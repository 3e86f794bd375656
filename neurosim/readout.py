"""What counts as a right answer: counts and membranes of the output neurons against the labels."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["ARGMAX", "CRITERIA", "MEMBRANE", "READOUTS", "STRICT", "accuracy", "marks"]

STRICT, ARGMAX, MEMBRANE = 1, 2, 4
CRITERIA = {"strict": STRICT, "argmax": ARGMAX, "membrane": MEMBRANE}
READOUTS = {"strict": STRICT, "membrane": MEMBRANE}  # what a rule may call its answer


def marks(
    counts: NDArray[np.int64],
    membrane: NDArray[np.int64],
    labels: NDArray[np.int64],
    *,
    membrane_alone: bool = False,
) -> NDArray[np.uint8]:
    """What is right about each sample, from counts and membranes int64[n, outputs]: uint8[n] of bits.

    STRICT: the label has the unique largest count (local_rules.md A.10).  ARGMAX: ties go to the lowest
    index.  MEMBRANE: ties go to the larger membrane at the end, then to the lowest index (our extension); with
    `membrane_alone`, the label has the largest membrane at the end, whatever the counts (B.6).
    """
    rows = np.arange(len(labels))
    best = counts.max(axis=1, keepdims=True)
    tied = counts == best
    strict = tied[rows, labels] & (tied.sum(axis=1) == 1)
    argmax = counts.argmax(axis=1) == labels
    lowest = np.iinfo(np.int64).min
    by_membrane = np.where(tied | membrane_alone, membrane, lowest).argmax(axis=1) == labels
    bits = strict * STRICT + argmax * ARGMAX + by_membrane * MEMBRANE
    return np.asarray(bits, np.uint8)


def accuracy(found: NDArray[np.uint8]) -> dict[str, float]:
    """Shares of right answers in percent by criterion: strict, argmax, membrane. NaN of no samples."""
    size = max(len(found), 1)
    return {
        name: 100 * int(np.count_nonzero(found & bit)) / size if len(found) else float("nan")
        for name, bit in CRITERIA.items()
    }
