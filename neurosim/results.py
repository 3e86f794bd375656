"""The run directory after a run: tables, summary, weights, counts and plots; to be priced or drawn again."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pandas as pd

from neurosim import plot
from neurosim.account.costs import CostTable
from neurosim.checkpoint import Checkpoint
from neurosim.config import FILE as CONFIG
from neurosim.config import Config, load_config
from neurosim.engine.run import Run
from neurosim.errors import ResultError
from neurosim.probe import probe_table
from neurosim.readout import CRITERIA, accuracy
from neurosim.report import Report, curve_table, report
from neurosim.sequenced_job import SequencedJob
from neurosim.session import AnyJob
from neurosim.trace import load_run, save_arrays, save_run, write_file

__all__ = ["SUMMARY", "draw", "read_summary", "reprice", "write"]

SUMMARY = "summary.json"
_TABLES = ("energy", "causes", "memory", "curve")


def write(folder: Path, job: AnyJob, end: Checkpoint, costs: CostTable, *, plots: bool = True) -> dict[str, Any]:
    """Write everything that a run directory holds, and return the summary."""
    runs = {mode: stage.run for mode, stage in end.stages.items() if stage.run is not None}
    for mode, run in runs.items():
        save_run(run, folder / f"{mode}.npz")
    trained = end.stages["train"]
    config = job.config
    curve = curve_table(trained.marks, trained.cycles, config.learning_rates(0, config.presentations))
    found = _report(config, job.digest, runs, costs)
    save_arrays(folder / "weights.npz", job.weights(end.state))  # type: ignore[arg-type]
    summary = found.summary
    summary["digest"] = job.digest
    summary["accuracy"] = _accuracy(end, job.readout)
    if isinstance(job, SequencedJob):
        summary["accuracy"]["ties"] = "the first spike"
        summary["programmed"] = job.programmed()
    summary["learning_memory"] = job.learning_memory()._asdict()
    summary["quantisation"] = [vars(entry) for entry in job.quantisation]
    for mode, section in (("train", "train"), ("test", "inference")):
        if section in summary:
            summary[section]["wall_s"] = end.stages[mode].wall_s
    _write_table(folder / "ledger.csv", found.ledger)
    if importlib.util.find_spec("pyarrow") is not None:
        write_file(folder / "ledger.parquet", lambda file: found.ledger.to_parquet(file, index=False))
    for name, table in {**vars(found), "curve": curve}.items():
        if name in _TABLES:
            _write_table(folder / f"{name}.csv", table)
    if len(end.probes.at):
        _write_table(folder / "probes.csv", probe_table(end.probes, CRITERIA, config.chip, costs))
    _write_summary(folder, summary)
    if plots:
        draw(folder)
    return summary


def _report(config: Config, digest: str, runs: dict[str, Run], costs: CostTable) -> Report:
    network = config.build_network()
    return report(
        runs,
        config.chip,
        costs,
        name=f"{config.name}-{digest[:10]}",
        seed=config.seed,
        populations=tuple(population.name for population in network.populations),
        synapses=network.weights,
    )


def _accuracy(end: Checkpoint, readout: str) -> dict[str, float | str | None]:
    """Percent right: the test set by three criteria and by that of the rule, and the last 1000 training samples."""
    tested, trained = accuracy(end.stages["test"].marks), accuracy(end.stages["train"].marks[-1000:])
    return {
        "readout": readout,
        "test_readout": tested[readout],
        "test": tested["argmax"],
        "test_strict": tested["strict"],
        "test_membrane": tested["membrane"],
        "train_last_strict": trained["strict"] if len(end.stages["train"].marks) else None,
        "train_last_readout": trained[readout] if len(end.stages["train"].marks) else None,
    }


def _write_table(path: Path, table: pd.DataFrame) -> None:
    text = table.to_csv(index=False, lineterminator="\n")
    write_file(path, lambda file: file.write(text.encode()))


def _write_summary(folder: Path, summary: dict[str, Any]) -> None:
    text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
    write_file(folder / SUMMARY, lambda file: file.write(text.encode()))


def read_summary(folder: Path) -> dict[str, Any]:
    """The summary of a finished run. Raises ResultError if the folder holds none."""
    path = folder / SUMMARY
    try:
        loaded = json.loads(path.read_bytes())
    except OSError as error:
        raise ResultError(f"{path}: expected the summary of a finished run ({error.strerror})") from None
    except ValueError as error:
        raise ResultError(f"{path}: expected JSON, found other content ({error})") from None
    if not isinstance(loaded, dict) or "digest" not in loaded:
        raise ResultError(f"{path}: expected the summary of a run, found other content")
    return loaded


def reprice(folder: Path, costs: CostTable) -> dict[str, Any]:
    """Price the stored counts of a finished run with another table; rewrite energy, summary and plots.

    Nothing else changes: the ledger knows no prices. Raises ResultError if the folder holds no finished run.
    """
    summary, config = read_summary(folder), load_config(folder / CONFIG)
    stored = {mode: folder / f"{mode}.npz" for mode in ("train", "test")}
    runs = {mode: load_run(path) for mode, path in stored.items() if path.exists()}
    if not runs:
        raise ResultError(f"{folder}: expected the counts of a run (train.npz, test.npz), found none")
    found = _report(config, str(summary["digest"]), runs, costs)
    for section in ("train", "inference"):
        if section in found.summary:
            for key in ("energy_nj_per_sample", "community_45nm_fp32"):
                summary[section][key] = found.summary[section][key]
    summary["costs"], summary["prices"] = costs.name, found.summary["prices"]
    _write_table(folder / "energy.csv", found.energy)
    _write_summary(folder, summary)
    draw(folder)
    return summary


def draw(folder: Path) -> list[Path]:
    """Draw the plots of a run directory from its tables; return their paths.

    Raises ResultError if a table is missing or damaged.
    """
    summary = read_summary(folder)
    tables = {name: _read_table(folder / f"{name}.csv") for name in _TABLES}
    figures = {
        "energy_by_unit": plot.energy_by_unit(tables["energy"]),
        "causes_by_unit": plot.causes_by_unit(tables["causes"]),
        "memory_accesses": plot.memory_accesses(tables["memory"]),
    }
    if len(tables["curve"]):
        figures["learning_curve"] = plot.learning_curve(
            tables["curve"], summary["accuracy"]["readout"], summary["accuracy"]["test_readout"]
        )
    (folder / "plots").mkdir(exist_ok=True)
    paths = []
    for name, figure in figures.items():
        path = folder / "plots" / f"{name}.png"
        write_file(path, lambda file, figure=figure: figure.savefig(file, format="png"))  # type: ignore[misc]
        paths.append(path)
    return paths


def _read_table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype={"core": str}, keep_default_na=False)
    except OSError as error:
        raise ResultError(f"{path}: expected a table of a finished run ({error.strerror})") from None
    except ValueError as error:
        raise ResultError(f"{path}: expected a table of a run, found other content ({error})") from None
