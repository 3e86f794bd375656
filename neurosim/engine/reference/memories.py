"""Both memories of a sequenced chip in the reference engine, with the circuits beside them.

Words are kept field by field. Every strobe is counted where it happens: one call here is one cycle of one memory.
"""

from neurosim.microcode import CLOCK
from neurosim.operations import Bits
from neurosim.sequenced import FIELDS
from neurosim.sequencer import Sequencer, SequencerState

__all__ = ["Neurons", "Synapses", "bits_of", "signed"]


def bits_of(word: int, place: Bits | None) -> int:
    """A field of a word; 0 if there is none."""
    if place is None:
        return 0
    low, bits = place
    return (word >> low) % (1 << bits)


def signed(value: int, bits: int) -> int:
    """A two's complement number."""
    return value - (1 << bits) if value >> (bits - 1) else value


class Neurons:
    """Neuron memory, the neuron's circuit, and the flags that stand in registers beside it."""

    def __init__(self, sequencer: Sequencer, state: SequencerState) -> None:
        self.neuron, self.rule, self.constants = sequencer.neuron, sequencer.rule, sequencer.constants
        self.places, self.count = sequencer.chip.core.neuron.fields, state.clock
        self.learning = bool(sequencer.chip.core.learning.circuits)
        self.words = [dict(zip(FIELDS, (int(v) for v in column), strict=True)) for column in state.field.T]
        self.up, self.down = [int(v) for v in state.up], [int(v) for v in state.down]

    def read(self) -> None:
        """A read strobe; what it reads stands still until the write."""
        self.count[CLOCK.neuron_reads] += 1

    def write(self, n: int, drive: int, reference: int) -> int:
        """Neuron n, updated, is written. Returns 1 if it fired and is not disabled."""
        self.count[CLOCK.neuron_writes] += 1
        word = self.words[n]
        leak = word["leak"] if word["leak_enabled"] else 0
        _, bits = self.places["membrane"]
        membrane, fired = self.neuron.update(word["membrane"], drive, reference, word["threshold"], leak, bits)
        word["membrane"] = int(membrane)
        if self.learning:
            self.up[n], self.down[n] = self.flags(word, int(fired), reference) if word["learns"] else (0, 0)
        visible = int(fired and not word["disabled"])
        self.count[CLOCK.spikes] += visible
        return visible

    def flags(self, word: dict[str, int], fired: int, reference: int) -> tuple[int, int]:
        """Calcium of a neuron moves; its flags afterwards."""
        calcium, wait, up, down = self.rule.on_neuron(
            word["calcium"], word["calcium_wait"], word["membrane"], fired, reference, word["theta_membrane"],
            word["theta_1"], word["theta_2"], word["theta_3"], word["calcium_leak"], self.constants,
        )  # fmt: skip
        _, wait_bits = self.places.get("calcium_wait", (0, 1))
        word["calcium"], word["calcium_wait"] = int(calcium), int(wait) % (1 << wait_bits)
        return int(up), int(down)

    def value(self, n: int, name: str, event: int) -> int:
        """What the watch point sees of neuron n under a name, as the bits that stand in its word."""
        known = {"event": event, "up": self.up[n], "down": self.down[n]}
        return known[name] if name in known else self.words[n][name] % (1 << self.places[name][1])  # type: ignore[index]

    def store(self, state: SequencerState) -> None:
        """Into the state, when the run is over."""
        state.field[:] = [[word[name] for word in self.words] for name in FIELDS]
        state.up[:], state.down[:] = self.up, self.down


class Synapses:
    """Synapse memory and the learning circuits at its port. One word of one row is at the port at a time."""

    def __init__(self, sequencer: Sequencer, state: SequencerState) -> None:
        self.rule, self.constants, self.count = sequencer.rule, sequencer.constants, state.clock
        self.memory, self.registers = sequencer.chip.core.synapse, sequencer.chip.core.registers
        self.inhibitory, self.code = sequencer.tables.inhibitory, state.code
        self.neurons = sequencer.chip.core.neuron.entries
        self.port: list[int] = []

    def word_of(self, n: int) -> range:
        """The neurons whose synapses stand in one word with that of neuron n."""
        first = n - n % self.memory.synapses_per_word
        return range(first, first + self.memory.synapses_per_word)

    def read(self, row: int, n: int) -> None:
        """A read strobe: the word with the synapse onto neuron n is at the port, and stays."""
        self.count[CLOCK.synapse_reads] += 1
        self.port = [int(self.code[row, k]) for k in self.word_of(n)]

    def drive(self, row: int, n: int) -> int:
        """What neuron n takes from the word as it was read."""
        code = self.port[n % self.memory.synapses_per_word]
        if not self.is_mapped(code) and not self.registers.propagate_unmapped:
            return 0
        return -self.weight(code) if self.inhibitory[row] else self.weight(code)

    def learn(self, n: int, up: int, down: int) -> int:
        """The code that the synapse onto n at the port becomes behind a pre spike."""
        code = self.port[n % self.memory.synapses_per_word]
        if not self.is_plastic(code):
            return code
        self.count[CLOCK.learned] += 1
        return self.with_weight(code, int(self.rule.on_pre(self.weight(code), up, down, self.constants)))

    def consolidate(self, n: int) -> int:
        """The code that the synapse onto n at the port becomes by bistability."""
        code = self.port[n % self.memory.synapses_per_word]
        if not self.is_plastic(code):
            return code
        self.count[CLOCK.consolidated] += 1
        return self.with_weight(code, int(self.rule.on_reference(self.weight(code), self.constants)))

    def write(self, row: int, codes: dict[int, int]) -> None:
        """A write strobe; `codes`: those that changed, by neuron."""
        self.count[CLOCK.synapse_writes] += 1
        for n, code in codes.items():
            self.code[row, n] = code

    def is_mapped(self, code: int) -> bool:
        """Whether a synapse exists."""
        return self.memory.mapped is None or bool(code >> self.memory.mapped & 1)

    def is_plastic(self, code: int) -> bool:
        """Whether it may learn."""
        return self.is_mapped(code) or self.registers.update_unmapped

    def weight(self, code: int) -> int:
        """Its weight."""
        value = bits_of(code, self.memory.weight)
        return signed(value, self.memory.weight[1]) if self.memory.signed else value

    def with_weight(self, code: int, weight: int) -> int:
        """The code with another weight."""
        low, bits = self.memory.weight
        return code - (bits_of(code, self.memory.weight) << low) + (weight % (1 << bits) << low)
