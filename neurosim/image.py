"""The memory image: the placed program as plain integer arrays and timing numbers, and its mutable state."""

import hashlib
from dataclasses import dataclass, fields, replace
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError
from neurosim.generator import Generators, reset
from neurosim.kernel import module_source
from neurosim.learning import Formats

__all__ = ["Hardware", "Image", "Kinds", "Quantisation", "Slices", "State", "digest_of"]

Ints = NDArray[np.int64]


class Hardware(NamedTuple):
    """Timing and format numbers that the engines need, integers; cycles unless the name says otherwise."""

    cores: int
    columns: int  # routers a row
    rows: int
    torus: int  # 1: rows and columns are rings, and the host has a local port of its own
    concentration: int  # cores a router
    channels: int  # virtual channels of a port
    buffer_flits: int  # of a virtual channel
    routing_cycles: int
    credit_cycles: int
    link_cycles: int
    vertical_cycles: int
    link_interval: int
    two_stage: int
    axon_fifo: int
    synapse_queue: int
    spike_queue: int
    packet_queue: int
    soma_cycles: int
    input_cycles: int
    spike_cycles: int
    soma_latency: int
    packet_cycles: int
    synapse_latency: int
    barrier: int
    tick_period: int  # 0: barrier synchronisation
    host_router: int
    host_latency: int
    host_flit_cycles: int
    weights_per_word: int
    banks: int
    ports: int
    learning_lanes: int
    slots_per_cycle: int
    membrane_bits: int
    steps: int
    threshold: int
    leak_shift: int
    encoder: int  # number in network.ENCODERS
    random_bits: int  # per written weight, 0 with rounding to nearest
    backward: int  # number in core.BACKWARD

    @property
    def routers(self) -> int:
        """Number of routers."""
        return self.columns * self.rows

    @property
    def radix(self) -> int:
        """Ports of a router: four links, then its cores, then (torus) the host."""
        return 4 + self.concentration + self.torus

    def pointers(self) -> "Ints":
        """Round-robin pointers of all outputs at rest, int64[routers, radix].

        With virtual channels, five of them side by side, int64[routers, 5 * radix]: of an output over inputs, of an
        input over its channels and over outputs, of an output over its channels, and of the source at an input.
        """
        if self.channels == 1:
            return np.zeros((self.routers, self.radix), np.int64)
        table = np.zeros((self.routers, 5, self.radix), np.int64)
        table[:, 3] = self.channels - 1
        return table.reshape(self.routers, -1)


class Slices(NamedTuple):
    """Parts of populations, each on one core; ordered by population, then by first neuron. int64[slices]."""

    core: Ints
    population: Ints
    first: Ints
    size: Ints
    words: Ints  # words of one synapse row (0 for input slices)
    ptr: Ints  # int64[populations + 1]: slices of population p are ptr[p]..ptr[p+1]-1
    order: Ints  # slices sorted by core, then population: the order of a core's sweep
    core_ptr: Ints  # int64[cores + 1] into `order`
    set_ptr: Ints  # int64[slices + 1] into `sets`
    sets: Ints  # destination sets that a spike of the slice is sent to, one packet each
    back_ptr: Ints  # int64[slices + 1] into `sets`: those of its errors, if the cores behind keep mirrored copies


class Kinds(NamedTuple):
    """What a packet is: forward(q) = q, error(q) = projections + q, then label, rate, readout, load..."""

    flits: Ints  # [kinds]
    phase: Ints  # [kinds]
    axon: Ints  # [kinds, nodes] cycles of the tail at the axon unit
    synapse: Ints  # [kinds, nodes] cycles at the synapse unit, 0: goes no further than the axon unit
    ops: Ints  # [kinds, nodes, ops] accesses and operations of one delivered packet
    learn_ops: Ints  # the same, in addition while learning (spike history)
    label: int
    rate: int
    readout: int


class Program(NamedTuple):
    """Host packets of one sample, in order."""

    load_set: Ints
    load_kind: Ints
    load_first: Ints
    load_size: Ints
    label_set: Ints
    rate_set: Ints
    readout_set: int


@dataclass(frozen=True)
class Quantisation:
    """What became of the real weights of a projection: largest absolute error, number clipped, number."""

    projection: str
    largest_error: float
    clipped: int
    total: int


def digest_of(record: Any) -> str:
    """SHA-256 of all numbers in a dataclass of arrays, tuples of them, numbers and plug-ins, in hex."""
    sha = hashlib.sha256()
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, ModuleType):
            sha.update(value.__name__.rpartition(".")[2].encode() + module_source(value))
            continue
        parts = value if isinstance(value, tuple) else (value,)
        for part in parts:
            # Each part says where it ends: 1, 23 and 12, 3 are not the same numbers.
            if isinstance(part, np.ndarray):
                sha.update(f"{part.dtype.str} {part.shape} ".encode())
                sha.update(part.tobytes())
            else:
                sha.update(f"{part!r} ".encode())
    return sha.hexdigest()


@dataclass(frozen=True, eq=False)
class Image:
    """Everything that an engine needs, as arrays. `digest()` identifies it."""

    name: str
    hardware: Hardware
    sizes: Ints  # [populations]
    slices: Slices
    ports: NDArray[np.uint8]  # [destination sets, routers]: bit o set = forward to output o
    kinds: Kinds
    program: Program
    whole: NDArray[np.bool_]  # [projections]: the post population lies on one core
    drop: Ints  # [populations]: a neuron is silenced if a random byte lies below this
    trains: Ints  # [256] stored spike trains (accumulate_float32)
    amplitude: Ints  # [populations]: spike amplitude / 256 while learning (1 / (1 - dropout))
    neuron: ModuleType  # soma circuit of all populations but the input
    rule: ModuleType
    constants: Any  # the rule's Constants
    formats: Formats
    weight_limits: tuple[int, int]
    generators: Generators  # registers that draw random bits (online rules; phased ones hash)
    noise: Ints  # [256] of the winner-take-all by random byte, none without one

    @property
    def nodes(self) -> int:
        """Cores and the host."""
        return self.hardware.cores + 1

    @property
    def offsets(self) -> Ints:
        """Start of each projection's [pre, post] matrix in the flat weight array."""
        return np.concatenate([[0], np.cumsum(self.sizes[:-1] * self.sizes[1:])])

    def digest(self) -> str:
        """SHA-256 of all numbers in the image, in hex."""
        return digest_of(self)

    def rate(self, lr: float) -> int:
        """Real learning rate -> contents of the chip's rate register."""
        return int(self.rule.rate(lr, self.formats))

    def new_state(
        self,
        seed: int,
        weights: list[NDArray[np.float64]] | None = None,
        biases: list[NDArray[np.float64]] | None = None,
    ) -> "State":
        """Initial state: the given real weights (post, pre) and biases quantised, or random ones and none."""
        if weights is None:
            weights = self.random_weights(seed)
        flat, _ = self.quantise(weights)
        bias = np.zeros(int(self.sizes[1:].sum()) if self.online else 0, np.int64)
        if biases:
            bias[:] = np.concatenate([self._rounded(f"b{q + 1}", vector)[0] for q, vector in enumerate(biases)])
        return State(
            seed=seed,
            weights=flat,
            bias=bias,
            random=reset(self.generators, seed),
            pointers=self.hardware.pointers(),
            cycle=0,
        )

    @property
    def online(self) -> bool:
        """Whether the rule learns in every step, with biases and random bits from registers."""
        return bool(self.rule.SCHEDULE == "online")

    def random_weights(self, seed: int) -> list[NDArray[np.float64]]:
        """Normal weights in real units, (post, pre) per projection, as wide as the rule wants each layer."""
        rng = np.random.Generator(np.random.PCG64([seed, 0x57]))
        sizes = [int(n) for n in self.sizes]
        pairs = enumerate(zip(sizes[:-1], sizes[1:], strict=True))
        return [rng.normal(0.0, self.rule.spread(a, q == len(sizes) - 2), (b, a)) for q, (a, b) in pairs]

    def quantise(self, weights: list[NDArray[np.float64]]) -> tuple[NDArray[Any], list[Quantisation]]:
        """Real weights (post, pre) -> the chip's flat integers, and a report of rounding and clipping.

        Raises DataError if the number or the shape of the matrices is not that of the network, or a weight
        is not a finite number.
        """
        shapes = [(int(b), int(a)) for a, b in zip(self.sizes[:-1], self.sizes[1:], strict=True)]
        if [w.shape for w in weights] != shapes:
            found = [w.shape for w in weights]
            raise DataError(f"weights: expected shapes {shapes} (post, pre), got {found}")
        if not all(np.isfinite(w).all() for w in weights):
            raise DataError("weights: expected finite numbers, found NaN or infinity")
        dtype = np.int16 if self.formats.weight_bits <= 16 else np.int32
        parts, report = [], []
        for q, matrix in enumerate(weights):
            kept, entry = self._rounded(f"W{q + 1}", matrix)
            report.append(entry)
            parts.append(kept.T.astype(dtype).ravel())
        return np.concatenate(parts), report

    def quantise_biases(self, biases: list[NDArray[np.float64]]) -> list[Quantisation]:
        """What becomes of real biases, as `quantise` reports it of weights."""
        return [self._rounded(f"b{q + 1}", vector)[1] for q, vector in enumerate(biases)]

    def _rounded(self, name: str, real: NDArray[np.float64]) -> tuple[NDArray[np.float64], Quantisation]:
        """Real numbers on the grid of the weights, whole in its units, and what that did to them."""
        scale = 2.0**self.formats.weight_fraction_bits
        rounded = np.rint(real * scale)
        kept = np.clip(rounded, *self.weight_limits)
        error = float(np.max(np.abs(kept - real * scale), initial=0.0) / scale)
        return kept, Quantisation(name, error, int(np.count_nonzero(rounded != kept)), real.size)

    def weights(self, state: "State") -> list[NDArray[np.float64]]:
        """Weights of a state in real units, (post, pre) per projection."""
        result = []
        for q, start in enumerate(self.offsets[:-1]):
            pre, post = int(self.sizes[q]), int(self.sizes[q + 1])
            block = state.weights[start : start + pre * post].reshape(pre, post)
            result.append(block.T / 2.0**self.formats.weight_fraction_bits)
        return result


    def biases(self, state: "State") -> list[NDArray[np.float64]]:
        """Biases of a state in real units, one array for each layer; none if the rule has none."""
        if not self.online:
            return []
        parts = np.split(state.bias, np.cumsum(self.sizes[1:-1]))
        return [part / 2.0**self.formats.weight_fraction_bits for part in parts]


@dataclass
class State:
    """What changes while a chip runs: weights, registers, router pointers, the clock. Copy it to branch a run."""

    seed: int
    weights: NDArray[Any]  # int16 or int32, flat: [pre, post] per projection
    bias: Ints  # [neurons but the inputs], online rules only
    random: NDArray[np.uint64]  # [cores, streams]: contents of the random registers
    pointers: Ints  # as Hardware.pointers: round-robin pointers survive the barrier
    cycle: int

    def copy(self) -> "State":
        """An independent copy."""
        return replace(
            self,
            weights=self.weights.copy(),
            bias=self.bias.copy(),
            random=self.random.copy(),
            pointers=self.pointers.copy(),
        )
