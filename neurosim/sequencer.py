"""The sequencer: a sequenced chip as plain arrays that an engine runs, and the state that changes while it runs.

Memory words are kept as their fields while a run changes them, and packed again at its end; bits that no field names
stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.card import Formats
from neurosim.errors import ConfigError
from neurosim.image import Ints, digest_of
from neurosim.learning import load_rule, sdsp
from neurosim.locality import constants_of
from neurosim.microcode import CLOCK, Controls, Tables, controls, tables
from neurosim.neuron import SEQUENCED, load_neuron
from neurosim.sequenced import FIELDS, SequencedChip

__all__ = ["Sequencer", "SequencerState", "build_sequencer", "sequenced_formats"]

Bytes = NDArray[np.uint8]


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

        neuron_words: one a neuron; None: neurons that keep silent (disabled where the chip can, the largest threshold,
        else 0).  synapses: [rows, neurons] codes of synapse_bits.  flags: up and down,
        [neurons] each; None: as an idle update of each word would leave them.
        Raises ConfigError for a word, code or shape that the memory cannot hold, or a neuron of another circuit.
        """
        core = self.chip.core
        n, rows, width = core.neuron.entries, core.synapse.rows, core.words_per_row * core.synapse.synapses_per_word
        words = [self._silent_word()] * n if neuron_words is None else [int(word) for word in neuron_words]
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

    def _silent_word(self) -> int:
        """A neuron with the largest threshold, disabled if there is a bit for it."""
        word = 0 if self.chip.core.neuron.selects is None else 1 << self.chip.core.neuron.selects
        for low, bits in map(self._place, ("threshold", "disabled")):
            word |= ((1 << bits) - 1) << low
        return word

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
    """Widths that a rule is quantised to: of synapse, membrane, calcium (trace_bits) and its counter (wait_bits)."""
    core, fields = chip.core, chip.core.neuron.fields
    calcium, wait = (fields.get(name, (0, 1))[1] for name in ("calcium", "calcium_wait"))
    return Formats(core.synapse.weight[1], 0, fields["membrane"][1], calcium, 0, 1, 0, 1, False, wait)


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _rule_of(chip: SequencedChip) -> ModuleType:
    """The rule of a chip that learns, which must find in its words what its kernels need."""
    core, name = chip.core, chip.core.learning.circuits[0]
    rule = load_rule(name)
    if rule.SCHEDULE != "event":
        raise ConfigError(f"core.learning.circuits: expected a rule of schedule event (such as sdsp), got {name}")
    lacking = ", ".join(word for word in rule.WORDS if word not in core.neuron.fields)
    if lacking:
        raise ConfigError(f"core.neuron.fields: expected those that {name} needs, got no {lacking}")
    if core.synapse.signed != rule.SIGNED:
        raise ConfigError(
            f"core.synapse.signed: expected {_yes(rule.SIGNED)} with {name}, got {_yes(core.synapse.signed)}"
        )
    return rule


def build_sequencer(chip: SequencedChip, inhibitory: NDArray[Any] | None = None) -> Sequencer:
    """The tables of a chip. inhibitory: [rows], 1 where the weights of a row are subtracted; None: nowhere.

    Raises ConfigError if its neuron or its rule is of another kind of core, or needs other words.
    """
    core = chip.core
    neuron = load_neuron(core.neuron.circuit)
    if tuple(neuron.STATE) != SEQUENCED:
        raise ConfigError(
            f"core.neuron.circuit: expected a neuron that keeps {', '.join(SEQUENCED)} (such as odin_lif), "
            f"got {core.neuron.circuit}, which keeps {', '.join(neuron.STATE)}"
        )
    if core.neuron.signed != neuron.SIGNED:
        raise ConfigError(
            f"core.neuron.signed: expected {_yes(neuron.SIGNED)} with {core.neuron.circuit}, "
            f"got {_yes(core.neuron.signed)}"
        )
    rule = _rule_of(chip) if core.learning.circuits else sdsp
    rows = core.synapse.rows
    signs = np.zeros(rows, np.uint8) if inhibitory is None else np.asarray(inhibitory).astype(np.uint8)
    if signs.shape != (rows,):
        raise ConfigError(f"inhibitory: expected {rows} numbers, got {list(signs.shape)}")
    constants = constants_of(rule, rule.Settings(), sequenced_formats(chip))
    states = tuple(operation.state for operation in core.operations.values())
    return Sequencer(chip, neuron, rule, constants, controls(chip), tables(chip, signs), states)
