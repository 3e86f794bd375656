"""Soma circuits: one file per neuron.

An input neuron (`INPUTS`) is driven by a value that the host wrote. Every other neuron is a
module with ``STATE = ("membrane",)``, the word it keeps, and one kernel
``step(membrane, drive, keep, threshold, leak_shift, bits) -> (membrane, fired)``.
"""

from types import ModuleType

from neurosim import plugin
from neurosim.errors import ConfigError

__all__ = ["INPUTS", "load_neuron"]

INPUTS = ("accumulate", "bernoulli", "accumulate_float32")


def load_neuron(name: str) -> ModuleType:
    """The neuron module `name` (shipped, or a path to a .py file).

    Raises ConfigError if it does not exist, is an input neuron, or lacks STATE or step.
    """
    if name in INPUTS:
        raise ConfigError(f"neuron: expected a neuron that integrates spikes, got the input neuron '{name}'")
    module = plugin.load("neurosim.neuron", name, "neuron")
    missing = [part for part in ("STATE", "step") if not hasattr(module, part)]
    if missing:
        raise ConfigError(f"neuron: {name} lacks {', '.join(missing)} (see neurosim/neuron/__init__.py)")
    if tuple(module.STATE) != ("membrane",):
        raise ConfigError(f"neuron: {name}: expected STATE = ('membrane',), the only word yet, got {module.STATE}")
    return module
