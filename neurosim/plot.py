"""Tables -> matplotlib Figures. No computation beyond the sums that a bar shows; nothing is written to disk.

The tables are those of `neurosim.report` (curve, energy, causes and memory) and of `neurosim.comparison`.
"""

from collections.abc import Mapping, Sequence
from math import floor, log10

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurosim.ops import CAUSES, PHASES
from neurosim.report import three_digits

__all__ = [
    "ENERGIES",
    "accuracy_against_energy",
    "causes_by_unit",
    "energy_by_phase",
    "energy_by_unit",
    "learning_curve",
    "memory_accesses",
]

_PHASE_COLOURS = {"io": "#8c8c8c", "forward": "#3b75af", "error": "#d98032", "update": "#58935a"}
_PHASE_COLOURS["static"] = "#c9c3b4"
_CAUSE_COLOURS = {
    "busy": "#3b75af",
    "starved": "#d9d9d9",
    "blocked": "#c44e52",
    "conflict": "#d98032",
    "barrier": "#b9a7cf",
}
_TITLES = {"train": "training", "test": "inference", "inference": "inference"}
_RULE_COLOURS = ("#3b75af", "#d98032", "#58935a", "#c44e52", "#8172b2", "#937860")
_MARKERS = "osD^vPX*"
# Columns of the energy (low, mid or high) that configurations are compared by: training as a whole, as rules show
# different numbers of samples.
ENERGIES = {"train": "train_total_{}_mj", "inference": "inference_{}_nj"}
_ENERGY_LABELS = {"train": "energy of the whole training (mJ)", "inference": "energy per inference sample (nJ)"}


def _figure(panels: int, height: float = 3.6) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(9.0, height * panels), layout="constrained", dpi=110)
    axes = [figure.add_subplot(panels, 1, number + 1) for number in range(panels)]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_axisbelow(True)
    return figure, axes


def _modes(table: pd.DataFrame) -> list[str]:
    return [mode for mode in ("train", "test") if (table["mode"] == mode).any()]


def _stacked(
    axis: Axes, labels: Sequence[str], layers: Mapping[str, Sequence[float]], colours: Mapping[str, str]
) -> None:
    """Horizontal stacked bars, the first label on top; a layer without any length is left out."""
    left = [0.0] * len(labels)
    for name, lengths in layers.items():
        if any(lengths):
            axis.barh(labels, lengths, left=left, color=colours[name], label=name, height=0.7)
            left = [a + b for a, b in zip(left, lengths, strict=True)]
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)
    axis.legend(frameon=False, fontsize="small", loc="lower right")


def learning_curve(curve: pd.DataFrame, readout: str = "strict", test_percent: float | None = None) -> Figure:
    """Accuracy on the samples as they are presented, and the final test accuracy.

    A phased rule answers before it learns a sample. An online rule, read out by its membranes, learns while it
    answers, with the label on: its training curve flatters it.

    curve: columns presentation, strict, argmax, membrane (percent over the window that ends there), learning_rate.
    readout: which of them is the rule's answer.
    """
    figure, (axis,) = _figure(1, 4.0)
    when = "training, label on" if readout == "membrane" else "training"
    axis.plot(curve["presentation"], curve["argmax"], color="#9db8d6", label=f"{when}, argmax")
    axis.plot(curve["presentation"], curve[readout], color="#3b75af", label=f"{when}, {readout}")
    if test_percent is not None:
        axis.axhline(
            test_percent, color="#c44e52", linestyle="--", label=f"test, {readout}: {test_percent:.2f} %"
        )
    axis.set_xlabel("presentations")
    axis.set_ylabel("right answers (%)")
    axis.set_title("Learning curve")
    axis.grid(alpha=0.3)
    rate = axis.twinx()
    rate.plot(curve["presentation"], curve["learning_rate"], color="#8c8c8c", linestyle=":", linewidth=1)
    rate.set_ylabel("learning rate (real units of the rule)", color="#8c8c8c", fontsize="small")
    rate.set_ylim(bottom=0)
    rate.spines[["top"]].set_visible(False)
    axis.legend(frameon=False, loc="best")
    return figure


def energy_by_unit(energy: pd.DataFrame) -> Figure:
    """Energy of one sample by unit and phase, with the band of the total; one panel a mode.

    energy: columns mode, phase, unit, low_nj, mid_nj, high_nj, per sample.
    """
    modes = _modes(energy)
    figure, axes = _figure(len(modes))
    for axis, mode in zip(axes, modes, strict=True):
        rows = energy[energy["mode"] == mode]
        units = rows.groupby("unit")["mid_nj"].sum().sort_values(ascending=False).index.tolist()
        table = rows.pivot_table(index="unit", columns="phase", values="mid_nj", aggfunc="sum").reindex(units)
        phases = [phase for phase in (*PHASES, "static") if phase in table.columns]
        layers = {phase: table[phase].fillna(0.0).tolist() for phase in phases}
        _stacked(axis, units, layers, _PHASE_COLOURS)
        low, mid, high = (float(rows[column].sum()) for column in ("low_nj", "mid_nj", "high_nj"))
        axis.set_xlabel("energy per sample (nJ)")
        band = f"band {three_digits(low)} to {three_digits(high)}"
        axis.set_title(f"{_TITLES[mode].capitalize()}: {three_digits(mid)} nJ per sample ({band})")
    return figure


def causes_by_unit(causes: pd.DataFrame) -> Figure:
    """What the units spent their cycles on, in percent, on the cores where they worked; a panel a mode.

    causes: columns mode, core, unit, cause, cycles.
    """
    place = ["mode", "core", "unit"]
    causes = causes.merge(causes.loc[causes["cause"] == "busy", place].drop_duplicates(), on=place)
    modes = _modes(causes)
    figure, axes = _figure(len(modes))
    for axis, mode in zip(axes, modes, strict=True):
        rows = causes[causes["mode"] == mode]
        units = rows["unit"].drop_duplicates().tolist()
        table = rows.pivot_table(index="unit", columns="cause", values="cycles", aggfunc="sum").reindex(units)
        share = table.fillna(0).div(table.sum(axis=1), axis=0) * 100
        layers = {cause: share[cause].tolist() for cause in CAUSES if cause in share.columns}
        _stacked(axis, units, layers, _CAUSE_COLOURS)
        axis.set_xlim(0, 100)
        axis.set_xlabel("cycles of the unit (%)")
        axis.set_title(f"{_TITLES[mode].capitalize()}: where the cycles of the units at work went")
        axis.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def memory_accesses(memory: pd.DataFrame) -> Figure:
    """Accesses of one sample by memory, reads and writes; logarithmic; one panel a mode.

    memory: columns mode, memory, access, per_sample.
    """
    modes = _modes(memory)
    figure, axes = _figure(len(modes), 3.0)
    for axis, mode in zip(axes, modes, strict=True):
        rows = memory[memory["mode"] == mode]
        table = rows.pivot_table(index="memory", columns="access", values="per_sample", aggfunc="sum")
        places = range(len(table))
        for offset, access, colour in ((-0.2, "read", "#3b75af"), (0.2, "write", "#d98032")):
            if access in table.columns:
                heights = table[access].fillna(0.0).tolist()
                axis.barh([p + offset for p in places], heights, 0.4, color=colour, label=access)
        axis.set_yticks(list(places), table.index.tolist())
        axis.set_xscale("log")
        axis.set_xlim(left=10.0 ** floor(log10(float(rows["per_sample"].min()))) if len(rows) else 1.0)
        axis.grid(axis="x", alpha=0.3)
        axis.invert_yaxis()
        axis.set_xlabel("word accesses per sample")
        axis.set_title(f"{_TITLES[mode].capitalize()}: memory accesses")
        axis.legend(frameon=False, fontsize="small", loc="lower right")
    return figure


def accuracy_against_energy(table: pd.DataFrame, mode: str) -> Figure:
    """Accuracy of each configuration against the energy of its whole training or of an inference, logarithmic.

    Bars are the band of the energy and the standard deviation over seeds; a ring and a step line mark the Pareto
    front, which rests on the mid values. Numbers are the rows of the table.
    mode: train or inference.  table: columns row, rule, chip, accuracy, accuracy_sd, those of ENERGIES, pareto_MODE.
    """
    figure, (axis,) = _figure(1, 5.0)
    rules, chips = list(dict.fromkeys(table["rule"])), list(dict.fromkeys(table["chip"]))
    low, mid, high = (table[ENERGIES[mode].format(end)] for end in ("low", "mid", "high"))
    for (rule, chip), rows in table.groupby(["rule", "chip"], sort=False):
        at = rows.index
        axis.errorbar(
            mid[at], rows["accuracy"], xerr=[mid[at] - low[at], high[at] - mid[at]], yerr=rows["accuracy_sd"].fillna(0),
            linestyle="none", marker=_MARKERS[chips.index(chip) % len(_MARKERS)], elinewidth=0.8,
            color=_RULE_COLOURS[rules.index(rule) % len(_RULE_COLOURS)], label=f"{rule} on {chip}",
        )  # fmt: skip
    for row, x, y in zip(table["row"], mid, table["accuracy"], strict=True):
        axis.annotate(str(row), (x, y), xytext=(4, 4), textcoords="offset points", fontsize="x-small")
    on_front = table[f"pareto_{mode}"]
    front = pd.DataFrame({"x": mid, "y": table["accuracy"]})[on_front].sort_values("x")
    x, y = front["x"], front["y"]
    axis.step(x, y, where="post", color="#8c8c8c", linestyle=":", linewidth=1, zorder=0)
    axis.plot(x, y, "o", markersize=13, markerfacecolor="none", markeredgecolor="#8c8c8c", label="Pareto front")
    axis.set_xscale("log")
    axis.set_xlabel(f"{_ENERGY_LABELS[mode]}, low to high")
    axis.set_ylabel("test accuracy (%), by each rule's read-out")
    axis.set_title(f"Accuracy against {_TITLES[mode]} energy")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize="small", loc="best")
    return figure


def energy_by_phase(phases: pd.DataFrame) -> Figure:
    """Energy of one sample by phase, one bar a configuration, one panel a mode.

    phases: columns row, rule, chip, network, bits, rounding, backward, mode, phase, mid_nj.
    """
    modes = [mode for mode in ("train", "inference") if (phases["mode"] == mode).any()]
    figure, axes = _figure(len(modes), 1.2 + 0.35 * phases["row"].nunique())
    for axis, mode in zip(axes, modes, strict=True):
        rows = phases[phases["mode"] == mode]
        names = rows.drop_duplicates("row").set_index("row")
        labels = [
            f"{row}: {entry.rule} on {entry.chip}, {entry.bits} bits {entry.rounding}"
            for row, entry in names.iterrows()
        ]
        table = rows.pivot_table(index="row", columns="phase", values="mid_nj", aggfunc="sum").reindex(names.index)
        layers = {phase: table[phase].tolist() for phase in (*PHASES, "static") if phase in table.columns}
        _stacked(axis, labels, layers, _PHASE_COLOURS)
        axis.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
        axis.set_xlabel("energy per sample (nJ)")
        axis.set_title(f"{_TITLES[mode].capitalize()}: energy by phase, leakage apart")
    return figure
