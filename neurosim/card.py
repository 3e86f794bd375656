"""What a learning rule asks of a chip: number formats, local words, accesses, and the hardware card of them all."""

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Access", "Card", "Formats", "Word"]


@dataclass(frozen=True)
class Formats:
    """The number formats of a chip that a rule is quantised to (bits and binary points)."""

    weight_bits: int
    weight_fraction_bits: int
    membrane_bits: int
    trace_bits: int
    trace_fraction_bits: int
    error_bits: int
    rate_fraction_bits: int
    random_bits: int
    stochastic: bool
    wait_bits: int = 0  # of the counter between two losses of calcium (SDSP)
    backward: str = "transposed_read"  # the chip's way back of the errors: one of core.BACKWARD


class Word(NamedTuple):
    """One word of local state besides weight and membrane: where it lies and its bits.

    Places: `synapse`, `neuron`, `hidden neuron` (all but the outputs), `axon`, `copied axon` (of a mirrored row): words
    of these memories; `axon register` and `neuron register`: flip-flops beside the axon table, and for hidden neurons.
    """

    name: str
    place: str
    bits: int
    what: str
    inference: bool = False  # needed without learning as well


class Access(NamedTuple):
    """Words read and written of one memory for each event of a phase."""

    phase: str
    event: str
    memory: str
    reads: int
    writes: int


@dataclass(frozen=True)
class Card:
    """Hardware card of a rule: the state and the operators that it asks of a chip."""

    words: tuple[Word, ...]
    history_bits: int  # slots of spike history of a neuron and of an axon
    random_bits: tuple[tuple[str, int], ...]  # (event, bits drawn)
    backward_path: bool
    online_in_time: bool
    phases: tuple[str, ...]
    operators: tuple[str, ...]
    accesses: tuple[Access, ...]

    def bits(self, place: str) -> int:
        """Bits of state at each of a place, besides weight and membrane."""
        return sum(word.bits for word in self.words if word.place == place)

    def extra_bits(self, place: str) -> int:
        """As `bits`, without the words that inference needs as well."""
        return sum(word.bits for word in self.words if word.place == place and not word.inference)

    @property
    def synapse_bits(self) -> int:
        """Per synapse, besides the weight."""
        return self.bits("synapse")

    @property
    def neuron_bits(self) -> int:
        """Per word of neuron memory, besides the membrane."""
        return self.bits("neuron") + self.bits("hidden neuron")

    @property
    def symbol_bits(self) -> int:
        """Of an error symbol, in the neuron's word and in a packet."""
        return sum(word.bits for word in self.words if word.name == "symbol")

    @property
    def factor_bits(self) -> int:
        """Of the magnitude that goes with a symbol to a mirrored copy: a distance in spikes, at most all steps."""
        return sum(word.bits for word in self.words if word.name == "count")

    @property
    def axon_bits(self) -> int:
        """Per axon at the post core."""
        return self.bits("axon") + self.bits("axon register")
