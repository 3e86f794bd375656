"""Any chip: a mesh of pipelined cores (`Chip`) or one sequenced core (`SequencedChip`), told apart by its file."""

import os
from collections.abc import Iterable

from neurosim import yamlio
from neurosim.chip import Chip
from neurosim.errors import ConfigError
from neurosim.sequenced import SequencedChip

__all__ = ["Machine", "is_sequenced", "load_chip", "load_pipelined"]

Machine = Chip | SequencedChip


def is_sequenced(tree: object) -> bool:
    """Whether the tree of a chip file says `core.kind: sequenced`."""
    core = tree.get("core") if isinstance(tree, dict) else None
    return isinstance(core, dict) and core.get("kind") == "sequenced"


def load_chip(path_or_name: str | os.PathLike[str], overrides: Iterable[str] = ()) -> Machine:
    """The chip in a YAML file, or a shipped one by its bare name (`mesh16`, `odin`).

    `overrides` are assignments such as `core.synapse.banks=4`, applied before validation.
    Raises ConfigError with every complaint about the file, one a line.
    """
    document = yamlio.read(yamlio.find(path_or_name))
    sequenced = is_sequenced(document.tree)
    document.set(overrides)
    return document.validate(SequencedChip) if sequenced else document.validate(Chip)


def load_pipelined(path_or_name: str | os.PathLike[str], overrides: Iterable[str] = ()) -> Chip:
    """`load_chip` for what only a mesh of pipelined cores can do. Raises ConfigError for a sequenced chip."""
    chip = load_chip(path_or_name, overrides)
    if isinstance(chip, SequencedChip):
        raise ConfigError(f"{chip.name}: expected a chip of pipelined cores, got core.kind: sequenced")
    return chip
