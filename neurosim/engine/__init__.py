"""The engines: when things happen. One contract (contract.py), two implementations that agree exactly."""

import numpy as np

from neurosim.engine.run import Run
from neurosim.errors import ConfigError
from neurosim.fabric import Fabric, FabricState
from neurosim.image import Image, State
from neurosim.stimulus import Batch, Raster

__all__ = ["ENGINES", "Run", "simulate"]

ENGINES = ("compiled", "reference")


def simulate(
    image: Image | Fabric,
    state: State | FabricState,
    stimulus: Batch | Raster,
    engine: str = "compiled",
    record: bool = False,
) -> Run:
    """Present a batch to an image, or play a raster on a fabric; changes `state`.

    `record` keeps every event. For a fabric a sample of the Run is a step, and its outputs are spikes by group.
    Raises ConfigError for an unknown engine, or a stimulus of another kind or size than the network takes, and
    SimulationError for a deadlock.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine: expected one of {', '.join(ENGINES)}, got '{engine}'")
    try:
        if isinstance(image, Image) and isinstance(state, State) and isinstance(stimulus, Batch):
            return _present(image, state, stimulus, engine, record)
        if isinstance(image, Fabric) and isinstance(state, FabricState) and isinstance(stimulus, Raster):
            return _play(image, state, stimulus, engine, record)
    except ArithmeticError as error:  # no arithmetic of our own can fail: ranges are proved at placement
        rule = f"rule {image.rule.__name__} or " if isinstance(image, Image) else ""
        raise ConfigError(f"{rule}neuron {image.neuron.__name__} fails: {error}") from error
    found = ", ".join(type(part).__name__ for part in (image, state, stimulus))
    raise ConfigError(f"simulate: expected Image, State, Batch or Fabric, FabricState, Raster, got {found}")


def _check_state(name: str, array: np.ndarray, shape: tuple[int, ...], dtype: np.dtype | None = None) -> None:
    """A state of another network would be read and written out of its bounds."""
    if array.shape != shape or (dtype is not None and array.dtype != dtype):
        wanted = f"{dtype or array.dtype}{list(shape)}"
        found = f"{array.dtype}{list(array.shape)}"
        raise ConfigError(f"{name}: expected {wanted} (the state of another network?), got {found}")


def _present(image: Image, state: State, batch: Batch, engine: str, record: bool) -> Run:
    if batch.values.shape[1] != image.sizes[0]:
        raise ConfigError(f"batch.values: expected {image.sizes[0]} values a sample, got {batch.values.shape[1]}")
    _check_state("state.weights", state.weights, (int(image.offsets[-1]),))
    _check_state("state.bias", state.bias, (int(image.sizes[1:].sum()) if image.online else 0,))
    _check_state("state.random", state.random, image.generators.seed.shape, np.dtype(np.uint64))
    _check_state("state.pointers", state.pointers, image.hardware.pointers().shape)
    if engine == "compiled":
        from neurosim.engine import compiled

        return compiled.run(image, state, batch, record)
    if image.online:
        from neurosim.engine.reference import online

        return online.run(image, state, batch, record)
    from neurosim.engine import reference

    return reference.run(image, state, batch, record)


def _play(fabric: Fabric, state: FabricState, raster: Raster, engine: str, record: bool) -> Run:
    scripted = np.repeat(fabric.scripted, fabric.sizes)
    known = np.minimum(raster.neuron, len(scripted) - 1)
    outside = raster.neuron[(raster.neuron >= len(scripted)) | (scripted[known] == 0)]
    if len(outside):
        raise ConfigError(f"raster.neuron: expected scripted neurons, got {outside[0]}")
    _check_state("state.membrane", state.membrane, (fabric.neurons,))
    _check_state("state.charge", state.charge, (fabric.neurons,), np.dtype(np.int32))
    _check_state("state.pointers", state.pointers, fabric.hardware.pointers().shape)
    if engine == "compiled":
        from neurosim.engine import compiled

        return compiled.run_fabric(fabric, state, raster, record)
    from neurosim.engine.reference import stepped

    return stepped.run_fabric(fabric, state, raster, record)
