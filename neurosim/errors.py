"""The errors that neurosim raises: one hierarchy, each also the builtin that a Python user expects."""

__all__ = [
    "ConfigError",
    "DataError",
    "NeurosimError",
    "PlacementError",
    "ReplayError",
    "ResultError",
    "SimulationError",
]


class NeurosimError(Exception):
    """Base of all errors that the user can cause and can mend."""


class ConfigError(NeurosimError, ValueError):
    """A chip, cost table or setting is not valid. The message lists every complaint, one a line."""


class PlacementError(NeurosimError, ValueError):
    """The network does not fit the chip. The message says which core or memory is full, and by how much."""


class SimulationError(NeurosimError, RuntimeError):
    """The simulated machine cannot go on: a deadlock, or a range that placement had proved was broken."""


class DataError(NeurosimError, ValueError):
    """A data or weight file is missing, damaged, or of the wrong shape."""


class ReplayError(NeurosimError, ValueError):
    """A recorded ground-truth file is not readable, or asks for a mechanism that is not modelled."""


class ResultError(NeurosimError, ValueError):
    """A run directory is missing, damaged, or belongs to another configuration."""
