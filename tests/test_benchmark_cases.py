"""The cases of benchmarks/ are what they say, and their oracle agrees with neurons stepped one by one."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def cases() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cases", BENCHMARKS / "cases.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["cases"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["fc", "fc4", "sparse", "sparse_local"])
def test_oracle_against_one_neuron_at_a_time(cases: ModuleType, name: str) -> None:
    steps = 40
    net = cases.case(name, steps, scale=0.03)
    spikes, events, messages = cases.expected(net, steps)
    potential, arriving = [0] * net.neurons, [0] * net.neurons
    for step in range(steps):
        scripted = set(net.raster[net.raster_start[step] : net.raster_start[step + 1]].tolist())
        fired, following = [], [0] * net.neurons
        for n in range(net.neurons):
            if net.scripted[n]:
                fires = n in scripted
            else:
                potential[n] += int(net.bias[n]) + arriving[n]
                fires = potential[n] >= net.threshold
                potential[n] = 0 if fires else potential[n]
            if fires:
                fired.append(n)
                for s in range(net.start[n], net.start[n + 1]):
                    following[net.target[s]] += int(net.weight[s])
        arriving = following
        assert spikes[step] == len(fired)
        assert events[step] == sum(net.start[n + 1] - net.start[n] for n in fired)
        destinations = [set(net.core[net.target[net.start[n] : net.start[n + 1]]].tolist()) for n in fired]
        assert messages[step] == sum(map(len, destinations))
    assert spikes[20:].all()


@pytest.mark.parametrize("name", ["fc", "fc4", "sparse", "sparse_local"])
def test_arrays_are_what_the_docstring_says(cases: ModuleType, name: str) -> None:
    net = cases.case(name, 5, scale=0.2)
    assert (net.core.dtype, net.start.dtype, net.target.dtype, net.weight.dtype) == (
        np.int64,
        np.int64,
        np.int32,
        np.int16,
    )
    assert not net.scripted[net.target].any()
    assert np.bincount(net.core).max() <= 1024
    for n in range(net.neurons):
        row = net.target[net.start[n] : net.start[n + 1]].astype(np.int64)
        assert (np.diff(net.core[row] * net.neurons + row) > 0).all(), "sorted by (core, neuron), no target twice"
    more = cases.case(name, 9, scale=0.2)
    assert np.array_equal(more.weight, net.weight)
    assert np.array_equal(more.raster[: len(net.raster)], net.raster)


def test_destinations(cases: ModuleType) -> None:
    assert (cases.fan_out(cases.case("sparse_local", 0, scale=0.25))[1] == 8).all()
    fc, fc4 = cases.case("fc", 3), cases.case("fc4", 3)
    for field in ("start", "target", "weight", "raster"):
        assert np.array_equal(getattr(fc, field), getattr(fc4, field))
    assert [sorted(set(cases.fan_out(net)[1].tolist())) for net in (fc, fc4)] == [[0, 1], [0, 1, 4]]


def test_sanafe_side_says_what_is_missing_or_agrees() -> None:
    command = [sys.executable, str(BENCHMARKS / "sanafe_side.py"), "--case", "fc4", "--scale", "0.05"]
    command += ["--mode", "detailed", "--steps", "3", "--repeats", "2"]
    done = subprocess.run(command, capture_output=True, text=True)
    if importlib.util.find_spec("sanafe") is None:
        assert done.returncode == 2
        assert "bench" in done.stderr and "Traceback" not in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["fc4"]["detailed"]["agrees_with_oracle"]
