"""The compiled engine of sequenced cores: from decision to decision, exact in every cycle (docs/decisions/0019).

`neuron` and `rule` are bound when the module is loaded (compiled.bound). In a loop over targets a target is read in
the first of its cycles and written in the last; while the output port is busy a read is held and strobes again.
"""

from typing import TYPE_CHECKING

import numpy as np

from neurosim.engine.controller import (
    FULL,
    IDLE,
    NEVER,
    PAUSED,
    POP,
    STOPPED,
    WAIT,
    Sequenced,
    choose,
    decode,
    emit,
    entry_of,
    freeze,
    hold,
    log_operation,
    next_change,
    put,
    request,
    take,
)
from neurosim.engine.targets import (
    drive_of,
    is_plastic,
    neuron_of,
    operands,
    recoded,
    remember,
    row_of,
    strobe_synapses,
    watch,
    weight_of,
)
from neurosim.image import Ints
from neurosim.kernel import inlined, inner, kernel
from neurosim.microcode import (
    CLOCK,
    DOES_WHAT,
    FROM_MEMORY,
    LEARNS,
    LENGTH,
    OWN_POP,
    TARGET,
)
from neurosim.sequenced import FIELDS

if TYPE_CHECKING:  # any rule and any neuron; they are bound before this file is executed
    from neurosim.learning import sdsp as rule
    from neurosim.neuron import odin_lif as neuron

(MEMBRANE, THRESHOLD, LEAK, LEAK_ENABLED, DISABLED, NEURON_LEARNS, THETA_MEMBRANE, THETA_1, THETA_2, THETA_3,
 CALCIUM_LEAK, CALCIUM, CALCIUM_WAIT) = range(len(FIELDS))  # fmt: skip
PUSH, INTEGRATE, _, BISTABILITY = range(4)  # operations.DOES
_, ONE, _, ONE_ROW, _ = range(5)  # operations.TARGETS


@inlined
def write_neuron(m: Sequenced, c: tuple, n: int, drive: int, reference: int) -> int:  # type: ignore[type-arg]
    """Neuron n takes an event and is written. Returns 1 for a spike that others see; it enters the queue here."""
    k, f = m.controls, m.field
    leak = f[LEAK, n] if f[LEAK_ENABLED, n] != 0 else 0
    membrane, fired = neuron.update(f[MEMBRANE, n], drive, reference, f[THRESHOLD, n], leak, k.membrane_bits)
    f[MEMBRANE, n] = membrane
    if k.learning != 0:
        up = down = 0
        if f[NEURON_LEARNS, n] != 0:
            calcium, wait, up, down = rule.on_neuron(
                f[CALCIUM, n], f[CALCIUM_WAIT, n], membrane, fired, reference, f[THETA_MEMBRANE, n], f[THETA_1, n],
                f[THETA_2, n], f[THETA_3, n], f[CALCIUM_LEAK, n], c,
            )  # fmt: skip
            f[CALCIUM, n] = calcium
            f[CALCIUM_WAIT, n] = wait & k.wait_mask
        m.up[n], m.down[n] = up, down
    m.clock[CLOCK.neuron_writes] += 1
    if fired == 0 or f[DISABLED, n] != 0:
        return 0
    m.clock[CLOCK.spikes] += 1
    if k.open_loop == 0:
        put(m, (n & k.queue_mask) << k.queue_shift)
    return 1


@inlined
def learned(m: Sequenced, c: tuple, code: int, n: int) -> int:  # type: ignore[type-arg]
    """The code of a synapse onto neuron n behind a pre spike, by the flags of the neuron as they stand."""
    if not is_plastic(m, code):
        return code
    m.clock[CLOCK.learned] += 1
    return recoded(m, code, rule.on_pre(weight_of(m, code), np.int64(m.up[n]), np.int64(m.down[n]), c))


@inlined
def send(m: Sequenced, cycle: int, n: int, spike: int, sweep: int, row: int, code: int) -> None:
    """What leaves by the output port when neuron n was written in `cycle`; `sweep`: by the spike of `row`."""
    k = m.controls
    if k.watched_neuron >= 0:
        event = spike
        if k.controller_register != 0:
            event = 1 if sweep != 0 and row == k.watched_neuron else 0
        if n == k.watched_neuron or code >= 0:
            watch(m, cycle, 1 if n == k.watched_neuron else 0, event, code)
    elif spike != 0 and k.neuron_output != 0:
        emit(m, cycle, n)
    elif sweep != 0 and n == k.controller_output:
        emit(m, cycle, row)


@inlined
def settle(m: Sequenced, pops: int) -> None:
    """The cycle of a write ends: the head of the queue leaves if it is the last one, then the level counts."""
    if pops != 0:
        take(m)
    m.clock[CLOCK.max_fill] = max(m.clock[CLOCK.max_fill], m.clock[CLOCK.level])


@inner
def sweep(m: Sequenced, c: tuple, operation: int, word: int, start: int, pops: int) -> int:  # type: ignore[type-arg]
    """A spike of a row, or a time reference, into all neurons. Returns the first cycle after."""
    k, clock, o = m.controls, m.clock, m.tables.operation
    spikes = 1 if o[operation, DOES_WHAT] == INTEGRATE else 0
    row, cycle = row_of(m, operation, word), start
    for n in range(k.last_neuron + 1):
        place, drive, watched = n % k.per_word, 0, -1
        free = freeze(m, cycle)
        clock[CLOCK.neuron_reads] += 1 + free - cycle
        if spikes != 0:
            if place == 0:
                for j in range(k.per_word):
                    m.held[j] = m.code[row, n + j]
                strobe_synapses(m, free - cycle)
                if k.write_back != 0:
                    watched = write_word(m, c, row, n, o[operation, LEARNS])
            drive = drive_of(m, m.held[place], row)
        cycle = free + k.cycles_per_target
        spike = write_neuron(m, c, n, drive, 1 - spikes)
        send(m, cycle - 1, n, spike, spikes, row, watched)
        settle(m, pops if n == k.last_neuron else 0)
    clock[CLOCK.integrated if spikes != 0 else CLOCK.updated] += k.last_neuron + 1
    return cycle


@inlined
def write_word(m: Sequenced, c: tuple, row: int, first: int, learns: int) -> int:  # type: ignore[type-arg]
    """Write a word of synapses back, behind learning. Returns the code of the watched synapse if it is in it, or -1."""
    k = m.controls
    if learns != 0:
        for n in range(first, min(first + k.per_word, k.neurons)):
            m.code[row, n] = learned(m, c, np.int64(m.code[row, n]), n)
    w = k.watched_neuron
    return int(m.code[row, w]) if row == k.watched_row and first <= w < first + k.per_word else -1


@inner
def touch(m: Sequenced, c: tuple, operation: int, word: int, start: int, pops: int) -> int:  # type: ignore[type-arg]
    """One neuron takes a weight (of the word, or of one synapse) or a time reference. Returns the first cycle after."""
    k, clock, o = m.controls, m.clock, m.tables.operation
    n = neuron_of(m, operation, word)
    row = row_of(m, operation, word)
    free = freeze(m, start)
    clock[CLOCK.neuron_reads] += 1 + free - start
    drive, reference, watched = 0, 0, -1
    if o[operation, FROM_MEMORY] != 0:
        drive = drive_of(m, np.int64(m.code[row, n]), row)
        strobe_synapses(m, free - start)
        if o[operation, LEARNS] != 0:
            m.code[row, n] = learned(m, c, np.int64(m.code[row, n]), n)
        if k.write_back != 0:
            watched = write_word(m, c, row, n // k.per_word * k.per_word, 0)
        clock[CLOCK.integrated] += 1
    else:
        drive, reference = operands(m, operation, word)
        clock[CLOCK.updated] += 1
    cycle = free + k.cycles_per_target
    spike = write_neuron(m, c, n, drive, reference)
    send(m, cycle - 1, n, spike, 0, row, watched)
    settle(m, pops)
    return cycle


@inner
def consolidate(m: Sequenced, c: tuple, first_row: int, rows: int, start: int) -> int:  # type: ignore[type-arg]
    """Bistability of the synapses of some rows. Returns the first cycle after."""
    k, clock, cycle = m.controls, m.clock, start
    for row in range(first_row, first_row + rows):
        for first in range(0, k.words_per_row * k.per_word, k.per_word):
            free = freeze(m, cycle)
            strobe_synapses(m, free - cycle)
            cycle = free + k.cycles_per_target
            for n in range(first, min(first + k.per_word, k.neurons)):
                code = np.int64(m.code[row, n])
                if is_plastic(m, code):
                    clock[CLOCK.consolidated] += 1
                    m.code[row, n] = recoded(m, code, rule.on_reference(weight_of(m, code), c))
            watched = write_word(m, c, row, first, 0)
            if watched >= 0:
                watch(m, cycle - 1, 0, 0, watched)
    return cycle


@inner
def perform(m: Sequenced, c: tuple, operation: int, word: int, start: int, pops: int) -> int:  # type: ignore[type-arg]
    """Run one operation from cycle `start` on. Returns the first cycle after."""
    o, clock = m.tables.operation, m.clock
    does, target, frozen = o[operation, DOES_WHAT], o[operation, TARGET], clock[CLOCK.frozen_cycles]
    last_pop = 1 if pops != 0 and o[operation, OWN_POP] == 0 else 0
    if does == PUSH:
        put(m, entry_of(m.tables, operation, word))
        settle(m, 0)
        clock[CLOCK.push_cycles] += o[operation, LENGTH]
        return start + o[operation, LENGTH]
    if does == BISTABILITY:
        row = row_of(m, operation, word)
        end = consolidate(m, c, row if target == ONE_ROW else 0, 1 if target == ONE_ROW else m.controls.rows, start)
        clock[CLOCK.bistable_cycles] += end - start - (clock[CLOCK.frozen_cycles] - frozen)
        return end
    if target == ONE:
        end = touch(m, c, operation, word, start, last_pop)
    else:
        end = sweep(m, c, operation, word, start, last_pop)
    clock[CLOCK.loop_cycles] += end - start - (clock[CLOCK.frozen_cycles] - frozen)
    return end


@inner
def pop(m: Sequenced, c: tuple, now: int, before: Ints) -> int:  # type: ignore[type-arg]
    """Serve the head of the queue. Returns the cycle of the next decision."""
    entry, o = m.queue[m.clock[CLOCK.head]], m.tables.operation
    operation = decode(m.tables.entries, entry)
    end = perform(m, c, operation, entry, now + 1, 1)
    log_operation(m, operation, now + 1, end, entry, before)
    if o[operation, OWN_POP] != 0:
        free = max(end, m.clock[CLOCK.busy_until] + 1)
        take(m)
        remember(m, before)
        log_operation(m, o.shape[0] + 1 + operation, end, free + 1, entry, before)
        m.clock[CLOCK.pop_held_cycles] += free - end
        m.clock[CLOCK.pop_cycles] += 1
        end = free + 1
    return end


@inner
def serve(m: Sequenced, c: tuple, operation: int, now: int, asked: int, before: Ints) -> int:  # type: ignore[type-arg]
    """Serve the word at the input port, then hold until REQ is seen to fall. Returns the cycle of the next decision."""
    clock, drop = m.clock, m.tables.drop
    word = m.word[clock[CLOCK.event]]
    end = perform(m, c, operation, word, now + 1, 0)
    log_operation(m, operation, now + 1, end, word, before)
    low = end + drop[clock[CLOCK.served] % drop.shape[0]] + m.controls.input_synchroniser + 1
    remember(m, before)
    log_operation(m, m.tables.operation.shape[0], end, low, word, before)
    clock[CLOCK.release_cycles] += low - end
    row = m.logged[2]
    if row < m.handshakes.shape[0]:
        m.handshakes[row, 0] = asked
        m.handshakes[row, 1] = low
    m.logged[2] = row + 1
    clock[CLOCK.ack_low] = low
    clock[CLOCK.event] += 1
    clock[CLOCK.served] += 1
    return low


@kernel
def run_sequence(m: Sequenced, c: tuple, last: int, pause: int, before: Ints) -> int:  # type: ignore[type-arg]
    """From decision to decision. IDLE: nothing is left to do. STOPPED: the first decision at or after cycle `last`
    with a silent output port. FULL: a log has no room for the next operation. PAUSED: at or after cycle `pause`."""
    clock, operation = m.clock, 0
    kept = m.operations.shape[0]
    while True:
        now = clock[CLOCK.now]
        asked = request(m)
        busy = now <= clock[CLOCK.busy_until]
        clock[CLOCK.end] = max(clock[CLOCK.end], clock[CLOCK.busy_until])
        if now >= last:
            if busy:
                clock[CLOCK.held_cycles] += clock[CLOCK.busy_until] + 1 - now
                clock[CLOCK.now] = clock[CLOCK.busy_until] + 1
                continue
            if clock[CLOCK.level] > 0 or asked <= now:
                clock[CLOCK.end] = now
            return STOPPED
        if kept > 0 and (m.logged[0] + 3 > kept or m.logged[2] + 1 > m.handshakes.shape[0]):
            return FULL
        if m.logged[1] + m.controls.neurons + 8 > m.outputs.shape[0]:
            return FULL
        if now >= pause:
            return PAUSED
        asks = asked + m.controls.input_synchroniser if asked < NEVER else NEVER
        seen = 1 if asks <= now else 0
        if seen != 0:
            operation = decode(m.tables.words, m.word[clock[CLOCK.event]])
        action = choose(m, now, seen, operation)
        remember(m, before)
        if action == POP:
            clock[CLOCK.held_cycles] += 1 if busy else 0
            clock[CLOCK.now] = pop(m, c, now, before)
        elif action == WAIT:
            later = next_change(m, now, asks)
            if later == NEVER:
                return IDLE
            clock[CLOCK.now] = min(later, last)
            clock[CLOCK.held_cycles] += hold(m, now, clock[CLOCK.now])
        else:
            clock[CLOCK.held_cycles] += 1 if busy else 0
            clock[CLOCK.now] = serve(m, c, operation, now, asked, before)
