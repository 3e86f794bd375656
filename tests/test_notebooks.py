"""Every notebook runs from top to bottom, with few images, and is committed without outputs."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
# Plots, and what stands in the text, of each notebook.
SHOWN = {
    "compare_rules": (3, ("orders are certain", "how sure: each row against the next")),
    "first_run": (3, ("strictly right", "horowitz45")),
    "odin_sdsp": (2, ("after 80 lessons:\n[1, 0, 0, 0]\n[0, 1, 0, 0]", "events in odin_trace.json")),
}


def test_there_is_a_notebook() -> None:
    assert [path.stem for path in NOTEBOOKS] == sorted(SHOWN)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_without_outputs(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROSIM_NOTEBOOK_TRAIN", os.environ.get("NEUROSIM_NOTEBOOK_TRAIN", "300"))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    kinds = [{kind for output in cell.outputs for kind in output.get("data", {})} for cell in code]
    plots, words = SHOWN[path.stem]
    assert sum("image/png" in kind for kind in kinds) == plots
    outputs = [output for cell in code for output in cell.outputs]
    text = "".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs)
    for word in words:
        assert word in text
