"""Run a study: every cell in a process of its own (Dask distributed), cached by digest, resumable.

A cell is an ordinary run in a run directory under `OUT/runs`, named by its digest. A finished one is not run
again; an interrupted one goes on from its checkpoint. What a cell computes does not depend on who computes it.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dask.system import CPU_COUNT
from distributed import Client, LocalCluster, as_completed, get_worker

from neurosim import session
from neurosim.account.costs import costs_of
from neurosim.checkpoint import FILE as CHECKPOINT
from neurosim.comparison import Comparison, Finished, comparison, write
from neurosim.config import Config
from neurosim.errors import ConfigError, NeurosimError, ResultError
from neurosim.probe import Plan
from neurosim.results import SUMMARY, read_summary
from neurosim.results import write as write_results
from neurosim.session import Progress, prepare
from neurosim.study import Cell, Study, cells, identity

__all__ = ["Event", "compare", "workers"]

_TOPIC = "neurosim"
_REPORT_EVERY_S = 0.5
_QUIET = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Event(NamedTuple):
    """Something to show: the cell's number, its name, what it does (`train`, `test`, `done`, ...), and how far."""

    cell: int
    name: str
    what: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class _Outcome:
    """What became of a cell: the folder of its run, or the reason why there is none."""

    folder: Path | None
    reason: str = ""
    cached: bool = False


@contextmanager
def workers(number: int | None = None, scheduler: str | None = None) -> Iterator[Client]:
    """A Dask client with `number` processes here (None: one a core), or of the cluster at address `scheduler`.

    Raises ConfigError if the scheduler does not answer.
    """
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConfigError(f"--scheduler {scheduler}: expected the address of a Dask scheduler ({error})") from None
        with client:
            yield client
        return
    cluster = LocalCluster(
        n_workers=number or CPU_COUNT,
        threads_per_worker=1,
        processes=True,
        memory_limit=0,
        dashboard_address="127.0.0.1:0",  # any free port
        silence_logs=50,
        env=_QUIET,
    )
    with cluster, Client(cluster, set_as_default=False) as client:
        yield client


def compare(
    study: Study,
    out: Path,
    client: Client,
    *,
    data_dir: str | None = None,
    show: Callable[[Event], None] = lambda _: None,
) -> Comparison:
    """Run what is not yet done of a study under the folder `out`, write its tables and plots there, return them.

    Raises ConfigError if no cell of the study can exist, and ResultError if none could be run.
    """
    grid = cells(study, data_dir=data_dir)
    plan = Plan(study.probes, study.probe_images)
    outcomes = _run(grid, out.absolute() / "runs", plan, client, show)
    if not any(outcome.folder for outcome in outcomes):
        raise ResultError("\n".join(dict.fromkeys(outcome.reason for outcome in outcomes)))
    finished = [Finished(cell, found.folder, found.reason) for cell, found in zip(grid, outcomes, strict=True)]
    found = comparison(finished)
    write(found, out)
    return found


def _run(
    grid: Sequence[Cell], runs: Path, plan: Plan, client: Client, show: Callable[[Event], None]
) -> list[_Outcome]:
    """Outcomes of all cells, in their order."""
    outcomes = [_Outcome(None, cell.reason) for cell in grid]
    todo = {number: cell.config for number, cell in enumerate(grid) if cell.config is not None}

    def heard(event: tuple[float, Any]) -> None:
        show(Event(*event[1]))

    client.subscribe_topic(_TOPIC, heard)
    try:
        show(Event(-1, "", "warm", 0, len(todo)))
        client.submit(_warm, _kinds(todo.values()), pure=False).result()
        submitted = {
            client.submit(_run_cell, number, config, runs, plan, pure=False): number
            for number, config in todo.items()
        }
        for future in as_completed(submitted, loop=client.loop):
            number = submitted[future]
            error = future.exception()
            outcomes[number] = future.result() if error is None else _Outcome(None, f"failed: {error!r}")
            outcome = outcomes[number]
            what = "failed" if outcome.folder is None else "cached" if outcome.cached else "done"
            show(Event(number, _title(grid[number].config), what))
    finally:
        client.unsubscribe_topic(_TOPIC)
    return outcomes


def _title(config: Config | None) -> str:
    if config is None:
        return ""
    known = identity(config)
    return f"{config.name}, {known['bits']} bits {known['rounding']}, {known['backward']}, seed {config.seed}"


def _kinds(configs: Any) -> list[Config]:
    """One configuration for each set of plug-ins: each is compiled for itself."""
    kinds = {(c.rule, c.neuron, c.encoder, len(c.sizes), c.chip.core.synapse.weight_bits > 16): c for c in configs}
    return list(kinds.values())


def _warm(configs: Sequence[Config]) -> None:
    """Compile the kernels of every kind of run before many workers would do so at once."""
    logging.getLogger("neurosim").setLevel(logging.ERROR)  # that it compiles is said once, by who waits
    for config in configs:
        if config.engine != "compiled":
            continue
        try:
            session.warm_up(prepare(config))
        except Exception:  # its cell will say so, whatever it is
            continue


def _run_cell(number: int, config: Config, runs: Path, plan: Plan) -> _Outcome:
    """Run, or finish, the run of a cell. In a worker."""
    try:
        job = prepare(config)
        folder = runs / _folder(job, plan)
        if _is_finished(folder, job.digest):
            return _Outcome(folder, cached=True)
        begun = (folder / CHECKPOINT).is_file()
        end = session.train(job, folder, resume=begun, progress=_reporter(number, config), probes=plan)
        write_results(folder, job, end, costs_of(config.chip), plots=False)
    except NeurosimError as error:
        return _Outcome(None, str(error))
    return _Outcome(folder)


def _folder(job: session.AnyJob, plan: Plan) -> str:
    """Runs with other probes than the usual ones lie apart: their tables differ, though the run does not."""
    probed = "" if plan == Plan(10) else f"-{plan.points}x{plan.images}"
    return f"{job.config.name}-{job.digest[:10]}{probed}"


def _is_finished(folder: Path, digest: str) -> bool:
    return (folder / SUMMARY).is_file() and read_summary(folder)["digest"] == digest


def _reporter(number: int, config: Config) -> Callable[[Progress], None]:
    worker, name = get_worker(), _title(config)
    last = 0.0

    def report(p: Progress) -> None:
        nonlocal last
        if time.monotonic() - last >= _REPORT_EVERY_S:
            last = time.monotonic()
            worker.log_event(_TOPIC, (number, name, p.stage, p.done, p.total))

    return report
