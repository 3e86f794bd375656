"""Random small machines and jobs for them: hypothesis strategies that draw a Case, and Case.build.

A Case is plain numbers, so that a failing example can be copied out of the report into a test. What a chip
refuses (too narrow a link, too short a barrier) is steered around; what does not fit is rejected.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import reject, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from neurosim.chip import Chip, load_chip
from neurosim.core import BACKWARD
from neurosim.errors import ConfigError, PlacementError
from neurosim.image import Hardware, Image, Ints, State
from neurosim.learning import load_rule
from neurosim.network import mlp
from neurosim.place import place
from neurosim.stimulus import Batch

__all__ = ["TRAFFIC", "Case", "cases", "chip_of", "draw_case", "examples", "far", "fitting", "lessons", "machines",
           "small"]  # fmt: skip

TRAFFIC = ("unicast", "multicast", "wormhole", "two_stage", "channels", "torus")
BASE = load_chip("tiny").model_dump()
MORE = int(os.environ.get("NEUROSIM_EXAMPLES", "1"))  # times as many examples, and fresh ones
MESHES = ((3, 1), (2, 2), (1, 4), (5, 1), (3, 2), (2, 4), (3, 3), (4, 4), (2, 1), (1, 1))  # (columns, rows)
BATCHES = (((2, True),), ((1, True), (1, False)), ((1, False),), ((1, False), (2, True)))
BUDGET = 220  # spikes and error packets of a case, about: the reference engine does some 2500 a second


def examples(number: int) -> settings:
    """Settings of a test: `number` examples, always the same; NEUROSIM_EXAMPLES=9: 9 times as many, new."""
    return settings(max_examples=number * MORE, deadline=None, derandomize=MORE == 1, database=None)


@dataclass(frozen=True)
class Case:
    """A chip (changes to the tiny chip), a network, its settings and weights, and samples to present."""

    chip: tuple[tuple[str, Any], ...]  # (dotted key, value)
    sizes: tuple[int, ...]
    encoder: str
    rule: tuple[tuple[str, Any], ...]  # fields of the rule's Settings
    dropout: tuple[float, float]  # input, hidden
    weights: str  # see `_weights`
    values: str  # see `_values`
    learning_rate: float
    batches: tuple[tuple[int, bool], ...]  # (samples, learn), one after another on one state
    seed: int
    rule_name: str = "desire_bp"

    def load(self) -> Chip:
        """The chip, validated."""
        return chip_of(self.chip)

    def build(self) -> tuple[Image, State, list[Batch]]:
        """Image, initial state and batches. Raises PlacementError or ConfigError if it does not fit."""
        rule, rng = load_rule(self.rule_name), np.random.default_rng(self.seed)
        online = rule.SCHEDULE == "online"
        network = mlp(self.sizes, self.encoder, "composite" if online else "lif")
        image = place(
            network, self.load(), rule, rule.Settings(**dict(self.rule)),
            dropout_input=self.dropout[0], dropout_hidden=self.dropout[1],
        )  # fmt: skip
        shapes = zip(self.sizes[:-1], self.sizes[1:], strict=True)
        state = image.new_state(self.seed, [_weights(self.weights, (post, pre), rng) for pre, post in shapes])
        if online:
            state.bias[:] = np.rint(rng.normal(0.0, 0.3, state.bias.shape) * image.constants.charge)
            np.clip(state.bias, *image.weight_limits, out=state.bias)
        stir(image.hardware, state.pointers, rng)
        batches, first = [], 0
        for samples, learn in self.batches:
            values = _values(self.values, (samples, self.sizes[0]), rng)
            labels = rng.integers(0, self.sizes[-1], samples)
            rates = np.full(samples, image.rate(self.learning_rate), np.int64)
            batches.append(Batch(values, labels, first, rates, learn))
            first += samples
        return image, state, batches


def stir(hw: Hardware, pointers: Ints, rng: np.random.Generator) -> None:
    """Round-robin pointers as if the network had been in use."""
    turns = pointers.reshape(hw.routers, -1, hw.radix)
    turns[:] = rng.integers(0, hw.radix, pointers.shape).reshape(turns.shape)
    if hw.channels > 1:  # of inputs and outputs over channels, and of sources
        turns[:, (1, 3, 4)] %= hw.channels


def chip_of(changes: Iterable[tuple[str, Any]]) -> Chip:
    """The tiny chip with changes (dotted key, value), validated."""
    tree = _copy(BASE)
    for key, value in changes:
        *path, last = key.split(".")
        section = tree
        for name in path:
            section = section[name]
        section[last] = value
    return Chip.model_validate(tree)


def machines(draw: st.DrawFn, traffic: str) -> dict[str, Any]:
    """A chip without a network: changes to the tiny chip."""
    mesh, each = draw(st.sampled_from(MESHES)), draw(st.sampled_from((1, 1, 2, 4)))
    chip = dict(_noc(draw, traffic, *mesh, each))
    return chip | _core(draw) | _timing(draw, chip) | {"core.learning.circuits": ()}


def _copy(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, dict) else value for key, value in tree.items()}


def _weights(pattern: str, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Real weights (post, pre): everything fires; or most; or some; or a few rows feed everything."""
    if pattern == "large":
        return np.full(shape, 2.0)
    if pattern == "positive":
        return rng.uniform(0.0, 1.5, shape)
    if pattern == "normal":
        return rng.normal(0.0, 2.0 / np.sqrt(shape[1]), shape)
    assert pattern == "bursts"  # silent for most inputs, all at once for some
    return np.where(rng.random((1, shape[1])) < 0.3, 2.0, -0.25) * np.ones(shape)


def _values(pattern: str, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Pixel values: all neurons fire in every step; at random; half of them; one."""
    if pattern == "dense":
        return np.full(shape, 255, np.uint8)
    if pattern == "random":
        return rng.integers(0, 256, shape).astype(np.uint8)
    if pattern == "half":
        return np.where(rng.random(shape) < 0.5, 255, 0).astype(np.uint8)
    assert pattern == "one"
    return (np.arange(shape[1])[None, :] == rng.integers(0, shape[1], (shape[0], 1))).astype(np.uint8) * 255


def small(most: int, least: int = 1) -> st.SearchStrategy[int]:
    """A whole number least..most; the extremes are likely."""
    return st.one_of(st.just(least), st.integers(least, most))


@st.composite
def cases(draw: st.DrawFn, traffic: str = "unicast") -> Case:
    """A case; `traffic` says how spikes travel, one of TRAFFIC."""
    return fitting(draw_case(draw, traffic, ("wide", "few", "funnel", "deep", "far")))


@st.composite
def lessons(draw: st.DrawFn, traffic: str = "unicast") -> Case:
    """A case in which many neurons have desires, which travel on one of the ways back and teach."""
    case = draw_case(draw, traffic, ("wide", "deep"))
    chip = {
        "core.learning.backward": draw(st.sampled_from(BACKWARD)),
        "core.learning.rounding": "stochastic",
        "core.learning.random_bits": draw(st.integers(4, 32)),
    }
    rule = {"theta_output": 0.0, "theta_hidden": 0.001, "threshold": 0.25}
    return fitting(
        replace(
            case, chip=tuple((dict(case.chip) | chip).items()), rule=tuple((dict(case.rule) | rule).items()),
            batches=((1, True),), weights=draw(st.sampled_from(("normal", "positive"))), values="random",
            learning_rate=draw(st.sampled_from((0.01, 0.003))),
        )
    )  # fmt: skip


def fitting(case: Case) -> Case:
    """The case, if it fits; rejects the example if not."""
    try:
        case.build()
    except (ConfigError, PlacementError):  # too small a memory, or a rate that the register cannot hold
        reject()
    return case


def draw_case(draw: st.DrawFn, traffic: str, shapes: tuple[str, ...]) -> Case:
    """Any case of desire-BP with a network of one of these shapes; it may not fit."""
    shape = draw(st.sampled_from(shapes))
    sizes = draw(_sizes(shape))
    batches = draw(st.sampled_from(BATCHES))
    mesh, each = draw(st.sampled_from(MESHES)), draw(st.sampled_from((1, 1, 2, 4)))
    chip = dict(_noc(draw, traffic, *mesh, each))
    nodes, parts = mesh[0] * mesh[1] * each, draw(st.sampled_from((2, 3, 1, 4, 5)))
    layer = draw(st.sampled_from((*sizes[1:], sizes[0])))  # about as many cores for this layer
    chip["core.neuron.entries"] = max(-(-sum(sizes) // nodes), -(-layer // parts), 2)
    chip |= _core(draw) | _learning(draw) | _timing(draw, chip)
    if shape == "far":
        chip |= far(draw)
    split = min(parts, nodes)
    samples = sum(number for number, _ in batches)
    packets = samples * sum(sizes[:-1]) * (1 if traffic == "multicast" else split)
    layers = len(sizes)  # a spike takes that many steps to the last layer
    steps = draw(st.integers(min(layers, 3), max(layers, min(6, BUDGET // packets))))
    learning = chip["core.learning.history_bits"]
    chip["core.learning.history_bits"] = max(steps, learning)
    chip["core.learning.slots_per_cycle"] = draw(small(chip["core.learning.history_bits"]))
    rule = {
        "steps": steps,
        "margin": draw(st.integers(0, steps - 1)),
        "threshold": draw(st.sampled_from((0.5, 0.25, 1.0))),
        "leak_shift": draw(st.integers(0, 3)),
        "theta_output": draw(st.sampled_from((0.3, 0.0))),
        "theta_hidden": draw(st.sampled_from((0.001, 0.05, 0.5))),
        "graded": draw(st.booleans()),
    }
    return Case(
        chip=tuple(chip.items()),
        sizes=sizes,
        encoder=draw(st.sampled_from(("accumulate", "bernoulli"))),
        rule=tuple(rule.items()),
        dropout=(draw(st.sampled_from((0.0, 0.3))), draw(st.sampled_from((0.0, 0.4)))),
        weights=draw(st.sampled_from(("normal", "positive", "large", "bursts"))),
        values=draw(st.sampled_from(("dense", "random", "half", "dense", "one"))),
        learning_rate=draw(st.sampled_from((0.01, 0.0, 1.0))),
        batches=batches,
        seed=draw(st.integers(0, 2**31 - 1)),
    )


def _sizes(shape: str) -> st.SearchStrategy[tuple[int, ...]]:
    """Layer sizes: a few neurons; wide layers; many to one; many layers; a few in each; very few (waits)."""
    if shape == "few":
        return st.lists(small(10), min_size=2, max_size=3).map(tuple)
    if shape == "wide":
        return st.tuples(st.integers(6, 30), st.integers(6, 24), st.integers(2, 12))
    if shape == "funnel":
        return st.tuples(st.integers(12, 30), small(8))
    if shape == "deep":
        return st.tuples(small(12), small(12), small(12), small(6))
    if shape == "layers":
        return st.lists(st.integers(4, 12), min_size=3, max_size=5).map(tuple)
    return st.tuples(small(4), small(4), small(2))


def _noc(draw: st.DrawFn, traffic: str, columns: int, rows: int, each: int) -> dict[str, Any]:
    """Mesh, routers, links, and formats of a spike packet: the axon number takes 6 bits."""
    header = max(5, (columns * rows * each).bit_length())
    narrow = st.one_of(st.integers(header, 10), st.integers(header, 24))
    widths = {"wormhole": st.integers(header, 10), "two_stage": st.integers(header, 24), "channels": narrow,
              "torus": narrow}  # fmt: skip
    torus = traffic == "torus"
    channels = draw(st.sampled_from((2, 4, 6) if torus else (2, 3, 4))) if traffic in ("channels", "torus") else 1
    each = min(each, 3) if torus else each
    two_stage = traffic == "two_stage" or (traffic == "wormhole" and draw(st.booleans()))
    return {
        "noc.topology": "torus" if torus else "mesh",
        "noc.columns": columns,
        "noc.rows": rows,
        "noc.header_bits": header,
        "noc.multicast": traffic == "multicast",
        "noc.router.arrangement": "two_stage" if two_stage else "single_stage",
        "noc.router.virtual_channels": channels,
        "noc.router.buffer_flits": draw(small(8)),
        "noc.router.routing_cycles": draw(st.integers(0, 1)),
        "noc.router.credit_cycles": draw(st.integers(0, 2)),
        "noc.link.latency_cycles": draw(small(3)),
        "noc.link.vertical_latency_cycles": draw(st.sampled_from((None, 1, 4))),
        "noc.link.interval_cycles": draw(small(3)),
        "noc.cores_per_router": each,
        "noc.link.width_bits": draw(widths.get(traffic, st.integers(header + 6, 40))),
        "host.router": draw(st.integers(0, columns * rows - 1)) if torus else columns * draw(st.integers(0, rows - 1)),
        "host.latency_cycles": draw(small(12, 0)),
        "host.cycles_per_flit": draw(small(3)),
        "host.values_per_packet": draw(small(9)),
        "core.axon.entries": 64,
    }


def _core(draw: st.DrawFn) -> dict[str, Any]:
    """Units of the core and their queues."""
    weight_bits = draw(st.sampled_from((8, 16, 4, 11, 5, 13)))
    spare = draw(small(weight_bits - 1, 0))  # bits of a word that hold no weight
    return {
        "core.axon.fifo_flits": draw(small(8)),
        "core.axon.lookup_cycles": draw(small(4)),
        "core.synapse.capacity_kib": draw(small(8)),
        "core.synapse.word_bits": weight_bits * draw(small(4)) + spare,
        "core.synapse.weight_bits": weight_bits,
        "core.synapse.weight_fraction_bits": draw(st.integers(2, weight_bits - 2)),
        "core.synapse.banks": draw(st.integers(1, 5)),
        "core.synapse.ports": draw(st.integers(1, 2)),
        "core.synapse.latency_cycles": draw(small(5, 0)),
        "core.synapse.queue_packets": draw(small(3)),
        "core.synapse.lane_cycles": draw(small(3)),
        "core.synapse.lanes": draw(st.sampled_from((1, 8, 2, 3))),
        "core.soma.cycles_per_neuron": draw(small(3)),
        "core.soma.latency_cycles": draw(small(5, 0)),
        "core.soma.cycles_per_input": draw(st.sampled_from((None, 1, 3))),
        "core.soma.cycles_per_spike": draw(small(4, 0)),
        "core.soma.queue_spikes": draw(small(3)),
        "core.neuron.membrane_bits": draw(st.sampled_from((16, 24))),
        "core.packetiser.cycles_per_packet": draw(small(3)),
        "core.packetiser.queue_packets": draw(small(3)),
    }


def _learning(draw: st.DrawFn) -> dict[str, Any]:
    """The learning circuit."""
    return {
        "core.learning.lanes": draw(st.sampled_from((8, 16, 1, 2, 3))),
        "core.learning.history_bits": draw(st.integers(5, 8)),
        "core.learning.trace_bits": draw(st.integers(7, 9)),
        "core.learning.error_bits": draw(st.sampled_from((24, 32))),
        "core.learning.rounding": draw(st.sampled_from(("nearest", "stochastic"))),
        "core.learning.random_bits": draw(st.integers(1, 32)),
        "core.learning.backward": draw(st.sampled_from(BACKWARD)),
    }


def _timing(draw: st.DrawFn, chip: dict[str, Any]) -> dict[str, Any]:
    """Barrier, no shorter than the chip allows, or ticks: too short for most steps, or long enough."""
    slowest = max(chip["noc.link.latency_cycles"], chip["noc.link.vertical_latency_cycles"] or 0)
    quiet = slowest + 2 + chip["noc.router.credit_cycles"]
    latency = quiet + draw(small(6, 0))
    period = draw(st.one_of(st.none(), st.none(), st.integers(latency + 1, latency + 60), st.just(1000)))
    return {
        "sync.mode": "barrier" if period is None else "tick",
        "sync.latency_cycles": latency,
        "sync.period_cycles": period,
    }


def far(draw: st.DrawFn) -> dict[str, Any]:
    """One unit that takes hundreds of cycles: longer than the compiled engine looks ahead."""
    key = draw(st.sampled_from((
        "host.latency_cycles", "host.cycles_per_flit", "core.axon.lookup_cycles", "core.soma.latency_cycles",
        "core.soma.cycles_per_neuron", "core.packetiser.cycles_per_packet", "core.synapse.latency_cycles",
        "noc.link.latency_cycles",
    )))  # fmt: skip
    cycles = draw(st.sampled_from((1021, 1022, 1023, 1024, 2049, 3_000_000)))
    waits: dict[str, Any] = {key: cycles}
    if key == "noc.link.latency_cycles":
        waits |= {"sync.mode": "barrier", "sync.latency_cycles": cycles + 4, "sync.period_cycles": None}
    return waits
