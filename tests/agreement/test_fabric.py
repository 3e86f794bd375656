"""Both engines on random connectomes, chips and rasters: every event, count, cycle, membrane and pointer is equal."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, reject, target
from hypothesis import strategies as st

from neurosim.connectome import SCRIPTED, Connectome, Dense, Group, Sparse
from neurosim.engine import compiled, simulate
from neurosim.engine.verify import compare, verify
from neurosim.errors import ConfigError, PlacementError
from neurosim.fabric import Fabric
from neurosim.ops import Cause, Op, Phase, Unit
from neurosim.routing import xy
from neurosim.stimulus import Raster
from neurosim.wiring import place_connectome

from .strategies import TRAFFIC, chip_of, examples, far, machines, small
from .test_invariants import HOST_UNITS, events, way

SEEN: Counter[str] = Counter()


@dataclass(frozen=True)
class Wired:
    """A chip (changes to the tiny chip), and what a seeded generator draws on it."""

    chip: tuple[tuple[str, Any], ...]
    groups: tuple[tuple[int, str], ...]  # (size, "scripted", "lif" or "integrate_fire")
    dense: tuple[tuple[int, int], ...]
    fan_out: int  # largest number of sparse synapses of a neuron
    spread: str  # where neurons lie: "filled", "random", "one" core
    rate: float  # of the scripted neurons
    steps: int
    seed: int

    def build(self) -> tuple[Fabric, Raster]:
        """The fabric and its raster. Raises PlacementError or ConfigError if it does not fit."""
        rng, chip = np.random.default_rng(self.seed), chip_of(self.chip)
        sizes = np.array([size for size, _ in self.groups])
        neurons = int(sizes.sum())
        scripted = np.repeat([neuron == SCRIPTED for _, neuron in self.groups], sizes)
        groups = tuple(
            Group(f"g{k}", size, neuron, int(rng.integers(1, 6)), 2, rng.integers(0, 3, size))
            for k, (size, neuron) in enumerate(self.groups)
        )
        dense = tuple(
            Dense(a, b, rng.integers(-2, 4, (sizes[a], sizes[b])).astype(np.int16))
            for a, b in self.dense
            if self.groups[b][1] != SCRIPTED
        )
        places = np.flatnonzero(~scripted)
        degree = rng.integers(0, self.fan_out + 1, neurons) if self.fan_out and len(places) else np.zeros(neurons, int)
        start = np.concatenate([[0], np.cumsum(degree)]).astype(np.int64)
        many = int(start[-1])
        listed = rng.choice(places, many) if many else np.zeros(0, np.int64)
        sparse = Sparse(start, listed, rng.integers(-2, 4, many).astype(np.int16)) if self.fan_out else None
        core = {"filled": None, "one": np.zeros(neurons, np.int64), "random": rng.integers(0, chip.cores, neurons)}
        fabric = place_connectome(Connectome("net", groups, dense, sparse), chip, core[self.spread])
        fires = [np.flatnonzero(scripted & (rng.random(neurons) < self.rate)) for _ in range(self.steps)]
        begin = np.concatenate([[0], np.cumsum([len(step) for step in fires])]).astype(np.int64)
        return fabric, Raster(begin, np.concatenate(fires).astype(np.int64))


@st.composite
def wired(draw: st.DrawFn, traffic: str) -> Wired:
    """A connectome of up to four groups on a random chip."""
    chip = machines(draw, traffic)
    if draw(st.integers(0, 5)) == 0:
        chip |= far(draw)
    neuron = draw(st.sampled_from(("lif", "integrate_fire")))
    groups = [(draw(small(14)), draw(st.sampled_from((SCRIPTED, neuron, neuron)))) for _ in range(draw(small(4)))]
    number = st.integers(0, len(groups) - 1)
    entries = draw(st.sampled_from((8, 16, 64)))
    sparse = {"index_bits": draw(st.integers((entries - 1).bit_length(), 9)), "lane_cycles": draw(small(4))}
    chip |= {"core.synapse.weight_bits": 4, "core.synapse.word_bits": 4 * draw(st.integers(4, 8))}
    chip |= {"core.synapse.weight_fraction_bits": 0, "core.synapse.sparse": sparse, "core.synapse.capacity_kib": 64}
    chip |= {"core.packetiser.route_entries": 512, "core.neuron.entries": entries}
    found = Wired(
        chip=tuple(chip.items()),
        groups=tuple(groups),
        dense=tuple(draw(st.lists(st.tuples(number, number), max_size=3))),
        fan_out=draw(st.sampled_from((0, 3, 8))),
        spread=draw(st.sampled_from(("filled", "random", "random", "one"))),
        rate=draw(st.sampled_from((1.0, 0.5, 0.1))),
        steps=draw(st.integers(1, 4)),
        seed=draw(st.integers(0, 2**31 - 1)),
    )
    try:
        found.build()
    except (ConfigError, PlacementError):
        reject()
    return found


def disagreement_of(case: Wired) -> str | None:
    """The first difference between the engines."""
    fabric, raster = case.build()
    difference = verify(fabric, fabric.new_state(), raster)
    return None if difference is None else str(difference)


@pytest.mark.parametrize("traffic", TRAFFIC)
@examples(100)
@given(data=st.data())
def test_engines_agree_on_connectomes(traffic: str, data: st.DataObject) -> None:
    case = data.draw(wired(traffic))
    fabric, raster = case.build()
    run = simulate(fabric, fabric.new_state(), raster)
    blocked = run.cycles[..., Cause.BLOCKED].sum(axis=(0, 1))
    target(float(blocked[Unit.ROUTER_EAST :].sum() / run.phase_cycles.sum()), label="blocked router inputs")
    event("congested" if blocked.any() else "free")
    SEEN.update(examples=1, congested=int(blocked[Unit.ROUTER_EAST :].any()), spikes=int(run.spikes.any()))
    assert disagreement_of(case) is None


@pytest.mark.parametrize("traffic", ["unicast", "multicast"])
@examples(60)
@given(data=st.data())
def test_the_general_loop_and_parts_of_a_raster_change_nothing(traffic: str, data: st.DataObject) -> None:
    fabric, raster = data.draw(wired(traffic)).build()
    state, general, parts = (fabric.new_state() for _ in range(3))
    whole = compiled.run_fabric(fabric, state, raster, record=True)
    other = compiled.run_fabric(fabric, general, raster, record=True, general=True)
    assert compare(whole, other) is None
    runs = [compiled.run_fabric(fabric, parts, raster.part(t, t + 1), record=True) for t in range(raster.steps)]
    assert compare(whole, sum(runs[1:], runs[0])) is None
    for found in (general, parts):
        assert (found.membrane == state.membrane).all() and (found.charge == state.charge).all()
        assert (found.pointers == state.pointers).all() and found.cycle == state.cycle and found.tick == state.tick


@examples(60)
@given(data=st.data())
def test_spikes_are_those_of_plain_arithmetic(data: st.DataObject) -> None:
    """An oracle that knows no chip: dense matrices of all synapses, integrate and fire."""
    case = data.draw(wired("unicast"))
    fabric, raster = case.build()
    if fabric.neuron.__name__.endswith("lif"):
        reject()
    first = np.concatenate([[0], np.cumsum(fabric.sizes)])
    weight = np.zeros((fabric.neurons, fabric.neurons), np.int64)
    for a, b, offset in zip(*fabric.blocks, strict=True):
        shape = (int(fabric.sizes[a]), int(fabric.sizes[b]))
        block = fabric.weight[offset : offset + shape[0] * shape[1]].reshape(shape)
        weight[first[a] : first[a + 1], first[b] : first[b + 1]] += block
    pre = np.repeat(np.arange(fabric.neurons), np.diff(fabric.rows.start))
    np.add.at(weight, (pre, fabric.rows.target.astype(np.int64)), fabric.rows.weight)
    group = np.repeat(np.arange(len(fabric.sizes)), fabric.sizes)
    scripted, threshold = fabric.scripted[group] == 1, fabric.threshold[group]
    membrane, drive, expected, adds = np.zeros(fabric.neurons, np.int64), 0, [], 0
    for t in range(raster.steps):
        membrane = np.where(scripted, 0, membrane + drive + fabric.bias)
        fired = membrane >= threshold
        fired[scripted] = False
        fired[raster.neuron[raster.start[t] : raster.start[t + 1]]] = True
        membrane[fired] = 0
        drive = fired @ weight
        expected.append(np.bincount(group[fired], minlength=len(fabric.sizes)))
        adds += int(np.diff(fabric.rows.start)[fired].sum())
        for a, b, _ in zip(*fabric.blocks, strict=True):
            adds += int(fired[first[a] : first[a + 1]].sum() * fabric.sizes[b])
    state = fabric.new_state()
    run = simulate(fabric, state, raster)
    assert run.output_counts.tolist() == np.array(expected).tolist()
    assert (state.membrane == membrane).all()
    assert run.counts[..., [Op.SYNAPSE_ADD, Op.SPARSE_ADD]].sum() == adds


@pytest.mark.parametrize("traffic", TRAFFIC)
@examples(60)
@given(data=st.data())
def test_packets_arrive_and_every_cycle_has_a_cause(traffic: str, data: st.DataObject) -> None:
    case = data.draw(wired(traffic))
    fabric, raster = case.build()
    run = simulate(fabric, fabric.new_state(), raster, record=True)
    hw, group = fabric.hardware, np.repeat(np.arange(len(fabric.sizes)), fabric.sizes)
    exists = np.ones((fabric.nodes, len(Unit)), bool)
    exists[:, Unit.HOST] = exists[-1] = False
    exists[np.arange(fabric.nodes) % hw.concentration != 0, Unit.ROUTER_EAST : Unit.ROUTER_LOCAL] = False
    exists[-1, list(HOST_UNITS)] = True
    exists[-1, Unit.ROUTER_LOCAL] = hw.torus == 1
    assert (run.cycles >= 0).all()
    assert (run.cycles.sum(axis=-1) == run.phase_cycles[:, None, None] * exists).all()
    assert run.sample_cycles.sum() == run.phase_cycles.sum() == run.phase_cycles[Phase.FORWARD]
    sweep = [np.flatnonzero(fabric.core == core) for core in range(hw.cores)]
    homes = [np.unique(fabric.core[group == g]) for g in range(len(fabric.sizes))]
    links, reads, packets = np.zeros_like(run.links), 0, 0
    for _, node, position, _, _ in events(run, "emit").tolist():
        j = sweep[node][position]
        sends = [(k, homes[b]) for k, (a, b, _) in enumerate(zip(*fabric.blocks, strict=True)) if a == group[j]]
        row = fabric.core[fabric.rows.target[fabric.rows.start[j] : fabric.rows.start[j + 1]]]
        sends += [(len(fabric.blocks.pre), np.unique(row))] if len(row) else []
        for kind, targets in sends:
            reads += len(targets)
            for together in [targets] if traffic == "multicast" else targets[:, None]:
                packets += 1
                for router, output in {hop for end in together for hop in way(fabric, node, int(end))}:
                    links[router, output] += fabric.kinds.flits[kind]
    assert (links == run.links).all()
    total = run.counts.sum(axis=(0, 1))
    assert total[Op.AXON_READ] == reads and total[Op.ROUTE_READ] == packets
    assert total[Op.BUFFER_READ] == run.cycles[:, :, Unit.ROUTER_EAST :, Cause.BUSY].sum()
    local = links[:, xy.LOCAL :].sum()
    assert total[Op.LINK_FLIT] + total[Op.VERTICAL_FLIT] == links.sum() - local
    assert total[Op.VERTICAL_FLIT] == links[:, [xy.NORTH, xy.SOUTH]].sum()


def test_congestion_was_found() -> None:
    """The examples above are worth their time: in many of them flits stand in the way."""
    if not SEEN:
        pytest.skip("needs the agreement tests in the same process")
    assert SEEN["spikes"] > SEEN["examples"] // 2, SEEN
    assert SEEN["congested"] > SEEN["examples"] // 4, SEEN
