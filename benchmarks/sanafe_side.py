"""The peer's side of the comparison: one case of cases.py on SANA-FE, per timing mode, as JSON.

    python benchmarks/sanafe_side.py --case fc --mode simple --steps 200 --warmup 20

Needs `sanafe` (the extra `bench`) and numpy, not neurosim. Every (case, mode) runs in a process of its own with one
thread. The warm-up always uses the mode `simple`: the modes differ only in how they time a step, and this one is the
fastest. Spikes, synaptic events, messages and hops are checked step by step against the oracle of cases.py.

The chip is the Loihi description that comes with SANA-FE 2.2, as a mesh of 8 x 4 tiles with 4 cores each. Two
liberties, both in SANA-FE's favour: cores get as many input units as they have scripted neurons (theirs get 1024
each, all of them simulated objects), and nothing is traced but the totals of a step.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from cases import COLUMNS, CORES, CORES_PER_TILE, NAMES, ROWS, Case, case, fan_out, place_of, spikes_of
from turns import Player, Seat, peak_memory

MODES = ("simple", "detailed", "cycle")
MISSING = "SANA-FE is not installed here. It comes with the extra `bench`: pip install -e '.[bench]'"
DEFAULT_STEPS = {"simple": 100, "detailed": 20, "cycle": 2}

# Joules and seconds per event.
HOP = {"north": (4.2e-12, 6.5e-9), "east": (3.0e-12, 4.1e-9), "south": (4.2e-12, 6.5e-9), "west": (3.0e-12, 4.1e-9)}
MESSAGE_IN = (0.0, 16.0e-9)
MESSAGE_OUT = (111.0e-12, 5.1e-9)
SYNAPSE = {True: ("dense", 35.5e-12, 3.8e-9), False: ("sparse", 33.6e-12, 4.7e-9)}
SOMA = {"access_neuron": (51.2e-12, 6.0e-9), "update_neuron": (21.6e-12, 3.7e-9), "spike_out": (69.3e-12, 30.0e-9)}
BARRIER = {1: 0.6e-6, 2: 1.0e-6, 4: 1.4e-6, 29: 1.8e-6}  # seconds, from this many tiles in use
LINK_BUFFER = 16
NEURONS_PER_CORE = 1024


def costs(what: str, pair: tuple[float, float]) -> dict[str, float]:
    """The two entries of an event in a description file."""
    return {f"energy_{what}": pair[0], f"latency_{what}": pair[1]}


def peer_core(core: int) -> int:
    """Our core number (tiles along the rows) as theirs (tiles down the columns)."""
    x, y = place_of(np.array(core))
    return int((x * ROWS + y) * CORES_PER_TILE + core % CORES_PER_TILE)


def describe_core(name: str, inputs: int) -> dict[str, Any]:
    """Description of a core with that many input units (one scripted neuron each)."""
    soma = {key: value for what, pair in SOMA.items() for key, value in costs(what, pair).items()}
    units = [{"name": "lif", "attributes": {"model": "leaky_integrate_fire", **soma}}]
    if inputs:
        # A range of one would get no index in its name.
        span = f"script[0..{max(1, inputs - 1)}]"
        units.append({"name": span, "attributes": {"model": "input", **dict.fromkeys(soma, 0.0)}})
    return {
        "name": name,
        "attributes": {
            "buffer_position": "soma",
            "buffer_inside_unit": False,
            "max_neurons_supported": NEURONS_PER_CORE,
        },
        "axon_in": [{"name": "in", "attributes": costs("message_in", MESSAGE_IN)}],
        "synapse": [
            {"name": unit, "attributes": {"model": "current_based", **costs("process_spike", (energy, latency))}}
            for unit, energy, latency in SYNAPSE.values()
        ],
        "dendrite": [{"name": "sum", "attributes": {"model": "accumulator", **costs("update", (0.0, 0.0))}}],
        "soma": units,
        "axon_out": [{"name": "out", "attributes": costs("message_out", MESSAGE_OUT)}],
    }


def describe_chip(net: Case) -> dict[str, Any]:
    """The whole description. As JSON it is YAML too, so no YAML library is needed to write it."""
    inputs = np.zeros(CORES, np.int64)
    for core, count in zip(*np.unique(net.core[net.scripted], return_counts=True), strict=True):
        inputs[peer_core(int(core))] = count
    hop = {key: value for way, pair in HOP.items() for key, value in costs(f"{way}_hop", pair).items()}
    tiles, tiles_in_all = [], COLUMNS * ROWS
    for tile in range(tiles_in_all):
        first = tile * CORES_PER_TILE
        cores = [describe_core(f"core{c}", int(inputs[first + c])) for c in range(CORES_PER_TILE)]
        tiles.append({"name": f"tile{tile}", "attributes": hop, "core": cores})
    attributes = {
        "topology": "mesh",
        "width": COLUMNS,
        "height": ROWS,
        "link_buffer_size": LINK_BUFFER,
        "sync_model": "table",
        # By number of tiles in use, from 0. (A mapping would do, but JSON quotes its keys.)
        "latency_sync": [BARRIER[max(t for t in BARRIER if t <= max(1, used))] for used in range(tiles_in_all + 1)],
    }
    return {"architecture": {"name": "loihi", "attributes": attributes, "tile": tiles}}


def build(net: Case) -> Any:
    """The chip with the network on it, ready to run its first step."""
    import sanafe

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chip.yaml"
        path.write_text(json.dumps(describe_chip(net)))
        architecture = sanafe.load_arch(str(path))
    cores = [core for tile in architecture.tiles for core in tile.cores]

    network = sanafe.Network()
    unit = SYNAPSE[net.dense][0]
    groups, offset = {}, np.empty(net.neurons, np.int64)  # offset of a neuron in its group
    for name, member in (("scripted", net.scripted), ("lif", ~net.scripted)):
        offset[member] = np.arange(member.sum())
        if member.any():
            groups[name] = network.create_neuron_group(
                name, int(member.sum()), default_synapse_hw_name=unit, default_dendrite_hw_name="sum"
            )

    script = np.zeros((net.neurons, net.steps), bool)
    script[net.raster, np.repeat(np.arange(net.steps), np.diff(net.raster_start))] = True
    inputs_used = np.zeros(CORES, np.int64)
    for n in range(net.neurons):  # in index order, which becomes the order of the sweep
        place = peer_core(int(net.core[n]))
        if net.scripted[n]:
            neuron = groups["scripted"][int(offset[n])]
            soma = f"script[{inputs_used[place]}]"
            inputs_used[place] += 1
            last = int(np.flatnonzero(script[n])[-1]) + 1 if script[n].any() else 0
            attributes: dict[str, Any] = {"spikes": script[n, :last].tolist()} if last else {}
        else:
            neuron = groups["lif"][int(offset[n])]
            soma = "lif"
            # SANA-FE fires on v > threshold; for integers that is v >= threshold + 1.
            attributes = {"threshold": net.threshold - 1, "reset": 0, "reset_mode": "hard", "leak_decay": 1.0}
            if net.bias[n]:
                attributes["bias"] = int(net.bias[n])
        neuron.set_attributes(soma_hw_name=soma, model_attributes=attributes)
        neuron.map_to_core(cores[place])

    rows = 64  # at a time, so that the lists of Python objects stay small beside the network
    for first in range(0, net.neurons, rows):
        connect(net, groups, offset, np.arange(first, min(first + rows, net.neurons)))

    chip = sanafe.SpikingChip(architecture)
    chip.load(network)
    return chip


def connect(net: Case, groups: dict[str, Any], offset: np.ndarray, pres: np.ndarray) -> None:
    """Adds the synapses of consecutive pre neurons."""
    first, last = net.start[pres[0]], net.start[pres[-1] + 1]
    if first == last:
        return
    pre = np.repeat(pres, np.diff(net.start[pres[0] : pres[-1] + 2]))
    post, weight = net.target[first:last], net.weight[first:last]
    for name, group in groups.items():
        mine = net.scripted[pre] == (name == "scripted")
        if mine.any():
            pairs = list(zip(offset[pre[mine]].tolist(), offset[post[mine]].tolist(), strict=True))
            group.connect_neurons_sparse(groups["lif"], {"w": weight[mine].tolist()}, pairs)


def threads() -> int | None:
    """Threads of this process, where the system says."""
    task = Path("/proc/self/task")
    return len(list(task.iterdir())) if task.is_dir() else None


def child(name: str, mode: str, steps: int, warmup: int, repeats: int, seed: int, scale: float) -> None:
    """Runs in the process of its own, and waits for its turn before each repeat.

    At the end it says everything at once: lists are per step, the warm-up included, or per repeat.
    """
    seat = Seat()
    import sanafe  # noqa: F401  its import is no part of the set-up

    net = case(name, warmup + steps * repeats, seed, scale)
    before = peak_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    chip = build(net)
    setup_wall, setup_cpu = time.perf_counter() - wall, time.process_time() - cpu
    after_setup = peak_memory()

    def run(count: int, timing: str) -> dict[str, Any]:
        return chip.sim(count, timing_model=timing, processing_threads=1, scheduler_threads=0, perf_trace=True)

    runs = [run(warmup, "simple")] if warmup else []
    step_wall, step_cpu = [], []
    seat.say("ready")
    for _ in range(repeats):
        if seat.hear() is None:
            return
        wall, cpu = time.perf_counter(), time.process_time()
        runs.append(run(steps, mode))
        step_wall.append((time.perf_counter() - wall) / steps)
        step_cpu.append((time.process_time() - cpu) / steps)
        seat.say(step_cpu[-1])

    keys = ("fired", "updated", "spikes", "hops", "sim_time", "total_energy")
    keys += ("synapse_energy", "dendrite_energy", "soma_energy", "network_energy")
    seat.hear()
    everything = {
        "trace": {key: [value for one in runs for value in one["perf_trace"][key]] for key in keys},
        "packets": [one["packets_sent"] for one in runs],
        "step_wall": step_wall,
        "step_cpu": step_cpu,
        "setup_wall": setup_wall,
        "setup_cpu": setup_cpu,
        "memory": {"before": before, "after_setup": after_setup, "peak": peak_memory()},
        "threads": threads(),
        "synapses": net.synapses,
    }
    seat.say(everything)


def disagreement(raw: dict[str, Any], net: Case, warmup: int, steps: int, repeats: int) -> str | None:
    """What SANA-FE counted otherwise than the oracle, or None."""
    events, messages, hops = fan_out(net)
    fired = list(spikes_of(net, warmup + steps * repeats))
    trace = raw["trace"]
    for key, per_neuron in (("fired", np.ones(net.neurons, np.int64)), ("spikes", events), ("hops", hops)):
        want = [int(per_neuron[f].sum()) for f in fired]
        for step, (theirs, ours) in enumerate(zip(trace[key], want, strict=True)):
            if theirs != ours:
                return f"{key} in step {step}: SANA-FE {theirs}, oracle {ours}"
    edges = ([0, warmup] if warmup else [0]) + [warmup + steps * (r + 1) for r in range(repeats)]
    for first, last, theirs in zip(edges, edges[1:], raw["packets"], strict=False):
        ours = sum(int(messages[f].sum()) for f in fired[first:last])
        if theirs != ours:
            return f"messages in steps {first} to {last - 1}: SANA-FE {theirs}, oracle {ours}"
    return None


class Session(Player):
    """One case in one mode in a new process, set up and warmed up: `repeats` turns of `steps` steps each.

    Raises RuntimeError if SANA-FE fails or counts otherwise than the oracle.
    """

    def __init__(
        self, name: str, mode: str, steps: int, warmup: int = 20, repeats: int = 5, seed: int = 0, scale: float = 1.0
    ) -> None:
        self.name, self.mode, self.steps, self.warmup, self.repeats = name, mode, steps, warmup, repeats
        self.seed, self.scale = seed, scale
        super().__init__(
            f"SANA-FE on {name}, {mode}", Path(__file__), [name, mode, steps, warmup, repeats, seed, scale]
        )
        self.hear()

    def turn(self) -> float:
        """The next steps; CPU seconds a step."""
        return float(self.ask("go"))

    def result(self, per_step: bool = False) -> dict[str, Any]:
        """After all turns. Counts, energies (J) and simulated time (s) are means per step over all measured steps;
        step_cpu_s and step_wall_s are medians over the repeats. With per_step, also lists over the measured steps."""
        raw = self.ask("result")
        net = case(self.name, self.warmup + self.steps * self.repeats, self.seed, self.scale)
        problem = disagreement(raw, net, self.warmup, self.steps, self.repeats)
        if problem:
            raise RuntimeError(f"{self.name}, {self.mode}: {problem}")
        return summary(raw, net, self.steps, self.warmup, self.repeats, per_step)


def measure(
    name: str,
    mode: str,
    steps: int,
    warmup: int = 20,
    repeats: int = 5,
    seed: int = 0,
    scale: float = 1.0,
    per_step: bool = False,
) -> dict[str, Any]:
    """One case in one mode, without waiting for others; see `Session`."""
    with Session(name, mode, steps, warmup, repeats, seed, scale) as session:
        for _ in range(repeats):
            session.turn()
        return session.result(per_step)


def summary(raw: dict[str, Any], net: Case, steps: int, warmup: int, repeats: int, per_step: bool) -> dict[str, Any]:
    """The report of one process, from what it said at its end."""
    trace = {key: np.array(values[warmup:]) for key, values in raw["trace"].items()}
    memory, cpu = raw["memory"], statistics.median(raw["step_cpu"])
    measured = steps * repeats
    events, messages = float(trace["spikes"].mean()), sum(raw["packets"][-repeats:]) / measured
    result = {
        "version": importlib.metadata.version("sanafe"),
        "neurons": net.neurons,
        "synapses": net.synapses,
        "steps": steps,
        "warmup": warmup,
        "repeats": repeats,
        "threads": raw["threads"],
        "spikes": float(trace["fired"].mean()),
        "neurons_updated": float(trace["updated"].mean()),
        "synaptic_events": events,
        "messages": messages,
        "hops": float(trace["hops"].mean()),
        "energy_j": {
            part: float(trace[f"{part}_energy"].mean()) for part in ("total", "synapse", "dendrite", "soma", "network")
        },
        "time_s": float(trace["sim_time"].mean()),
        "step_cpu_s": cpu,
        "step_wall_s": statistics.median(raw["step_wall"]),
        "step_cpu_s_range": [min(raw["step_cpu"]), max(raw["step_cpu"])],
        "steps_per_cpu_s": 1 / cpu,
        "synaptic_events_per_cpu_s": events / cpu,
        "messages_per_cpu_s": messages / cpu,
        "setup_wall_s": raw["setup_wall"],
        "setup_cpu_s": raw["setup_cpu"],
        "peak_memory_bytes": memory["peak"],
        "bytes_per_synapse": (memory["after_setup"] - memory["before"]) / net.synapses,
        "agrees_with_oracle": True,
    }
    if per_step:
        result["per_step"] = {
            key: trace[key].tolist() for key in ("fired", "updated", "spikes", "hops", "sim_time", "total_energy")
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="One case of cases.py on SANA-FE, per timing mode, as JSON.")
    parser.add_argument("--case", choices=NAMES, default="fc")
    parser.add_argument("--mode", choices=(*MODES, "all"), default="all")
    parser.add_argument("--steps", type=int, help="per repeat; default 100 simple, 20 detailed, 2 cycle")
    parser.add_argument("--warmup", type=int, default=20, help="steps, always in the mode simple")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="less than 1 for a smoke test")
    parser.add_argument("--per-step", action="store_true", help="also time and energy of every measured step")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if importlib.util.find_spec("sanafe") is None:
        print(MISSING, file=sys.stderr)
        sys.exit(2)
    if options.child:
        child(*json.loads(options.child))
        return
    results = {}
    for mode in MODES if options.mode == "all" else (options.mode,):
        try:
            results[mode] = measure(
                options.case,
                mode,
                options.steps or DEFAULT_STEPS[mode],
                options.warmup,
                options.repeats,
                options.seed,
                options.scale,
                options.per_step,
            )
        except RuntimeError as error:
            print(error, file=sys.stderr)
            sys.exit(1)
    print(json.dumps({options.case: results}, indent=2))


if __name__ == "__main__":
    main()
