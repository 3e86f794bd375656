"""One pipelined core of a chip: its units, its memories, and what must agree between them."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from neurosim.section import Memory, Natural, Positive, Section, require

__all__ = [
    "BACKWARD",
    "Accumulator",
    "Axon",
    "Core",
    "Learning",
    "Memory",
    "Neuron",
    "Packetiser",
    "Soma",
    "Sparse",
    "Synapse",
]

# How errors read weights against the direction in which they are stored (docs/decisions/0004, 0013 and 0014).
Backward = Literal["transposed_read", "mirrored", "crossbar"]
BACKWARD: tuple[str, ...] = get_args(Backward)


class Axon(Section):
    """Axon-in: a FIFO fed by the router, and a table with one word per axon."""

    fifo_flits: Positive
    entries: Positive
    entry_bits: Positive
    lookup_cycles: Positive


class Sparse(Section):
    """Rows that name their targets: each synapse is a weight and an index of `index_bits` in one word."""

    index_bits: Positive
    lane_cycles: Positive


class Synapse(Section):
    """Synapse unit: row reads from a banked memory into the accumulators."""

    capacity_kib: Positive
    word_bits: Positive
    banks: Positive
    ports: Annotated[int, Field(ge=1, le=2)]
    latency_cycles: Natural
    queue_packets: Positive
    lanes: Positive
    lane_cycles: Positive = 1
    weight_bits: Annotated[int, Field(ge=2, le=32)]
    weight_fraction_bits: Natural
    sparse: Sparse | None = None

    @property
    def words(self) -> int:
        """Words in all banks together."""
        return self.capacity_kib * 1024 * 8 // self.word_bits

    @property
    def weights_per_word(self) -> int:
        """Synapses in one word; what is left of the word is spare."""
        return self.word_bits // self.weight_bits

    @property
    def sparse_per_word(self) -> int:
        """Synapses in one word of a sparse row; 0 if the core has none."""
        return self.word_bits // (self.weight_bits + self.sparse.index_bits) if self.sparse else 0

    @model_validator(mode="after")
    def _weights_fill_words(self) -> Self:
        bits, fraction, word = self.weight_bits, self.weight_fraction_bits, self.word_bits
        require(
            (
                fraction < bits,
                ("weight_fraction_bits",),
                f"expected fewer than the {bits} of weight_bits (one is the sign), got {fraction}",
            ),
            (
                self.sparse is None or self.sparse_per_word > 0,
                ("sparse", "index_bits"),
                f"expected at most {word - bits} (a weight and its index lie in one word of {word} bits),"
                f" got {self.sparse.index_bits if self.sparse else 'nothing'}",
            ),
            (word >= bits, ("word_bits",), f"expected at least weight_bits = {bits}, got {word}"),
            (
                self.words >= self.banks,
                ("capacity_kib",),
                f"expected at least one word of {word} bits in each of {self.banks} banks,"
                f" got {self.capacity_kib} KiB (that is {self.words} words)",
            ),
        )
        return self


class Accumulator(Section):
    """One double-buffered accumulator word per neuron."""

    bits: Annotated[int, Field(ge=8, le=62)]


class Soma(Section):
    """Soma unit: sweeps over the neurons of the core once a step."""

    cycles_per_neuron: Positive
    cycles_per_input: Positive | None = None  # for an input neuron, if it differs
    cycles_per_spike: Natural = 0  # in addition, for a neuron (but no input neuron) that fires
    latency_cycles: Natural
    queue_spikes: Positive


class Neuron(Section):
    """Neuron memory: one word per neuron (membrane, spike train, count, desire, keep, error sum)."""

    entries: Positive
    word_bits: Positive
    membrane_bits: Annotated[int, Field(ge=8, le=62)]


class Packetiser(Section):
    """Packetiser: reads the route table and hands packets to the network interface."""

    cycles_per_packet: Positive
    queue_packets: Positive
    route_entries: Positive
    route_bits: Positive


class Learning(Section):
    """The on-core learning circuit. `circuits` names the rules it implements; none: an inference core."""

    circuits: tuple[str, ...] = Field(strict=False)
    backward: Backward
    lanes: Positive
    history_bits: Annotated[int, Field(ge=1, le=62)]
    slots_per_cycle: Positive
    trace_bits: Annotated[int, Field(ge=2, le=32)]
    trace_fraction_bits: Natural
    error_bits: Annotated[int, Field(ge=2, le=62)]
    rate_fraction_bits: Annotated[int, Field(ge=0, le=40)]
    rounding: Literal["nearest", "stochastic"]
    random_bits: Annotated[int, Field(ge=1, le=32)]

    @model_validator(mode="after")
    def _traces_fit(self) -> Self:
        trace, fraction, slots = self.trace_bits, self.trace_fraction_bits, self.slots_per_cycle
        require(
            (
                fraction < trace,
                ("trace_fraction_bits",),
                f"expected fewer than the {trace} of trace_bits, got {fraction}",
            ),
            (
                slots <= self.history_bits,
                ("slots_per_cycle",),
                f"expected at most history_bits = {self.history_bits}, got {slots}",
            ),
            (
                len(set(self.circuits)) == len(self.circuits),
                ("circuits",),
                f"expected each circuit once, got {', '.join(self.circuits)}",
            ),
        )
        return self


class Core(Section):
    """One pipelined learning core."""

    kind: Literal["pipelined"]
    axon: Axon
    synapse: Synapse
    accumulator: Accumulator
    soma: Soma
    neuron: Neuron
    packetiser: Packetiser
    learning: Learning

    @property
    def mirrors(self) -> bool:
        """Whether the cores of pre neurons keep copies of the weights back to them."""
        return bool(self.learning.circuits) and self.learning.backward == "mirrored"

    def memories(self) -> dict[str, Memory]:
        """Geometry of every memory by the name that `neurosim.ops` gives it."""
        synapse, axon, neuron, route = self.synapse, self.axon, self.neuron, self.packetiser
        return {
            "synapse": Memory(synapse.words, synapse.word_bits, synapse.banks),
            "axon": Memory(axon.entries, axon.entry_bits, 1),
            "neuron": Memory(neuron.entries, neuron.word_bits, 1),
            "accumulator": Memory(2 * neuron.entries, self.accumulator.bits, 2),  # double-buffered
            "route": Memory(route.route_entries, route.route_bits, 1),
        }

    @model_validator(mode="after")
    def _words_hold_their_fields(self) -> Self:
        synapse, neuron, learning = self.synapse, self.neuron, self.learning
        learns = bool(learning.circuits)
        history = learning.history_bits if learns else 0
        # Row address and row length; spikes of the sample.
        axon_bits = (synapse.words - 1).bit_length() + (neuron.entries - 1).bit_length() + history
        # Membrane and spike count; spike train, ternary desire, keep bit and error sum.
        neuron_bits = neuron.membrane_bits + learning.history_bits.bit_length()
        neuron_bits += history + 2 + 1 + learning.error_bits if learns else 0
        least = synapse.weight_bits
        index_bits = (neuron.entries - 1).bit_length()
        require(
            (
                synapse.sparse is None or synapse.sparse.index_bits >= index_bits,
                ("synapse", "sparse", "index_bits"),
                f"expected at least {index_bits} to tell the {neuron.entries} neurons of a core apart,"
                f" got {synapse.sparse.index_bits if synapse.sparse else 'nothing'}",
            ),
            (
                self.axon.entry_bits >= axon_bits,
                ("axon", "entry_bits"),
                f"expected at least {axon_bits} (row address, row length, {history} bits of spike history),"
                f" got {self.axon.entry_bits}",
            ),
            (
                neuron.word_bits >= neuron_bits,
                ("neuron", "word_bits"),
                f"expected at least {neuron_bits} (membrane, count, and what the learning circuit keeps),"
                f" got {neuron.word_bits}",
            ),
            (
                self.accumulator.bits > least,
                ("accumulator", "bits"),
                f"expected more than weight_bits = {least}, got {self.accumulator.bits}",
            ),
            (
                neuron.membrane_bits >= least,
                ("neuron", "membrane_bits"),
                f"expected at least weight_bits = {least}, got {neuron.membrane_bits}",
            ),
            (
                not learns or learning.error_bits >= least,
                ("learning", "error_bits"),
                f"expected at least weight_bits = {least}, got {learning.error_bits}",
            ),
        )
        return self
