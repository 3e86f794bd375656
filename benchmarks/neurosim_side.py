"""Our side of the comparison: one case of cases.py on the compiled engine, in a process that waits for its turns.

    from neurosim_side import Session, warm_cache
    with Session("fc", steps=2000, warmup=20, checked=100) as session:
        session.turn(0)  # CPU seconds a step

A turn is one call of the engine, once, and all of it counts: also the machine that every call builds anew (about 2 ms,
whatever the raster's length), which is reported beside it. `checked` steps after the warm-up are also run one by one:
their spikes, synaptic events, messages and hops are for comparing step by step, with time and energy of each.
"""

import json
import sys
import time
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cases import Case, case
from turns import Player, Seat, peak_memory, resident

CHIP = "loihi"
PARTS = ("synapse", "soma", "network", "scripted")


def connectome_of(net: Case) -> Any:
    """The case as a neurosim Connectome: one group for each layer of fc, one for all neurons of sparse."""
    from neurosim.connectome import SCRIPTED, Connectome, Dense, Group, Sparse

    inputs = int(net.scripted.sum())
    assert net.scripted[:inputs].all(), "scripted neurons come first"
    if not net.dense:
        groups = [Group("net", net.neurons - inputs, threshold=net.threshold, bias=net.bias[inputs:])]
        if inputs:
            groups.insert(0, Group("input", inputs, SCRIPTED))
        return Connectome(net.name, tuple(groups), (), Sparse(net.start, net.target, net.weight))
    hidden = int(net.start[1])
    outputs, middle = net.neurons - inputs - hidden, int(net.start[inputs])
    groups = [
        Group("input", inputs, SCRIPTED),
        Group("hidden", hidden, threshold=net.threshold, bias=net.bias[inputs : inputs + hidden]),
        Group("output", outputs, threshold=net.threshold, bias=net.bias[inputs + hidden :]),
    ]
    first, second = net.weight[:middle].reshape(inputs, hidden), net.weight[middle:].reshape(hidden, outputs)
    return Connectome(net.name, tuple(groups), (Dense(0, 1, first), Dense(1, 2, second)))


def raster_of(net: Case) -> Any:
    """The stimulus as a neurosim Raster."""
    from neurosim.stimulus import Raster

    return Raster(net.raster_start.astype(np.int64), net.raster.astype(np.int64))


def fabric_of(net: Case, overrides: tuple[str, ...] = ()) -> tuple[Any, Any]:
    """The case on the chip `loihi`, with the case's cores: (Fabric, Chip)."""
    from neurosim.chip import load_chip
    from neurosim.wiring import place_connectome

    chip = load_chip(CHIP, overrides)
    return place_connectome(connectome_of(net), chip, net.core), chip


def counts_of(run: Any) -> dict[str, int]:
    """What is compared: spikes, synaptic events, messages (one for each destination core), hops between tiles;
    and packets sent, which are fewer than messages with multicast."""
    from neurosim.ops import Op

    total = run.counts.sum(axis=(0, 1))
    return {
        "spikes": int(run.output_counts.sum()),
        "synaptic_events": int(total[Op.SYNAPSE_ADD] + total[Op.SPARSE_ADD]),
        "messages": int(total[Op.AXON_READ]),
        "hops": int(total[Op.LINK_FLIT] + total[Op.VERTICAL_FLIT]),
        "packets": int(total[Op.ROUTE_READ]),
    }


def energy_of(run: Any, chip: Any, costs: Any, scripted: np.ndarray) -> dict[str, float]:
    """Joules by part, mid values, without static power: synapse (axon unit included), soma, network (packetiser,
    routers, links), and apart from these `scripted`: sweep and spikes of scripted neurons, which SANA-FE gives away."""
    from neurosim.account.energy import BAND, price, prices
    from neurosim.ops import Op

    mid = BAND.index("mid")
    priced = price(run.counts, run.phase_cycles, chip, costs).by_unit()
    parts = {name: float(bands[mid].sum()) for name, bands in priced.items()}
    of_ops = prices(chip, costs)[mid]
    spikes = float(run.output_counts.sum(axis=0)[scripted == 1].sum())
    free = spikes * of_ops[Op.SPIKE] + float(run.counts[..., Op.ENCODE].sum()) * of_ops[Op.ENCODE]
    picojoules = {
        "synapse": parts["synapse"] + parts["axon"],
        "soma": parts["soma"] - free,
        "network": parts["packetiser"] + parts["router"] + parts["link"],
        "scripted": free,
    }
    return {name: 1e-12 * value for name, value in picojoules.items()}


def array_bytes(*things: Any) -> int:
    """Bytes of all arrays in these (a fabric, a state), tuples and dataclasses searched through."""
    total = 0
    for thing in things:
        if isinstance(thing, np.ndarray):
            total += thing.nbytes
        elif isinstance(thing, tuple):
            total += array_bytes(*thing)
        elif is_dataclass(thing):
            total += array_bytes(*(getattr(thing, field.name) for field in fields(thing)))
    return total


def seconds(call: Any) -> tuple[float, float]:
    """CPU and wall seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.process_time() - cpu, time.perf_counter() - wall


class Bench:
    """The fabric of a case, and its states at the beginning of every turn."""

    def __init__(self, fabric: Any, raster: Any, steps: int, warmup: int, turns: int) -> None:
        from neurosim.engine import simulate

        self.fabric, self.raster, self.steps, self.warmup = fabric, raster, steps, warmup
        self.states = [fabric.new_state()]
        simulate(fabric, self.states[0], raster.part(0, warmup))
        for k in range(turns):
            self.states.append(self.states[k].copy())
            if k + 1 < turns:
                simulate(fabric, self.states[k + 1], self.part(k))

    def part(self, turn: int) -> Any:
        """The raster of one turn."""
        first = self.warmup + turn * self.steps
        return self.raster.part(first, first + self.steps)

    def turn(self, turn: int) -> dict[str, float]:
        """The steps of that turn in one call: CPU and wall seconds a step, and CPU seconds of a call without steps."""
        from neurosim.engine import simulate
        from neurosim.stimulus import Raster

        part, state = self.part(turn), self.states[turn].copy()
        empty, _ = seconds(lambda: simulate(self.fabric, self.states[turn].copy(), Raster.silent(0)))
        cpu, wall = seconds(lambda: simulate(self.fabric, state, part))
        return {"cpu": cpu / self.steps, "wall": wall / self.steps, "call": empty}

    def one_by_one(self, checked: int, chip: Any) -> dict[str, list[float]]:
        """The steps after the warm-up, each by itself: counts, simulated seconds and joules of every step."""
        from neurosim.account.costs import load_costs
        from neurosim.engine import simulate

        costs, state, steps = load_costs(chip.costs), self.states[0].copy(), []
        for step in range(self.warmup, self.warmup + checked):
            run = simulate(self.fabric, state, self.raster.part(step, step + 1))
            joules = energy_of(run, chip, costs, self.fabric.scripted)
            steps.append({**counts_of(run), "time_s": int(run.sample_cycles[0]) / (1e6 * chip.clock_mhz), **joules})
        return {key: [step[key] for step in steps] for key in steps[0]} if steps else {}


def child(name: str, overrides: list[str], steps: int, warmup: int, checked: int, turns: int, seed: int, scale: float,
          ) -> None:  # fmt: skip
    """Runs in the process of its own: a message when all is set up, then one for every turn."""
    seat = Seat()
    begun = time.perf_counter()
    import neurosim.account.costs
    import neurosim.engine.compiled
    import neurosim.wiring  # noqa: F401  imports are no part of the set-up

    imported = time.perf_counter() - begun
    net = case(name, warmup + max(steps * turns, checked), seed, scale)
    from neurosim.engine import simulate

    raster = raster_of(net)
    loaded = time.perf_counter()  # compiled code, from the cache, by a small network of the same kind
    small, _ = fabric_of(case(name, 1, seed, 0.02), tuple(overrides))
    simulate(small, small.new_state(), raster_of(case(name, 1, seed, 0.02)))
    loaded = time.perf_counter() - loaded
    before = resident()
    wall, cpu = time.perf_counter(), time.process_time()
    fabric, chip = fabric_of(net, tuple(overrides))
    state = fabric.new_state()
    setup_wall, setup_cpu = time.perf_counter() - wall, time.process_time() - cpu
    after_setup, arrays = resident(), array_bytes(fabric, state)
    first = time.perf_counter()
    simulate(fabric, state, raster.part(0, min(1, raster.steps)))
    first = time.perf_counter() - first
    bench = Bench(fabric, raster, steps, warmup, turns)
    del state
    peak = peak_memory()
    seat.say(
        {
            "per_step": bench.one_by_one(checked, chip),
            "neurons": net.neurons,
            "synapses": net.synapses,
            "setup_wall_s": setup_wall,
            "setup_cpu_s": setup_cpu,
            "import_s": imported,
            "jit_load_s": loaded,
            "first_step_s": first,
            "start_s": imported + loaded + setup_wall + first,
            "peak_memory_bytes": peak,
            "bytes_per_synapse": arrays / max(1, net.synapses),
            "resident_bytes_per_synapse": (after_setup - before) / max(1, net.synapses),
        }
    )
    while (turn := seat.hear()) is not None:
        seat.say(bench.turn(turn))


class Session(Player):
    """One case on our engine in a new process, set up and warmed up. `about` says what it found at the beginning."""

    def __init__(self, name: str, steps: int, warmup: int, checked: int, turns: int = 5, seed: int = 0,
                 scale: float = 1.0, overrides: tuple[str, ...] = ()) -> None:  # fmt: skip
        arguments = [name, list(overrides), steps, warmup, checked, turns, seed, scale]
        super().__init__(f"neurosim on {name}", Path(__file__), arguments)
        self.about: dict[str, Any] = self.hear()

    def turn(self, number: int) -> dict[str, float]:
        """The steps warmup + number * steps and following: seconds a step, and of a call."""
        result: dict[str, float] = self.ask(number)
        return result


def warm_cache() -> float:
    """Makes sure that the engine is compiled; returns the seconds that it took (about a minute the first time)."""
    begun = time.perf_counter()
    with Session("fc", 1, 1, 1, 1, scale=0.02), Session("sparse", 1, 1, 1, 1, scale=0.02):
        pass
    return time.perf_counter() - begun


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "--child":
        sys.exit(f"{Path(__file__).name} is the workers' side of peer_sanafe.py: run that one")
    child(*json.loads(sys.argv[2]))
