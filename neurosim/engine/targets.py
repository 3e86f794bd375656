"""What a sequenced core reads, writes and shows of its targets, compiled, as far as neuron and rule have no say."""

import numpy as np

from neurosim.engine.controller import Sequenced, transfer
from neurosim.image import Ints
from neurosim.kernel import inlined
from neurosim.microcode import (
    CLOCK,
    DOES_WHAT,
    INHIBITORY,
    INHIBITORY_MASK,
    NEURON,
    NEURON_MASK,
    REFERENCE,
    REFERENCE_MASK,
    ROW,
    ROW_MASK,
    WEIGHT,
    WEIGHT_MASK,
)
from neurosim.sequenced import FIELDS

__all__ = ["TIME_REFERENCE", "drive_of", "is_plastic", "neuron_of", "operands", "recoded", "remember", "row_of",
           "strobe_synapses", "watch", "weight_of"]  # fmt: skip

TIME_REFERENCE = 2  # of operations.DOES
CALCIUM, MEMBRANE = FIELDS.index("calcium"), FIELDS.index("membrane")


@inlined
def watch(m: Sequenced, cycle: int, written: int, event: int, code: int) -> None:
    """What the watch point sends: state of the neuron if it was written, then the synapse (code < 0: not written)."""
    n, start, end = m.controls.watched_neuron, cycle + 1, cycle
    if written != 0:
        for line in range(m.tables.watch.shape[0]):
            place, word = m.tables.watch[line], 0
            membrane = m.field[MEMBRANE, n] & ((1 << m.controls.membrane_bits) - 1)
            values = (event, np.int64(m.up[n]), np.int64(m.down[n]), m.field[CALCIUM, n], membrane)
            for k in range(5):
                if place[k] >= 0:
                    word |= values[k] << place[k]
            end = transfer(m, start, word)
            start = end + m.controls.watch_gap
    if code >= 0:
        end = transfer(m, start, m.controls.synapse_tag | code)
    if end > cycle:
        m.clock[CLOCK.output_busy] += end - cycle
        m.clock[CLOCK.busy_until] = end


@inlined
def weight_of(m: Sequenced, code: int) -> int:
    """The weight in a synapse's code."""
    k = m.controls
    value = code >> k.weight_shift & k.weight_mask
    return (value ^ k.weight_sign) - k.weight_sign


@inlined
def drive_of(m: Sequenced, code: int, row: int) -> int:
    """What a neuron takes from a synapse: the signed weight, or 0 if the synapse is not mapped."""
    k = m.controls
    if k.mapped_mask != 0 and code & k.mapped_mask == 0 and k.propagate_unmapped == 0:
        return 0
    value = weight_of(m, code)
    return -value if m.tables.inhibitory[row] != 0 else value


@inlined
def is_plastic(m: Sequenced, code: int) -> bool:
    """Whether a synapse may learn."""
    k = m.controls
    return k.mapped_mask == 0 or code & k.mapped_mask != 0 or k.update_unmapped != 0


@inlined
def recoded(m: Sequenced, code: int, weight: int) -> int:
    """The code of a synapse with another weight."""
    k = m.controls
    return code & ~(k.weight_mask << k.weight_shift) | (weight & k.weight_mask) << k.weight_shift


@inlined
def row_of(m: Sequenced, operation: int, word: int) -> int:
    """The row that a word names; numbers beyond the last one wrap."""
    o = m.tables.operation
    return (word >> o[operation, ROW] & o[operation, ROW_MASK]) % m.controls.rows


@inlined
def neuron_of(m: Sequenced, operation: int, word: int) -> int:
    """The neuron that a word names; numbers beyond the last one wrap."""
    o = m.tables.operation
    return (word >> o[operation, NEURON] & o[operation, NEURON_MASK]) % m.controls.neurons


@inlined
def strobe_synapses(m: Sequenced, held: int) -> None:
    """One word of synapse memory was read, and written back or only selected in the last cycle."""
    m.clock[CLOCK.synapse_reads] += 1 + held + 1 - m.controls.write_back
    m.clock[CLOCK.synapse_writes] += m.controls.write_back


@inlined
def operands(m: Sequenced, operation: int, word: int) -> tuple[int, int]:
    """(signed weight, 1 for a time reference) of an operation that reads no synapse."""
    o = m.tables.operation
    if o[operation, DOES_WHAT] == TIME_REFERENCE:
        return 0, 1
    mask = o[operation, WEIGHT_MASK]
    weight = word >> o[operation, WEIGHT] & mask
    if m.controls.weight_sign != 0:
        sign = (mask + 1) >> 1
        weight = (weight ^ sign) - sign
    if word >> o[operation, INHIBITORY] & o[operation, INHIBITORY_MASK] != 0:
        weight = -weight
    return weight, 1 if word >> o[operation, REFERENCE] & o[operation, REFERENCE_MASK] != 0 else 0


@inlined
def remember(m: Sequenced, before: Ints) -> None:
    """The strobes so far."""
    for k in range(4):
        before[k] = m.clock[CLOCK.neuron_reads + k]
