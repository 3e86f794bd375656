"""Learning rules: one file per rule. What its circuits compute, from local integers to local integers.

A rule is a module with

- ``TITLE``, ``SOURCE``: what it is and where it comes from;
- ``Settings``: frozen dataclass of hyper-parameters in real units;
- ``Constants``: named tuple of integers, what the circuits hold in registers; among them ``weight_min`` and
  ``weight_max``, between which every store of a weight saturates;
- ``quantise(settings, formats) -> Constants``; ``rate(lr, formats) -> int``;
- ``card(formats, settings) -> Card``: the hardware that it needs;
- kernels, each a pure function of numbers that are present at one synapse or one neuron:
  ``output_symbol(count, is_label, c)``, ``hidden_symbol(error_sum, c)``, ``magnitude(symbol, count, c)``,
  ``on_slot(trace, spike, c)``, ``on_post(credit, trace, c)``,
  ``on_update(weight, credit, symbol, rate, random, c)``.
"""

from dataclasses import dataclass
from types import ModuleType

from neurosim import plugin
from neurosim.errors import ConfigError

__all__ = ["KERNELS", "Card", "Formats", "load_rule", "rule_names"]

KERNELS = ("output_symbol", "hidden_symbol", "magnitude", "on_slot", "on_post", "on_update")
_REQUIRED = ("TITLE", "SOURCE", "Settings", "Constants", "quantise", "rate", "card", *KERNELS)


@dataclass(frozen=True)
class Formats:
    """The number formats of a chip that a rule is quantised to (bits and binary points)."""

    weight_bits: int
    weight_fraction_bits: int
    membrane_bits: int
    trace_bits: int
    trace_fraction_bits: int
    error_bits: int
    rate_fraction_bits: int
    random_bits: int
    stochastic: bool


@dataclass(frozen=True)
class Card:
    """Hardware card of a rule: the state and the operators that it asks of a chip."""

    synapse_bits: int  # per synapse, besides the weight
    neuron_bits: int  # per neuron, besides the membrane
    axon_bits: int  # per axon at the post core
    history_bits: int
    random_bits_per_write: int
    backward_path: bool
    online_in_time: bool
    phases: tuple[str, ...]
    operators: tuple[str, ...]
    accesses: tuple[tuple[str, str], ...]  # (phase, what is read and written per event)
    symbol_bits: int = 2  # of an error symbol in the neuron word and in a packet
    factor_bits: int = 6  # of the magnitude that goes with it to a mirrored copy


def rule_names() -> tuple[str, ...]:
    """Names of the shipped rules."""
    return plugin.names("neurosim.learning")


def load_rule(name: str) -> ModuleType:
    """The rule module `name` (shipped, or a path to a .py file).

    Raises ConfigError if it does not exist or lacks one of the parts listed above.
    """
    module = plugin.load("neurosim.learning", name, "rule")
    missing = [part for part in _REQUIRED if not hasattr(module, part)]
    if missing:
        raise ConfigError(f"rule: {name} lacks {', '.join(missing)} (see neurosim/learning/__init__.py)")
    return module
