"""Memory accesses of a run: which memory, read or write, how many words and how many bits."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.machine import Machine
from neurosim.ops import Op, describe

__all__ = ["Accesses", "accesses"]


class Accesses(NamedTuple):
    """Accesses of one kind to one memory, over all cores; words and bits are int64[phases]."""

    memory: str
    access: str
    words: NDArray[np.int64]
    bits: NDArray[np.int64]


def accesses(counts: NDArray[np.int64], chip: Machine) -> tuple[Accesses, ...]:
    """One row for each memory and access, in op order; rows and columns of a crossbar together.

    counts: int64[phases, nodes, ops].
    """
    memories, words = chip.core.memories(), dict[tuple[str, str], NDArray[np.int64]]()
    for op in Op:
        _, memory, access, _ = describe(op)
        if memory is not None and memory in memories and access is not None:
            words[memory, access] = words.get((memory, access), 0) + counts[:, :, op].sum(axis=1)
    return tuple(Accesses(*key, count, count * memories[key[0]].word_bits) for key, count in words.items())
