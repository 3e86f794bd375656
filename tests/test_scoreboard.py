"""What compare shows: one line a run where there is no terminal, bars on one, and what differs in the table."""

import io
import re
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from neurosim.compare import Event
from neurosim.comparison import KEYS, Comparison
from neurosim.scoreboard import comparison_tables, show_runs

ROW: dict[str, Any] = {
    "rule": "desire_bp", "chip": "mesh16", "network": "784-16-10", "bits": 16, "rounding": "nearest",
    "backward": "transposed_read", "dataset": "embedded", "train": 1000, "test": 500, "presentations": 2000,
    "readout": "strict", "seeds": 2, "accuracy": 91.234, "accuracy_sd": 0.2, "learning_bits": 1234,
    "to90_mid_uj": 12.3, "to95_mid_uj": float("nan"), "accuracy_against_next": "+1.00 (+0.50 to +1.50)",
    "train_against_next": "x 0.9 (0.8 to 0.95), certainly below", "inference_against_next": "x 2 (1 to 3), equal",
}  # fmt: skip
for mode in ("train", "inference"):
    ROW |= {f"{mode}_low_nj": 50.0, f"{mode}_mid_nj": 100.0, f"{mode}_high_nj": 200.0, f"{mode}_us": 7.0}
    ROW |= {f"{mode}_accesses": 5000.0, f"{mode}_bottleneck": "the soma", f"pareto_{mode}": mode == "train"}
ROW |= {"train_total_low_mj": 0.1, "train_total_mid_mj": 0.2, "train_total_high_mj": 0.4}


def text_of(*rows: dict[str, Any], failed: tuple[dict[str, Any], ...] = ()) -> str:
    table = pd.DataFrame([{"row": number, **row} for number, row in enumerate(rows, 1)])
    cells = pd.DataFrame([*({**row, "seed": 0, "reason": ""} for row in rows), *failed])
    console = Console(width=150, file=io.StringIO(), color_system=None)
    console.print(comparison_tables(Comparison(cells, table, pd.DataFrame(), pd.DataFrame())))
    return " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]


def test_what_differs_is_a_column_and_what_does_not_stands_in_the_title() -> None:
    shown = text_of(ROW, {**ROW, "bits": 5, "to90_mid_uj": 8.0})
    assert "embedded, 1,000 training and 500 test images" in shown
    assert "; desire_bp, mesh16, 784-16-10, nearest, transposed read" in shown
    assert "row bits accuracy (%)" in shown
    assert "1 16 91.23 ± 0.20 strict * 0.200 (0.100 to 0.400) 100 (50.0 to 200)" in shown
    assert "1 2,000 12.3 - 100 / 100 7.00 / 7.00 5,000 / 5,000 1,230 the soma" in shown
    assert "1, 2 +1.00 (+0.50 to +1.50) x 0.9 (0.8 to 0.95), certainly below x 2 (1 to 3), equal" in shown


def test_one_row_has_nothing_to_be_compared_with() -> None:
    shown = text_of({**ROW, "seeds": 1, "accuracy_sd": float("nan"), "learning_bits": None})
    assert "how sure" not in shown and "±" not in shown and "5,000 / 5,000 - the soma" in shown


def test_a_cell_that_was_not_run_is_named_with_its_reason() -> None:
    asked = {key: None for key in KEYS} | {"rule": "ssnn_bp", "chip": "tiny", "bits": 4}
    shown = text_of(ROW, failed=({**asked, "seed": 3, "reason": "no room"},))
    assert "not run: ssnn_bp, tiny, 4, seed 3: no room" in shown


EVENTS = (
    Event(-1, "", "warm", 0, 2),
    Event(0, "one", "train", 5, 10),
    Event(1, "two", "train", 2, 10),
    Event(0, "one", "test", 3, 10),
    Event(0, "one", "done"),
    Event(1, "two", "failed"),
)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO(), _Terminal()])
def test_progress_says_how_each_run_ended(stream: io.StringIO) -> None:
    with show_runs(stream) as show:
        for event in EVENTS:
            show(event)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())  # without colours
    for line in ("2 runs", "one: done", "two: could not be run"):
        assert line in shown
    if not stream.isatty():
        assert shown.splitlines()[1:] == ["one: done (1 of 2)", "two: could not be run (2 of 2)"]
