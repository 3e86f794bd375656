"""Probes: the frozen network on a few test images at points of its training, to see when it was good enough.

The chip knows nothing of them: no cycle, access or random number of the run changes, and their energy is not
counted. What they add is a table of accuracy against what training had cost until then.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurosim.account.costs import CostTable
from neurosim.account.energy import BAND
from neurosim.account.order import bill, total
from neurosim.engine.run import Run
from neurosim.machine import Machine
from neurosim.ops import OPS
from neurosim.trace import Arrays

__all__ = ["Plan", "Probes", "probe_table"]

Ints = NDArray[np.int64]


class Plan(NamedTuple):
    """`points` evenly spaced probes, the last at the end of training, each with the first `images` of the tests."""

    points: int = 0
    images: int = 1000

    def due(self, presentations: int) -> list[int]:
        """Numbers of presentations after which a probe is made."""
        points = min(self.points, presentations)
        return [presentations * (k + 1) // points for k in range(points)]


@dataclass
class Probes:
    """The probes of a session so far.

    at: int64[k], presentations.  marks: uint8[k, images], as those of a test (`readout.marks`).
    ops: int64[k, ops] and cycles: int64[k], what training took up to there.
    """

    at: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    marks: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    ops: Ints = field(default_factory=lambda: np.zeros((0, len(OPS)), np.int64))
    cycles: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, at: int, marks: NDArray[np.uint8], run: Run) -> None:
        """Append a probe: its marks uint8[images], and the run of the training until then."""
        self.at = np.append(self.at, at)
        self.marks = np.concatenate([self.marks.reshape(-1, len(marks)), marks[None]])
        self.ops = np.concatenate([self.ops, run.counts.sum(axis=(0, 1))[None]])
        self.cycles = np.append(self.cycles, run.phase_cycles.sum())

    def arrays(self) -> Arrays:
        """The probes as named arrays, for a checkpoint."""
        return {f"probes.{name}": value for name, value in vars(self).items()}

    @classmethod
    def of(cls, arrays: Arrays) -> "Probes":
        """The probes in the arrays of a checkpoint."""
        return cls(**{name: arrays[f"probes.{name}"] for name in ("at", "marks", "ops", "cycles")})


def probe_table(probes: Probes, criteria: dict[str, int], chip: Machine, costs: CostTable) -> pd.DataFrame:
    """One row a probe: presentation, images, percent right by each criterion, and energy and time of training so far.

    criteria: bit of the marks by name.
    """
    columns = ["presentation", "images", *criteria, *(f"{end}_uj" for end in BAND), "ms"]
    rows = []
    for at, marks, ops, cycles in zip(probes.at, probes.marks, probes.ops, probes.cycles, strict=True):
        right = [100 * int(np.count_nonzero(marks & bit)) / len(marks) for bit in criteria.values()]
        energy = total(bill(ops, int(cycles), 1, chip, costs)) / 1000  # nJ -> uJ
        rows.append((int(at), len(marks), *right, *map(float, energy), cycles / chip.clock_mhz / 1000))
    return pd.DataFrame(rows, columns=columns)
