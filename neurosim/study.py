"""A study: rules x chips x weight widths x roundings x backward paths x seeds on one data set, as a grid of runs.

A study is a YAML file, or the options of `neurosim compare`. Each cell of its grid is an ordinary run: a
`Config` as `neurosim run` would make it. A cell that cannot exist says why and leaves the others alone.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from neurosim import yamlio
from neurosim.account.costs import costs_of
from neurosim.complaint import Path as Keys
from neurosim.complaint import did_you_mean
from neurosim.config import Config, find_dataset, resolve
from neurosim.errors import ConfigError, NeurosimError
from neurosim.learning import load_rule
from neurosim.machine import load_chip
from neurosim.section import Natural, Positive, Section, require
from neurosim.sequenced import SequencedChip

__all__ = ["Cell", "RuleOptions", "Study", "cells", "check_names", "identity", "load_study"]

Seed = Annotated[int, Field(ge=0, lt=2**31)]
_AXES = ("rules", "chips", "bits", "rounding", "backward", "seeds")


class RuleOptions(Section):
    """What differs for one rule; what is not given is the study's, or the rule's own default."""

    epochs: Positive | None = None
    network: str | None = None
    encoder: str | None = None
    neuron: str | None = None
    set: tuple[str, ...] = ()


class Study(Section):
    """A grid of runs. An empty axis (`bits`, `rounding`, `backward`) is what each chip has of its own.

    bits: a weight of b bits gets b - 2 fraction bits, a range of -2 to 2; other formats stay as they are.
    epochs and network: for all rules; None: each rule's own.  for_rule: what differs, by rule.
    set: overrides `chip.KEY=VALUE` and `settings.KEY=VALUE` for all cells.
    probes: tests of the first `probe_images` test images on the way, for the energy to reach an accuracy.
    """

    rules: tuple[str, ...] = ("desire_bp",)
    chips: tuple[str, ...] = ("mesh16",)
    bits: tuple[Annotated[int, Field(ge=4, le=16)], ...] = ()
    rounding: tuple[Literal["nearest", "stochastic"], ...] = ()
    backward: tuple[str, ...] = ()
    seeds: tuple[Seed, ...] = (0,)
    dataset: str = "embedded"
    train: Positive | None = None
    test: Positive | None = None
    epochs: Positive | None = None
    network: str | None = None
    set: tuple[str, ...] = ()
    for_rule: dict[str, RuleOptions] = Field(default_factory=dict)
    probes: Natural = 10
    probe_images: Positive = 1000

    @model_validator(mode="after")
    def _axes_are_sets(self) -> Self:
        demands: list[tuple[bool, Keys, str]] = []
        for axis in _AXES:
            values = getattr(self, axis)
            twice = sorted({str(value) for value in values if values.count(value) > 1})
            demands.append((not twice, (axis,), f"expected each value once, got {', '.join(twice)} more than once"))
            needed = axis in ("rules", "chips", "seeds")
            demands.append((bool(values) or not needed, (axis,), "expected at least one value, got none"))
        for rule in self.for_rule:
            hint = did_you_mean(rule, self.rules)
            known = ", ".join(self.rules)
            demands.append(
                (rule in self.rules, ("for_rule", rule), f"expected one of the rules {known}, got '{rule}'{hint}")
            )
        require(*demands)
        return self


class Cell(NamedTuple):
    """One point of the grid, and its run: a configuration, or the reason why there is none."""

    rule: str
    chip: str
    bits: int | None
    rounding: str | None
    backward: str | None
    seed: int
    config: Config | None
    reason: str = ""


def load_study(path: str | None, options: Mapping[str, Any], for_rule: Mapping[str, Mapping[str, Any]]) -> Study:
    """The study in a YAML file (None: the defaults) with `options` and what differs for a rule on top.

    Raises ConfigError with all complaints at once, each with the line of the file or the name of the option.
    """
    document = yamlio.read(path) if path else yamlio.Document("options")
    if isinstance(document.tree, dict):
        options = dict(options)
        if "set" in document.tree and "set" in options:
            _put(document.tree, {"set": options.pop("set")})
        document.set(f"{key}={json.dumps(value)}" for key, value in options.items())
        _put_for_rule(document.tree, for_rule)
    try:
        return document.validate(Study)
    except ConfigError as error:
        raise ConfigError(re.sub(r"^--set (\w+)", _option, str(error), flags=re.MULTILINE)) from None


def _put_for_rule(tree: dict[str, Any], for_rule: Mapping[str, Mapping[str, Any]]) -> None:
    """Merge options of single rules. What a file has wrong there stays as it is, for the model to complain."""
    for rule, own in for_rule.items():
        rules = tree.setdefault("for_rule", {})
        entry = rules.setdefault(rule, {}) if isinstance(rules, dict) else None
        if isinstance(entry, dict):
            _put(entry, own)


def _put(entry: dict[str, Any], own: Mapping[str, Any]) -> None:
    """Options win over a file; its `set:` stays, and theirs come after it."""
    before = entry.get("set", [])
    entry.update(own)
    if "set" in own:
        entry["set"] = [*before, *own["set"]] if isinstance(before, list) else before


def _option(found: "re.Match[str]") -> str:
    return "--" + found[1].replace("_", "-")


def check_names(study: Study, data_dir: str | None = None) -> None:
    """Raise ConfigError with every rule, chip and data set of the study that does not exist or is not valid."""
    finders: list[tuple[Callable[[str], Any], str]] = [(load_chip, chip) for chip in study.chips]
    finders += [(load_rule, rule) for rule in study.rules]
    finders.append((lambda name: find_dataset(name, data_dir), study.dataset))
    wrong = []
    for find, name in finders:
        try:
            find(name)
        except NeurosimError as error:
            wrong.append(str(error))
    if wrong:
        raise ConfigError("\n".join(wrong))


def cells(study: Study, *, data_dir: str | None = None) -> list[Cell]:
    """The cells of the grid, rule by rule.

    Raises ConfigError if no cell can exist, with every reason once, or if two would be one row of the tables.
    """
    check_names(study, data_dir)
    axes = (getattr(study, axis) or (None,) for axis in _AXES)
    found = [_cell(study, data_dir, *point) for point in product(*axes)]
    if not any(cell.config for cell in found):
        raise ConfigError("\n".join(dict.fromkeys(cell.reason for cell in found)))
    _require_different(found)
    return found


def identity(config: Config) -> dict[str, Any]:
    """What tells a configuration from the others of a study, whatever the seed: names, not contents."""
    chip = config.chip
    rounding = backward = "none"  # sequenced: synapses move by whole steps, and send nothing back
    if not isinstance(chip, SequencedChip):
        rounding, backward = chip.core.learning.rounding, chip.core.learning.backward
    return {
        "rule": Path(config.rule).stem,
        "chip": chip.name,
        "network": config.network,
        "bits": chip.core.synapse.weight_bits,
        "rounding": rounding,
        "backward": backward,
    }


def _require_different(grid: Sequence[Cell]) -> None:
    """Raise ConfigError for cells that only their files tell apart: their runs would be averaged as one."""
    seen: dict[tuple[Any, ...], Cell] = {}
    wrong: dict[str, None] = {}
    for cell in grid:
        if cell.config is None:
            continue
        known = identity(cell.config)
        other = seen.setdefault((*known.values(), cell.seed), cell)
        if other is not cell:
            wrong[_same_row(other, cell, known)] = None
    if wrong:
        raise ConfigError("\n".join(wrong))


def _same_row(one: Cell, other: Cell, known: Mapping[str, Any]) -> str:
    if one.chip != other.chip:
        axis, pair, name = "chips", (one.chip, other.chip), known["chip"]
        fix = "leave one out, or give the copy another `name:` in its file"
    else:
        axis, pair, name = "rules", (one.rule, other.rule), known["rule"]
        fix = "leave one out, or give the copy another file name"
    return f"{axis}: expected different names, got '{name}' for both {pair[0]} and {pair[1]}: {fix}"


def _cell(
    study: Study, data_dir: str | None, rule: str, chip: str, bits: int | None, rounding: str | None,
    backward: str | None, seed: int,
) -> Cell:  # fmt: skip
    own = study.for_rule.get(rule, RuleOptions())
    axes = {
        "chip.core.synapse.weight_bits": bits,
        "chip.core.synapse.weight_fraction_bits": None if bits is None else bits - 2,
        "chip.core.learning.rounding": rounding,
        "chip.core.learning.backward": backward,
    }
    overrides = [*study.set, *own.set, *(f"{key}={value}" for key, value in axes.items() if value is not None)]
    options = {
        "train": study.train,
        "test": study.test,
        "epochs": own.epochs or study.epochs,
        "network": own.network or study.network,
        "encoder": own.encoder,
        "neuron": own.neuron,
        "data_dir": data_dir,
    }
    place = (rule, chip, bits, rounding, backward, seed)
    try:
        config = resolve(
            chip, rule=_absolute(rule), dataset=study.dataset, seed=seed, overrides=overrides, **_given(options)
        )
        costs_of(config.chip)
    except NeurosimError as error:
        return Cell(*place, None, str(error))
    return Cell(*place, config)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _absolute(rule: str) -> str:
    """A rule's file is found from wherever a worker runs."""
    return str(Path(rule).absolute()) if rule.endswith(".py") else rule
