"""A sequenced core: one controller runs one operation at a time from a prioritised list of sources (ODIN-like).

Everything that tells two such chips apart is in the YAML file: which words the input port takes and what each starts,
how long that lasts, what the arbiter prefers, how the event queue and the handshakes behave. How the parts move
cycle by cycle is said in docs/decisions/0019; the names of the numbers are those of `specs/odin.md` section 10.
"""

import os
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from neurosim import yamlio
from neurosim.complaint import Path
from neurosim.operations import Arbiter, Bits, Choice, Operation, Word, demands_of, overlap
from neurosim.section import Head, Memory, Natural, Positive, Section, require

__all__ = ["FIELDS", "Input", "Link", "Output", "Queue", "Registers", "Rows", "SequencedChip",
           "SequencedCore", "Watch", "Words", "load_sequenced"]  # fmt: skip

# Words of a neuron that circuit and rule know, in the order in which the engines keep them.
FIELDS = ("membrane", "threshold", "leak", "leak_enabled", "disabled", "learns", "theta_membrane", "theta_1", "theta_2",
          "theta_3", "calcium_leak", "calcium", "calcium_wait")  # fmt: skip

Seen = Literal["event", "up", "down", "calcium", "membrane"]
Cycles = Annotated[tuple[Natural, ...], Field(strict=False, min_length=1)]


class Words(Section):
    """Neuron memory, single port: one word a neuron. `selects`: the bit that must be 1; 0 is another circuit."""

    circuit: str
    entries: Annotated[int, Field(ge=1, le=65536)]
    word_bits: Annotated[int, Field(ge=8, le=1024)]
    signed: bool  # the membrane
    selects: Natural | None = None
    fields: dict[Literal["membrane", "threshold", "leak", "leak_enabled", "disabled", "learns", "theta_membrane",
                         "theta_1", "theta_2", "theta_3", "calcium_leak", "calcium", "calcium_wait"], Bits]  # fmt: skip

    @model_validator(mode="after")
    def _fields_lie_apart(self) -> Self:
        taken: dict[int, str] = {} if self.selects is None else {self.selects: "selects"}
        demands: list[tuple[bool, Path, str]] = []
        for name, (low, bits) in self.fields.items():
            here: Path = ("fields", name)
            mine = range(low, low + min(bits, 32))
            others = {taken[bit] for bit in mine if bit in taken}
            taken |= dict.fromkeys(mine, name)
            demands.append((not others, here, f"expected bits of its own, got some of {', '.join(sorted(others))}"))
            demands.append((bits <= 32, here, f"expected at most 32 bits, got {bits}"))
        bits, least = self.word_bits, max(taken, default=0) + 1
        demands.append((least <= bits, ("word_bits",), f"expected at least {least} for its fields, got {bits}"))
        missing = ", ".join(name for name in ("membrane", "threshold", "leak") if name not in self.fields)
        demands.append((not missing, ("fields",), f"expected membrane, threshold and leak, got no {missing}"))
        require(*demands)
        return self


class Rows(Section):
    """Synapse memory, single port: a row of words for each source, several synapses a word.

    `weight` and `mapped` are bits of a synapse. Without `write_back` its chip is selected in the last cycle, too.
    """

    rows: Annotated[int, Field(ge=1, le=65536)]
    word_bits: Annotated[int, Field(ge=1, le=1024)]
    synapse_bits: Annotated[int, Field(ge=1, le=16)]
    weight: Bits
    signed: bool
    mapped: Annotated[int, Field(ge=0, le=15)] | None = None
    write_back: bool

    @property
    def weight_bits(self) -> int:
        """Bits of a weight."""
        return self.weight[1]

    @property
    def synapses_per_word(self) -> int:
        """Synapses that one access reads."""
        return self.word_bits // self.synapse_bits

    @model_validator(mode="after")
    def _synapses_fill_words(self) -> Self:
        bits, (low, size) = self.synapse_bits, self.weight
        inside = self.mapped is None or (self.mapped < bits and not low <= self.mapped < low + size)
        require(
            (bits <= self.word_bits, ("synapse_bits",), f"expected at most {self.word_bits}, got {bits}"),
            (low + size <= bits, ("weight",), f"expected bits below {bits}, got {low} to {low + size - 1}"),
            (inside, ("mapped",), f"expected a bit below {bits} beside the weight, got {self.mapped}"),
        )
        return self


class Queue(Section):
    """Event queue. `neuron`: where the number of a neuron that fired stands in an entry; its other bits are 0."""

    depth: Annotated[int, Field(ge=1, le=65536)]
    entry_bits: Annotated[int, Field(ge=1, le=62)]
    neuron: Bits
    on_full: Literal["drop"]


class Input(Section):
    """Input port, four-phase handshake: REQ passes a synchroniser; ACK is high in `release_state`."""

    word_bits: Annotated[int, Field(ge=1, le=62)]
    synchroniser_cycles: Positive
    release_state: str


class Output(Section):
    """Output port, four-phase handshake; ACK passes a synchroniser. Busy, it freezes the loop over targets.

    `controller_event`: with output_source controller, when the number of a popped event goes out: as the watched
    neuron is written, or the last one.
    """

    word_bits: Annotated[int, Field(ge=1, le=62)]
    synchroniser_cycles: Positive
    controller_event: Literal["watched", "last"]


class Watch(Section):
    """What goes out when the watched neuron or synapse is written: words of (name: lowest bit)."""

    neuron: Annotated[tuple[dict[Seen, Natural], ...], Field(strict=False, max_length=4)]
    synapse_tag: Word
    gap_cycles: Positive  # from the end of a transfer to the next REQ


class Registers(Section):
    """Configuration registers, constant during a run."""

    open_loop: bool  # spikes of neurons do not enter the queue
    output_source: Literal["neuron", "controller"]
    last_neuron: Natural
    propagate_unmapped: bool = False
    update_unmapped: bool = False
    learn_on_events: bool = False  # single synapses learn too
    watch: bool = False
    watched_neuron: Natural = 0
    watched_row: Natural = 0


class Link(Section):
    """The far ends of both ports, ideal but for delays in whole cycles, used in turn from transfer to transfer.

    The receiver raises ACK `acknowledge_cycles` after REQ, and drops it `release_cycles` after REQ fell. The sender
    drops REQ `drop_cycles` after ACK, and raises it again `gap_cycles` after ACK fell at the earliest.
    """

    acknowledge_cycles: Cycles
    release_cycles: Cycles
    drop_cycles: Cycles
    gap_cycles: Cycles


class Learning(Section):
    """The learning circuit; `circuits` names the rule that it implements, or is empty."""

    circuits: Annotated[tuple[str, ...], Field(strict=False, max_length=1)]


class SequencedCore(Section):
    """One sequenced core."""

    kind: Literal["sequenced"]
    cycles_per_target: Annotated[int, Field(ge=2, le=1024)]  # read in the first, write in the last
    neuron: Words
    synapse: Rows
    queue: Queue
    arbiter: Annotated[tuple[Arbiter, ...], Field(strict=False, min_length=1)]
    input: Input
    output: Output
    watch: Watch | None = None
    operations: dict[str, Operation]
    words: Annotated[tuple[Choice, ...], Field(strict=False, min_length=1)]
    entries: Annotated[tuple[Choice, ...], Field(strict=False, min_length=1)]
    learning: Learning
    registers: Registers

    @property
    def words_per_row(self) -> int:
        """Words of synapse memory that a row of all neurons takes."""
        return -(-self.neuron.entries // self.synapse.synapses_per_word)

    def memories(self) -> dict[str, Memory]:
        """Geometry of both memories by the name that `neurosim.ops` gives them."""
        return {
            "synapse": Memory(self.synapse.rows * self.words_per_row, self.synapse.word_bits, 1),
            "neuron": Memory(self.neuron.entries, self.neuron.word_bits, 1),
        }

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        names, bits = self.operations, (self.neuron.entries - 1).bit_length()
        demands: list[tuple[bool, Path, str]] = []
        for section, table, width in (
            ("words", self.words, self.input.word_bits), ("entries", self.entries, self.queue.entry_bits),
        ):  # fmt: skip
            for index, line in enumerate(table):
                mask: Path = (section, index, "mask")
                demands.append((line.mask < 1 << width, mask, f"expected {width} bits, got {line.mask:#x}"))
                here: Path = (section, index, "operation")
                if line.operation in names:
                    demands += demands_of(names[line.operation], here, width, section == "entries")
                else:
                    demands.append((False, here, f"expected one of {', '.join(names)}, got {line.operation}"))
            demands.append((table[-1].mask == 0, mask, "expected 0 in the last line, which takes all other words"))
        for name, operation in names.items():
            demands += self._reach(operation, ("operations", name))
        low, width = self.queue.neuron
        demands += [
            (low + width <= self.queue.entry_bits and width >= bits, ("queue", "neuron"),
             f"expected {bits} bits or more within {self.queue.entry_bits}, got {low} to {low + width - 1}"),
            (self.output.word_bits >= bits, ("output", "word_bits"), f"expected at least {bits} for a neuron's number"),
            (not self.learning.circuits or self.synapse.write_back, ("learning", "circuits"),
             "expected none: synapses are not written back"),
        ]  # fmt: skip
        require(*demands, *self._registers(), *self._watched())
        return self

    def _watched(self) -> list[tuple[bool, Path, str]]:
        """What the watch point shows must exist, each on bits of its own, within a word of the output port."""
        if self.watch is None:
            return []
        demands: list[tuple[bool, Path, str]] = []
        known, width = {"event": 1, "up": 1, "down": 1}, self.output.word_bits
        known |= {name: bits for name, (_, bits) in self.neuron.fields.items() if name in ("calcium", "membrane")}
        for number, word in enumerate(self.watch.neuron):
            here: Path = ("watch", "neuron", number)
            unknown = ", ".join(name for name in word if name not in known)
            demands.append((not unknown, here, f"expected {', '.join(known)}, got {unknown}: the neuron has none"))
            places = [(low, known[name]) for name, low in word.items() if name in known]
            demands.append((not overlap(places), here, "expected bits of its own for each name, got some twice"))
            high = max((low + bits for low, bits in places), default=0)
            demands.append((high <= width, here, f"expected bits of a word of {width}, got up to bit {high - 1}"))
        tag, code = self.watch.synapse_tag, self.synapse.synapse_bits
        needs = f"expected bits above the {code} of a synapse in a word of {width} bits"
        apart = code <= width and tag < 1 << width and tag & ((1 << code) - 1) == 0
        return [*demands, (apart, ("watch", "synapse_tag"), f"{needs}, got {tag:#x}")]

    def _registers(self) -> list[tuple[bool, Path, str]]:
        """What the registers name must exist."""
        r, neurons, rows = self.registers, self.neuron.entries, self.synapse.rows
        names = r.watch or (r.output_source == "controller" and self.output.controller_event == "watched")
        neuron, row = f"expected a neuron below {neurons}", f"expected a row below {rows}"
        last, watched = r.last_neuron, r.watched_neuron
        return [
            (last < neurons, ("registers", "last_neuron"), f"{neuron}, got {last}"),
            (not names or watched < neurons, ("registers", "watched_neuron"), f"{neuron}, got {watched}"),
            (not r.watch or r.watched_row < rows, ("registers", "watched_row"), f"{row}, got {r.watched_row}"),
            (not r.watch or self.watch is not None, ("registers", "watch"), "expected false: no section watch"),
        ]

    def _reach(self, operation: Operation, here: Path) -> list[tuple[bool, Path, str]]:
        """No operand has a bit more than it needs, and the circuit that an operation uses exists."""
        rows, neurons = self.synapse.rows, self.neuron.entries
        uses = operation.learns != "never" or operation.does == "bistability"
        _, row = operation.row or (0, 0)
        _, neuron = operation.neuron or (0, 0)
        most = "expected no more bits than tell"
        entry = self.queue.entry_bits
        high = max((move.to + move.take[1] for move in operation.push), default=0)
        return [
            (high <= entry, (*here, "push"), f"expected bits of an entry of {entry}, got up to bit {high - 1}"),
            (row <= 1 or 1 << (row - 1) < rows, (*here, "row"), f"{most} {rows} rows apart, got {row}"),
            (neuron <= 1 or 1 << (neuron - 1) < neurons, (*here, "neuron"),
             f"{most} {neurons} neurons apart, got {neuron}"),
            (bool(self.learning.circuits) or not uses, here, "expected a circuit in learning.circuits, got none"),
        ]  # fmt: skip


class Sync(Section):
    """No global step: each event is handled as it comes."""

    mode: Literal["free"]


class SequencedChip(Head):
    """A chip of one sequenced core, one clock, and a handshake link on each side."""

    core: SequencedCore
    link: Link
    sync: Sync

    @property
    def cores(self) -> int:
        """Number of cores: one."""
        return 1

    @property
    def routers(self) -> int:
        """Number of routers: none."""
        return 0

    @property
    def flit_bits(self) -> int:
        """What one transfer carries, at the wider of both ports."""
        return max(self.core.input.word_bits, self.core.output.word_bits)

    @property
    def link_mm(self) -> float:
        """Length of links between routers: there are none."""
        return 0.0

    @property
    def is_crossbar(self) -> bool:
        """Whether the synapse memory reads columns as well as rows: no."""
        return False


def load_sequenced(path_or_name: str | os.PathLike[str], overrides: Iterable[str] = ()) -> SequencedChip:
    """The sequenced chip in a YAML file, or a shipped one by its bare name (`odin`).

    `overrides` are assignments such as `core.queue.depth=4`, applied before validation.
    Raises ConfigError with every complaint about the file, one a line.
    """
    return yamlio.load(yamlio.find(path_or_name), SequencedChip, overrides)
