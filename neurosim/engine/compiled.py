"""The compiled engine: written to be fast, equal to the reference engine in every cycle and every count."""

import importlib.util
import logging
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.bench import BLOCK, Bench
from neurosim.engine.forest import look_ahead
from neurosim.engine.forward import new_activity
from neurosim.engine.lanes import save_pointers
from neurosim.engine.layout import CYCLE, DEADLOCK, OVERRUNS, PORTS, Machine, Placed, build_machine
from neurosim.engine.run import Run
from neurosim.engine.tissue import Tissue
from neurosim.errors import ConfigError, SimulationError
from neurosim.fabric import Fabric, FabricState
from neurosim.image import Hardware, Image, Ints, Kinds, State
from neurosim.kernel import COMPILING, CompileError, cache_for, cache_is_warm
from neurosim.ops import HOST_UNITS, Cause, Op, Phase, Unit
from neurosim.stimulus import Batch, Raster

__all__ = ["run", "run_fabric"]

_LOG = logging.getLogger("neurosim")
_OUTERMOST = {"phased": "run_batch", "online": "run_batch", "stepped": "run_steps", "sequenced": "run_sequence"}


@cache
def bound(engine: str, **plugins: ModuleType) -> ModuleType:
    """The module `engine`.py with `plugins` compiled in under their names: one instance and cache folder for each."""
    if not cache_is_warm(_OUTERMOST[engine], *plugins.values()):
        _LOG.warning(COMPILING)
    stems = "_".join(module.__name__.rpartition(".")[2] for module in plugins.values())
    name = f"neurosim.engine.{engine}_{stems}"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{engine}.py"))
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    vars(module).update(plugins)
    sys.modules[name] = module
    with cache_for(*plugins.values()):
        spec.loader.exec_module(module)
    return cast(ModuleType, module)


def _room(image: Image) -> tuple[int, int]:
    """Most emissions and packets that one step can have."""
    slices = image.slices
    host = len(image.program.load_set) + 2 * len(slices.core)
    targets = int(np.max(np.diff(slices.set_ptr), initial=1) + np.max(np.diff(slices.back_ptr), initial=0))
    populations = int(np.sum(image.sizes)) + host
    backward = max(
        (
            int(image.sizes[q]) * int(np.sum(slices.population == q + 1))
            for q in range(1, len(image.sizes) - 1)
        ),
        default=0,
    )
    populations += int(image.sizes[-1]) + 1  # words of the output group that change once more (online)
    return max(populations, backward) + 1, max(populations * max(targets, 1), backward) + 1


def _sums(image: Image) -> type[np.signedinteger[Any]]:
    """Of what type a sum of weights must be."""
    most = int(np.max(image.sizes[:-1])) * max(-image.weight_limits[0], image.weight_limits[1])
    return np.int64 if most >= 2**31 else np.int32


def _tissue_of(image: Image) -> Tissue:
    """Silent neurons for the engine of online rules."""
    sizes, n = image.sizes, int(np.max(image.sizes))
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    neurons = int(start[-1])

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, np.int64)

    return Tissue(
        start=start, membrane=zeros(neurons), error=zeros(neurons), arrived=zeros(neurons), symbol=zeros(neurons),
        wins=zeros(neurons), level=zeros(int(sizes[0])), teach=np.zeros((2, neurons), np.uint8),
        drive=np.zeros(neurons, _sums(image)), spike=zeros(2, len(sizes), n), number=zeros(2, len(sizes)),
        winner=zeros(1), line=zeros(len(image.slices.core)), active=zeros(n), row=zeros(n), part=zeros(n),
        bank=zeros(image.hardware.banks), busy=zeros(image.hardware.cores, 2),
    )  # fmt: skip


def _bench(image: Image, weights: NDArray[Any]) -> Bench:
    n, steps, sums = int(np.max(image.sizes)), image.hardware.steps, _sums(image)

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, np.int64)

    columns = int(np.sum(image.sizes[1:-1] * image.sizes[2:]))
    return Bench(
        acc=np.zeros(n, sums), steady=np.zeros(n, sums), often=zeros(n), usual=zeros(n), more=zeros(n), less=zeros(n),
        spiked=np.zeros(n, np.uint8), columns=np.zeros(columns, weights.dtype), active=zeros(n), factor=zeros(n),
        narrow=np.zeros(n, np.int32), bank=zeros(image.hardware.banks), total=zeros(n), part=zeros(n), axon=zeros(n),
        train=zeros(n), key=np.zeros(n, np.uint32), weight=np.zeros((BLOCK, n), weights.dtype),
        trace=zeros(steps + 1, n), credit=zeros(n), busy=zeros(image.hardware.cores, 2),
    )  # fmt: skip


def run(
    image: Image,
    state: State,
    batch: Batch,
    record: bool = False,
    *,
    general: bool = False,
    capacity: int = 0,
) -> Run:
    """Present `batch`; changes `state`. With `record`, every event is logged (slow, for small batches).

    `general` sends all flits event by event, also of sources that meet no other (same result, slower): for tests.

    Raises SimulationError if the network deadlocks.
    """
    hw = image.hardware
    before = state.copy() if record else None
    module = bound(image.rule.SCHEDULE, rule=image.rule, neuron=image.neuron)
    m = build_machine(
        image, state.pointers, state.cycle, _room(image), max(capacity, 1 << 16) if record else 0
    )
    if not general:
        m = look_ahead(m, image)
    samples, outputs = len(batch.values), int(image.sizes[-1])
    counts, membranes = np.zeros((samples, outputs), np.int64), np.zeros((samples, outputs), np.int64)
    cycles = np.zeros(samples, np.int64)
    results = (batch.learn, image.constants, counts, membranes, cycles)
    # Copies: a read-only array is another type to numba, and would be compiled for once more.
    values, labels, rates = batch.values.copy(), batch.labels.copy(), batch.rates.copy()
    try:
        if image.online:
            tissue, table = _tissue_of(image), image.generators.table
            module.run_batch(
                m, tissue, state.random, table, state.weights, image.offsets, state.bias, image.noise, values, labels,
                rates, *results,
            )  # fmt: skip
        else:
            activity, bench = new_activity(image.sizes, hw.steps, image.trains), _bench(image, state.weights)
            module.run_batch(
                m, activity, bench, state.weights, image.offsets, image.whole, image.drop, image.amplitude, values,
                labels, state.seed, batch.first, rates, *results,
            )  # fmt: skip
    except CompileError as error:
        plugins = f"rule {image.rule.__name__} or neuron {image.neuron.__name__}"
        raise ConfigError(f"{plugins} does not compile: {_essence(str(error))}") from error
    logged = int(m.logged[0])
    if before is not None and logged > len(m.log):  # the log was too short: once more with a longer one
        state.weights[:], state.bias[:], state.random[:] = before.weights, before.bias, before.random
        return run(image, state, batch, record, general=general, capacity=logged)
    return _collect(m, image, state, batch.learn, counts, membranes, cycles, record)


def run_fabric(
    fabric: Fabric,
    state: FabricState,
    raster: Raster,
    record: bool = False,
    *,
    general: bool = False,
    capacity: int = 0,
) -> Run:
    """Run a connectome for the steps of `raster`; changes `state`. Options and errors as of `run`."""
    before = state.copy() if record else state
    module = bound("stepped", neuron=fabric.neuron)
    packets, nodes = fabric.most
    room = (fabric.neurons + 1, packets + 1)
    m = build_machine(
        fabric, state.pointers, state.cycle, room, max(capacity, 1 << 16) if record else 0, nodes + 1
    )
    if not general:
        m = look_ahead(m, fabric)
    spikes = np.zeros((raster.steps, len(fabric.sizes)), np.int64)
    cycles = np.zeros(raster.steps, np.int64)
    tissue = _tissue(fabric, state, module)
    try:
        module.run_steps(m, tissue, raster.start.copy(), raster.neuron.copy(), spikes, cycles)
    except CompileError as error:
        raise ConfigError(f"neuron {fabric.neuron.__name__} does not compile: {_essence(str(error))}") from error
    logged = int(m.logged[0])
    if record and logged > len(m.log):
        state.membrane[:], state.charge[:] = before.membrane, before.charge
        return run_fabric(fabric, state, raster, record, general=general, capacity=logged)
    state.tick += raster.steps
    m.spikes[:] = spikes.sum(axis=0)
    synapses, words = tissue.added.T
    for op, added in (
        (Op.SPARSE_ADD, synapses),
        (Op.ACCUMULATOR_READ, synapses),
        (Op.ACCUMULATOR_WRITE, synapses),
        (Op.SYNAPSE_READ, words),
    ):
        m.counts[Phase.FORWARD, :-1, op] += added
    return _collect(m, fabric, state, False, spikes, np.zeros((raster.steps, 0), np.int64), cycles, record)


def _tissue(fabric: Fabric, state: FabricState, module: ModuleType) -> Any:
    """The arrays of a fabric as the engine takes them, and room to work in."""

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, np.int64)

    first = np.concatenate([[0], np.cumsum(fabric.sizes)]).astype(np.int64)
    blocks, fan, rows, slices = fabric.blocks, fabric.fan, fabric.rows, len(fabric.slices.core)
    widest = int(np.max(fabric.sizes[blocks.pre], initial=1))
    return module.Tissue(
        state.membrane, state.charge, fabric.bias, fabric.core, fabric.scripted, fabric.threshold, fabric.leak_shift,
        first[blocks.pre], first[blocks.post], fabric.sizes[blocks.post], blocks.offset, fabric.weight,
        fan.ptr, fan.block, fan.set_ptr, fan.sets, rows.start, rows.target, rows.weight, rows.cycles, rows.words,
        rows.tree, zeros(fabric.neurons + 1), zeros(slices), zeros(slices),
        np.zeros(int(np.max(fabric.slices.size)), np.uint8), zeros(len(blocks.pre), widest), zeros(len(blocks.pre)),
        zeros(fabric.hardware.cores, 2), zeros(1),
    )  # fmt: skip


def _collect(m: Machine, placed: Placed, state: State | FabricState, learn: bool, counts: Ints, membranes: Ints,
             cycles: Ints, record: bool) -> Run:  # fmt: skip
    """What the machine counted, as a Run; clock and pointers go back into the state."""
    if m.clock[DEADLOCK]:
        raise SimulationError("the network-on-chip is deadlocked: flits wait for each other and none can move")
    hw = placed.hardware
    state.cycle = int(m.clock[CYCLE])
    save_pointers(hw, state.pointers, m.output, m.turn)
    _count_deliveries(m.counts, m.delivered, placed.kinds, learn)
    _fill_barrier(m.cycles, m.totals[0], placed.nodes, hw)
    return Run(
        samples=len(cycles),
        counts=m.counts,
        cycles=m.cycles,
        phase_cycles=m.totals[0].copy(),
        steps=m.totals[1].copy(),
        overruns=int(m.clock[OVERRUNS]),
        output_counts=counts,
        output_membrane=membranes,
        spikes=m.spikes,
        sample_cycles=cycles,
        links=m.flits.reshape(-1, PORTS)[:, : hw.radix].copy(),
        events=_sorted(m.log[: int(m.logged[0])]) if record else None,
    )


def _essence(message: str) -> str:
    """The lines of numba's message that say what is wrong, without its own inner steps."""
    lines = [line for line in message.splitlines() if line.strip() and not line.startswith(("Failed in", "During:"))]
    return "\n".join(lines[:4])


def _sorted(rows: Ints) -> Ints:
    return rows[np.lexsort(rows.T[::-1])]


def _count_deliveries(counts: Ints, delivered: Ints, kinds: Kinds, learn: bool) -> None:
    """Accesses of delivered packets, in bulk: packets of a kind at a node x what one of them does there."""
    per_packet = kinds.ops + kinds.learn_ops if learn else kinds.ops
    for phase in Phase:
        mine = kinds.phase == phase
        counts[phase] += np.einsum("kn,kno->no", delivered[mine], per_packet[mine])


def _fill_barrier(cycles: Ints, phase_cycles: Ints, nodes: int, hw: Hardware) -> None:
    """What a unit did not spend otherwise it waited for the barrier; units that do not exist stay empty."""
    cycles[..., Cause.BARRIER] = phase_cycles[:, None, None] - cycles.sum(axis=-1)
    exists = np.ones((nodes, len(Unit)), bool)
    exists[:-1, Unit.HOST] = False
    exists[np.arange(nodes) % hw.concentration != 0, Unit.ROUTER_EAST : Unit.ROUTER_LOCAL] = False
    exists[-1] = False
    exists[-1, list(HOST_UNITS)] = True
    exists[-1, Unit.ROUTER_LOCAL] = hw.torus == 1
    cycles[:, ~exists] = 0
