"""The compiled engine: written to be fast, equal to the reference engine in every cycle and every count."""

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.forest import lone_sources
from neurosim.engine.forward import new_activity
from neurosim.engine.layout import build_machine
from neurosim.engine.run import Run
from neurosim.engine.step import DEADLOCK
from neurosim.errors import ConfigError, SimulationError
from neurosim.image import Image, Ints, State
from neurosim.kernel import CompileError, cache_for
from neurosim.ops import Cause, Phase, Unit
from neurosim.stimulus import Batch

__all__ = ["run"]


@cache
def phased(rule: ModuleType, neuron: ModuleType) -> ModuleType:
    """The module `phased.py` with `rule` and `neuron` compiled in: one instance, and one cache folder, for each."""
    stems = "_".join(module.__name__.rpartition(".")[2] for module in (rule, neuron))
    name = f"neurosim.engine.phased_{stems}"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("phased.py"))
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    module.rule, module.neuron = rule, neuron
    sys.modules[name] = module
    with cache_for(rule, neuron):
        spec.loader.exec_module(module)
    return cast(ModuleType, module)


def _room(image: Image) -> tuple[int, int]:
    """Most emissions and packets that one step can have."""
    slices = image.slices
    host = len(image.program.load_set) + 2 * len(slices.core)
    targets = int(np.max(np.diff(slices.set_ptr), initial=1))
    populations = int(np.sum(image.sizes)) + host
    backward = max(
        (
            int(image.sizes[q]) * int(np.sum(slices.population == q + 1))
            for q in range(1, len(image.sizes) - 1)
        ),
        default=0,
    )
    return max(populations, backward) + 1, max(populations * max(targets, 1), backward) + 1


def _bench(image: Image, weights: NDArray[Any], module: ModuleType) -> Any:
    n, steps = int(np.max(image.sizes)), image.hardware.steps

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, np.int64)

    most = int(np.max(image.sizes[:-1])) * max(-image.weight_limits[0], image.weight_limits[1])
    wide = most >= 2**31  # a sum might not fit in 32 bits
    sums = np.int64 if wide else np.int32
    mirrored = int(np.sum(image.sizes[1:-1] * image.sizes[2:]))
    return module.Bench(
        acc=np.zeros(n, sums), steady=np.zeros(n, sums), often=zeros(n), usual=zeros(n), more=zeros(n), less=zeros(n),
        spiked=np.zeros(n, np.uint8), mirror=np.zeros(mirrored, weights.dtype), active=zeros(n), factor=zeros(n),
        narrow=np.zeros(n, np.int32), bank=zeros(image.hardware.banks), total=zeros(n), part=zeros(n), axon=zeros(n),
        train=zeros(n), key=np.zeros(n, np.uint32), weight=np.zeros((module.BLOCK, n), weights.dtype),
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

    `general` sends all packets through the general loop (same result, slower): for tests.

    Raises SimulationError if the network deadlocks.
    """
    hw = image.hardware
    before = state.copy() if record else None
    module = phased(image.rule, image.neuron)
    m = build_machine(
        image, state.pointers, state.cycle, _room(image), max(capacity, 1 << 16) if record else 0
    )
    if not general:
        m.lone[:] = lone_sources(image, m.output.after, m.node.attach)
    samples, outputs = len(batch.values), int(image.sizes[-1])
    counts, membranes = np.zeros((samples, outputs), np.int64), np.zeros((samples, outputs), np.int64)
    cycles = np.zeros(samples, np.int64)
    activity, bench = new_activity(image.sizes, hw.steps, image.trains), _bench(image, state.weights, module)
    # Copies: a read-only array is another type to numba, and would be compiled for once more.
    try:
        module.run_batch(
            m, activity, bench, state.weights, image.offsets, image.whole, image.drop, image.amplitude,
            batch.values.copy(), batch.labels.copy(), state.seed, batch.first, batch.rates.copy(), batch.learn,
            image.constants, counts, membranes, cycles,
        )  # fmt: skip
    except CompileError as error:
        plugins = f"rule {image.rule.__name__} or neuron {image.neuron.__name__}"
        raise ConfigError(f"{plugins} does not compile: {_essence(str(error))}") from error
    if m.clock[DEADLOCK]:
        raise SimulationError(
            "the network-on-chip is deadlocked: flits wait for each other and none can move"
        )
    logged = int(m.logged[0])
    if before is not None and logged > len(m.log):  # the log was too short: once more with a longer one
        state.weights[:] = before.weights
        return run(image, state, batch, record, general=general, capacity=logged)
    state.cycle = int(m.clock[0])
    state.pointers[:] = m.output.pointer.reshape(-1, 5)
    _count_deliveries(m.counts, m.delivered, image, batch.learn)
    _fill_barrier(m.cycles, m.totals[0], image.nodes)
    return Run(
        samples=samples,
        counts=m.counts,
        cycles=m.cycles,
        phase_cycles=m.totals[0].copy(),
        steps=m.totals[1].copy(),
        overruns=int(m.clock[1]),
        output_counts=counts,
        output_membrane=membranes,
        spikes=m.spikes,
        sample_cycles=cycles,
        links=m.links.reshape(-1, 5),
        events=_sorted(m.log[:logged]) if record else None,
    )


def _essence(message: str) -> str:
    """The lines of numba's message that say what is wrong, without its own inner steps."""
    lines = [line for line in message.splitlines() if line.strip() and not line.startswith(("Failed in", "During:"))]
    return "\n".join(lines[:4])


def _sorted(rows: Ints) -> Ints:
    return rows[np.lexsort(rows.T[::-1])]


def _count_deliveries(counts: Ints, delivered: Ints, image: Image, learn: bool) -> None:
    """Accesses of delivered packets, in bulk: packets of a kind at a node x what one of them does there."""
    kinds = image.kinds
    per_packet = kinds.ops + kinds.learn_ops if learn else kinds.ops
    for phase in Phase:
        mine = kinds.phase == phase
        counts[phase] += np.einsum("kn,kno->no", delivered[mine], per_packet[mine])


def _fill_barrier(cycles: Ints, phase_cycles: Ints, nodes: int) -> None:
    """What a unit did not spend otherwise it waited for the barrier; units that do not exist stay empty."""
    cycles[..., Cause.BARRIER] = phase_cycles[:, None, None] - cycles.sum(axis=-1)
    exists = np.ones((nodes, len(Unit)), bool)
    exists[:-1, Unit.HOST] = False
    exists[-1] = False
    exists[-1, [Unit.HOST, Unit.AXON, Unit.PACKETISER, Unit.INJECT]] = True
    cycles[:, ~exists] = 0
