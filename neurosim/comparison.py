"""Tables of a study: one row a cell, one a configuration (over its seeds), and how sure each order is.

A configuration is a rule, a chip, a network, a weight width, a rounding and a backward path; the seeds are its
repetitions. Energies are priced here, from the stored counts, with the cost table as it is now.
"""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student

from neurosim import plot
from neurosim.account.costs import CostTable, costs_of
from neurosim.account.energy import BAND, price
from neurosim.account.order import Bill, bill, mean_bill, order, total
from neurosim.checkpoint import FILE as CHECKPOINT
from neurosim.config import Config
from neurosim.engine.run import Run
from neurosim.ops import PHASES
from neurosim.probe import Probes, probe_table
from neurosim.readout import CRITERIA
from neurosim.report import MODES
from neurosim.results import read_summary
from neurosim.study import Cell, identity
from neurosim.trace import load_arrays, load_run, write_file

__all__ = ["KEYS", "Comparison", "Finished", "comparison", "measure", "pareto", "write"]

KEYS = ("rule", "chip", "network", "bits", "rounding", "backward")
TARGETS = (90, 95)  # percent; energy of the training until a probe first reaches it
_LEVEL = 0.95
_UNITS = {"train": "mJ", "inference": "nJ"}


class Finished(NamedTuple):
    """A cell of a study and the folder of its run, or the reason why there is none."""

    cell: Cell
    folder: Path | None
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """cells: a row a cell.  table: a row a configuration, by energy of the whole training.  orders: a row a pair.
    phases: energy by configuration, mode and phase.  See docs of the columns in README, section compare.
    """

    cells: pd.DataFrame
    table: pd.DataFrame
    orders: pd.DataFrame
    phases: pd.DataFrame


@dataclass(frozen=True)
class _Measured:
    """A finished cell: its row, and by mode its bill and the energy of each phase."""

    row: dict[str, Any]
    bills: Mapping[str, Bill]
    phases: Mapping[str, dict[str, float]]


def comparison(finished: Sequence[Finished]) -> Comparison:
    """All tables of a study from its run directories."""
    measured = [_measure(one) for one in finished]
    cells = pd.DataFrame([one.row for one in measured])
    groups: dict[tuple[Any, ...], list[_Measured]] = {}
    for one in measured:
        if not one.row["reason"]:
            groups.setdefault(tuple(one.row[key] for key in KEYS), []).append(one)
    rows = [_aggregate(members) for members in groups.values()]
    table = pd.DataFrame(rows)
    for mode in ("train", "inference"):
        table[f"pareto_{mode}"] = pareto(table["accuracy"], table[plot.ENERGIES[mode].format("mid")])
    ranking = np.argsort(table["train_total_mid_mj"].to_numpy(), kind="stable")
    table = table.iloc[ranking].reset_index(drop=True)
    table.insert(0, "row", np.arange(1, len(table) + 1))
    members = [list(groups.values())[k] for k in ranking]
    orders = _orders(members)
    return Comparison(cells, _with_next(table, orders), orders, _phases(members))


def _measure(one: Finished) -> _Measured:
    cell = one.cell
    asked = {"rule": Path(cell.rule).stem, "chip": Path(cell.chip).stem, "network": None, "bits": cell.bits}
    asked |= {"rounding": cell.rounding, "backward": cell.backward}
    if one.folder is None or cell.config is None:
        return _Measured({**asked, "seed": cell.seed, "reason": one.reason.replace("\n", "; ")}, {}, {})
    return _measured(cell.config, one.folder)


def measure(config: Config, folder: Path) -> dict[str, Any]:
    """The row of a finished run in the table of cells."""
    return _measured(config, folder).row


def _measured(config: Config, folder: Path) -> _Measured:
    summary, chip, costs = read_summary(folder), config.chip, costs_of(config.chip)
    runs = {MODES[mode]: load_run(path) for mode in MODES if (path := folder / f"{mode}.npz").exists()}
    bills = {
        mode: bill(run.counts.sum(axis=(0, 1)), int(run.phase_cycles.sum()), run.samples, chip, costs)
        for mode, run in runs.items()
    }
    row = {**_what(config), "seed": config.seed, "reason": "", **_accuracies(summary)}
    for mode in bills:
        row |= _mode_columns(mode, bills[mode], summary[mode])
    row |= {f"train_total_{end}_mj": row[f"train_{end}_nj"] * config.presentations * 1e-6 for end in BAND}
    row |= _targets(folder, row["readout"], config, costs)
    row |= {
        "learning_bits": summary["learning_memory"]["total_bits"],
        "weights": config.build_network().weights,
        "weight_bits": config.build_network().weights * chip.core.synapse.weight_bits,
        "digest": summary["digest"],
        "folder": folder.name,
    }
    return _Measured(row, bills, {mode: _by_phase(run, config, costs) for mode, run in runs.items()})


def _what(config: Config) -> dict[str, Any]:
    return {
        **identity(config),
        "dataset": config.dataset,
        "train": config.train,
        "test": config.test,
        "presentations": config.presentations,
    }


def _accuracies(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The accuracy is that by the rule's own read-out; the other criteria stand beside it."""
    found = summary["accuracy"]
    return {
        "readout": found["readout"],
        "accuracy": found["test_readout"],
        "strict": found["test_strict"],
        "argmax": found["test"],
        "membrane": found["test_membrane"],
    }


def _mode_columns(mode: str, cost: Bill, section: Mapping[str, Any]) -> dict[str, Any]:
    energy = {f"{mode}_{end}_nj": float(value) for end, value in zip(BAND, total(cost), strict=True)}
    memories = section["memory_accesses_per_sample"].values()
    return {
        **energy,
        f"{mode}_us": section["latency_us_per_sample"],
        f"{mode}_accesses": sum(memory["read"] + memory["write"] for memory in memories),
        f"{mode}_bottleneck": section["bottleneck"]["text"],
    }


def _targets(folder: Path, readout: str, config: Config, costs: CostTable) -> dict[str, Any]:
    """Energy of the training up to the first probe at or above each target; blank if none reaches it."""
    columns = {f"to{target}_{end}_uj": float("nan") for target in TARGETS for end in BAND}
    probes = probe_table(Probes.of(load_arrays(folder / CHECKPOINT)), CRITERIA, config.chip, costs)
    for target in TARGETS:
        reached = probes[probes[readout] >= target]
        for end in BAND:
            if len(reached):
                columns[f"to{target}_{end}_uj"] = float(reached[f"{end}_uj"].iloc[0])
    return columns


def _by_phase(run: Run, config: Config, costs: CostTable) -> dict[str, float]:
    energy = price(run.counts, run.phase_cycles, config.chip, costs)
    found = (energy.dynamic[1].sum(axis=(1, 2)) + energy.clock[1].sum(axis=1)) / run.samples / 1000
    static = float(energy.static[1].sum()) / run.samples / 1000
    return {**dict(zip(PHASES, map(float, found), strict=True)), "static": static}


def _aggregate(members: Sequence[_Measured]) -> dict[str, Any]:
    """One configuration: means over its seeds, and the spread of the accuracy (standard deviation)."""
    rows = pd.DataFrame([member.row for member in members])
    first = members[0].row
    constant = (*KEYS, "dataset", "train", "test", "presentations", "readout")
    found: dict[str, Any] = {key: first[key] for key in constant}
    found |= {
        "seeds": len(rows),
        "accuracy": rows["accuracy"].mean(),
        "accuracy_sd": rows["accuracy"].std(ddof=1) if len(rows) > 1 else float("nan"),
    }
    for column in rows.columns:
        if column.endswith(("_nj", "_mj", "_us", "_accesses")):
            found[column] = rows[column].mean()
        elif column.endswith("_uj"):  # only where every seed reaches it
            found[column] = rows[column].mean(skipna=False)
        elif column.endswith("_bottleneck"):
            found[column] = rows[column].mode().iloc[0]
    return found | {key: first[key] for key in ("learning_bits", "weights", "weight_bits")}


def pareto(accuracy: "pd.Series[float]", energy: "pd.Series[float]") -> list[bool]:
    """Whether no other row is at least as accurate and as cheap, and better in one of the two."""
    points = list(zip(accuracy, energy, strict=True))
    return [
        not any(a >= one and e <= cost and (a > one or e < cost) for a, e in points) for one, cost in points
    ]


def _orders(groups: Sequence[Sequence[_Measured]]) -> pd.DataFrame:
    """Every pair of configurations and quantity: the order, and how sure it is.

    Rules show different numbers of samples: training is compared as a whole (mJ), inference by the sample (nJ).
    """
    rows = []
    for a, b in combinations(range(len(groups)), 2):
        pair = {"row": a + 1, "other": b + 1}
        for mode in ("train", "inference"):
            one, other = (_whole_bill(groups[k], mode) for k in (a, b))
            found = order(one, other)
            ratio = float(total(one)[1] / total(other)[1])
            rows.append(
                {**pair, "quantity": f"{mode} energy", "unit": _UNITS[mode],
                 "difference": float(total(one)[1] - total(other)[1]),
                 "low": found.low, "high": found.high, "ratio": ratio, "ratio_low": found.ratio_low,
                 "ratio_high": found.ratio_high, "below": found.below, "verdict": found.verdict}
            )  # fmt: skip
        first, second = ([float(member.row["accuracy"]) for member in groups[k]] for k in (a, b))
        rows.append({**pair, "quantity": "accuracy", "unit": "points", **_welch(first, second)})
    columns = ("row", "other", "quantity", "unit", "difference", "low", "high", "verdict")
    return pd.DataFrame(rows, columns=[*columns, "ratio", "ratio_low", "ratio_high", "below"])


def _whole_bill(members: Sequence[_Measured], mode: str) -> Bill:
    """Mean over the seeds of what a whole training costs, in mJ, or one inference, in nJ."""
    times = members[0].row["presentations"] * 1e-6 if mode == "train" else 1.0
    return {name: part * times for name, part in mean_bill([member.bills[mode] for member in members]).items()}


def _welch(one: Sequence[float], other: Sequence[float]) -> dict[str, Any]:
    """Difference of two accuracies and its 95 % interval over the seeds (Welch's t)."""
    difference = float(np.mean(one) - np.mean(other))
    unknown = {"difference": difference, "low": float("nan"), "high": float("nan")}
    if min(len(one), len(other)) < 2:
        return {**unknown, "verdict": "one seed: not known"}
    if np.ptp(one) == np.ptp(other) == 0:
        return {**unknown, "verdict": "no spread: not known"}
    of_means = [float(np.var(values, ddof=1)) / len(values) for values in (one, other)]
    freedom = sum(of_means) ** 2 / sum(v**2 / (len(x) - 1) for v, x in zip(of_means, (one, other), strict=True))
    half = float(student.ppf((1 + _LEVEL) / 2, freedom)) * sum(of_means) ** 0.5
    low, high = difference - half, difference + half
    verdict = "below" if high < 0 else "above" if low > 0 else "open"
    return {"difference": difference, "low": low, "high": high, "verdict": verdict}


def _with_next(table: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """The table with how each row stands against the next one."""
    table = table.copy()
    near = orders[orders["other"] == orders["row"] + 1]
    for quantity in ("train energy", "inference energy", "accuracy"):
        told = {int(entry["row"]): _told(entry) for entry in near[near["quantity"] == quantity].to_dict("records")}
        name = f"{quantity.replace(' energy', '')}_against_next"
        table[name] = [told.get(int(row), "") for row in table["row"]]
    return table


def _told(entry: Mapping[Any, Any]) -> str:
    if entry["quantity"] == "accuracy":
        if np.isnan(entry["low"]):
            return str(entry["verdict"])
        return f"{entry['difference']:+.2f} ({entry['low']:+.2f} to {entry['high']:+.2f})"
    band = f"x {entry['ratio']:.4g} ({entry['ratio_low']:.4g} to {entry['ratio_high']:.4g})"
    sure = {"below": "certainly below", "above": "certainly above", "equal": "equal"}
    share = f"below at {_share(entry['below'])} of prices"
    return f"{band}, {sure.get(entry['verdict'], share)}"


def _share(below: float) -> str:
    """A share of random prices: none of them, or all, does not make an order certain."""
    if below < 0.001 or below > 0.999:
        return "< 0.1 %" if below < 0.001 else "> 99.9 %"
    digits = 1 if below < 0.01 or below > 0.99 else 0
    return f"{100 * below:.{digits}f} %"


def _phases(groups: Sequence[Sequence[_Measured]]) -> pd.DataFrame:
    rows = []
    for number, members in enumerate(groups, 1):
        keys = {key: members[0].row[key] for key in KEYS}
        for mode in ("train", "inference"):
            parts = [member.phases[mode] for member in members]
            for phase in parts[0]:
                rows.append({"row": number, **keys, "mode": mode, "phase": phase,
                             "mid_nj": float(np.mean([part[phase] for part in parts]))})  # fmt: skip
    return pd.DataFrame(rows)


def write(found: Comparison, out: Path) -> list[Path]:
    """Write the tables (csv, and parquet where pyarrow is there) and the plots of a study; return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, table in vars(found).items():
        text = table.to_csv(index=False, lineterminator="\n").encode()
        paths.append(out / f"{name}.csv")
        write_file(paths[-1], lambda file, text=text: file.write(text))  # type: ignore[misc]
        if importlib.util.find_spec("pyarrow") is not None:
            paths.append(out / f"{name}.parquet")
            write_file(paths[-1], lambda file, table=table: table.to_parquet(file, index=False))  # type: ignore[misc]
    figures = {
        "accuracy_training_energy": plot.accuracy_against_energy(found.table, "train"),
        "accuracy_inference_energy": plot.accuracy_against_energy(found.table, "inference"),
        "energy_by_phase": plot.energy_by_phase(found.phases),
    }
    for name, figure in figures.items():
        paths.append(out / f"{name}.png")
        write_file(paths[-1], lambda file, figure=figure: figure.savefig(file, format="png"))  # type: ignore[misc]
    return paths
