"""Refit the SRAM law of the cost tables: E = a * S^b * (w/32)^c, in pJ, with S in KiB and w in bits.

usage: python benchmarks/fit_sram.py hwconfigs/costs/sram_cacti7.csv

One fit for reads and one for writes of every process (node and cell type), by least squares on logarithms.
`worst` is the largest ratio, either way, between the law and a point of the grid.
"""

import csv
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Fit(NamedTuple):
    """The law of one process and access, and how far it is from the grid."""

    a_pj: float
    size_exponent: float
    width_exponent: float
    worst: float
    points: int

    def energy(self, size_kib: float, width_bits: float) -> float:
        """Energy of one access in pJ."""
        return float(self.a_pj * size_kib**self.size_exponent * (width_bits / 32) ** self.width_exponent)


def fit(rows: list[dict[str, str]], column: str) -> Fit:
    """Fit one column (`read_pJ` or `write_pJ`). A process with a single width has no width exponent (nan)."""
    size = np.log([float(row["size_bytes"]) / 1024 for row in rows])
    width = np.log([float(row["word_bits"]) / 32 for row in rows])
    energy = np.log([float(row[column]) for row in rows])
    several = len(set(width.tolist())) > 1
    terms = np.stack([np.ones_like(size), size, width][: 3 if several else 2], axis=1)
    solution = np.linalg.lstsq(terms, energy, rcond=None)[0]
    worst = float(np.exp(np.abs(terms @ solution - energy).max()))
    exponent = float(solution[2]) if several else float("nan")
    return Fit(float(np.exp(solution[0])), float(solution[1]), exponent, worst, len(rows))


def fits(path: Path) -> dict[tuple[str, str, str], Fit]:
    """All fits of a grid by (node in nm, cell type, column)."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    processes = sorted({(row["node_nm"], row["cell_peri"]) for row in rows})
    return {
        (node, cell, column): fit([r for r in rows if (r["node_nm"], r["cell_peri"]) == (node, cell)], column)
        for node, cell in processes
        for column in ("read_pJ", "write_pJ")
    }


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print("node  cell      access  a_pj    size_exponent  width_exponent  worst  points")
    for (node, cell, column), law in fits(Path(sys.argv[1])).items():
        access = column.removesuffix("_pJ")
        print(
            f"{node:4}  {cell:8}  {access:6}  {law.a_pj:.3f}   {law.size_exponent:13.3f}"
            f"  {law.width_exponent:14.3f}  x{law.worst:.2f}  {law.points:6}"
        )


if __name__ == "__main__":
    main()
