"""What a slice of a population occupies on a core, and what a core offers. Numbers only; used by place."""

from dataclasses import dataclass

from neurosim.chip import Chip

__all__ = ["RESOURCES", "Demand", "capacity", "slice_demand"]

RESOURCES = ("neurons", "synapse words", "axons", "routes")


@dataclass(frozen=True)
class Demand:
    """Amounts of the four resources of a core, in the order of RESOURCES."""

    amounts: tuple[int, int, int, int]

    def __add__(self, other: "Demand") -> "Demand":
        a, b = self.amounts, other.amounts
        return Demand((a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]))

    def excess(self, room: "Demand") -> list[str]:
        """Names of the resources of which more is asked than there is room."""
        pairs = zip(RESOURCES, self.amounts, room.amounts, strict=True)
        return [name for name, asked, free in pairs if asked > free]


EMPTY = Demand((0, 0, 0, 0))


def capacity(chip: Chip) -> Demand:
    """What one core of `chip` offers."""
    core = chip.core
    words = core.synapse.capacity_kib * 1024 * 8 // core.synapse.word_bits
    return Demand((core.neuron.entries, words, core.axon.entries, core.packetiser.route_entries))


def slice_demand(chip: Chip, neurons: int, fan_in: int, destinations: int) -> Demand:
    """What a slice of `neurons` neurons with `fan_in` axons and `destinations` spike destinations occupies.

    A synapse row starts at a word boundary. The route table has one word per neuron and packet that a spike of
    it takes, and one for the way back of the errors.
    """
    per_word = chip.core.synapse.word_bits // chip.core.synapse.weight_bits
    words = fan_in * -(-neurons // per_word)
    return Demand((neurons, words, fan_in, neurons * destinations + (1 if fan_in else 0)))
