"""The sequencer: a sequenced chip as plain arrays that an engine runs, and the state that changes while it runs.

Tables are int64 arrays with a row for each line of the chip file; the names of their columns stand beside them.
Memory words are kept as their fields while a run changes them, and packed again at its end; bits that no field names
stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.card import Formats
from neurosim.errors import ConfigError
from neurosim.image import Ints, digest_of
from neurosim.learning import load_rule, sdsp
from neurosim.locality import constants_of
from neurosim.neuron import SEQUENCED, load_neuron
from neurosim.sequenced import ACTIONS, DOES, FIELDS, GUARDS, TARGETS, Operation, SequencedChip

__all__ = ["Clock", "Controls", "Sequencer", "SequencerState", "Tables", "build_sequencer", "sequenced_formats"]

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
    pop_cycles: int = 25
    release_cycles: int = 26
    end: int = 27  # last cycle in which anything but WAIT and a silent port was seen
    bistable_cycles: int = 28


CLOCK = Clock()


@dataclass(frozen=True, eq=False)
class Sequencer:
    """Everything that an engine needs to run a sequenced chip, but its stimulus."""

    chip: SequencedChip
    neuron: ModuleType
    rule: ModuleType  # of a chip that learns nothing: never called
    constants: Any
    controls: Controls
    tables: Tables
    states: tuple[str, ...]  # of the operations, in the order of the tables

    @property
    def name(self) -> str:
        """The chip's name."""
        return self.chip.name

    def digest(self) -> str:
        """SHA-256 of everything here, in hex."""
        return digest_of(self)

    def new_state(
        self,
        neuron_words: Sequence[int] | None = None,
        synapses: NDArray[Any] | None = None,
        flags: tuple[NDArray[Any], NDArray[Any]] | None = None,
    ) -> "SequencerState":
        """Memories as they are loaded before a run, empty queue, cycle 0.

        neuron_words: one a neuron, 0 if None.  synapses: [rows, neurons] codes of synapse_bits.  flags: up and down,
        [neurons] each; None: as an idle update of each word would leave them.
        Raises ConfigError for a word, code or shape that the memory cannot hold, or a neuron of another circuit.
        """
        core = self.chip.core
        n, rows, width = core.neuron.entries, core.synapse.rows, core.words_per_row * core.synapse.synapses_per_word
        words = [0] * n if neuron_words is None else [int(word) for word in neuron_words]
        if neuron_words is None and core.neuron.selects is not None:
            words = [1 << core.neuron.selects] * n
        self._check_words(words)
        code = np.zeros((rows, width), np.uint16)
        if synapses is not None:
            if synapses.shape != (rows, n):
                raise ConfigError(f"synapses: expected codes [{rows}, {n}], got {list(synapses.shape)}")
            if synapses.size and not 0 <= int(synapses.min()) <= int(synapses.max()) < 1 << core.synapse.synapse_bits:
                raise ConfigError(f"synapses: expected codes of {core.synapse.synapse_bits} bits")
            code[:, :n] = synapses
        field = np.array([[_field(word, self._place(name)) for word in words] for name in FIELDS], np.int64)
        if core.neuron.signed:
            sign = 1 << (core.neuron.fields["membrane"][1] - 1)
            field[0] = (field[0] ^ sign) - sign
        if "leak_enabled" not in core.neuron.fields:
            field[FIELDS.index("leak_enabled")] = 1
        state = SequencerState(
            words, field, np.zeros(n, np.uint8), np.zeros(n, np.uint8), code, np.zeros(core.queue.depth, np.int64),
            np.zeros(len(CLOCK), np.int64),
        )  # fmt: skip
        state.clock[CLOCK.busy_until] = state.clock[CLOCK.end] = -1
        state.clock[CLOCK.ack_low] = -(1 << 40)
        if flags is None:
            state.set_idle_flags()
        else:
            state.up[:], state.down[:] = flags
        return state

    def _place(self, name: str) -> tuple[int, int]:
        return self.chip.core.neuron.fields.get(name, (0, 0))  # type: ignore[call-overload, no-any-return]

    def _check_words(self, words: list[int]) -> None:
        memory = self.chip.core.neuron
        if len(words) != memory.entries:
            raise ConfigError(f"neuron words: expected {memory.entries}, got {len(words)}")
        for number, word in enumerate(words):
            if not 0 <= word < 1 << memory.word_bits:
                raise ConfigError(f"neuron word {number}: expected {memory.word_bits} bits, got {word:#x}")
            if memory.selects is not None and not word >> memory.selects & 1:
                raise ConfigError(
                    f"neuron word {number}: expected bit {memory.selects} set ({memory.circuit}), got 0: "
                    "the chip's other neuron circuit is not modelled"
                )

    def pack(self, state: "SequencerState") -> list[int]:
        """The neuron words as they stand in memory."""
        result = list(state.words)
        for name, values in zip(FIELDS, state.field.tolist(), strict=True):
            low, bits = self._place(name)
            mask = (1 << bits) - 1
            result = [w & ~(mask << low) | (v & mask) << low for w, v in zip(result, values, strict=True)]
        return result

    def synapses(self, state: "SequencerState") -> NDArray[np.uint16]:
        """Codes uint16[rows, neurons]."""
        return state.code[:, : self.chip.core.neuron.entries]


@dataclass
class SequencerState:
    """What changes while a sequencer runs. Copy it to branch a run."""

    words: list[int]  # neuron words as loaded
    field: Ints  # [FIELDS, neurons]
    up: Bytes  # [neurons]
    down: Bytes
    code: NDArray[np.uint16]  # [rows, synapses of a row]
    queue: Ints  # [depth]
    clock: Ints  # see Clock

    def copy(self) -> "SequencerState":
        """An independent copy."""
        return SequencerState(
            list(self.words), self.field.copy(), self.up.copy(), self.down.copy(), self.code.copy(), self.queue.copy(),
            self.clock.copy(),
        )  # fmt: skip

    def entries(self) -> list[int]:
        """What waits in the queue, the oldest first."""
        head, level = int(self.clock[CLOCK.head]), int(self.clock[CLOCK.level])
        return [int(self.queue[(head + k) % len(self.queue)]) for k in range(level)]

    def set_idle_flags(self) -> None:
        """Flags as the programming of each word leaves them (odin.md section 5, item 7)."""
        f = dict(zip(FIELDS, self.field, strict=True))
        on = (f["learns"] != 0) & (f["calcium"] >= f["theta_1"])
        high = f["membrane"] >= f["theta_membrane"]
        self.up[:] = on & high & (f["calcium"] < f["theta_3"])
        self.down[:] = on & ~high & (f["calcium"] < f["theta_2"])


def _field(word: int, place: tuple[int, int]) -> int:
    low, bits = place
    return word >> low & ((1 << bits) - 1)


def sequenced_formats(chip: SequencedChip) -> Formats:
    """Widths that a rule is quantised to: those of the synapse and, as trace_bits, of the calcium."""
    core = chip.core
    bits = core.neuron.fields.get("calcium", (0, 1))[1]
    return Formats(core.synapse.weight[1], 0, core.neuron.fields["membrane"][1], bits, 0, 1, 0, 1, False)


def build_sequencer(chip: SequencedChip, inhibitory: NDArray[Any] | None = None) -> Sequencer:
    """The tables of a chip. inhibitory: [rows], 1 where the weights of a row are subtracted; None: nowhere.

    Raises ConfigError if its neuron or its rule is of another kind of core.
    """
    core = chip.core
    neuron = load_neuron(core.neuron.circuit)
    if tuple(neuron.STATE) != SEQUENCED:
        raise ConfigError(
            f"core.neuron.circuit: expected a neuron that keeps {', '.join(SEQUENCED)} (such as odin_lif), "
            f"got {core.neuron.circuit}, which keeps {', '.join(neuron.STATE)}"
        )
    rule = load_rule(core.learning.circuits[0]) if core.learning.circuits else sdsp
    if rule.SCHEDULE != "event":
        name = core.learning.circuits[0]
        raise ConfigError(f"core.learning.circuits: expected a rule of schedule event (such as sdsp), got {name}")
    rows = core.synapse.rows
    signs = np.zeros(rows, np.uint8) if inhibitory is None else np.asarray(inhibitory).astype(np.uint8)
    if signs.shape != (rows,):
        raise ConfigError(f"inhibitory: expected {rows} numbers, got {list(signs.shape)}")
    constants = constants_of(rule, rule.Settings(), sequenced_formats(chip))
    names = list(core.operations)
    states = tuple(operation.state for operation in core.operations.values())
    return Sequencer(chip, neuron, rule, constants, _controls(chip), _tables(chip, names, signs), states)


def _controls(chip: SequencedChip) -> Controls:
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


def _tables(chip: SequencedChip, names: list[str], signs: Bytes) -> Tables:
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
        inhibitory=signs,
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
