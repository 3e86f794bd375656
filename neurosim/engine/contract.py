"""The timing contract in kernels: how long a service takes, from numbers in the image. Words: docs/decisions/0001.

Both engines call these; neither computes a length of its own.
"""

from neurosim.kernel import kernel

__all__ = ["CROSSBAR", "MIRRORED", "TRANSPOSED_READ", "bank_cycles", "ceil_div", "row_cycles", "step_cycles"]

TRANSPOSED_READ, MIRRORED, CROSSBAR = range(3)  # core.BACKWARD


@kernel
def ceil_div(a: int, b: int) -> int:
    """a / b rounded up, for a >= 0 and b >= 1."""
    return (a + b - 1) // b


@kernel
def row_cycles(words: int, synapses: int, banks: int, ports: int, lanes: int, lane_cycles: int) -> int:
    """Cycles of one forward row: adjacent words lie in adjacent banks, so that no bank is asked twice."""
    return max(1, max(ceil_div(words, banks * ports), ceil_div(synapses, lanes) * lane_cycles))


@kernel
def bank_cycles(per_bank: int, accesses: int, ports: int) -> int:
    """Cycles until the fullest bank has served its words, `accesses` port uses each (read 1, read+write 2)."""
    return ceil_div(per_bank * accesses, ports)


@kernel
def step_cycles(work: int, barrier: int, period: int) -> tuple[int, int]:
    """(cycles of a step including synchronisation, overruns) from the cycles of its work."""
    if period == 0:
        return work + barrier, 0
    periods = max(1, ceil_div(work + barrier, period))
    return periods * period, periods - 1
