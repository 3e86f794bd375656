"""The configuration of a run: chip, network, rule, data and settings, with every default filled in."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, get_type_hints

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, create_model

from neurosim import yamlio
from neurosim.chip import Chip
from neurosim.data.datasets import Dataset, load_dataset
from neurosim.errors import ConfigError, PlacementError
from neurosim.kernel import source_hash
from neurosim.layer import programmed, require_layer
from neurosim.learning import load_rule
from neurosim.machine import Machine, is_sequenced, load_chip, load_pipelined
from neurosim.network import Network, mlp, parse_sizes
from neurosim.partition import partition
from neurosim.sequenced import SequencedChip
from neurosim.workloads import desire_mnist, sdsp_digits, workload_of
from neurosim.workloads.desire_mnist import DATASET

__all__ = [
    "Config",
    "PipelinedConfig",
    "SequencedConfig",
    "default_rule",
    "digest_of",
    "dropout",
    "find_chip",
    "find_dataset",
    "fitting_network",
    "is_cost_file",
    "load_config",
    "require_fit",
    "require_match",
    "resolve",
    "resolve_settings",
    "rule_part",
    "split_overrides",
    "training_part",
]

FILE = "config.yaml"
Count = Annotated[int, Field(ge=1)]
_USUAL_NETWORKS = ("784-512-10", "784-128-10", "784-16-10")
_SECTIONS = ("chip", "settings")


class Config(BaseModel):
    """What a run does. Everything but `engine`, `data_dir` and the cost table's name decides its result."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    chip: Machine
    rule: str
    network: str
    encoder: str
    neuron: str
    dataset: str
    train: Count  # images of the training set
    test: Count  # images of the test set
    epochs: Count
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    freeze: bool  # no training: evaluate `weights`
    weights: str | None
    settings: dict[str, Any]  # fields of the workload's Settings and of the rule's
    engine: str
    data_dir: str | None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Layer sizes of the network."""
        return parse_sizes(self.network)

    @property
    def presentations(self) -> int:
        """Number of training presentations: none if the network is frozen."""
        return 0 if self.freeze else self.train * self.epochs

    @property
    def name(self) -> str:
        """A short name for tables and folders."""
        rule = Path(self.rule).stem
        return f"{self.chip.name}-{rule}-{self.network}-{self.dataset}"

    def build_network(self) -> Network:
        """The network as populations and projections."""
        return mlp(self.sizes, encoder=self.encoder, neuron=self.neuron)

    def training(self) -> Any:
        """How to train: the Settings of the rule's workload."""
        return training_part(self.settings, load_rule(self.rule))

    def learning_rates(self, first: int, count: int) -> NDArray[np.float64]:
        """Real learning rates float64[count] of the presentations from `first` on (see the workload)."""
        rule, total = load_rule(self.rule), max(self.presentations, 1)
        rates = workload_of(rule).learning_rates(training_part(self.settings, rule), first, count, self.train, total)
        return np.asarray(rates, np.float64)

    def write(self) -> str:
        """The configuration as YAML that `load_config` reads."""
        return yamlio.dump(self.model_dump(mode="json"))


class PipelinedConfig(Config):
    """A run on a mesh of pipelined cores."""

    chip: Chip


class SequencedConfig(Config):
    """A run on a sequenced core."""

    chip: SequencedChip


def _validated(document: yamlio.Document) -> Config:
    """The tree of a document as the configuration that its chip asks for. Raises ConfigError."""
    chip = document.tree.get("chip") if isinstance(document.tree, dict) else None
    return document.validate(SequencedConfig) if is_sequenced(chip) else document.validate(PipelinedConfig)


def load_config(path: Path) -> Config:
    """The configuration of a run directory. Raises ConfigError, with lines, if it is missing or not valid."""
    config = _validated(yamlio.read(path))
    document = yamlio.Document(str(path))
    document.tree = dict(config.settings)
    settings = document.validate(settings_model(load_rule(config.rule)))
    return config.model_copy(update={"settings": settings.model_dump()})


def training_part(settings: Mapping[str, Any], rule: ModuleType) -> Any:
    """The part of the flat settings that says how to train: the Settings of the rule's workload."""
    model = workload_of(rule).Settings
    return model(**{key: value for key, value in settings.items() if key in model.model_fields})


def dropout(training: Any) -> dict[str, Any]:
    """Dropout probabilities of a training, as `place` takes them; none where the workload knows none."""
    return {name: getattr(training, name, 0.0) for name in ("dropout_input", "dropout_hidden")}


def rule_part(settings: Mapping[str, Any], rule: ModuleType) -> Any:
    """The part of the flat settings that the rule's circuits hold: an instance of its `Settings`."""
    return rule.Settings(**{f.name: settings[f.name] for f in dataclasses.fields(rule.Settings)})


def settings_model(rule: ModuleType) -> type[BaseModel]:
    """Model of the flat settings: how to train, and what the circuits of `rule` hold."""
    hints = get_type_hints(rule.Settings)
    fields: dict[str, Any] = {f.name: (hints[f.name], f.default) for f in dataclasses.fields(rule.Settings)}
    return create_model("Settings", __base__=workload_of(rule).Settings, **fields)


def resolve_settings(sizes: tuple[int, ...], rule: str, overrides: Iterable[str]) -> dict[str, Any]:
    """The preset's values with `name=value` overrides on top. Raises ConfigError."""
    module = load_rule(rule)
    model, workload = settings_model(module), workload_of(module)
    assignments = list(overrides)
    document = yamlio.Document("settings")
    document.set(assignments)
    graded = document.tree.get("graded") is True
    preset = document.tree.get("preset", workload.default_preset(sizes, rule, graded))
    document.tree = {**workload.preset_values(str(preset), sizes, graded), **document.tree}
    try:
        return document.validate(model).model_dump()
    except ConfigError as error:
        raise ConfigError(str(error).replace("--set ", "--set settings.")) from None


def split_overrides(overrides: Iterable[str]) -> dict[str, list[str]]:
    """`chip.x=1` and `settings.y=2` texts, sorted by section, without the prefix. Raises ConfigError."""
    parts: dict[str, list[str]] = {section: [] for section in _SECTIONS}
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not value.strip():
            raise ConfigError(f"--set {text}: expected key=value, such as settings.dropout_hidden=0.2")
        section, _, rest = key.strip().partition(".")
        if section not in parts or not rest:
            raise ConfigError(
                f"--set {text}: expected a key that begins with chip. or settings., got '{key.strip()}' "
                "(for example settings.learning_rate or chip.noc.router.buffer_flits)"
            )
        parts[section].append(f"{rest}={value}")
    return parts


def resolve(
    chip: str = "mesh16",
    network: str | None = None,
    rule: str | None = None,
    dataset: str = DATASET,
    *,
    train: int | None = None,
    test: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    encoder: str | None = None,
    neuron: str | None = None,
    freeze: bool = False,
    weights: str | None = None,
    overrides: Iterable[str] = (),
    engine: str = "compiled",
    data_dir: str | None = None,
) -> Config:
    """Options as on the command line -> a checked configuration with every default filled in.

    `train` and `test` are numbers of images, None: all of the set; `overrides` are `key=value` texts whose
    keys begin with `chip.` or `settings.`. Rule None: the chip's. Network, epochs, encoder and neuron, where None,
    are those of the rule's workload. Raises ConfigError for anything that is not valid.
    """
    parts = split_overrides(overrides)
    where = find_chip(chip, parts["chip"])
    if isinstance(where, SequencedChip):
        where = programmed(where, parts["chip"])
    rule = default_rule(where) if rule is None else rule
    workload = workload_of(load_rule(rule))
    sizes = parse_sizes(network or workload.NETWORK)
    require_match(where, rule, encoder, neuron, freeze)
    if isinstance(where, SequencedChip):
        require_layer(where, sizes)
        neuron = where.core.neuron.circuit
    data = workload.view(find_dataset(dataset, data_dir), sizes[0])
    require_fit(sizes, data)
    if freeze and weights is None:
        raise ConfigError("--freeze: expected weights to evaluate (--weights FILE), got none")
    document = yamlio.Document("options")
    document.tree = {
        "chip": where.model_dump(mode="json"),
        "rule": rule,
        "network": "-".join(map(str, sizes)),
        "encoder": encoder or workload.ENCODER,
        "neuron": neuron or workload.NEURON,
        "dataset": dataset,
        "train": _count("--train", train, len(data.train_images), dataset),
        "test": _count("--test", test, len(data.test_images), dataset),
        "epochs": workload.EPOCHS if epochs is None else epochs,
        "seed": seed,
        "freeze": freeze,
        "weights": weights,
        "settings": resolve_settings(sizes, rule, parts["settings"]),
        "engine": engine,
        "data_dir": data_dir,
    }
    return _validated(document)


def default_rule(chip: Machine) -> str:
    """The rule that a run on a chip takes unless told otherwise."""
    return sdsp_digits.RULE if isinstance(chip, SequencedChip) else desire_mnist.RULE


def require_match(chip: Machine, rule: str, encoder: str | None, neuron: str | None, freeze: bool) -> None:
    """Raise ConfigError unless the rule can run on this kind of core, and only what can be chosen was."""
    module, circuits = load_rule(rule), ", ".join(chip.core.learning.circuits)
    name, sequenced = Path(rule).stem, isinstance(chip, SequencedChip)
    if sequenced and module.SCHEDULE != "event":
        raise ConfigError(f"rule: {name} does not run on {chip.name}, a sequenced core: it takes rules of schedule "
                          f"event, such as --rule {sdsp_digits.RULE}")  # fmt: skip
    if not sequenced and module.SCHEDULE == "event":
        raise ConfigError(f"rule: {name} learns at every event and needs a sequenced core, such as --chip odin; "
                          f"{chip.name} has pipelined cores ({circuits or 'no learning circuit'})")  # fmt: skip
    if not isinstance(chip, SequencedChip):
        return
    for option, given in (("encoder", encoder), ("neuron", neuron)):
        if given is not None:
            raise ConfigError(f"--{option}: expected none on {chip.name}: the host sends spikes, the neuron is the "
                              f"chip's own ({chip.core.neuron.circuit})")  # fmt: skip
    if not freeze and name not in chip.core.learning.circuits:
        raise ConfigError(f"rule: {chip.name} cannot learn with {name}: core.learning.circuits has "
                          f"{circuits or 'none'}; name its circuit (--set chip.core.learning.circuits=[{name}]) or "
                          "evaluate weights: --weights FILE --freeze")  # fmt: skip


def find_chip(name: str, overrides: Iterable[str] = ()) -> Machine:
    """`load_chip` with overrides that were written `chip.key=value`; its messages say so."""
    try:
        return load_chip(name, overrides)
    except ConfigError as error:
        raise ConfigError(str(error).replace("--set ", "--set chip.")) from None


@lru_cache(maxsize=1)
def find_dataset(name: str, data_dir: str | None) -> Dataset:
    """`load_dataset`, which is not repeated for the same arguments."""
    return load_dataset(name, data_dir)


def is_cost_file(path: str) -> bool:
    """Whether a YAML file is a cost table and no chip; a shipped chip's name means the chip."""
    tree = yamlio.read(yamlio.find(path, "costs" if _shipped_costs(path) else "")).tree
    return isinstance(tree, dict) and "ops" in tree and "core" not in tree


def _shipped_costs(name: str) -> bool:
    return (yamlio.shipped() / "costs" / f"{name}.yaml").is_file()


def fitting_network(chip: str) -> str:
    """The largest of a few usual networks that fits a chip. Raises PlacementError if none does."""
    where, last = load_pipelined(chip), None
    for sizes in _USUAL_NETWORKS:
        try:
            partition(mlp(parse_sizes(sizes)), where)
        except PlacementError as error:
            last = error
            continue
        return sizes
    raise PlacementError(f"{where.name}: none of {', '.join(_USUAL_NETWORKS)} fits: {last}")


def require_fit(sizes: tuple[int, ...], data: Dataset) -> None:
    """Raise ConfigError unless a network of these sizes takes the pixels of `data` and names its classes."""
    pixels, classes = data.train_images.shape[1], len(data.classes)
    if sizes[0] != pixels:
        raise ConfigError(f"network: expected {pixels} inputs for data set {data.name}, got {sizes[0]}")
    if sizes[-1] < classes:
        raise ConfigError(
            f"network: expected at least {classes} outputs for data set {data.name}, got {sizes[-1]}"
        )


def _count(option: str, asked: int | None, available: int, dataset: str) -> int:
    if asked is not None and not 1 <= asked <= available:
        raise ConfigError(f"{option}: expected 1 to {available} images of data set {dataset}, got {asked}")
    return available if asked is None else asked


@lru_cache(maxsize=1)
def _sources() -> str:
    return source_hash()


def digest_of(config: Config, inputs: Mapping[str, str]) -> str:
    """SHA-256, in hex, of everything that decides the result of a run.

    That is the configuration without engine, folders and the name of the cost table; `inputs`, digests of
    the image, the data and the weights used; and the sources of this package.
    """
    plain = config.model_dump(mode="json", exclude={"engine", "data_dir", "weights"})
    plain["chip"].pop("costs", None)
    plain["rule"], plain["neuron"] = Path(config.rule).stem, Path(config.neuron).stem  # the image has their sources
    plain["inputs"] = {**inputs, "sources": _sources()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
