"""The engines: when things happen. One contract (contract.py), two implementations that agree exactly."""

from neurosim.engine.run import Run
from neurosim.errors import ConfigError
from neurosim.image import Image, State
from neurosim.stimulus import Batch

__all__ = ["ENGINES", "Run", "simulate"]

ENGINES = ("compiled", "reference")


def simulate(image: Image, state: State, batch: Batch, engine: str = "compiled", record: bool = False) -> Run:
    """Present `batch` to the chip; changes `state` (weights, router pointers, clock).

    `record` keeps every event. Raises ConfigError for an unknown engine or values of another number than the
    network has inputs, SimulationError for a deadlock.
    """
    if batch.values.shape[1] != image.sizes[0]:
        raise ConfigError(
            f"batch.values: expected {image.sizes[0]} values a sample, got {batch.values.shape[1]}"
        )
    if engine not in ENGINES:
        raise ConfigError(f"engine: expected one of {', '.join(ENGINES)}, got '{engine}'")
    try:
        if engine == "compiled":
            from neurosim.engine import compiled

            return compiled.run(image, state, batch, record)
        from neurosim.engine import reference

        return reference.run(image, state, batch, record)
    except ArithmeticError as error:  # no arithmetic of our own can fail: ranges are proved at placement
        plugins = f"rule {image.rule.__name__} or neuron {image.neuron.__name__}"
        raise ConfigError(f"{plugins} fails: {error}") from error
