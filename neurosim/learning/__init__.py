"""Learning rules: one file per rule. What its circuits compute, from local integers to local integers.

A rule is a module with

- ``TITLE``, ``SOURCE``: what it is and where it comes from;
- ``SCHEDULE``: when its circuits work. ``phased`` (desire-BP): forward steps, then errors, then updates from stored
  spikes. ``online`` (SSNN-BP): forward and error spikes in the same steps, updates in every step. ``event`` (SDSP): no
  steps, an update behind every event, on sequenced cores;
- ``READOUT``: what the host takes for the answer: ``strict`` (the largest spike count, alone) or ``membrane``;
- ``Settings``: frozen dataclass of hyper-parameters in real units;
- ``Constants``: named tuple of integers, what the circuits hold in registers; among them ``weight_min`` and
  ``weight_max``, between which every store of a weight saturates; online rules also give ``one`` (a membrane of 1.0),
  ``pipeline``, ``start_drawn``, ``warm`` and ``thinning`` (see ssnn_bp.py);
- ``quantise(settings, formats) -> Constants``; ``rate(value, formats) -> int``: contents of the rate register;
- ``spread(fan_in, last) -> float``: standard deviation of the initial weights of a layer;
- ``card(formats, settings) -> Card``: the hardware that it needs;
- of schedule ``event``: ``WORDS``, the fields of a neuron's word that its kernels need, and ``SIGNED``, whether its
  weights have a sign;
- the kernels of its schedule (`CONTRACTS`), each a pure function of numbers that are present at one synapse or one
  neuron, and of ``c``, the constants; ``READS`` says which of its numbers each kernel reads.

`load_rule` refuses a rule whose kernels could know more than that (`locality`).
"""

from dataclasses import fields
from types import ModuleType

from neurosim import plugin
from neurosim.card import Access, Card, Formats, Word
from neurosim.errors import ConfigError
from neurosim.locality import CONTRACTS, breaches

__all__ = ["CONTRACTS", "READOUTS", "Access", "Card", "Formats", "Word", "load_rule", "rule_names"]

READOUTS = ("strict", "membrane")

_REQUIRED = ("TITLE", "SOURCE", "SCHEDULE", "READOUT", "READS", "Settings", "Constants", "quantise", "rate", "spread",
             "card")  # fmt: skip


# Attributes of a module that its schedule needs.
_DECLARED = {"event": ("WORDS", "SIGNED")}
# What placement and the engines read of a rule's settings and registers, by schedule.
_SETTINGS = {"phased": ("steps", "threshold", "leak_shift"), "online": ("steps", "filter_shift"),
             "event": ("theta_membrane", "theta_1", "theta_2", "theta_3", "calcium_leak")}  # fmt: skip
_REGISTERS = {
    "phased": ("weight_min", "weight_max"),
    "online": ("weight_min", "weight_max", "one", "pipeline", "start_drawn", "warm", "thinning"),
    "event": ("weight_min", "weight_max"),
}


def _lacking(module: ModuleType) -> list[str]:
    """Settings and registers that the schedule needs and the rule does not have."""
    settings = {field.name for field in fields(module.Settings)}
    needs = (("Settings", settings, _SETTINGS), ("Constants", set(module.Constants._fields), _REGISTERS))
    return [
        f"{name} lacks {', '.join(missing)}, which a rule of schedule {module.SCHEDULE} needs"
        for name, found, wanted in needs
        if (missing := [word for word in wanted[module.SCHEDULE] if word not in found])
    ]


def rule_names() -> tuple[str, ...]:
    """Names of the shipped rules."""
    return plugin.names("neurosim.learning")


def load_rule(name: str) -> ModuleType:
    """The rule module `name` (shipped, or a path to a .py file).

    Raises ConfigError if it does not exist, lacks one of the parts listed above, or breaks locality.
    """
    module = plugin.load("neurosim.learning", name, "rule")
    schedule = getattr(module, "SCHEDULE", "")
    kernels, declared = CONTRACTS.get(schedule, {}), _DECLARED.get(schedule, ())
    missing = [part for part in (*_REQUIRED, *declared, *kernels) if not hasattr(module, part)]
    if missing:
        raise ConfigError(f"rule: {name} lacks {', '.join(missing)} (see neurosim/learning/__init__.py)")
    for part, allowed in (("SCHEDULE", tuple(CONTRACTS)), ("READOUT", READOUTS)):
        if getattr(module, part) not in allowed:
            raise ConfigError(f"rule: {name}: {part}: expected {' or '.join(allowed)}, got {getattr(module, part)!r}")
    problems = [*_lacking(module), *breaches(module)]
    if problems:
        raise ConfigError("\n".join(f"rule: {name}: {problem}" for problem in problems))
    return module
