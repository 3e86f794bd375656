"""The engine gives a circuit nothing but its own words.

While the reference engine learns, single circuits are run again on copies of the chip in which every word was changed
but those that the rule declares for that synapse or neuron. The result must be the same, and what the engine stored.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from neurosim.chip import load_chip
from neurosim.engine import simulate
from neurosim.engine.reference import cells as phased
from neurosim.engine.reference import online
from neurosim.learning import load_rule, rule_names
from neurosim.network import mlp
from neurosim.place import place
from neurosim.stimulus import Batch
from test_learning.test_ssnn_oracles import images

CHIP = ("noc.columns=4", "noc.rows=3", "core.neuron.entries=8")
SIZES = (12, 14, 9, 4)
# Not words of the chip: its wiring, what the host holds, the ledger, and where the engine is in its list of steps.
FIXED = {"image", "book", "seed", "rule", "neuron", "c", "state", "sizes", "top", "slices", "by_core", "by_population",
         "sent", "sent_rate", "tick", "learn", "slot", "twin", "backward", "copies"}  # fmt: skip

# Rules of steps. On sequenced cores (schedule event) both engines hand a kernel single words: there is no `cells`.
STEPPED = [name for name in rule_names() if load_rule(name).SCHEDULE != "event"]

Word = tuple[str, Any, Any]  # (attribute of the cells, population or place in it, index)


@dataclasses.dataclass
class Deaf:
    """A ledger that notes nothing."""

    phase: Any = None

    def __post_init__(self) -> None:
        self.spikes = np.zeros(len(SIZES), np.int64)

    def count(self, *_: Any) -> None:
        pass


def scrambled(value: Any, rng: np.random.Generator) -> Any:
    """Another content of the same form: arrays, lists and dictionaries of words, or a word."""
    if isinstance(value, np.ndarray):
        if value.size and value.max() <= 1 and value.min() >= -1:
            return rng.integers(-1, 2, value.shape).astype(value.dtype)
        return rng.integers(0, 2**12, value.shape).astype(value.dtype)
    if isinstance(value, list):
        return [scrambled(part, rng) for part in value]
    if isinstance(value, dict):
        return {key: scrambled(part, rng) for key, part in value.items()}
    return int(rng.integers(0, 2))


def other_chip(cells: Any, own: list[Word], rng: np.random.Generator) -> Any:
    """A copy of the cells in which all words but `own` have changed."""
    twin = copy.copy(cells)
    twin.twin, twin.book = True, Deaf()
    for name, value in vars(cells).items():
        if name not in FIXED:
            setattr(twin, name, scrambled(value, rng))
    if hasattr(cells, "state"):
        words = {word: scrambled(getattr(cells.state, word), rng) for word in ("weights", "bias", "random")}
        twin.state = dataclasses.replace(cells.state, **words)
    for way in {"backward", "copies"} & vars(cells).keys():  # they hold the chip that they belong to
        setattr(twin, way, type(getattr(cells, way))(twin))
    for name, where, index in own:
        mine, theirs = getattr(cells, name), getattr(twin, name)
        if index is None:
            theirs[where] = mine[where]
        elif not isinstance(mine[where], dict) or index in mine[where]:
            theirs[where][index] = mine[where][index]
        else:
            theirs[where].pop(index, None)
    return twin


def frozen(cells: Any) -> Any:
    """A copy of the cells that will not change."""
    twin = copy.copy(cells)
    for name, value in vars(cells).items():
        if name not in FIXED:
            setattr(twin, name, copy.deepcopy(value))
    return twin


def synapse(cells: Any, s: Any, i: int, j: int) -> list[Word]:
    """What the rules declare for the synapse from axon i of slice s to its neuron j."""
    q = s.p - 1
    if isinstance(cells, online.Composites):
        return [("weights", q, (i, j)), ("symbol", s.p, j), ("heard", (s.core, q), i)]
    words: list[Word] = [("weights", q, (i, j)), ("history", (s.core, q), i), ("rates", s.core, None)]
    return words + [(name, s.p, j) for name in ("train", "symbol", "keep")]


class Witness:
    """Runs circuits again, and counts what it saw."""

    def __init__(self, samples: int) -> None:
        self.rng, self.each = np.random.default_rng(0), samples
        self.moved = self.still = self.symbols = 0

    def updates(self, original: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """Around a core's update: the weights of a few of its synapses."""

        def update(cells: Any, core: int) -> Iterator[Any]:
            if hasattr(cells, "twin"):
                yield from original(cells, core)
                return
            before = frozen(cells)
            yield from original(cells, core)
            for s in (s for s in cells.by_core[core] if s.p > 0):
                for i, j in self.chosen(before.weights[s.p - 1], cells.weights[s.p - 1], s):
                    twin = other_chip(before, synapse(before, s, i, j), self.rng)
                    for _ in original(twin, core):
                        pass
                    assert twin.weights[s.p - 1][i, j] == cells.weights[s.p - 1][i, j], (s.p, i, j)

        return update

    def chosen(self, before: np.ndarray, after: np.ndarray, s: Any) -> list[tuple[int, int]]:
        """Some synapses of a slice: those that moved, and as many others."""
        block = np.arange(s.first, s.first + s.size)
        moved = (before != after)[:, block]
        found = []
        for which in (moved, ~moved):
            pairs = np.argwhere(which)
            picked = pairs[self.rng.permutation(len(pairs))[: self.each]]
            found += [(int(i), int(block[k])) for i, k in picked]
        self.moved += min(self.each, int(moved.sum()))
        self.still += len(found) - min(self.each, int(moved.sum()))
        return found

    def responses(self, original: Callable[..., None]) -> Callable[..., None]:
        """Around the backward half of a composite neuron: its error, symbol and bias. Its start is drawn elsewhere."""

        def respond(cells: Any, s: Any, j: int, update: int) -> None:
            if hasattr(cells, "twin") or update == 0 or self.rng.random() > 0.2:
                original(cells, s, j, update)
                return
            own: list[Word] = [(name, s.p, j) for name in ("error", "arrived", "membrane", "bias")]
            twin = other_chip(cells, [*own, ("line", (s.core, s.p), None)], self.rng)
            original(twin, s, j, update)
            original(cells, s, j, update)
            self.symbols += int(cells.symbol[s.p][j] != 0)
            for name in ("error", "symbol", "bias"):
                assert getattr(twin, name)[s.p][j] == getattr(cells, name)[s.p][j], name

        return respond


def learn(rule: Any, samples: int, way: str = "transposed_read") -> None:
    """A few samples on the reference engine, on a chip of many cores with this backward path."""
    kind = "composite" if rule.SCHEDULE == "online" else "lif"
    network = mlp(SIZES, neuron=kind, encoder="bernoulli")
    image = place(network, load_chip("tiny", [*CHIP, f"core.learning.backward={way}"]), rule)
    assert len(image.slices.core) > len(SIZES)
    values, labels = images(samples, SIZES[0], SIZES[-1], np.random.default_rng(1))
    state = image.new_state(2, [w * 1.5 for w in image.random_weights(2)])
    rate = 0.5 if rule.SCHEDULE == "online" else 2.0**-7
    simulate(image, state, Batch(values, labels, 0, np.full(samples, image.rate(rate), np.int64), True), "reference")


@pytest.mark.parametrize("way", ["transposed_read", "mirrored", "crossbar"])
@pytest.mark.parametrize("name", STEPPED)
def test_what_a_circuit_stores_depends_on_its_own_words_alone(
    name: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule, witness = load_rule(name), Witness(6)
    schedule: Any = online if rule.SCHEDULE == "online" else phased.Cells
    monkeypatch.setattr(schedule, "update", witness.updates(schedule.update))
    if rule.SCHEDULE == "online":
        monkeypatch.setattr(online.Composites, "respond", witness.responses(online.Composites.respond))
    learn(rule, 3, way)
    assert witness.moved > 30 and witness.still > 30
    assert witness.symbols > 3 or rule.SCHEDULE != "online"


@pytest.mark.parametrize("name", STEPPED)
@pytest.mark.parametrize("left_out", ["weights", "symbol"])
def test_the_witness_sees_it_when_a_word_is_left_out(
    name: str, left_out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word that matters, and is not declared, is found: so the scrambling reaches what the engine reads."""
    rule, witness = load_rule(name), Witness(6)
    schedule: Any = online if rule.SCHEDULE == "online" else phased.Cells
    whole = synapse
    monkeypatch.setitem(globals(), "synapse", lambda *place: [w for w in whole(*place) if w[0] != left_out])
    monkeypatch.setattr(schedule, "update", witness.updates(schedule.update))
    with pytest.raises(AssertionError):
        learn(rule, 3)
