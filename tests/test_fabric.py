"""Fabrics and their states: the digest covers every number, copies are independent."""

from dataclasses import fields, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from neurosim.chip import load_chip
from neurosim.connectome import SCRIPTED, Connectome, Dense, Group, Sparse
from neurosim.engine import simulate
from neurosim.errors import ConfigError
from neurosim.fabric import Fabric
from neurosim.neuron import lif
from neurosim.stimulus import Batch, Raster
from neurosim.wiring import place_connectome

SPARSE = "core.synapse.sparse={index_bits: 10, lane_cycles: 2}"
FABRIC = place_connectome(
    Connectome(
        "net",
        (Group("in", 2, SCRIPTED), Group("out", 3, threshold=5, bias=np.array([0, 1, 2]))),
        (Dense(0, 1, np.arange(6, dtype=np.int16).reshape(2, 3)),),
        Sparse(np.array([0, 1, 1, 3, 3, 3]), np.array([2, 4, 3]), np.array([7, 8, 9], np.int16)),
    ),
    load_chip("tiny", ["noc.columns=4", SPARSE]),
)


def test_sizes() -> None:
    assert (FABRIC.neurons, FABRIC.synapses, FABRIC.nodes) == (5, 6 + 3, 5)


def altered(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, str):
        return value + "'"
    if isinstance(value, ModuleType):
        return lif
    if isinstance(value, np.ndarray):
        changed = value.copy()
        if not changed.size:
            return np.zeros(1, value.dtype)
        changed.flat[-1] ^= 1
        return changed
    if isinstance(value, int):
        return value + 1
    last = altered(value[-1])
    return (*value[:-1], last) if type(value) is tuple else value._replace(**{value._fields[-1]: last})


def test_the_digest_covers_every_field() -> None:
    assert FABRIC.digest() == replace(FABRIC).digest()
    found = {replace(FABRIC, **{f.name: altered(getattr(FABRIC, f.name))}).digest() for f in fields(Fabric)}
    assert len(found | {FABRIC.digest()}) == len(fields(Fabric)) + 1


def test_an_array_of_another_shape_has_another_digest() -> None:
    assert replace(FABRIC, ports=FABRIC.ports.reshape(-1)).digest() != FABRIC.digest()
    assert replace(FABRIC, bias=FABRIC.bias.astype(np.int32)).digest() != FABRIC.digest()


@pytest.mark.parametrize("neuron", [2, 4, 5, 99])
def test_only_scripted_neurons_follow_the_raster(neuron: int) -> None:
    raster = Raster(np.array([0, 2]), np.array([1, neuron]))
    with pytest.raises(ConfigError, match=f"raster.neuron: expected scripted neurons, got {neuron}"):
        simulate(FABRIC, FABRIC.new_state(), raster)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_no_steps_and_no_spikes(engine: str) -> None:
    state = FABRIC.new_state()
    run = simulate(FABRIC, state, Raster.silent(0), engine)
    assert (run.samples, run.phase_cycles.sum(), state.cycle) == (0, 0, 0)
    run = simulate(FABRIC, state, Raster.silent(2), engine)
    assert run.samples == 2 and run.output_counts.tolist() == [[0, 0]] * 2
    assert state.membrane.tolist() == [0, 0, 0, 2, 4] and not run.links.any()  # the biases, twice


def test_a_stimulus_of_the_other_kind_is_refused() -> None:
    batch = Batch(np.zeros((1, 2), np.uint8), np.zeros(1, np.int64), 0, np.zeros(1, np.int64), False)
    with pytest.raises(ConfigError, match="Batch or Fabric, FabricState, Raster, got Fabric, FabricState, Batch"):
        simulate(FABRIC, FABRIC.new_state(), batch)
    with pytest.raises(ConfigError, match="engine: expected one of compiled, reference, got 'fast'"):
        simulate(FABRIC, FABRIC.new_state(), Raster.silent(1), "fast")


def test_a_log_longer_than_its_first_room_is_whole() -> None:
    """The compiled engine runs again from the state before, with room for all events (65,536 at first)."""
    steps = 3000
    raster = Raster(2 * np.arange(steps + 1), np.tile([0, 1], steps))
    state, plain, parts = (FABRIC.new_state() for _ in range(3))
    run, quiet = simulate(FABRIC, state, raster, record=True), simulate(FABRIC, plain, raster)
    assert run.events is not None and len(run.events) > 1 << 16
    assert np.array_equal(run.counts, quiet.counts) and np.array_equal(run.sample_cycles, quiet.sample_cycles)
    assert state.membrane.tolist() == plain.membrane.tolist() and state.charge.tolist() == plain.charge.tolist()
    assert (state.cycle, state.tick) == (plain.cycle, plain.tick) == (int(run.phase_cycles.sum()), steps)
    halves = [simulate(FABRIC, parts, raster.part(*ends), record=True) for ends in ((0, 1500), (1500, steps))]
    assert np.array_equal(np.concatenate([half.events for half in halves]), run.events)  # type: ignore[arg-type]


def test_a_state_begins_at_rest_and_copies_are_independent() -> None:
    state = FABRIC.new_state()
    assert not state.membrane.any() and not state.charge.any() and not state.pointers.any()
    assert (state.cycle, state.tick) == (0, 0) and state.charge.dtype == np.int32
    assert state.pointers.shape == (4, 5)
    other = state.copy()
    simulate(FABRIC, other, Raster(np.array([0, 2, 2]), np.array([0, 1])))
    other.membrane[:] = 7
    other.pointers[:] = 1
    assert other.charge.any() and other.tick == 2 and other.cycle > 0
    assert not state.pointers.any() and not state.membrane.any() and not state.charge.any()
    assert (state.cycle, state.tick) == (0, 0)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("part", ["membrane", "charge", "pointers"])
def test_the_state_of_another_network_is_refused(engine: str, part: str) -> None:
    state = FABRIC.new_state()
    setattr(state, part, getattr(state, part)[:-1])
    with pytest.raises(ConfigError, match=rf"state.{part}: expected .* \(the state of another network\?\), got "):
        simulate(FABRIC, state, Raster.silent(1), engine)
