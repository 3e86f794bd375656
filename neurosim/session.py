"""A session: train a network on a chip, then evaluate it with learning off; interrupted anywhere, it resumes.

The order of samples, all random draws and the learning rates are functions of the presentation's number, so
neither the cut into chunks nor an interruption changes a bit of the result.
"""

import hashlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.account.learning import LearningMemory, learning_memory
from neurosim.checkpoint import FILE as CHECKPOINT
from neurosim.checkpoint import Checkpoint, Stage, load_checkpoint, save_checkpoint
from neurosim.config import FILE as CONFIG
from neurosim.config import Config, PipelinedConfig, SequencedConfig, digest_of, dropout, find_dataset, rule_part
from neurosim.data.datasets import Dataset
from neurosim.data.order import presentations
from neurosim.data.weights import load_weights
from neurosim.engine import simulate
from neurosim.engine.run import Run
from neurosim.errors import ConfigError, ResultError
from neurosim.image import Image, Quantisation, State
from neurosim.learning import load_rule
from neurosim.place import place
from neurosim.probe import Plan
from neurosim.readout import READOUTS, marks
from neurosim.sequenced_job import SequencedJob, build_job
from neurosim.stimulus import Batch
from neurosim.trace import TEMPORARY, write_file
from neurosim.workloads import workload_of

__all__ = ["AnyJob", "Interrupted", "Job", "Progress", "prepare", "train", "trial_batches", "warm_up"]

_CHUNK = {"compiled": 200, "reference": 2}


class Interrupted(Exception):
    """Ctrl-C or SIGTERM: the session stopped between two chunks, and its checkpoint is written."""

    def __init__(self, stage: str, done: int, total: int, folder: Path) -> None:
        super().__init__(f"stopped at {stage} sample {done} of {total}")
        self.stage, self.done, self.total, self.folder = stage, done, total, folder


class Progress(NamedTuple):
    """Where a session stands. `right`: share of right answers (as the rule reads out) among the latest 1000."""

    stage: str
    done: int
    total: int
    right: float
    wall_s: float


@dataclass(frozen=True)
class Job:
    """A configuration with everything loaded and placed: ready to run. `SequencedJob` is the same of the other kind."""

    config: PipelinedConfig
    data: Dataset
    image: Image
    initial: State
    quantisation: tuple[Quantisation, ...]  # of weights that were loaded; empty if they are random
    digest: str

    @property
    def totals(self) -> dict[str, int]:
        """Samples of each stage."""
        return {"train": self.config.presentations, "test": self.config.test}

    @property
    def name(self) -> str:
        """Network and chip, in words."""
        return self.image.name

    @property
    def readout(self) -> str:
        """What the rule calls its answer."""
        return str(self.image.rule.READOUT)

    def present(self, state: State, stage: str, start: int, stop: int) -> tuple[Run, NDArray[np.int64]]:
        """Show the samples start .. stop - 1 of a stage to the chip; their run, and their labels."""
        batch = (_training_batch if stage == "train" else _test_batch)(self, start, stop)
        return simulate(self.image, state, batch, engine=self.config.engine), batch.labels

    def marks(self, run: Run, labels: NDArray[np.int64]) -> NDArray[np.uint8]:
        """What is right about each sample (`readout.marks`)."""
        return marks(run.output_counts, run.output_membrane, labels, membrane_alone=self.image.online)

    def evaluation_state(self, trained: State) -> State:
        """A chip fresh from reset that holds the trained weights: what inference does depends on them alone."""
        state = self.initial.copy()
        state.weights[:], state.bias[:] = trained.weights, trained.bias
        return state

    def weights(self, state: State) -> dict[str, NDArray[np.float64]]:
        """W1, W2, ... (post, pre) and b1, b2, ... in real units."""
        found = {f"W{q + 1}": matrix for q, matrix in enumerate(self.image.weights(state))}
        return found | {f"b{q + 1}": vector for q, vector in enumerate(self.image.biases(state))}

    def learning_memory(self) -> LearningMemory:
        """Bits that learning takes besides what inference needs."""
        rule = self.image.rule
        card = rule.card(self.image.formats, rule_part(self.config.settings, rule))
        return learning_memory(self.image, card, self.config.build_network(), self.config.chip)


AnyJob = Job | SequencedJob


def prepare(config: Config) -> AnyJob:
    """Load data, rule and weights, and place the network.

    Raises ConfigError, DataError or PlacementError with the reason if something does not exist or fit.
    """
    if isinstance(config, SequencedConfig):
        return _prepare_sequenced(config)
    assert isinstance(config, PipelinedConfig)
    data = find_dataset(config.dataset, config.data_dir)
    rule = load_rule(config.rule)
    training = config.training()
    image = place(
        config.build_network(),
        config.chip,
        rule,
        rule_part(config.settings, rule),
        **dropout(training),
        learning=not config.freeze,
    )
    if not config.freeze:
        _check_rates(config, image)
    inputs = {"image": image.digest(), "data": _data_digest(config, data), "weights": ""}
    if config.weights is None:
        return Job(config, data, image, image.new_state(config.seed), (), digest_of(config, inputs))
    sizes = config.sizes
    loaded = load_weights(config.weights, list(zip(sizes[1:], sizes[:-1], strict=True)), biases=image.online)
    inputs["weights"] = _hash(*loaded)
    weights, biases = loaded[: len(sizes) - 1], loaded[len(sizes) - 1 :]
    _, quantisation = image.quantise(weights)
    initial = image.new_state(config.seed, weights, biases)
    quantisation += image.quantise_biases(biases)
    return Job(config, data, image, initial, tuple(quantisation), digest_of(config, inputs))


def _prepare_sequenced(config: SequencedConfig) -> SequencedJob:
    """The same for a sequenced chip."""
    data = workload_of(load_rule(config.rule)).view(find_dataset(config.dataset, config.data_dir), config.sizes[0])
    inputs = {"data": _data_digest(config, data), "weights": ""}
    loaded = None
    if config.weights is not None:
        (loaded,) = load_weights(config.weights, [(config.sizes[-1], config.sizes[0])])
        inputs["weights"] = _hash(loaded)
    job = build_job(config, data, loaded)
    inputs["image"] = job.sequencer.digest()
    return replace(job, digest=digest_of(config, inputs))


def _check_rates(config: PipelinedConfig, image: Image) -> None:
    """The rate register holds the first learning rate and the last. Raises ConfigError."""
    first, last = (float(config.learning_rates(at, 1)[0]) for at in (0, config.presentations - 1))
    if image.online:
        thinned = image.rate(last) + image.constants.thinning
        if thinned > 16:
            raise ConfigError(
                f"settings.halvings: a spike would teach with probability 2^-{thinned} at the end "
                f"({image.constants.thinning} of it for a weight step below one LSB), expected at least 2^-16"
            )
    elif first > 0 and image.rate(first) == 0:
        raise ConfigError(
            f"settings.learning_rate: {first:g} is zero in the chip's rate register "
            f"(chip.core.learning.rate_fraction_bits = {config.chip.core.learning.rate_fraction_bits})"
        )


def _hash(*arrays: NDArray[Any]) -> str:
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(f"{array.dtype}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()


def _data_digest(config: Config, data: Dataset) -> str:
    shown = config.test if config.freeze else 0  # a frozen network sees no training image
    train = slice(0, 0 if shown else config.train)
    test = slice(0, config.test)
    return _hash(
        data.train_images[train], data.train_labels[train], data.test_images[test], data.test_labels[test]
    )


def train(
    job: AnyJob,
    folder: Path,
    *,
    resume: bool = False,
    chunk: int | None = None,
    checkpoint_s: float = 15.0,
    progress: Callable[[Progress], None] = lambda _: None,
    probes: Plan = Plan(),  # noqa: B008 (a tuple of two numbers)
) -> Checkpoint:
    """Run a job's training and then its evaluation in the run directory `folder`; return where it ended.

    `chunk` presentations (None: about a second's worth) are one call of the engine. A checkpoint is written
    every `checkpoint_s` seconds, at the end of each stage, and on Ctrl-C or SIGTERM, which raise Interrupted
    after the running chunk. `probes` test the network in between, which changes nothing else (`neurosim.probe`).
    Raises ResultError if the folder holds another run, or an interrupted one and `resume` is false.
    """
    chunk = chunk or _CHUNK.get(job.config.engine, 1)
    checkpoint = _open(job, folder, resume)
    due = set(probes.due(job.totals["train"]))
    bit = READOUTS[job.readout]
    with _interrupts() as interrupted:
        for name in ("train", "test"):
            stage, total = checkpoint.stages[name], job.totals[name]
            if name == "test" and stage.done == 0:
                checkpoint.state = job.evaluation_state(checkpoint.state)  # type: ignore[arg-type]
            saved = time.monotonic()
            while stage.done < total:
                began = time.perf_counter()
                stop = _stop(stage.done, total, chunk, due if name == "train" else set())
                run, labels = job.present(checkpoint.state, name, stage.done, stop)  # type: ignore[arg-type]
                _add(stage, run, job.marks(run, labels), keep_samples=name == "test")
                stage.wall_s += time.perf_counter() - began
                if name == "train" and stage.done in due:
                    _probe(job, checkpoint, probes.images, chunk)
                right = float(np.mean(stage.marks[-1000:] & bit > 0))
                progress(Progress(name, stage.done, total, right, stage.wall_s))
                if interrupted() or time.monotonic() - saved >= checkpoint_s:
                    save_checkpoint(folder, checkpoint)
                    saved = time.monotonic()
                if interrupted():
                    raise Interrupted(name, stage.done, total, folder)
            save_checkpoint(folder, checkpoint)
    return checkpoint


def _stop(done: int, total: int, chunk: int, due: set[int]) -> int:
    """Where the chunk after `done` presentations ends: never behind the next probe."""
    return min(total, done + chunk, *(at for at in due if at > done))


def _probe(job: AnyJob, checkpoint: Checkpoint, images: int, chunk: int) -> None:
    """Test the weights of this moment on the first test images, on a copy of the chip."""
    state, stage = job.evaluation_state(checkpoint.state), checkpoint.stages["train"]  # type: ignore[arg-type]
    found, images = [], min(images, job.config.test)
    for start in range(0, images, chunk):
        found.append(job.marks(*job.present(state, "test", start, min(images, start + chunk))))  # type: ignore[arg-type]
    assert stage.run is not None
    checkpoint.probes.add(stage.done, np.concatenate(found), stage.run)


def _training_batch(job: Job, start: int, stop: int) -> Batch:
    config, total = job.config, job.config.presentations
    shown = presentations(config.train, total, config.seed, start, stop)
    registers = np.array([job.image.rate(rate) for rate in config.learning_rates(start, stop - start)], np.int64)
    return Batch(job.data.train_images[shown], job.data.train_labels[shown], start, registers, True)


# Numbers of test presentations: they draw other random numbers than any training presentation.
TEST = 1 << 40


def _test_batch(job: Job, start: int, stop: int) -> Batch:
    values, labels = job.data.test_images[start:stop], job.data.test_labels[start:stop]
    return Batch(values, labels, TEST + start, np.zeros(stop - start, np.int64), False)


def trial_batches(data: Dataset, image: Image, samples: int, learning_rate: float) -> list[Batch]:
    """The first `samples` training images, once to learn at full rate and once to recognise."""
    values, labels = data.train_images[:samples], data.train_labels[:samples]
    rate = np.full(len(values), image.rate(learning_rate), np.int64)
    return [Batch(values, labels, 0, rate, True), Batch(values, labels, 0, 0 * rate, False)]


def warm_up(job: AnyJob) -> None:
    """Compile what a job needs: one sample to learn and one to recognise, on a copy of the chip."""
    if isinstance(job, SequencedJob):
        job.present(job.initial.copy(), "test", 0, 1)
        return
    for batch in trial_batches(job.data, job.image, 1, job.config.training().learning_rate):
        simulate(job.image, job.initial.copy(), batch, engine=job.config.engine)


def _add(stage: Stage, run: Run, found: NDArray[np.uint8], keep_samples: bool) -> None:
    stage.marks = np.concatenate([stage.marks, found])
    stage.cycles = np.concatenate([stage.cycles, run.sample_cycles])
    if not keep_samples:  # a long training would carry hundreds of megabytes along
        run = replace(
            run,
            output_counts=run.output_counts[:0],
            output_membrane=run.output_membrane[:0],
            sample_cycles=run.sample_cycles[:0],
        )
    stage.run = run if stage.run is None else stage.run + run
    stage.done += len(found)


def _open(job: AnyJob, folder: Path, resume: bool) -> Checkpoint:
    """Take possession of the run directory: its checkpoint with `resume`, else a new one."""
    fresh = Checkpoint(job.digest, job.initial.copy(), {name: Stage() for name in job.totals})
    if resume and not folder.is_dir():
        raise ResultError(f"{folder}: expected a run directory to resume, found none")
    if folder.exists() and not folder.is_dir():
        raise ResultError(f"{folder}: expected a run directory, found a file")
    held = [p.name for p in folder.iterdir() if not p.name.startswith(TEMPORARY)] if folder.is_dir() else []
    if CHECKPOINT in held:
        found = load_checkpoint(folder, job.initial.copy())
        if found.digest != job.digest:
            raise ResultError(
                f"{folder}: holds another run: its digest is {found.digest[:12]}, that of this one "
                f"{job.digest[:12]} (the digest covers options, data, weights and the sources of neurosim); "
                "choose another --out"
            )
        unfinished = {n: s.done for n, s in found.stages.items() if s.done < job.totals[n]}
        if resume:
            for left in folder.glob(f"{TEMPORARY}*"):  # of a session that was killed while it wrote
                left.unlink(missing_ok=True)
            return found
        if unfinished and any(stage.done for stage in found.stages.values()):
            name, done = next(iter(unfinished.items()))
            raise ResultError(
                f"{folder}: holds an interrupted run (at {name} sample {done} of {job.totals[name]}): "
                "add --resume to continue it, or choose another --out"
            )
    elif held and held != [CONFIG]:
        raise ResultError(f"{folder}: expected an empty folder or a run directory, found {sorted(held)[0]}")
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / CONFIG, lambda file: file.write(job.config.write().encode()))
    save_checkpoint(folder, fresh)
    return fresh


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """While open, SIGINT and SIGTERM only set a flag; a second one acts as usual. Main thread only."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _frame: object) -> None:
        seen.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
