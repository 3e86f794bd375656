"""What a step costs against cores, neurons, fan-out and activity; memory; a whole chip; a model of the time.

    python benchmarks/scaling.py [--json FILE] [--plot FILE] [--model] [--smoke]

One quantity is swept at a time from the base case: 16,384 neurons on 128 cores (the chip `loihi`, its mesh and
tables made larger or smaller), 128 targets each, drawn from the whole chip, 5 % firing per step, unicast packets.
CPU time of one thread, medians of 5; a call of the engine without steps is taken off, so that a point is the cost of
steps alone. A local slope is d log(cost) / d log(quantity) between two neighbouring points: 1 is linear.

Memory is counted twice, as the bytes of all arrays and as growth of the process. The whole chip, 1,024 cores with
10 million synapses, is set up in a process of its own.

--model: fits the cost of one addition, swept neuron, packet, move, ... to small runs of many kinds, and predicts from
these the four cases of cases.py and a training sample of desire-BP 784-1000-10 (docs/performance.md).
"""

import json
import math
import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from cases import case, fan_out
from neurosim_side import Bench, array_bytes, connectome_of, raster_of, seconds
from turns import Player, Seat, peak_memory, resident

from neurosim.chip import Chip, load_chip
from neurosim.connectome import Connectome, Group, Sparse
from neurosim.engine import Run, simulate
from neurosim.fabric import Fabric, FabricState
from neurosim.ops import Cause, Op, Phase, Unit
from neurosim.stimulus import Raster
from neurosim.wiring import place_connectome

THRESHOLD = 1200
WEIGHT = 8  # largest magnitude, both signs: they disturb the rhythm of the neurons, and do not drive it
SUPERLINEAR = 1.1
NOISE = 1.2  # a slope that two unlucky points can have
MEMORY_BAR = 8  # bytes a synapse
CHIP_BARS = {"setup_s": 10.0, "peak_bytes": 1e9}
MESHES = {1: (1, 1, 1), 4: (1, 1, 4), 16: (2, 2, 4), 64: (4, 4, 4), 128: (8, 4, 4), 256: (8, 8, 4), 1024: (16, 16, 4)}


MULTICAST = ("noc.multicast=true",)


@dataclass(frozen=True)
class Net:
    """A random recurrent network: every neuron has `fan_out` targets drawn from all neurons (twice the same is
    possible), and `activity` of the neurons fire in a step, in the mean."""

    cores: int = 128
    neurons: int = 16_384
    fan_out: int = 128
    activity: float = 0.05
    overrides: tuple[str, ...] = ()


BASE = Net()
CHIP = Net(cores=1024, neurons=78_125, fan_out=128)  # 10,000,000 synapses
SWEEPS: dict[str, tuple[Any, ...]] = {
    "cores": tuple(MESHES),
    "neurons": (1024, 2048, 4096, 8192, 16_384, 32_768, 65_536),
    "fan_out": (1, 4, 16, 32, 64, 128, 256, 512),
    "activity": (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
}
SMALL = Net(cores=16, neurons=256, fan_out=8)
SMALL_SWEEPS: dict[str, tuple[Any, ...]] = {
    "cores": (1, 16), "neurons": (128, 256), "fan_out": (4, 8), "activity": (0.05, 0.1)
}  # fmt: skip


def chip_for(net: Net) -> Chip:
    """The chip `loihi` with that many cores, and tables that are never too small."""
    columns, rows, each = MESHES[net.cores]
    sizes = {
        "noc.columns": columns,
        "noc.rows": rows,
        "noc.cores_per_router": each,
        "core.neuron.entries": 1 << 17,
        "core.synapse.sparse.index_bits": 17,
        "core.axon.entries": 1 << 16,  # a packet is still one flit
        "core.packetiser.route_entries": 1 << 24,
        "core.synapse.capacity_kib": 1 << 18,
    }
    return load_chip("loihi", [*(f"{key}={value}" for key, value in sizes.items()), *net.overrides])


def connectome(net: Net, in_order: bool = True) -> tuple[Connectome, np.ndarray]:
    """The network, and a core for every neuron. `in_order`: the targets of a row ascend, and with them their cores."""
    random = np.random.default_rng(0)
    target = random.integers(0, net.neurons, (net.neurons, net.fan_out), np.int32)
    if in_order:
        target.sort(axis=1)
    weight = random.integers(-WEIGHT, WEIGHT, target.size, np.int16, endpoint=True)
    bias = np.maximum(1, np.rint(THRESHOLD * net.activity * random.uniform(0.6, 1.4, net.neurons))).astype(np.int64)
    start = np.arange(net.neurons + 1, dtype=np.int64) * net.fan_out
    group = Group("net", net.neurons, threshold=THRESHOLD, bias=bias)
    core = np.arange(net.neurons) * net.cores // net.neurons
    return Connectome("random", (group,), (), Sparse(start, target.ravel(), weight)), core


def awake(fabric: Fabric) -> FabricState:
    """A state in the middle of things: membranes anywhere below the threshold, so that activity is steady at once."""
    state = fabric.new_state()
    state.membrane[:] = np.random.default_rng(1).integers(0, THRESHOLD, fabric.neurons)
    return state


def totals(run: Run, steps: int) -> dict[str, float]:
    """Counts a step that the time may depend on."""
    ops = run.counts.sum(axis=(0, 1)) / max(1, steps)
    blocked = run.cycles[:, :, Unit.ROUTER_EAST :, Cause.BLOCKED].sum() / max(1, steps)
    used = int((run.links > 0).sum())
    return {
        "spikes": float(run.output_counts.sum()) / max(1, steps),
        "dense_adds": float(ops[Op.SYNAPSE_ADD]),
        "sparse_adds": float(ops[Op.SPARSE_ADD]),
        "swept": float(ops[Op.SOMA_UPDATE]),
        "packets": float(ops[Op.ROUTE_READ]),
        "deliveries": float(ops[Op.AXON_READ]),
        "moves": float(ops[Op.CROSSBAR]),
        "blocked": float(blocked),
        "ports": float(used),
        "cycles": float(run.sample_cycles.mean()) if len(run.sample_cycles) else 0.0,
    }


def cost(fabric: Fabric, state: FabricState, raster: Raster, repeats: int) -> tuple[float, float]:
    """CPU seconds a step, and of a call without steps: medians."""
    long: list[float] = []
    short: list[float] = []
    for _ in range(repeats):
        for stimulus, times in ((Raster.silent(0), short), (raster, long)):
            copy = state.copy()
            times.append(seconds(lambda s=copy, r=stimulus: simulate(fabric, s, r))[0])
    empty = statistics.median(short)
    return (statistics.median(long) - empty) / raster.steps, empty


def point(net: Net, repeats: int, budget: float) -> dict[str, float]:
    """One network: cost of a step, counts, set-up. `budget`: seconds of CPU time that one repeat may take or so."""
    graph, core = connectome(net)
    chip = chip_for(net)
    setup, _ = seconds(lambda: place_connectome(graph, chip, core))
    fabric = place_connectome(graph, chip, core)
    state = awake(fabric)
    simulate(fabric, state, Raster.silent(2))
    once = seconds(lambda: simulate(fabric, state, Raster.silent(2)))[0] / 2
    steps = int(min(200, max(2, budget / max(once, 1e-5))))
    counts = totals(simulate(fabric, state.copy(), Raster.silent(steps)), steps)
    step_s, call_s = cost(fabric, state, Raster.silent(steps), repeats)
    routers = 8 * 640 * fabric.hardware.routers
    working = 6 * counts["sparse_adds"] + 32 * counts["packets"] + 29 * fabric.neurons + routers
    return {
        "step_us": 1e6 * step_s,
        "ns_per_move": 1e9 * step_s / max(1.0, counts["moves"]),
        **counts,
        "working_set_bytes": working,
        "setup_s": setup,
        "call_s": call_s,
        "bytes_per_synapse": array_bytes(fabric, state) / fabric.synapses,
        "steps": steps,
    }


def sweep(base: Net, name: str, values: tuple[Any, ...], repeats: int, budget: float) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = []
    for value in values:
        rows.append({name: float(value), **point(replace(base, **{name: value}), repeats, budget)})
        last = rows[-1]
        before = rows[-2] if len(rows) > 1 else None
        if before:
            last["slope"] = slope(before, last, name, "step_us")
    return rows


def slope(low: dict[str, float], high: dict[str, float], x: str, y: str) -> float:
    """Local slope between two points in a log-log plot."""
    return math.log(max(high[y], 1e-9) / max(low[y], 1e-9)) / math.log(high[x] / low[x])


def verdict(name: str, rows: list[dict[str, float]]) -> str:
    """Where the cost grows faster than the quantity, and why, from the counts."""
    for low, high in zip(rows, rows[1:], strict=False):
        steep = slope(low, high, name, "step_us")
        if steep <= SUPERLINEAR:
            continue
        work = slope(low, high, name, "moves")
        each = high["ns_per_move"] / low["ns_per_move"]
        where = f"{name}: linear up to {low[name]:g}; from there to {high[name]:g} the local slope is {steep:.2f}"
        split = f"moves grow with slope {work:.2f}, and one costs {each:.2f} times as much"
        if work > (1 + steep) / 2:
            return f"{where}: {split}. It is the work that grows: more packets a spike, or longer ways"
        size = f"{low['working_set_bytes'] / 1e6:.1f} to {high['working_set_bytes'] / 1e6:.1f} MB"
        return (
            f"{where}: {split}, while what a step touches goes from {size}. The likely reason is that it leaves a "
            f"cache (L2, then L3){'; but noise alone can do this much' if steep < NOISE else ''}"
        )
    steepest = max((row["slope"] for row in rows[1:]), default=math.nan)
    flat = " (far below 1 at the small end: what does not depend on it dominates)" if rows[1]["slope"] < 0.7 else ""
    return f"{name}: nowhere steeper than linear, largest local slope {steepest:.2f}{flat}"


CONGESTION = (
    "Congestion is not among the reasons: a packet that has to wait is in no list but its queue. Every move is "
    "looked at twice, once when the front of an input begins to ask and once when an output grants, whether it waits "
    "one cycle or ten thousand; `blocked` (cycles that fronts waited, a step) leaves no trace in ns a move."
)


def sweep_table(name: str, rows: list[dict[str, float]]) -> str:
    columns = ("slope", "step_us", "ns_per_move", "spikes", "packets", "moves", "blocked", "cycles", "setup_s")
    lines = [f"{name:>10}" + "".join(f"{column:>13}" for column in (*columns, "B/synapse"))]
    for row in rows:
        cells = [row.get(column, math.nan) for column in columns] + [row["bytes_per_synapse"]]
        texts = (f"{cell:13,.3g}" if abs(cell) < 1000 else f"{cell:13,.0f}" for cell in cells)
        lines.append(f"{row[name]:10g}" + "".join(texts))
    return "\n".join(lines)


def draw(sweeps: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Four panels, log-log, with a line of slope 1 through the last point."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    for panel, (name, rows) in zip(panels.flat, sweeps.items(), strict=True):
        x, y = np.array([row[name] for row in rows]), np.array([row["step_us"] for row in rows])
        panel.loglog(x, y, "o-", label="CPU time of a step")
        panel.loglog(x, y[-1] * x / x[-1], ":", color="grey", label="slope 1")
        panel.set_xlabel(name.replace("_", "-"))
        panel.set_ylabel("us a step")
        panel.grid(True, which="both", alpha=0.2)
        panel.legend()
    figure.suptitle("Cost of a step, one quantity swept at a time")
    figure.savefig(path, dpi=150)
    plt.close(figure)


# Memory and the whole chip, in a process of its own.


def chip_child(net: Net, in_order: bool) -> dict[str, float]:
    """Set-up and some steps. The network itself exists before; its arrays count in the peak, not in the growth."""
    point(SMALL, 1, 0.001)  # loads the compiled code
    graph, core = connectome(net, in_order)
    assert graph.sparse is not None
    before, wall = resident(), time.perf_counter()
    chip = chip_for(net)
    fabric = place_connectome(graph, chip, core)
    state = fabric.new_state()
    setup, after, peak = time.perf_counter() - wall, resident(), peak_memory()
    first = seconds(lambda: simulate(fabric, state, Raster.silent(1)))[1]
    state.membrane[:] = awake(fabric).membrane
    few = 3
    step_s, call_s = cost(fabric, state, Raster.silent(few), 3)
    return {
        "cores": net.cores,
        "neurons": fabric.neurons,
        "synapses": fabric.synapses,
        "rows_in_order": float(in_order),
        "setup_s": setup,
        "peak_bytes": peak,
        "peak_bytes_after_steps": peak_memory(),
        "network_bytes": array_bytes(graph.sparse),
        "array_bytes_per_synapse": array_bytes(fabric, state) / fabric.synapses,
        "resident_bytes_per_synapse": (after - before) / fabric.synapses,
        "first_call_s": first,
        "call_s": call_s,
        "step_us": 1e6 * step_s,
    }


def whole_chip(net: Net, in_order: bool) -> dict[str, float]:
    with Player("the whole chip", Path(__file__), [net.cores, net.neurons, net.fan_out, in_order]) as player:
        result: dict[str, float] = player.hear()
        return result


def chip_table(rows: list[dict[str, float]]) -> str:
    lines = []
    for row in rows:
        order = "in order" if row["rows_in_order"] else "shuffled"
        lines.append(
            f"{row['cores']:.0f} cores, {row['neurons']:,.0f} neurons, {row['synapses']:,.0f} synapses, rows {order}: "
            f"set up in {row['setup_s']:.2f} s (bar {CHIP_BARS['setup_s']:.0f}), peak "
            f"{row['peak_bytes'] / 1e6:,.0f} MB (bar {CHIP_BARS['peak_bytes'] / 1e6:,.0f}), "
            f"{row['peak_bytes_after_steps'] / 1e6:,.0f} MB after some steps; "
            f"{row['array_bytes_per_synapse']:.2f} bytes a synapse in arrays, {row['resident_bytes_per_synapse']:.2f} "
            f"as growth of the process (bar {MEMORY_BAR}); a call without steps {row['call_s']:.2f} s, a step "
            f"{row['step_us'] / 1000:,.1f} ms"
        )
    return "\n".join(lines)


# The model: time = sum of counts x constants.

FEATURES = {
    "port": "a port of a router in use, emptied before and booked after every step",
    "swept": "a neuron swept",
    "dense_add": "an addition of a dense row",
    "sparse_add": "an addition of a sparse row, and its part in building packets",
    "spike": "a spike: its place in the sweep",
    "packet": "a packet built, packed, injected",
    "delivery": "a delivery: axon and synapse unit",
    "move": "a move of a source that meets others: ask and grant",
    "lone_move": "a move of a source that meets none: one line of the recursion",
}


@dataclass
class Sample:
    """One calibrating or predicted run: features a step, measured microseconds a step."""

    name: str
    counts: dict[str, float]
    step_us: float
    predicted_us: float = field(default=math.nan)


def features(counts: dict[str, float], lone: float) -> dict[str, float]:
    return {
        "port": counts["ports"],
        "swept": counts["swept"],
        "dense_add": counts["dense_adds"],
        "sparse_add": counts["sparse_adds"],
        "spike": counts["spikes"],
        "packet": counts["packets"],
        "delivery": counts["deliveries"],
        "move": counts["moves"] - lone,
        "lone_move": lone,
    }


def lone_moves(fabric: Fabric, run: Run, steps: int, moves_of: np.ndarray) -> float:
    """Moves a step of sources that meet no other; moves_of: of one spike of each neuron (hops and ejections)."""
    from neurosim.engine.forest import look_ahead
    from neurosim.engine.layout import build_machine

    state = fabric.new_state()
    machine = look_ahead(build_machine(fabric, state.pointers, 0, (1, 1), 0), fabric)
    total = 0.0
    spikes = run.counts[Phase.FORWARD, :, Op.SPIKE] / steps
    for core in np.unique(fabric.core):
        here = fabric.core == core
        if machine.lone[:, core].any():
            total += float(spikes[core] * moves_of[here].mean())
    return total


def of_case(name: str, steps: int, scale: float, repeats: int, overrides: tuple[str, ...] = ()) -> Sample:
    """A case of cases.py, after its warm-up."""
    warmup = 20 if name.startswith("fc") else 60
    net = case(name, warmup + steps, scale=scale)
    fabric = place_connectome(connectome_of(net), load_chip("loihi", overrides), net.core)
    bench = Bench(fabric, raster_of(net), steps, warmup, 1)
    run = simulate(fabric, bench.states[0].copy(), bench.part(0))
    counts = totals(run, steps)
    _, messages, hops = fan_out(net)
    lone = 0.0 if overrides else lone_moves(fabric, run, steps, messages + hops)
    times = [bench.turn(0)["cpu"] for _ in range(repeats)]
    label = f"{name} x {scale:g}" if scale != 1 else name
    return Sample(f"{label}{' multicast' if overrides else ''}", features(counts, lone), 1e6 * statistics.median(times))


def of_net(net: Net, repeats: int) -> Sample:
    row = point(net, repeats, 0.1)
    name = f"{net.neurons} neurons, {net.cores} cores, {net.fan_out} targets, {net.activity:g} active"
    name += ", multicast" if net.overrides else ""
    return Sample(name, features(row, row["moves"] if net.cores == 1 else 0.0), row["step_us"])


def least_squares(matrix: np.ndarray, wanted: np.ndarray, names: list[str]) -> dict[str, float]:
    """Values of the columns `names` so that matrix @ values is close to `wanted`, none below zero."""
    free = [k for k in range(len(names)) if matrix[:, k].any()]
    while free:
        scales = np.linalg.norm(matrix[:, free], axis=0)
        values, *_ = np.linalg.lstsq(matrix[:, free] / scales, wanted, rcond=None)
        if (values >= 0).all():
            break
        del free[int(values.argmin())]
    found = dict.fromkeys(names, 0.0)
    found.update({names[k]: float(v / s) for k, v, s in zip(free, values, scales, strict=True)} if free else {})
    return found


def fitted(samples: list[Sample]) -> dict[str, float]:
    """Nanoseconds of each feature: least squares of the relative errors."""
    matrix = np.array([[s.counts[name] / s.step_us for name in FEATURES] for s in samples])
    found = least_squares(matrix, np.ones(len(samples)), list(FEATURES))
    return {name: 1000 * value for name, value in found.items()}


def predict(sample: Sample, constants: dict[str, float]) -> Sample:
    return replace(sample, predicted_us=sum(constants[k] * sample.counts[k] for k in FEATURES) / 1000)


def calibrating(smoke: bool, repeats: int) -> Iterable[Sample]:
    """Small runs of many kinds; none of them is one of those that are predicted."""
    if smoke:
        nets = [SMALL, replace(SMALL, cores=1), replace(SMALL, fan_out=4)]
        yield from (of_net(net, repeats) for net in nets)
        yield from (of_case(name, 20, 0.05, repeats) for name in ("fc", "fc4"))
        return
    half = replace(BASE, neurons=4096)
    nets = [
        half, replace(half, activity=0.2), replace(half, activity=0.005), replace(half, fan_out=1),
        replace(half, fan_out=8), replace(half, fan_out=512), replace(half, cores=16),
        replace(half, cores=16, fan_out=8), replace(half, cores=4, fan_out=256), replace(half, cores=1, fan_out=512),
        replace(half, cores=1, fan_out=4), replace(half, cores=1, activity=0.0005),
        replace(BASE, neurons=8192, activity=0.001), replace(half, overrides=MULTICAST),
        replace(half, fan_out=8, overrides=MULTICAST),
    ]  # fmt: skip
    yield from (of_net(net, repeats) for net in nets)
    for name in ("fc", "fc4"):
        yield from (of_case(name, 500, scale, repeats) for scale in (0.25, 0.5, 0.75))
    yield from (of_case("sparse_local", 10, scale, repeats) for scale in (0.25, 0.5))


def training(sizes: str, samples: int, learn: bool, repeats: int, chip: str) -> tuple[dict[str, float], float]:
    """Desire-BP: counts and CPU microseconds of a presentation."""
    from neurosim.data import load_dataset
    from neurosim.learning import load_rule
    from neurosim.network import mlp, parse_sizes
    from neurosim.place import place
    from neurosim.stimulus import Batch

    data = load_dataset("embedded")
    image = place(mlp(parse_sizes(sizes)), load_chip(chip), load_rule("desire_bp"), dropout_hidden=0.3)
    rates = np.full(samples, image.rate(2**-13) if learn else 0)
    batch = Batch(data.train_images[:samples], data.train_labels[:samples], 0, rates, learn)
    start = image.new_state(0)
    run = simulate(image, start.copy(), batch)
    times = []
    for _ in range(repeats):
        state = start.copy()
        times.append(seconds(lambda s=state: simulate(image, s, batch))[0])
    ops = run.counts.sum(axis=(0, 1)) / samples
    steps = float(run.steps.sum()) / samples
    counts = {
        "port": steps * float((run.links > 0).sum()),
        "swept": float(ops[Op.SOMA_UPDATE]),
        "dense_add": float(ops[Op.SYNAPSE_ADD]),
        "sparse_add": 0.0,
        "spike": float(ops[Op.SPIKE]),
        "packet": float(ops[Op.ROUTE_READ]),
        "delivery": float(ops[Op.AXON_READ]),
        "move": 0.0,
        "lone_move": float(ops[Op.CROSSBAR]),
        "encode": float(ops[Op.ENCODE]),
        "trace_step": float(ops[Op.TRACE_STEP]),
        "weight_update": float(ops[Op.WEIGHT_UPDATE]),
    }
    return counts, 1e6 * statistics.median(times) / samples


LEARNING = {
    "encode": "an input neuron in a step of desire-BP: accumulate, compare",
    "trace_step": "a trace leaked and incremented (desire-BP)",
    "weight_update": "a weight updated (desire-BP): rounding, adding, writing",
}


def training_model(constants: dict[str, float], smoke: bool, repeats: int) -> tuple[dict[str, float], list[Sample]]:
    """What encoding and learning add, fitted to two smaller networks, and a presentation of 784-1000-10 predicted.

    All moves are taken as those of sources that meet none: `place` keeps the layers of such networks apart.
    """
    small, target, chip, samples = ("784-250-10", "784-500-10"), "784-1000-10", "mesh64", 100
    if smoke:
        small, target, chip, samples = ("784-8-10", "784-12-10"), "784-16-10", "tiny", 5

    def common(counts: dict[str, float]) -> float:
        return sum(constants[k] * counts[k] for k in FEATURES) / 1000

    rows = [training(sizes, samples, learn, repeats, chip) for sizes in small for learn in (False, True)]
    matrix = np.array([[counts[k] / us for k in LEARNING] for counts, us in rows])
    rest = np.array([1 - common(counts) / us for counts, us in rows])
    learning = {name: 1000 * value for name, value in least_squares(matrix, rest, list(LEARNING)).items()}
    shown = []
    for learn in (False, True):
        counts, us = training(target, samples, learn, repeats, chip)
        more = sum(learning[k] * counts[k] for k in LEARNING) / 1000
        name = f"desire-BP {target}, {'training' if learn else 'inference'}, a presentation"
        shown.append(Sample(name, counts, us, common(counts) + more))
    return learning, shown


def model(smoke: bool, repeats: int) -> dict[str, Any]:
    calibration = list(calibrating(smoke, repeats))
    constants = fitted(calibration)
    calibration = [predict(sample, constants) for sample in calibration]
    scale, steps = (0.05, 10) if smoke else (1.0, 1000)
    cases_shown = [
        predict(of_case(name, steps if name.startswith("fc") else min(steps, 10), scale, repeats), constants)
        for name in ("fc", "fc4", "sparse", "sparse_local")
    ]
    learning, trained = training_model(constants, smoke, repeats)
    return {
        "constants_ns": constants | learning,
        "calibration": [vars(sample) for sample in calibration],
        "predicted": [vars(sample) for sample in [*cases_shown, *trained]],
    }


def model_table(found: dict[str, Any]) -> str:
    lines = ["constant                ns"]
    what = FEATURES | LEARNING
    lines += [f"{name:16} {value:9.3g}  {what[name]}" for name, value in found["constants_ns"].items()]
    for title, key in (("calibrating runs", "calibration"), ("predicted", "predicted")):
        lines.append(f"\n{title:62} {'model, us':>12} {'measured, us':>13} {'ratio':>7}")
        for row in found[key]:
            ratio = row["predicted_us"] / row["step_us"]
            lines.append(f"{row['name']:62} {row['predicted_us']:12,.1f} {row['step_us']:13,.1f} {ratio:7.2f}")
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option("--repeats", default=5, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path))
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="Four panels, log-log.")
@click.option("--model", "with_model", is_flag=True, help="The model of the time instead of the sweeps.")
@click.option("--smoke", is_flag=True, help="Small: shows that the script works.")
def main(repeats: int, file: Path | None, picture: Path | None, with_model: bool, smoke: bool) -> None:
    base, plan, budget = (SMALL, SMALL_SWEEPS, 0.005) if smoke else (BASE, SWEEPS, 0.2)
    repeats = 2 if smoke else repeats
    point(SMALL, 1, 0.001)  # compiles
    results: dict[str, Any] = {}
    if with_model:
        results["model"] = model(smoke, repeats)
        click.echo(model_table(results["model"]))
    else:
        shown = f"{base.neurons:,} neurons, {base.cores} cores, {base.fan_out} targets each, {base.activity:.0%} firing"
        click.echo(f"base case: {shown}; one quantity at a time\n")
        results["sweeps"] = {}
        for name, values in plan.items():
            rows = results["sweeps"][name] = sweep(base, name, values, repeats, budget)
            click.echo(f"{sweep_table(name, rows)}\n{verdict(name, rows)}\n")
        click.echo(f"{CONGESTION}\n")
        net = replace(SMALL, cores=1024, neurons=2048) if smoke else CHIP
        results["chip"] = [whole_chip(net, in_order) for in_order in (True, False)]
        click.echo(chip_table(results["chip"]))
        if picture:
            draw(results["sweeps"], picture)
    if file:
        file.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--child":
        seat = Seat()
        cores, neurons, targets, ordered = json.loads(sys.argv[2])
        seat.say(chip_child(Net(cores, neurons, targets), ordered))
    else:
        main()
