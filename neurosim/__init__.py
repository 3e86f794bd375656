"""neurosim: cycle-accurate simulation of neuromorphic chips that learn.

The functions below are the whole main job, and connectomes; each works alone. They are imported when first used.
"""

import sys
from importlib import import_module, metadata
from types import ModuleType
from typing import Any

_PUBLIC = {
    "Batch": "neurosim.stimulus",
    "Connectome": "neurosim.connectome",
    "Dense": "neurosim.connectome",
    "Group": "neurosim.connectome",
    "Raster": "neurosim.stimulus",
    "Sparse": "neurosim.connectome",
    "Study": "neurosim.study",
    "compare": "neurosim.compare",
    "load_chip": "neurosim.machine",
    "load_costs": "neurosim.account.costs",
    "load_dataset": "neurosim.data.datasets",
    "load_rule": "neurosim.learning",
    "load_run": "neurosim.trace",
    "load_weights": "neurosim.data.weights",
    "mlp": "neurosim.network",
    "place": "neurosim.place",
    "place_connectome": "neurosim.wiring",
    "prepare": "neurosim.session",
    "price": "neurosim.account.energy",
    "report": "neurosim.report",
    "resolve": "neurosim.config",
    "save_run": "neurosim.trace",
    "simulate": "neurosim.engine",
    "train": "neurosim.session",
}

__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604

try:
    __version__ = metadata.version("neurosim")
except metadata.PackageNotFoundError:  # used from a source tree that is not installed
    __version__ = "0+source"


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'neurosim' has no attribute '{name}'")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})


class _Package(ModuleType):
    """Keeps `neurosim.place` and `neurosim.report` the functions.

    Importing the module neurosim/place.py would else bind the module to that name. The modules themselves
    are reached as ever: `from neurosim.place import formats`.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _PUBLIC and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
