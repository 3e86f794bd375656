"""The timer wheel of the compiled engine: linked lists by cycle, and by block of cycles for what is further away.

An entry is a number of one sort, in one list at most. The near wheel has a place for each of the next WHEEL cycles,
the far wheel one for each of the next WHEEL blocks of as many cycles; when a block begins, its entries move near.
"""

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.layout import WHEEL, WHEEL_BITS
from neurosim.kernel import first_bit, inner

__all__ = ["enter", "index", "next_look", "take_first", "take_mark"]

Words = NDArray[np.uint64]
Numbers = NDArray[np.int32]
index = np.uint64  # of an index that is not negative: numba then does not look whether it counts from the end


@inner
def enter(heads: Numbers, links: Numbers, marks: Words, sort: int, number: int, cycle: int, now: int) -> None:
    """Put an input or output into the wheel for `cycle`, or into the far wheel for the block that it lies in."""
    level, at = 0, cycle
    if cycle - now >= WHEEL:
        level, at = 1, min(cycle >> WHEEL_BITS, (now >> WHEEL_BITS) + WHEEL - 1)
    at &= WHEEL - 1
    links[sort, index(number)] = heads[level, at, sort]
    heads[level, at, sort] = number
    marks[level, at >> 6] |= np.uint64(1) << np.uint64(at & 63)
    marks[level, WHEEL >> 6] |= np.uint64(1) << np.uint64(at >> 6)


@inner
def next_place(marks: Words, level: int, now: int) -> np.int64:
    """The next occupied place of a wheel at or after cycle (or block) `now`, or -1. Two levels of bitmaps."""
    start = now & (WHEEL - 1)
    group = start >> 6
    ahead = marks[level, group] >> np.uint64(start & 63)
    occupied = marks[level, WHEEL >> 6]
    later = (occupied >> np.uint64(group)) >> np.uint64(1)  # two shifts: 64 at once is not defined
    result = np.int64(-1)
    if ahead != np.uint64(0):
        result = now + first_bit(ahead)
    elif later != np.uint64(0):
        group += 1 + first_bit(later)
        result = now + 64 * group + first_bit(marks[level, group]) - start
    elif occupied != np.uint64(0):  # around the end of the wheel
        group = first_bit(occupied)
        result = now + ((64 * group + first_bit(marks[level, group]) - start) & (WHEEL - 1))
    return result


@inner
def next_look(marks: Words, now: int) -> tuple[int, int]:
    """(level, cycle) of the next look at routers at or after `now`; the cycle is -1 if there is none.

    The beginning of a block comes before the cycles in it: what the far wheel holds may then be due in one of them.
    """
    near, block = next_place(marks, 0, now), next_place(marks, 1, now >> WHEEL_BITS)
    far = block << WHEEL_BITS
    level, cycle = 0, near
    if block >= 0 and (near < 0 or far <= near):
        level, cycle = 1, max(far, now)
    return level, cycle


@inner
def take_first(heads: Numbers, level: int, at: int, sort: int) -> np.int64:
    """The first entry of a sort in a place, or -1; the place is empty then, and the others follow by `links`."""
    number = np.int64(heads[level, at, sort])
    heads[level, at, sort] = -1
    return number


@inner
def take_mark(marks: Words, level: int, cycle: int) -> int:
    """The place of `cycle` is being worked on: its mark goes. Returns the place."""
    at = (cycle if level == 0 else cycle >> WHEEL_BITS) & (WHEEL - 1)
    left = marks[level, at >> 6] & ~(np.uint64(1) << np.uint64(at & 63))
    marks[level, at >> 6] = left
    if left == np.uint64(0):
        marks[level, WHEEL >> 6] &= ~(np.uint64(1) << np.uint64(at >> 6))
    return at
