"""SSNN-BP on the chip against the integer oracle: the same spikes, weights and biases to the last bit.

The reference engine runs; every byte that its registers draw is written down with what it was for, and dealt to the
oracle, which asks for them in an order of its own. The compiled engine has to end with the same weights.
"""

from typing import Any

import numpy as np
import oracle_ssnn as oracle
import pytest

from neurosim.chip import load_chip
from neurosim.engine import simulate
from neurosim.engine.forward import REGULAR
from neurosim.engine.reference import online
from neurosim.engine.reference.cells import Slice
from neurosim.engine.reference.packet import Packet
from neurosim.image import Image, State
from neurosim.learning import load_rule
from neurosim.network import mlp
from neurosim.place import place
from neurosim.stimulus import Batch
from test_learning.test_ssnn_oracles import images

MANY_CORES = ("noc.columns=4", "noc.rows=3", "core.neuron.entries=8")
SAMPLES = 12
CASES: dict[str, tuple[tuple[int, ...], str, dict[str, Any], tuple[str, ...], int]] = {
    "one layer": ((20, 5), "bernoulli", {"dither": False, "gate": 0}, (), 0),
    "pipeline": ((20, 16, 5), "regular", {}, (), 0),
    "pipeline of many cores": ((20, 16, 12, 5), "regular", {}, MANY_CORES, 0),
    "halvings": ((20, 16, 12, 5), "bernoulli", {"gate": 0}, MANY_CORES, 2),
    "layer after layer": ((20, 16, 12, 5), "regular", {"pipeline": False}, MANY_CORES, 0),
    "layer after layer, zero start": ((20, 16, 5), "bernoulli", {"pipeline": False, "dither": False, "warm": 0}, (), 1),
    "narrow weights": ((20, 16, 5), "regular", {}, ("core.synapse.weight_bits=8", "core.synapse.weight_fraction_bits=6",
                                                     "core.learning.rounding=stochastic"), 1),
    "weights at their limit": ((20, 16, 5), "regular", {"weight_limit": 0.3, "step_bits": 6}, (), 0),
}  # fmt: skip


class Listener(online.Composites):
    """The reference engine, which writes down every random byte: of which sample, for what, where and when."""

    tape: dict[tuple[Any, ...], int]
    sample = -1

    def new_sample(self, *arguments: Any) -> None:
        super().new_sample(*arguments)
        self.sample += 1

    def note(self, use: str, population: int, step: int, neuron: int, byte: int) -> None:
        key = (self.sample, use, population, step, neuron)
        assert key not in self.tape
        self.tape[key] = byte

    def fire(self, s: Slice, j: int, at: int, update: int) -> bool:
        use = "input" if s.p == 0 else "winner" if s.p == self.top else "fire"
        self.now = use, s.p, 0 if use == "input" and self.image.hardware.encoder == REGULAR else at, j
        self.at = at
        if s.p > 0 and self.halvings[s.core]:
            self.note("line", s.p, at, j, 0 if self.line[s.core, s.p] else 255)
        return super().fire(s, j, at, update)

    def respond(self, s: Slice, j: int, update: int) -> None:
        self.now = "dither", s.p, 0, j
        super().respond(s, j, update)

    def draw(self, core: int, stream: int, phase: Any) -> int:
        byte = super().draw(core, stream, phase)
        self.note(*self.now, byte)
        return byte

    def spikes(self, s: Slice, j: int) -> tuple[Packet, ...]:
        packets = super().spikes(s, j)
        if self.halvings[s.core]:
            bits = {packet.payload[2] for packet in packets}
            self.note("learn", s.p, self.at, j, 0 if bits == {1} else 255)
        return packets


class Tape:
    """Deals the bytes of a sample to the oracle, each once."""

    def __init__(self, tape: dict[tuple[Any, ...], int], sample: int) -> None:
        self._tape, self._sample = tape, sample

    def draw(self, use: str, population: int, step: int, neurons: oracle.Ints) -> oracle.Ints:
        keys = [(self._sample, use, population, step, int(j)) for j in neurons]
        return np.array([self._tape.pop(key) for key in keys], np.int64)


def setting(image: Image, settings: Any, halvings: int) -> oracle.Setting:
    """The oracle's numbers, from the formats of the chip and the settings of the rule."""
    formats, fraction = image.formats, image.formats.weight_fraction_bits
    finer = max(0, settings.step_bits - fraction)
    return oracle.Setting(
        steps=settings.steps, warm=settings.warm, fraction=fraction, shift=settings.filter_shift,
        limit=round(settings.weight_limit * 2**fraction), word=formats.weight_bits, membrane=formats.membrane_bits,
        stride=2 ** max(0, fraction - settings.step_bits), gate=settings.gate, dither=settings.dither,
        regular=image.hardware.encoder == REGULAR, halvings=halvings + finer, pipeline=settings.pipeline,
    )  # fmt: skip


def start(image: Image, fraction: int) -> tuple[State, oracle.Net]:
    """The same random weights for both, wide enough to be busy."""
    state = image.new_state(3, [w * 1.5 for w in image.random_weights(3)])
    weights = [np.round(w * 2**fraction).astype(np.int64) for w in image.weights(state)]
    return state, oracle.Net(weights, [np.zeros(len(w), np.int64) for w in weights])


@pytest.mark.parametrize("case", CASES)
def test_spikes_weights_and_biases(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, encoder, changes, overrides, halvings = CASES[case]
    rule = load_rule("ssnn_bp")
    settings = rule.Settings(**changes)
    image = place(mlp(sizes, encoder=encoder, neuron="composite"), load_chip("tiny", overrides), rule, settings)
    assert (len(image.slices.core) > len(sizes)) == (overrides == MANY_CORES)
    c = setting(image, settings, halvings)
    state, net = start(image, c.fraction)
    values, labels = images(SAMPLES, sizes[0], sizes[-1], np.random.default_rng(4))
    first = [w.copy() for w in net.weights]
    batch = Batch(values, labels, 0, np.full(SAMPLES, image.rate(0.5**halvings), np.int64), True)
    twin = state.copy()
    monkeypatch.setattr(Listener, "tape", {}, raising=False)
    monkeypatch.setattr(online, "Composites", Listener)
    run = simulate(image, state, batch, "reference")
    records = [
        oracle.present(net, x, int(y), c, Tape(Listener.tape, k))
        for k, (x, y) in enumerate(zip(values, labels, strict=True))
    ]
    assert not Listener.tape  # nothing else was drawn
    assert np.array_equal(run.output_counts, [record.counts for record in records])
    assert np.array_equal(run.output_membrane, [record.membrane for record in records])
    assert run.spikes.tolist() == [sum(int(r.spikes[p].sum()) for r in records) for p in range(len(sizes))]
    simulate(image, twin, batch, "compiled")
    assert all(np.count_nonzero(a != b) > 0.1 * a.size for a, b in zip(first, net.weights, strict=True))
    for final in (state, twin):
        for mine, theirs in zip(image.weights(final), net.weights, strict=True):
            assert np.array_equal(mine * 2**c.fraction, theirs)
        for mine, theirs in zip(image.biases(final), net.biases, strict=True):
            assert np.array_equal(mine * 2**c.fraction, theirs)
