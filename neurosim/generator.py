"""Random bits on a chip: linear-feedback shift registers, a few in each core, each with a polynomial of its own.

A register of 32 bits is clocked eight times for each byte; 8 and the period 2^32 - 1 have no common factor, so the
bytes run through the whole period. Registers with different polynomials are different sequences, not one sequence
at different places: what two of them draw stays independent however long they run.

`XORSHIFT` is no circuit. It is the one generator, shared by the whole chip, with which the recorded vectors of
SSNN-BP were made (specs/local_rules.md, "Reference vectors").
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.kernel import draw32, kernel, stream_key

__all__ = ["FORWARD", "ERROR", "TEACH", "KINDS", "LFSR", "NONE", "STREAMS", "XORSHIFT", "Generators", "draw_byte",
           "draw_teach", "generators", "no_generators", "polynomial", "reset"]  # fmt: skip

NONE, LFSR, XORSHIFT = range(3)
KINDS = ("none", "lfsr", "xorshift")
FORWARD, ERROR, TEACH = range(3)  # what the registers of a core draw: spikes and noise; start of B; who may teach
STREAMS = 3
_ORDER = 2**32 - 1
_FACTORS = (3, 5, 17, 257, 65537)  # of 2^32 - 1


class Generators(NamedTuple):
    """The registers of all cores: polynomials, start values, and what eight clocks do to each low byte."""

    kind: int
    polynomial: NDArray[np.uint32]  # [cores, STREAMS], bits of x^0..x^31 (x^32 is understood); 0: no register
    seed: NDArray[np.uint32]  # [cores, STREAMS]
    table: NDArray[np.uint32]  # [cores, STREAMS, 256]


@kernel
def _multiply(a: int, b: int, taps: int) -> int:
    """a * b in GF(2)[x] modulo x^32 + taps."""
    result = 0
    while b != 0:
        if b & 1 != 0:
            result ^= a
        b >>= 1
        a <<= 1
        if a >> 32 != 0:
            a = (a ^ taps) & 0xFFFFFFFF
    return result


@kernel
def _power(exponent: int, taps: int) -> int:
    """x^exponent modulo x^32 + taps."""
    result, base = 1, 2
    while exponent != 0:
        if exponent & 1 != 0:
            result = _multiply(result, base, taps)
        base = _multiply(base, base, taps)
        exponent >>= 1
    return result


def is_primitive(taps: int) -> bool:
    """Whether x^32 + taps is primitive: x has order 2^32 - 1, no less."""
    return int(_power(_ORDER, taps)) == 1 and all(int(_power(_ORDER // f, taps)) != 1 for f in _FACTORS)


def polynomial(number: int) -> int:
    """Primitive polynomial `number` of degree 32 (bits of x^0..x^31): the first of a hashed list with 12 to 20 taps."""
    key, draw = stream_key(0, 0x4C465352, 0, number), 0
    while True:
        taps = int(draw32(key, draw)) | 1
        if 12 <= taps.bit_count() <= 20 and is_primitive(taps):
            return taps
        draw += 1


def _eight_clocks(taps: int) -> NDArray[np.uint32]:
    """What a right-shifting Galois register of these taps makes of each value of its low byte in eight clocks."""
    mask = np.uint32(int(f"{taps:032b}"[::-1], 2))
    word = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        word = (word >> np.uint32(1)) ^ (mask * (word & np.uint32(1)))
    return word


def generators(kind: str, cores: int, used: list[int]) -> Generators:
    """Registers for the cores `used`: core c, stream s has polynomial 3 c + s and a start value of its own."""
    empty = no_generators(cores)
    if kind == "xorshift":
        return empty._replace(kind=XORSHIFT, table=empty.table[:0])
    for core in used:
        for stream in range(STREAMS):
            taps = polynomial(STREAMS * core + stream)
            empty.polynomial[core, stream] = taps
            empty.seed[core, stream] = int(stream_key(0, 0x53454544, core, stream)) | 1
            empty.table[core, stream] = _eight_clocks(taps)
    return empty._replace(kind=LFSR)


def no_generators(cores: int) -> Generators:
    """None at all: the rule draws nothing on the cores, or hashes instead."""
    words = np.zeros((cores, STREAMS), np.uint32)
    return Generators(NONE, words, words.copy(), np.zeros((cores, STREAMS, 256), np.uint32))


def reset(registers: Generators, seed: int) -> NDArray[np.uint64]:
    """Contents of all registers after reset with the seed of a run: uint64[cores, STREAMS], none of them 0."""
    if registers.kind == XORSHIFT:
        return _start_xorshift(seed, registers.seed.shape)
    words = np.zeros(registers.seed.shape, np.uint64)
    for (core, stream), value in np.ndenumerate(registers.seed):
        if value:
            mixed = int(value) ^ int(stream_key(seed, 0x52455345, core, stream))
            words[core, stream] = mixed or 1
    return words


def _start_xorshift(seed: int, shape: tuple[int, ...]) -> NDArray[np.uint64]:
    words = np.zeros((max(shape[0], 1), STREAMS), np.uint64)
    words[0, 0] = (seed * 2654435761 + 88172645463325252) % 2**64
    for _ in range(20):
        _next_word(words)
    words[0, 1] = 4  # bytes used of the present word: all of the last discarded one
    return words


@kernel
def _next_word(random: NDArray[np.uint64]) -> None:
    word = random[0, 0]
    word ^= word << np.uint64(13)
    word ^= word >> np.uint64(7)
    word ^= word << np.uint64(17)
    random[0, 0] = word


@kernel
def draw_byte(random: NDArray[np.uint64], table: NDArray[np.uint32], core: int, stream: int) -> np.int64:
    """The next random byte of a register. A table without cores means the shared generator of the vectors."""
    if table.shape[0] > 0:
        word = random[core, stream]
        byte = word & np.uint64(255)
        random[core, stream] = (word >> np.uint64(8)) ^ np.uint64(table[core, stream, byte])
        return np.int64(byte)
    if random[0, 1] == 4:
        _next_word(random)
        random[0, 1] = 0
    byte = (random[0, 0] >> (np.uint64(32) + np.uint64(8) * random[0, 1])) & np.uint64(255)
    random[0, 1] += np.uint64(1)
    return np.int64(byte)


@kernel
def draw_teach(random: NDArray[np.uint64], table: NDArray[np.uint32], core: int, halvings: int) -> int:
    """1 with probability 2^-halvings (at most 16), from one byte or two."""
    word = draw_byte(random, table, core, TEACH)
    if halvings > 8:
        word += draw_byte(random, table, core, TEACH) << 8
    return 1 if word & ((1 << halvings) - 1) == 0 else 0
