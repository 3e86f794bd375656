"""The controller of a sequenced core, compiled: decode, arbitrate, queue, ports (docs/decisions/0019).

Nothing here depends on the neuron or the rule; what an operation does to its targets is in sequenced.py.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.image import Ints
from neurosim.kernel import inlined, kernel
from neurosim.microcode import (
    CLOCK,
    DO,
    FROM,
    FROM_MASK,
    MASK,
    MATCH,
    MOVES,
    MOVES_END,
    PATIENT,
    STARTS,
    TO,
    WHEN,
    Controls,
    Tables,
)

__all__ = ["FULL", "IDLE", "NEVER", "PAUSED", "POP", "SERVE", "STOPPED", "WAIT", "Sequenced", "choose", "decode",
           "emit", "entry_of", "freeze", "hold", "log_operation", "next_change", "put", "request", "take",
           "transfer"]  # fmt: skip

NEVER = 1 << 60
WAIT, POP, SERVE = range(3)  # operations.ACTIONS
OUTPUT_BUSY, QUEUE_FULL, URGENT_INPUT, INPUT, QUEUE = range(5)  # operations.GUARDS
IDLE, STOPPED, FULL, PAUSED = range(4)  # why the kernel returned


class Sequenced(NamedTuple):
    """All arrays of one run. The logs are [rows, columns]; an empty log is not kept."""

    controls: Controls
    tables: Tables
    field: Ints
    up: NDArray[np.uint8]
    down: NDArray[np.uint8]
    code: NDArray[np.uint16]
    queue: Ints
    clock: Ints
    held: Ints  # [synapses of a word] codes as they were read
    time: Ints  # [events] earliest cycle of REQ
    word: Ints  # [events]
    operations: Ints  # [rows, 8] see sequence.Sequence
    outputs: Ints  # [rows, 2] cycle of REQ, word
    handshakes: Ints  # [rows, 2] REQ up, ACK down
    logged: Ints  # [3] rows in each log


@kernel
def decode(table: Ints, word: int) -> int:
    """The operation that a word starts: of the first line that matches (the last one always does)."""
    line = 0
    while word & table[line, MASK] != table[line, MATCH]:
        line += 1
    return table[line, STARTS]


@inlined
def request(m: Sequenced) -> int:
    """The cycle in which REQ of the next input event rises, or has risen; NEVER if there is none."""
    event, gap = m.clock[CLOCK.event], m.tables.gap
    if event >= m.time.shape[0]:
        return NEVER
    behind = (m.clock[CLOCK.served] + gap.shape[0] - 1) % gap.shape[0]  # the delay after the last event served
    return max(m.time[event], m.clock[CLOCK.ack_low] + gap[behind])


@inlined
def choose(m: Sequenced, now: int, seen: int, operation: int) -> int:
    """What the controller does in WAIT: the action of the first guard that holds. `seen`: REQ is synchronised."""
    clock, arbiter = m.clock, m.tables.arbiter
    for line in range(arbiter.shape[0]):
        guard = arbiter[line, WHEN]
        if guard == OUTPUT_BUSY:
            holds = now <= clock[CLOCK.busy_until]
        elif guard == QUEUE_FULL:
            holds = clock[CLOCK.level] == m.controls.depth
        elif guard == URGENT_INPUT:
            holds = seen != 0 and m.tables.operation[operation, PATIENT] == 0
        elif guard == INPUT:
            holds = seen != 0
        else:
            holds = clock[CLOCK.level] > 0
        if holds:
            return arbiter[line, DO]
    return WAIT


@inlined
def next_change(m: Sequenced, now: int, asks: int) -> int:
    """The next cycle in which a guard may change by itself; NEVER if none does. `asks`: when REQ is synchronised."""
    result = NEVER
    if m.clock[CLOCK.busy_until] >= now:
        result = m.clock[CLOCK.busy_until] + 1
    if asks > now:
        result = min(result, asks)
    return result


@kernel
def entry_of(tables: Tables, operation: int, word: int) -> int:
    """The queue entry that an input word becomes."""
    entry = 0
    for move in range(tables.operation[operation, MOVES], tables.operation[operation, MOVES_END]):
        entry |= (word >> tables.moves[move, FROM] & tables.moves[move, FROM_MASK]) << tables.moves[move, TO]
    return entry


@inlined
def put(m: Sequenced, entry: int) -> None:
    """Push: dropped if the queue is full, even if an entry leaves in the same cycle."""
    clock, depth = m.clock, m.controls.depth
    if clock[CLOCK.level] == depth:
        clock[CLOCK.dropped] += 1
    else:
        m.queue[(clock[CLOCK.head] + clock[CLOCK.level]) % depth] = entry
        clock[CLOCK.level] += 1
        clock[CLOCK.pushed] += 1


@inlined
def take(m: Sequenced) -> None:
    """Pop the head."""
    clock = m.clock
    clock[CLOCK.head] = (clock[CLOCK.head] + 1) % m.controls.depth
    clock[CLOCK.level] -= 1
    clock[CLOCK.popped] += 1


@inlined
def transfer(m: Sequenced, cycle: int, word: int) -> int:
    """One word over the output port, REQ rising in `cycle`. Returns the last cycle in which it keeps the port busy."""
    clock, tables, row = m.clock, m.tables, m.logged[1]
    sent = clock[CLOCK.sent]
    m.outputs[row, 0] = cycle
    m.outputs[row, 1] = word & m.controls.output_mask
    m.logged[1] = row + 1
    clock[CLOCK.sent] = sent + 1
    delays = tables.acknowledge[sent % tables.acknowledge.shape[0]] + tables.release[sent % tables.release.shape[0]]
    return cycle + delays + 2 * m.controls.output_synchroniser + 1


@inlined
def emit(m: Sequenced, cycle: int, word: int) -> None:
    """A word goes out, decided in `cycle`: REQ and busy from the next one."""
    end = transfer(m, cycle + 1, word)
    m.clock[CLOCK.output_busy] += end - cycle
    m.clock[CLOCK.busy_until] = end


@inlined
def freeze(m: Sequenced, cycle: int) -> int:
    """The first cycle from `cycle` on in which the output port is free: until then a read phase is held."""
    free = max(cycle, m.clock[CLOCK.busy_until] + 1)
    m.clock[CLOCK.frozen_cycles] += free - cycle
    return free


@inlined
def hold(m: Sequenced, now: int, then: int) -> int:
    """How many of the cycles from `now` to the one ahead of `then` have a busy output port."""
    return max(0, min(then, m.clock[CLOCK.busy_until] + 1) - now)


@inlined
def log_operation(m: Sequenced, kind: int, first: int, end: int, word: int, before: Ints) -> None:
    """A row of the operation log, if it is kept. `before`: strobes counted before the operation, int64[4]."""
    row, clock = m.logged[0], m.clock
    if row < m.operations.shape[0]:
        m.operations[row, 0] = kind
        m.operations[row, 1] = first
        m.operations[row, 2] = end
        m.operations[row, 3] = word
        for k in range(4):
            m.operations[row, 4 + k] = clock[CLOCK.neuron_reads + k] - before[k]
    m.logged[0] = row + 1
    clock[CLOCK.end] = max(clock[CLOCK.end], end - 1)
