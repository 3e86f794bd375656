"""Plots: titled, labelled with units, and drawn again from the tables of a run directory."""

from pathlib import Path

import pandas as pd
import pytest

from neurosim import plot, results

NAMES = ("causes_by_unit", "energy_by_unit", "learning_curve", "memory_accesses")


@pytest.fixture(scope="module")
def tables(reference_run: Path) -> dict[str, pd.DataFrame]:
    return {
        name: pd.read_csv(reference_run / f"{name}.csv") for name in ("energy", "causes", "memory", "curve")
    }


def test_every_axis_is_labelled(tables: dict[str, pd.DataFrame]) -> None:
    figures = [
        (plot.learning_curve(tables["curve"], "strict", 90.0), "presentations", 1),
        (plot.energy_by_unit(tables["energy"]), "(nJ)", 2),
        (plot.causes_by_unit(tables["causes"]), "(%)", 2),
        (plot.memory_accesses(tables["memory"]), "per sample", 2),
    ]
    for figure, label, panels in figures:
        titled = [axis for axis in figure.axes if axis.get_title()]
        assert len(titled) == panels
        assert all(label in axis.get_xlabel() for axis in titled)


def test_the_curve_is_that_of_the_read_out(tables: dict[str, pd.DataFrame]) -> None:
    for readout in ("strict", "membrane"):
        lines = plot.learning_curve(tables["curve"], readout, 90.0).axes[0].lines
        assert list(lines[1].get_ydata()) == list(tables["curve"][readout])  # type: ignore[arg-type]
    assert len(plot.learning_curve(tables["curve"]).axes[0].lines) == 2


def test_an_online_rule_answered_its_training_with_the_label_on(tables: dict[str, pd.DataFrame]) -> None:
    for readout, when in (("membrane", "training, label on"), ("strict", "training")):
        (axis, _) = plot.learning_curve(tables["curve"], readout, 90.0).axes
        shown = [text.get_text() for text in axis.get_legend().get_texts()]  # type: ignore[union-attr]
        assert shown == [f"{when}, argmax", f"{when}, {readout}", f"test, {readout}: 90.00 %"]


def test_bars_add_up_to_the_table(tables: dict[str, pd.DataFrame]) -> None:
    energy = tables["energy"]
    axis = plot.energy_by_unit(energy).axes[0]
    drawn = sum(patch.get_width() for patch in axis.patches)  # type: ignore[attr-defined]
    assert drawn == pytest.approx(energy[energy["mode"] == "train"]["mid_nj"].sum())
    causes = plot.causes_by_unit(tables["causes"]).axes[0]
    units = tables["causes"].query("mode == 'train' and cause == 'busy'")["unit"].nunique()
    assert sum(patch.get_width() for patch in causes.patches) == pytest.approx(100 * units)  # type: ignore[attr-defined]


def test_inference_alone_has_one_panel(tables: dict[str, pd.DataFrame]) -> None:
    energy = tables["energy"]
    assert len(plot.energy_by_unit(energy[energy["mode"] == "test"]).axes) == 1


def test_a_run_directory_is_drawn_again(finished_run: Path) -> None:
    before = {name: (finished_run / "plots" / f"{name}.png").read_bytes() for name in NAMES}
    for path in (finished_run / "plots").iterdir():
        path.unlink()
    assert sorted(path.stem for path in results.draw(finished_run)) == sorted(NAMES)
    assert {name: (finished_run / "plots" / f"{name}.png").read_bytes() for name in NAMES} == before


def study_table() -> pd.DataFrame:
    rows = [("a", "tiny", 90.0, 1.0, True), ("a", "mesh16", 92.0, 20.0, True), ("b", "tiny", 89.0, 30.0, False)]
    return pd.DataFrame(
        [
            {"row": number, "rule": rule, "chip": chip, "accuracy": accuracy, "accuracy_sd": 0.5,
             "train_total_low_mj": mid / 2, "train_total_mid_mj": mid, "train_total_high_mj": 3 * mid,
             "pareto_train": front}
            for number, (rule, chip, accuracy, mid, front) in enumerate(rows, 1)
        ]
    )  # fmt: skip


def test_the_front_and_every_row_are_in_the_plot() -> None:
    (axis,) = plot.accuracy_against_energy(study_table(), "train").axes
    assert axis.get_xscale() == "log" and "whole training (mJ)" in axis.get_xlabel()
    assert [text.get_text() for text in axis.texts] == ["1", "2", "3"]
    rings = next(line for line in axis.lines if line.get_label() == "Pareto front")
    assert list(rings.get_xdata()) == [1.0, 20.0] and list(rings.get_ydata()) == [90.0, 92.0]  # type: ignore[arg-type]
    legend = axis.get_legend()
    assert legend is not None
    assert {text.get_text() for text in legend.get_texts()} >= {"a on tiny", "a on mesh16", "b on tiny"}


def test_bars_of_the_phases_add_up() -> None:
    what = {"rule": "a", "chip": "tiny", "bits": 8, "rounding": "nearest"}
    rows = [
        {**what, "row": row, "mode": mode, "phase": phase, "mid_nj": energy}
        for row in (1, 2)
        for mode in ("train", "inference")
        for phase, energy in (("io", 1.0), ("forward", 2.0 * row), ("error", float(mode == "train")), ("static", 4.0))
    ]
    figure = plot.energy_by_phase(pd.DataFrame(rows))
    lengths = [sum(patch.get_width() for patch in axis.patches) for axis in figure.axes]  # type: ignore[attr-defined]
    assert lengths == [18.0, 16.0]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][0] == "1: a on tiny, 8 bits nearest"
