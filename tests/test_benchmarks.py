"""The benchmarks run, count right, and write the JSON that they promise. No times are asserted."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from neurosim.engine import simulate

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
MODES = ("simple", "detailed", "cycle")


def script(name: str) -> ModuleType:
    """A module of benchmarks/, under its own name, as its neighbours import it."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
        assert spec is not None and spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="module")
def side() -> ModuleType:
    for name in ("cases", "turns"):
        script(name)
    return script("neurosim_side")


def smoke(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), "--smoke", *options]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("overrides", [(), ("noc.multicast=true",)])
@pytest.mark.parametrize("name", ["fc", "fc4", "sparse", "sparse_local"])
def test_our_counts_are_those_of_the_oracle(side: ModuleType, name: str, overrides: tuple[str, ...]) -> None:
    cases, steps = script("cases"), 30
    net = cases.case(name, steps, scale=0.05)
    fabric, chip = side.fabric_of(net, overrides)
    assert np.array_equal(fabric.core, net.core) and fabric.synapses == net.synapses
    state, found = fabric.new_state(), []
    for step in range(steps):
        found.append(side.counts_of(simulate(fabric, state, side.raster_of(net).part(step, step + 1))))
    spikes, events, messages = cases.expected(net, steps)
    hops = [int(cases.fan_out(net)[2][fired].sum()) for fired in cases.spikes_of(net, steps)]
    assert [step["spikes"] for step in found] == spikes.tolist()
    assert [step["synaptic_events"] for step in found] == events.tolist()
    assert [step["messages"] for step in found] == messages.tolist()
    if overrides:
        assert sum(step["packets"] for step in found) < messages.sum() or name == "fc"
        assert all(step["hops"] <= most for step, most in zip(found, hops, strict=True))
    else:
        assert [step["hops"] for step in found] == hops
        assert [step["packets"] for step in found] == messages.tolist()
    assert spikes.sum() > 0


def test_energy_parts_add_up(side: ModuleType) -> None:
    from neurosim.account.costs import load_costs
    from neurosim.account.energy import price

    net = script("cases").case("fc4", 20, scale=0.05)
    fabric, chip = side.fabric_of(net)
    run = simulate(fabric, fabric.new_state(), side.raster_of(net))
    costs = load_costs(chip.costs)
    parts = side.energy_of(run, chip, costs, fabric.scripted)
    dynamic = price(run.counts, run.phase_cycles, chip, costs).dynamic[1].sum()
    assert 1e12 * sum(parts.values()) == pytest.approx(dynamic)
    assert all(part >= 0 for part in parts.values())


def test_peer_sanafe_without_sanafe(tmp_path: Path) -> None:
    path = tmp_path / "peer.json"
    done = smoke("peer_sanafe", "--case", "fc", "--case", "sparse", "--ours-only", "--json", str(path))
    assert done.returncode == 0, done.stderr
    results = json.loads(path.read_text())
    assert set(results) == {"fc", "sparse"}
    for name, result in results.items():
        assert result["ratio"] == dict.fromkeys(MODES) and result["sanafe"] == {}
        figures = result["neurosim"]
        for key in ("synaptic_events_per_cpu_s", "messages_per_cpu_s", "steps_per_cpu_s", "setup_wall_s", "start_s"):
            assert isinstance(figures[key], float), (name, key)
        assert figures["peak_memory_bytes"] > 0
    assert "neurosim multicast" in results["sparse"] and "neurosim multicast" not in results["fc"]
    assert "SANA-FE did not run" in done.stdout


def test_peer_sanafe_says_what_is_missing_or_compares(tmp_path: Path) -> None:
    path = tmp_path / "peer.json"
    done = smoke("peer_sanafe", "--case", "fc4", "--json", str(path))
    assert done.returncode == 0, done.stderr
    result = json.loads(path.read_text())["fc4"]
    if importlib.util.find_spec("sanafe") is None:
        assert "pip install" in done.stdout and result["sanafe"] == {}
    else:
        assert set(result["sanafe"]) == set(result["ratio"]) == set(MODES)
        assert all(result["sanafe"][mode]["agrees_with_oracle"] for mode in MODES)


def test_a_side_that_fails_says_why(side: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="unknown case 'nonsense'"):
        side.Session("nonsense", 1, 1, 1)


def test_scaling(side: ModuleType, tmp_path: Path) -> None:
    path, picture = tmp_path / "scaling.json", tmp_path / "scaling.png"
    done = smoke("scaling", "--json", str(path), "--plot", str(picture))
    assert done.returncode == 0, done.stderr
    results = json.loads(path.read_text())
    assert set(results["sweeps"]) == {"cores", "neurons", "fan_out", "activity"}
    for rows in results["sweeps"].values():
        assert len(rows) > 1 and all(row["moves"] >= row["packets"] > 0 for row in rows)
    assert [row["rows_in_order"] for row in results["chip"]] == [1, 0]
    assert picture.stat().st_size > 0


def test_model_runs(side: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    done = smoke("scaling", "--model", "--json", str(path))
    assert done.returncode == 0, done.stderr
    model = json.loads(path.read_text())["model"]
    assert all(value >= 0 for value in model["constants_ns"].values())
    assert [row["name"].split()[0] for row in model["predicted"]] == [
        "fc", "fc4", "sparse", "sparse_local", "desire-BP", "desire-BP",
    ]  # fmt: skip


def test_model_is_fitted_where_counts_decide(side: ModuleType) -> None:
    scaling = script("scaling")
    rng = np.random.default_rng(0)
    constants = {name: float(k) for k, name in enumerate(scaling.FEATURES)}  # the first one is 0
    samples = []
    for _ in range(30):
        counts = {name: float(rng.integers(0, 1000)) for name in constants}
        samples.append(scaling.Sample("made up", counts, sum(constants[k] * counts[k] for k in constants) / 1000))
    assert scaling.fitted(samples) == pytest.approx(constants, abs=1e-6)
    assert scaling.predict(samples[0], scaling.fitted(samples)).predicted_us == pytest.approx(samples[0].step_us)


def test_memory_per_synapse(side: ModuleType) -> None:
    """At most 8 bytes a synapse in fabric and state, with 128 targets a neuron."""
    scaling = script("scaling")
    net = scaling.Net(cores=16, neurons=4096, fan_out=128)
    graph, core = scaling.connectome(net)
    fabric = scaling.place_connectome(graph, scaling.chip_for(net), core)
    assert side.array_bytes(fabric, fabric.new_state()) <= scaling.MEMORY_BAR * fabric.synapses


def test_the_energies_of_odin_are_printed_beside_the_published_ones() -> None:
    done = smoke("odin_energy")
    assert done.returncode == 0, done.stderr
    assert "12.7  12.77  1.0054" in done.stdout and "Not published" in done.stdout
