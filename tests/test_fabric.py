"""Fabrics and their states: the digest covers every number, copies are independent."""

from dataclasses import fields, replace
from types import ModuleType
from typing import Any

import numpy as np

from neurosim.chip import load_chip
from neurosim.connectome import SCRIPTED, Connectome, Dense, Group, Sparse
from neurosim.engine import simulate
from neurosim.fabric import Fabric
from neurosim.neuron import lif
from neurosim.stimulus import Raster
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
