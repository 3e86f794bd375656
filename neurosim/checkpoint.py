"""Where a session stands: weights, router pointers, counts so far, what was right, probes, and the position.

A checkpoint is one npz file, replaced whole (`trace.write_file`): a kill at any moment leaves the last one.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.run import Run
from neurosim.errors import ResultError
from neurosim.image import State
from neurosim.probe import Probes
from neurosim.sequencer import SequencerState
from neurosim.trace import flatten, load_arrays, run_from_arrays, save_arrays

__all__ = ["FILE", "Checkpoint", "Stage", "load_checkpoint", "save_checkpoint"]

FILE = "checkpoint.npz"
_VERSION = 2


@dataclass
class Stage:
    """One pass over samples (training, or inference with learning off): what has been done so far.

    run: counts of the samples so far; training keeps no arrays per sample in it.
    marks: uint8[done], per sample bit 0 strictly right, bit 1 right by argmax, bit 2 right with membranes.
    cycles: int64[done], machine cycles of each sample.  wall_s: seconds spent, all sessions together.
    """

    done: int = 0
    run: Run | None = None
    marks: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    cycles: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    wall_s: float = 0.0


@dataclass
class Checkpoint:
    """The two stages (`train`, `test`), the state of the chip at this point, and the probes on the way."""

    digest: str
    state: State | SequencerState
    stages: dict[str, Stage]
    probes: Probes = field(default_factory=Probes)


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint of a run directory."""
    arrays = flatten(checkpoint.state, "state.") | checkpoint.probes.arrays()
    meta: dict[str, Any] = {"version": _VERSION, "digest": checkpoint.digest, "stages": {}}
    for name, stage in checkpoint.stages.items():
        meta["stages"][name] = {"done": stage.done, "wall_s": stage.wall_s}
        arrays[f"{name}.marks"] = stage.marks
        arrays[f"{name}.cycles"] = stage.cycles
        if stage.run is not None:
            arrays.update(flatten(stage.run, f"{name}.run."))
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    save_arrays(folder / FILE, arrays)


def load_checkpoint(folder: Path, fresh: State | SequencerState) -> Checkpoint:
    """Read the checkpoint of a run directory; `fresh` is a state of the same image and is overwritten.

    Raises ResultError, which names the file, if it is missing, damaged or of another shape.
    """
    path = folder / FILE
    arrays = load_arrays(path)
    try:
        meta = json.loads(arrays["meta"].tobytes())
        if meta["version"] != _VERSION:
            raise ResultError(f"{path}: expected version {_VERSION}, found {meta['version']}")
        stages = {
            name: Stage(
                done=int(entry["done"]),
                run=_run(arrays, f"{name}.run."),
                marks=arrays[f"{name}.marks"],
                cycles=arrays[f"{name}.cycles"],
                wall_s=float(entry["wall_s"]),
            )
            for name, entry in meta["stages"].items()
        }
        for name, value in flatten(fresh).items():
            saved = arrays[f"state.{name}"]
            if (saved.shape, saved.dtype) != (value.shape, value.dtype):
                shapes = f"expected {name} of shape {value.shape}, found {saved.shape}"
                raise ResultError(f"{path}: {shapes}")
            setattr(fresh, name, int(saved) if saved.ndim == 0 else saved)
        probes = Probes.of(arrays)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ResultError):
            raise
        raise ResultError(f"{path}: expected a checkpoint, found other content ({error})") from None
    return Checkpoint(str(meta["digest"]), fresh, stages, probes)


def _run(arrays: dict[str, NDArray[Any]], prefix: str) -> Run | None:
    return run_from_arrays(arrays, prefix) if f"{prefix}samples" in arrays else None
