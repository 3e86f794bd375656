"""Words for the input port of a sequenced chip, made from its own tables: what must be sent so that X happens."""

from collections.abc import Mapping

import numpy as np

from neurosim.errors import ConfigError
from neurosim.image import Ints
from neurosim.operations import Bits, Choice, Operation
from neurosim.sequenced import SequencedChip

__all__ = ["Assembler", "neuron_word"]


class Assembler:
    """Finds the word that starts an operation with given operands, by the masks and matches of the chip file.

    Raises ConfigError, from every method, if the chip has no word for it.
    """

    def __init__(self, chip: SequencedChip) -> None:
        self.chip, self.core = chip, chip.core

    def spikes(self, rows: int | None = None) -> Ints:
        """int64[rows]: a spike of each of the first rows (None: all) into all neurons."""
        rows = self.core.synapse.rows if rows is None else rows
        return np.array([self._queued("integrate", "all", {"row": row}) for row in range(rows)], np.int64)

    def virtual(self, neuron: int, weight: int, *, inhibitory: bool = False) -> int:
        """A weight into one neuron that no synapse holds."""
        sign = {"inhibitory": 1} if inhibitory else {}
        return self._queued("integrate", "one", {"neuron": neuron, "weight": weight, **sign})

    def reference(self, neuron: int | None = None) -> int:
        """A time reference to one neuron, or to all (None): leak, and a step of the calcium's counter."""
        if neuron is None:
            return self._direct("time_reference", "all", {})
        return self._direct("time_reference", "one", {"neuron": neuron})

    def synapse(self, row: int, neuron: int) -> int:
        """One synapse into its neuron."""
        return self._direct("integrate", "one", {"row": row, "neuron": neuron})

    def bistability(self, row: int | None = None) -> int:
        """Bistability of the synapses of a row, or of all (None)."""
        if row is None:
            return self._direct("bistability", "memory", {})
        return self._direct("bistability", "row", {"row": row})

    def _direct(self, does: str, targets: str, operands: Mapping[str, int]) -> int:
        for name, operation in self._operations(does, targets, operands):
            bits, mask = _placed(operation, operands)
            found = self._word(name, bits, mask)
            if found is not None:
                return found
        raise self._none(does, targets, operands)

    def _queued(self, does: str, targets: str, operands: Mapping[str, int]) -> int:
        """A word that pushes an entry which starts the operation when it is popped."""
        for name, operation in self._operations(does, targets, operands):
            entry, _ = _placed(operation, operands)
            if self._first(self.core.entries, entry) != name:
                continue
            for push, pushing in self.core.operations.items():
                found = self._pushing(push, pushing, entry)
                if found is not None:
                    return found
        raise self._none(does, targets, operands)

    def _operations(self, does: str, targets: str, operands: Mapping[str, int]) -> list[tuple[str, Operation]]:
        """Operations that do this, and have room for the operands."""
        named = self.core.operations.items()
        alike = [(name, op) for name, op in named if (op.does, op.targets) == (does, targets)]
        return [(name, op) for name, op in alike if all(_holds(op, *operand) for operand in operands.items())]

    def _none(self, does: str, targets: str, operands: Mapping[str, int]) -> ConfigError:
        """No word: what was asked for, and which bits the chip has for it."""
        named = self.core.operations.items()
        places = [f"{name} has {operand} of {getattr(op, operand)[1]} bits"
                  for name, op in named if (op.does, op.targets) == (does, targets)
                  for operand in operands if getattr(op, operand) is not None]  # fmt: skip
        has = f" ({', '.join(places)})" if places else ""
        return ConfigError(f"{self.chip.name}: has no input word for {does} of {targets} {dict(operands)}{has}")

    def _pushing(self, name: str, operation: Operation, entry: int) -> int | None:
        """A word with which operation `name` pushes this entry."""
        bits = mask = reached = 0
        for move in operation.push:
            low, width = move.take
            ones = (1 << width) - 1
            bits |= (entry >> move.to & ones) << low
            mask |= ones << low
            reached |= ones << move.to
        return self._word(name, bits, mask) if operation.push and not entry & ~reached else None

    def _word(self, name: str, bits: int, mask: int) -> int | None:
        """A word with `bits` under `mask` that starts operation `name`; its other bits are as high as may be."""
        every = (1 << self.core.input.word_bits) - 1
        if self._first(self.core.words, bits | every & ~mask) == name:
            return bits | every & ~mask
        found = []
        for index, line in enumerate(self.core.words):
            if line.operation != name or (bits ^ line.match) & mask & line.mask:
                continue
            others = [(other.mask, other.match) for other in self.core.words[:index] if other.operation != name]
            word = _highest(bits & mask | line.match, mask | line.mask, others, every)
            found += [] if word is None else [word]
        return max(found, default=None)

    @staticmethod
    def _first(table: tuple[Choice, ...], word: int) -> str:
        return next(line.operation for line in table if word & line.mask == line.match)


def _highest(bits: int, known: int, others: list[tuple[int, int]], every: int) -> int | None:
    """The highest word with `bits` where `known` has ones that matches none of the others; None if there is none."""
    if not _avoids(bits, known, others):
        return None
    for bit in (1 << k for k in reversed(range(every.bit_length()))):
        if not known & bit:
            known |= bit
            bits |= bit if _avoids(bits | bit, known, others) else 0
    return bits


def _avoids(bits: int, known: int, others: list[tuple[int, int]]) -> bool:
    """Whether the unknown bits can be chosen such that no (mask, match) of the others matches."""
    for mask, match in others:
        if (bits ^ match) & mask & known:
            continue
        free = mask & ~known
        while free:  # one of these must differ from the match
            bit = free & -free
            if _avoids(bits | ~match & bit, known | bit, others):
                return True
            bits, known, free = bits | match & bit, known | bit, free & ~bit
        return False
    return True


def _holds(operation: Operation, name: str, value: int) -> bool:
    """Whether an operation has an operand of this name with room for the value."""
    place: Bits | None = getattr(operation, name)
    return place is not None and 0 <= value < 1 << place[1]


def _placed(operation: Operation, operands: Mapping[str, int]) -> tuple[int, int]:
    """Operands at their places, and the mask of all places: what is not given is 0."""
    word = mask = 0
    for name in ("row", "neuron", "weight", "inhibitory", "time_reference"):
        place: Bits | None = getattr(operation, name)
        if place is not None:
            low, width = place
            word |= operands.get(name, 0) << low
            mask |= (1 << width) - 1 << low
    return word, mask


def neuron_word(chip: SequencedChip, **values: int) -> int:
    """A word of neuron memory with these fields, all others 0; the bit `selects` is 1.

    Raises ConfigError for a field that the chip does not have, or a value that it cannot hold.
    """
    memory = chip.core.neuron
    word = 0 if memory.selects is None else 1 << memory.selects
    for name, value in values.items():
        place = memory.fields.get(name)  # type: ignore[call-overload]
        if place is None:
            raise ConfigError(f"{chip.name}: neuron word: expected one of {', '.join(memory.fields)}, got {name}")
        low, bits = place
        least = -(1 << bits - 1) if name == "membrane" and memory.signed else 0
        if not least <= value < 1 << bits:
            raise ConfigError(f"{chip.name}: neuron word: {name}: expected {bits} bits, got {value}")
        word |= (value & (1 << bits) - 1) << low
    return word
