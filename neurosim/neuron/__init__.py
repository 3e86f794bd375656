"""Soma circuits: one file per neuron.

An input neuron (`INPUTS`) is driven by a value that the host wrote. Every other neuron is a module with ``STATE``, the
words that it keeps, and kernels of integers:

- ``("membrane",)``, for phased rules and connectomes:
  ``step(membrane, drive, keep, threshold, leak_shift, bits) -> (membrane, fired)``;
- ``("membrane", "error", "bias")``, the composite neuron of online rules: ``integrate``, ``spike``, ``contend`` and
  the table ``noise`` (see composite.py);
- ``("membrane", "threshold", "leak")``, for sequenced cores, whose neurons are updated by every event, each with a
  threshold and a leak of its own: ``update(membrane, drive, reference, threshold, leak, bits) -> (membrane, fired)``,
  and ``SIGNED``: whether its membrane has a sign.
"""

from types import ModuleType

from neurosim import plugin
from neurosim.errors import ConfigError
from neurosim.locality import circuit_breaches

__all__ = ["COMPOSITE", "INPUTS", "SEQUENCED", "SPIKING", "load_neuron"]

INPUTS = ("accumulate", "bernoulli", "accumulate_float32", "regular")
SPIKING, COMPOSITE = ("membrane",), ("membrane", "error", "bias")
SEQUENCED = ("membrane", "threshold", "leak")
_KERNELS = {SPIKING: ("step",), COMPOSITE: ("integrate", "spike", "contend", "noise"),
            SEQUENCED: ("SIGNED", "update")}  # fmt: skip


def load_neuron(name: str) -> ModuleType:
    """The neuron module `name` (shipped, or a path to a .py file).

    Raises ConfigError if it does not exist, is an input neuron, lacks STATE or a kernel, or breaks locality.
    """
    if name in INPUTS:
        raise ConfigError(f"neuron: expected a neuron that integrates spikes, got the input neuron '{name}'")
    module = plugin.load("neurosim.neuron", name, "neuron")
    state = tuple(getattr(module, "STATE", SPIKING))
    missing = [part for part in ("STATE", *_KERNELS.get(state, ())) if not hasattr(module, part)]
    if missing:
        raise ConfigError(f"neuron: {name} lacks {', '.join(missing)} (see neurosim/neuron/__init__.py)")
    if state not in _KERNELS:
        raise ConfigError(f"neuron: {name}: expected STATE = {SPIKING}, {COMPOSITE} or {SEQUENCED}, got {module.STATE}")
    if state == SEQUENCED and not isinstance(module.SIGNED, bool):
        raise ConfigError(f"neuron: {name}: SIGNED: expected True or False, got {module.SIGNED!r}")
    problems = circuit_breaches(module)
    if problems:
        raise ConfigError("\n".join(f"neuron: {name}: {problem}" for problem in problems))
    return module
