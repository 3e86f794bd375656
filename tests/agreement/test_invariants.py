"""What holds for every run: cycles have causes, packets arrive, hops are distances, the seed decides."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from neurosim.account.costs import load_costs
from neurosim.core import BACKWARD
from neurosim.engine import Run, compiled, simulate
from neurosim.engine.contract import CROSSBAR, MIRRORED
from neurosim.engine.run import EVENTS
from neurosim.fabric import Fabric
from neurosim.image import Image, Ints, State
from neurosim.ops import Cause, Op, Phase, Unit
from neurosim.report import report
from neurosim.stimulus import Batch

from .strategies import TRAFFIC, Case, cases, examples
from .streams import streams

EAST, WEST, NORTH, SOUTH, LOCAL = range(5)
HOST_UNITS = (Unit.HOST, Unit.AXON, Unit.PACKETISER, Unit.INJECT)
COSTS = load_costs("cacti22lop")
RULES = {"desire_bp": cases, "ssnn_bp": streams}
EVERY = [(rule, traffic) for rule in RULES for traffic in TRAFFIC]


def runs_of(case: Case, engine: str = "compiled", record: bool = True) -> tuple[Image, State, list[Run]]:
    """Image, final state and one recorded run a batch."""
    image, state, batches = case.build()
    return image, state, [simulate(image, state, batch, engine, record=record) for batch in batches]


def same(one: Run, other: Run) -> bool:
    """Bit for bit."""
    pairs = [(np.asarray(getattr(one, f.name)), np.asarray(getattr(other, f.name))) for f in fields(Run)]
    return all(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in pairs)


def equal(one: State, other: State) -> bool:
    """Weights, biases, random registers, pointers and clock, bit for bit."""
    pairs = [(np.asarray(getattr(one, f.name)), np.asarray(getattr(other, f.name))) for f in fields(State)]
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


def events(run: Run, name: str) -> Ints:
    """Logged events of one sort, without the column that says which: cycle, node, a, b, c."""
    assert run.events is not None
    return np.delete(run.events[run.events[:, 1] == EVENTS.index(name)], 1, axis=1)


def way(image: Image | Fabric, origin: int, target: int) -> Iterator[tuple[int, int]]:
    """(router, output) from node to node, x first; node `cores` is the host, west of its router, or (torus) at a local
    port behind those of the cores. Half way round a ring it goes up from even places and down from odd ones.
    """
    hw = image.hardware
    at = hw.host_router if origin == hw.cores else origin // hw.concentration
    end = hw.host_router if target == hw.cores else target // hw.concentration
    x, y, to_x, to_y = at % hw.columns, at // hw.columns, end % hw.columns, end // hw.columns
    step = step_of(x, to_x, hw.columns, hw.torus)
    while x != to_x:
        yield y * hw.columns + x, EAST if step > 0 else WEST
        x = (x + step) % hw.columns
    step = step_of(y, to_y, hw.rows, hw.torus)
    while y != to_y:
        yield y * hw.columns + x, NORTH if step > 0 else SOUTH
        y = (y + step) % hw.rows
    host = LOCAL + hw.concentration if hw.torus else WEST
    yield end, host if target == hw.cores else LOCAL + target % hw.concentration


def step_of(at: int, goal: int, length: int, torus: int) -> int:
    """The direction in which a packet leaves."""
    up, down = abs(goal - at), length - abs(goal - at)
    if goal < at:
        up, down = down, up
    if not torus:
        return 1 if goal > at else -1
    return 1 if up < down or (up == down and at % 2 == 0) else -1


def packets(case: Case, image: Image, run: Run) -> Iterator[tuple[int, int, list[int]]]:
    """(kind, origin, destinations) of every packet that the emitted items ask for."""
    kinds, program, projections = image.kinds, image.program, len(image.sizes) - 1
    table = [image.slices.core.tolist(), image.slices.population.tolist(), image.slices.first.tolist()]
    cores: list[list[int]] = [[] for _ in image.sizes]
    for core, p, _ in zip(*table, strict=True):
        cores[p].append(core)
    for _, node, position, kind, _ in events(run, "emit").tolist():
        if kind < projections:
            targets = cores[kind + 1]
            together = dict(case.chip)["noc.multicast"]
            for group in [targets] if together else [[target] for target in targets]:
                yield kind, node, group
        elif kind < 2 * projections and image.hardware.backward == MIRRORED:
            targets = cores[kind - projections]
            together = dict(case.chip)["noc.multicast"] and kinds.flits[kind] == 1
            for group in [targets] if together else [[target] for target in targets]:
                yield kind, node, group
        elif kind < 2 * projections and image.hardware.backward == CROSSBAR:
            continue  # one emission for a block of neurons: see below
        elif kind < 2 * projections:
            firsts = [(first, core) for core, p, first in zip(*table, strict=True) if p == kind - projections]
            yield kind, node, [max(entry for entry in firsts if entry[0] <= position)[1]]
        elif kind == kinds.label:
            yield kind, node, [int(program.label_set[position])]
        elif kind == kinds.rate:
            yield kind, node, [int(program.rate_set[position - len(program.label_set)])]
        else:
            readout = kind == kinds.readout
            yield kind, node, [image.hardware.cores if readout else int(program.load_set[position])]
    if image.hardware.backward == CROSSBAR:
        yield from block_packets(projections, run)


def block_packets(projections: int, run: Run) -> Iterator[tuple[int, int, list[int]]]:
    """(kind, origin, destination) of the error packets, one after the other; numbers begin anew in every step."""
    heads, arrived = events(run, "inject"), events(run, "arrive")
    heads, arrived = heads[heads[:, 3] == 0], arrived[arrived[:, 4] == 0]
    for cycle, node, number, _, kind in heads.tolist():
        if projections <= kind < 2 * projections:
            same = heads[(heads[:, 1] == node) & (heads[:, 2] == number) & (heads[:, 0] > cycle), 0]
            mine = (arrived[:, 2] == node) & (arrived[:, 3] == number) & (arrived[:, 0] > cycle)
            mine &= arrived[:, 0] < (same[0] if len(same) else arrived[-1, 0] + 1)
            yield kind, node, arrived[mine, 1].tolist()


@pytest.mark.parametrize(("rule", "traffic"), EVERY)
@examples(60)
@given(data=st.data())
def test_every_cycle_of_every_unit_has_a_cause(rule: str, traffic: str, data: st.DataObject) -> None:
    case = data.draw(RULES[rule](traffic))
    image, state, runs = runs_of(case, record=False)
    exists = np.ones((image.nodes, len(Unit)), bool)
    exists[:, Unit.HOST] = exists[-1] = False
    exists[np.arange(image.nodes) % image.hardware.concentration != 0, Unit.ROUTER_EAST : Unit.ROUTER_LOCAL] = False
    exists[-1, list(HOST_UNITS)] = True
    exists[-1, Unit.ROUTER_LOCAL] = image.hardware.torus == 1
    for run in runs:
        assert (run.cycles >= 0).all()
        expected = run.phase_cycles[:, None, None] * exists
        assert (run.cycles.sum(axis=-1) == expected).all()
        assert run.sample_cycles.sum() == run.phase_cycles.sum()
        ports = run.cycles[:, :, Unit.ROUTER_EAST :, Cause.BUSY].sum(axis=-1)
        assert (ports == run.counts[:, :, Op.BUFFER_READ]).all()
    assert state.cycle == sum(int(run.phase_cycles.sum()) for run in runs)
    period = image.hardware.tick_period
    if period:
        for run in runs:
            assert run.phase_cycles.sum() == (run.steps.sum() + run.overruns) * period


@pytest.mark.parametrize("traffic", TRAFFIC)
@examples(60)
@given(data=st.data())
def test_packets_arrive_and_hops_are_distances(traffic: str, data: st.DataObject) -> None:
    case = data.draw(cases(traffic))
    image, _, runs = runs_of(case)
    for run in runs:
        links = np.zeros_like(run.links)
        sent, received = Counter(), Counter()
        additions = 0
        for kind, origin, targets in packets(case, image, run):
            flits = int(image.kinds.flits[kind])
            sent[origin] += flits
            for target in targets:
                received[target] += flits
                if kind < len(image.sizes) - 1:
                    mine = (image.slices.core == target) & (image.slices.population == kind + 1)
                    additions += int(image.slices.size[mine].sum())
            for router, output in {hop for target in targets for hop in way(image, origin, target)}:
                links[router, output] += flits
        assert (links == run.links).all()
        injected, arrived = events(run, "inject"), events(run, "arrive")
        assert Counter(injected[:, 1].tolist()) == sent
        assert Counter(arrived[:, 1].tolist()) == received
        if traffic != "multicast":  # the very flits that were sent: origin, packet, flit
            flits_sent, flits_seen = injected[:, 1:4].tolist(), arrived[:, 2:].tolist()
            assert Counter(map(tuple, flits_sent)) == Counter(map(tuple, flits_seen))
        total = run.counts.sum(axis=(0, 1))
        each = image.hardware.concentration
        terminals = [(core // each, LOCAL + core % each) for core in range(image.hardware.cores)]
        terminals.append((image.hardware.host_router, LOCAL + each if image.hardware.torus else WEST))
        between = links.sum() - sum(links[place] for place in terminals)
        assert total[Op.LINK_FLIT] + total[Op.VERTICAL_FLIT] == between
        assert total[Op.ARBITRATE] == total[Op.CROSSBAR] == links.sum()
        assert total[Op.BUFFER_WRITE] == len(injected) + between
        assert total[Op.SYNAPSE_ADD] == additions


@pytest.mark.parametrize(("rule", "traffic"), EVERY)
@examples(30)
@given(data=st.data())
def test_the_seed_decides_every_bit(rule: str, traffic: str, data: st.DataObject) -> None:
    """Twice the same; and no other sample by sample, without a log, or if every router is visited in turn."""
    case = data.draw(RULES[rule](traffic))
    image, state, runs = runs_of(case)
    _, again, others = runs_of(case)
    assert all(same(*pair) for pair in zip(runs, others, strict=True))
    assert equal(state, again)
    _, other, batches = case.build()
    loops = [compiled.run(image, other, batch, True, general=True) for batch in batches]
    assert all(same(*pair) for pair in zip(runs, loops, strict=True))
    assert equal(state, other)
    _, quiet, _ = case.build()
    for run, batch in zip(runs, batches, strict=True):
        parts = [simulate(image, quiet, single) for single in singles(batch)]
        assert same(run.without_events(), sum(parts[1:], parts[0]))
    assert equal(state, quiet)


def singles(batch: Batch) -> Iterator[Batch]:
    """The samples of a batch as batches of their own."""
    for k in range(len(batch.values)):
        row = slice(k, k + 1)
        yield replace(
            batch, values=batch.values[row], labels=batch.labels[row], rates=batch.rates[row],
            first=batch.first + k,
        )  # fmt: skip


@pytest.mark.parametrize("traffic", TRAFFIC)
@examples(20)
@given(data=st.data())
def test_three_ways_back_learn_the_same(traffic: str, data: st.DataObject) -> None:
    """Weights, biases and what the outputs say: how errors read the weights is a matter of cost."""
    found = []
    case = data.draw(streams(traffic))
    for way in BACKWARD:
        chip = dict(case.chip) | {"core.learning.backward": way, "core.synapse.capacity_kib": 64}
        image, state, runs = runs_of(replace(case, chip=tuple(chip.items())), record=False)
        said = [(run.output_counts.tolist(), run.output_membrane.tolist(), run.spikes.tolist()) for run in runs]
        found.append((image.slices.core.tolist(), state.weights.tolist(), state.bias.tolist(), said))
    placed = [entry for entry in found if entry[0] == found[0][0]]  # on other cores other registers draw
    assert all(entry == found[0] for entry in placed)
    event(f"{len(placed)} ways on the same cores")


@pytest.mark.parametrize(("rule", "traffic"), EVERY)
@examples(10)
@given(data=st.data())
def test_ledgers_of_both_engines_differ_in_no_byte(rule: str, traffic: str, data: st.DataObject) -> None:
    case = data.draw(RULES[rule](traffic))
    chip, ledgers = case.load(), []
    for engine in ("compiled", "reference"):
        _, _, runs = runs_of(case, engine, record=False)
        found = report({"train": runs[0], "test": runs[-1]}, chip, COSTS, seed=case.seed)
        ledgers.append((found.ledger.to_csv(index=False), found.causes.to_csv(index=False)))
    assert ledgers[0] == ledgers[1]
    assert ledgers[0][0].count("\n") > 10
    assert Phase.FORWARD.name.lower() in ledgers[0][0]
