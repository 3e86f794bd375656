"""The microcode of a sequenced chip: what its file says, as numbers and tables that a kernel can read.

Tables are int64 arrays with a row for each line of the chip file; the names of their columns stand beside them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.operations import ACTIONS, DOES, GUARDS, TARGETS, Operation
from neurosim.sequenced import SequencedChip

__all__ = ["CLOCK", "Clock", "Controls", "Tables", "controls", "tables"]

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

# Columns of Tables.operation. A field of the word is its lowest bit and its mask (0: there is none).
(DOES_WHAT, TARGET, LENGTH, PATIENT, FROM_MEMORY, ROW, ROW_MASK, NEURON, NEURON_MASK, WEIGHT, WEIGHT_MASK, INHIBITORY,
 INHIBITORY_MASK, REFERENCE, REFERENCE_MASK, LEARNS, OWN_POP, MOVES, MOVES_END) = range(19)  # fmt: skip
MASK, MATCH, STARTS = range(3)  # columns of Tables.words and Tables.entries
FROM, FROM_MASK, TO = range(3)  # columns of Tables.moves
WHEN, DO = range(2)  # columns of Tables.arbiter


class Controls(NamedTuple):
    """Numbers of the chip and its registers (integers; -1: none)."""

    neurons: int
    last_neuron: int
    cycles_per_target: int
    per_word: int  # synapses
    words_per_row: int
    rows: int
    weight_shift: int
    weight_mask: int
    weight_sign: int  # the sign bit of a signed weight, else 0
    mapped_mask: int
    propagate_unmapped: int
    update_unmapped: int
    write_back: int
    membrane_bits: int
    wait_mask: int
    learning: int
    depth: int
    queue_shift: int
    queue_mask: int
    open_loop: int
    input_synchroniser: int
    output_synchroniser: int
    output_mask: int
    neuron_output: int  # 1: each spike goes out
    controller_register: int  # 1: output_source is the controller
    controller_output: int  # with which neuron's write the number of a popped event goes out
    watched_neuron: int
    watched_row: int
    synapse_tag: int
    watch_gap: int


class Tables(NamedTuple):
    """What the controller looks up. int64[lines, columns]; the link's delays are int64[any]."""

    words: Ints
    entries: Ints
    operation: Ints
    moves: Ints
    arbiter: Ints
    watch: Ints  # [transfers, (event, up, down, calcium, membrane)] lowest bits, -1: not in this word
    inhibitory: Bytes  # [rows]
    acknowledge: Ints
    release: Ints
    drop: Ints
    gap: Ints


class Clock(NamedTuple):
    """Places in SequencerState.clock: where the controller is, and everything that it counts."""

    now: int = 0  # the cycle of the next decision in WAIT
    busy_until: int = 1  # last cycle in which the output port is busy
    event: int = 2  # stimulus: number of the event at the input port
    ack_low: int = 3  # cycle in which ACK last fell; before the first event long ago
    served: int = 4  # input events in all, which picks the sender's delays
    sent: int = 5  # transfers of the output port, which picks the receiver's
    head: int = 6  # of the queue
    level: int = 7
    pushed: int = 8
    dropped: int = 9
    popped: int = 10
    max_fill: int = 11
    output_busy: int = 12  # cycles
    neuron_reads: int = 13  # strobes
    neuron_writes: int = 14
    synapse_reads: int = 15
    synapse_writes: int = 16
    spikes: int = 17
    integrated: int = 18  # synaptic operations: weights of synapses taken by neurons
    updated: int = 19  # other updates of neurons
    learned: int = 20  # plastic synapses that passed the learning circuit
    consolidated: int = 21  # the same for bistability
    push_cycles: int = 22  # controller: cycles by what they are for
    loop_cycles: int = 23
    frozen_cycles: int = 24
    pop_cycles: int = 25  # of the pop state, but for those that wait for the port
    release_cycles: int = 26
    end: int = 27  # last cycle in which anything but WAIT and a silent port was seen
    bistable_cycles: int = 28
    held_cycles: int = 29  # of WAIT with a busy output port
    pop_held_cycles: int = 30  # of the pop state with a busy output port


CLOCK = Clock()


def controls(chip: SequencedChip) -> Controls:
    """The numbers of a chip."""
    core, synapse, r = chip.core, chip.core.synapse, chip.core.registers
    low, bits = synapse.weight
    _, wait_bits = core.neuron.fields.get("calcium_wait", (0, 1))
    to_controller = r.output_source == "controller"
    emits = r.watched_neuron if core.output.controller_event == "watched" else r.last_neuron
    return Controls(
        neurons=core.neuron.entries, last_neuron=r.last_neuron, cycles_per_target=core.cycles_per_target,
        per_word=synapse.synapses_per_word, words_per_row=core.words_per_row, rows=synapse.rows, weight_shift=low,
        weight_mask=(1 << bits) - 1, weight_sign=1 << (bits - 1) if synapse.signed else 0,
        mapped_mask=0 if synapse.mapped is None else 1 << synapse.mapped, propagate_unmapped=int(r.propagate_unmapped),
        update_unmapped=int(r.update_unmapped), write_back=int(synapse.write_back),
        membrane_bits=core.neuron.fields["membrane"][1], wait_mask=(1 << wait_bits) - 1,
        learning=int(bool(core.learning.circuits)), depth=core.queue.depth, queue_shift=core.queue.neuron[0],
        queue_mask=(1 << core.queue.neuron[1]) - 1, open_loop=int(r.open_loop),
        input_synchroniser=core.input.synchroniser_cycles, output_synchroniser=core.output.synchroniser_cycles,
        output_mask=(1 << core.output.word_bits) - 1, neuron_output=int(not to_controller and not r.watch),
        controller_register=int(to_controller), controller_output=emits if to_controller and not r.watch else -1,
        watched_neuron=r.watched_neuron if r.watch else -1, watched_row=r.watched_row if r.watch else -1,
        synapse_tag=core.watch.synapse_tag if core.watch else 0, watch_gap=core.watch.gap_cycles if core.watch else 1,
    )  # fmt: skip


def tables(chip: SequencedChip, inhibitory: Bytes) -> Tables:
    """The tables of a chip. inhibitory: [rows], 1 where the weights of a row are subtracted."""
    names = list(chip.core.operations)
    core, link = chip.core, chip.link
    moves = [move for operation in core.operations.values() for move in operation.push]
    rows, at = [], 0
    for operation in core.operations.values():
        rows.append(_operation(operation, core.registers.learn_on_events, at))
        at += len(operation.push)
    transfers = core.watch.neuron if core.watch else ()
    order = ("event", "up", "down", "calcium", "membrane")

    def table(lines: list[list[int]], columns: int) -> Ints:
        return np.array(lines, np.int64).reshape(-1, columns)

    return Tables(
        words=table([[line.mask, line.match, names.index(line.operation)] for line in core.words], 3),
        entries=table([[line.mask, line.match, names.index(line.operation)] for line in core.entries], 3),
        operation=table(rows, MOVES_END + 1),
        moves=table([[move.take[0], (1 << move.take[1]) - 1, move.to] for move in moves], 3),
        arbiter=table([[GUARDS.index(line.when), ACTIONS.index(line.do)] for line in core.arbiter], 2),
        watch=table([[word.get(name, -1) for name in order] for word in transfers], 5),  # type: ignore[call-overload]
        inhibitory=inhibitory,
        acknowledge=np.array(link.acknowledge_cycles, np.int64),
        release=np.array(link.release_cycles, np.int64),
        drop=np.array(link.drop_cycles, np.int64),
        gap=np.array(link.gap_cycles, np.int64),
    )


def _operation(operation: Operation, on_events: bool, first_move: int) -> list[int]:
    """The row of an operation in Tables.operation."""
    fields = (operation.row, operation.neuron, operation.weight, operation.inhibitory, operation.time_reference)
    places = [number for place in fields for number in ((place[0], (1 << place[1]) - 1) if place else (0, 0))]
    learns = operation.learns == "always" or (operation.learns == "enabled" and on_events)
    reads = operation.does == "integrate" and operation.weight is None
    return [
        DOES.index(operation.does), TARGETS.index(operation.targets), operation.cycles or 0, int(operation.patient),
        int(reads), *places, int(learns), int(operation.pop_state is not None), first_move,
        first_move + len(operation.push),
    ]  # fmt: skip
