"""Words for the input port of a sequenced chip, made from its own tables: what must be sent so that X happens."""

from collections.abc import Mapping
from itertools import product

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

    def spikes(self) -> Ints:
        """int64[rows]: a spike of each row into all neurons."""
        rows = range(self.core.synapse.rows)
        return np.array([self._queued("integrate", "all", {"row": row}) for row in rows], np.int64)

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
        for name, operation in self.core.operations.items():
            if (operation.does, operation.targets) != (does, targets) or not _takes(operation, operands):
                continue
            bits, mask = _placed(operation, operands)
            found = self._word(name, bits, mask)
            if found is not None:
                return found
        raise ConfigError(f"{self.chip.name}: has no input word for {does} of {targets} {dict(operands)}")

    def _queued(self, does: str, targets: str, operands: Mapping[str, int]) -> int:
        """A word that pushes an entry which starts the operation when it is popped."""
        for name, operation in self.core.operations.items():
            if (operation.does, operation.targets) != (does, targets) or not _takes(operation, operands):
                continue
            entry, _ = _placed(operation, operands)
            if self._first(self.core.entries, entry) != name:
                continue
            for push, pushing in self.core.operations.items():
                found = self._pushing(push, pushing, entry)
                if found is not None:
                    return found
        raise ConfigError(f"{self.chip.name}: has no input word for {does} of {targets} {dict(operands)}")

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
        free = [1 << k for k in reversed(range(self.core.input.word_bits)) if not mask >> k & 1]
        for choice in product((1, 0), repeat=len(free)):
            word = bits | sum(bit for bit, on in zip(free, choice, strict=True) if on)
            if self._first(self.core.words, word) == name:
                return word
        return None

    @staticmethod
    def _first(table: tuple[Choice, ...], word: int) -> str:
        return next(line.operation for line in table if word & line.mask == line.match)


def _takes(operation: Operation, operands: Mapping[str, int]) -> bool:
    return all(getattr(operation, name) is not None for name in operands) and not (
        operation.weight is None and "weight" in operands
    )


def _placed(operation: Operation, operands: Mapping[str, int]) -> tuple[int, int]:
    """Operands at their places, and the mask of all places: what is not given is 0."""
    word = mask = 0
    for name in ("row", "neuron", "weight", "inhibitory", "time_reference"):
        place: Bits | None = getattr(operation, name)
        if place is not None:
            low, width = place
            word |= (operands.get(name, 0) & (1 << width) - 1) << low
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
