"""What a slice of a population occupies on a core, and what a core offers. Numbers only; used by place."""

from dataclasses import dataclass

from neurosim.chip import Chip

__all__ = ["EMPTY", "RESOURCES", "Demand", "capacity", "copy_demand", "slice_demand"]

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
    it takes, and one for the way back of the errors (none where that has packets of its own, see `copy_demand`).
    """
    words = fan_in * -(-neurons // chip.core.synapse.weights_per_word)
    way_back = 1 if fan_in and not chip.core.mirrors else 0
    return Demand((neurons, words, fan_in, neurons * destinations + way_back))


def copy_demand(chip: Chip, neurons: int, rows: int, destinations: int) -> Demand:
    """What mirrored copies take besides: `rows` rows back to the neurons of a slice, each with its axon entry, and
    one route word per neuron and packet that its desire takes to the copies behind.
    """
    return Demand((0, rows * -(-neurons // chip.core.synapse.weights_per_word), rows, neurons * destinations))
