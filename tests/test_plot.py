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
        (plot.learning_curve(tables["curve"], 90.0), "presentations", 1),
        (plot.energy_by_unit(tables["energy"]), "(nJ)", 2),
        (plot.causes_by_unit(tables["causes"]), "(%)", 2),
        (plot.memory_accesses(tables["memory"]), "per sample", 2),
    ]
    for figure, label, panels in figures:
        titled = [axis for axis in figure.axes if axis.get_title()]
        assert len(titled) == panels
        assert all(label in axis.get_xlabel() for axis in titled)


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
