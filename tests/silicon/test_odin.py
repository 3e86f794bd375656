"""ODIN and tinyODIN against their RTL: every recorded event, operation, strobe and bit, in both engines.

The cases in traces/odin stand in the repository, the open ones as copies, others recorded by ourselves; those in the
folder beside it are tested where it is there.
"""

from pathlib import Path

import numpy as np
import pytest

from neurosim.engine.sequence import Sequence, play
from neurosim.silicon import load_case, prepare_case, replay_case

ROOT = Path(__file__).parents[2]
COPIES = sorted((ROOT / "traces" / "odin").glob("*.json.gz"))
SHARED = ROOT.parent / "shared" / "golden"
ALL = sorted((SHARED / "odin").glob("*.json.gz")) + sorted((SHARED / "tinyodin").glob("*.json.gz"))
OTHERS = [path for path in ALL if path.name not in {copy.name for copy in COPIES}]


def name(path: Path) -> str:
    return path.name.removesuffix(".json.gz")


def ran(path: Path) -> tuple[Sequence, str]:
    """A case on the compiled engine, and its title."""
    case = load_case(path)
    sequencer, state = prepare_case(case)
    return play(sequencer, state, case.events, case.last, record=True), case.title


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("path", COPIES, ids=name)
def test_the_chip_does_what_its_rtl_did(path: Path, engine: str) -> None:
    verdict = replay_case(path, engine)
    assert verdict.identical, verdict.message


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("path", OTHERS, ids=name)
def test_the_other_recorded_cases(path: Path, engine: str) -> None:
    verdict = replay_case(path, engine)
    assert verdict.identical, verdict.message


@pytest.mark.skipif(not ALL, reason="no shared folder beside the repository")
def test_the_copies_are_the_originals() -> None:
    originals = {path.name: path.read_bytes() for path in ALL}
    copies = [path for path in COPIES if "_open_" in path.name]
    assert len(copies) == 10
    assert all(copy.read_bytes() == originals[copy.name] for copy in copies)


def test_the_copies_show_the_mechanisms() -> None:
    """Cases in which nothing stalls, overflows or learns would be passed by a chip that does none of it."""
    runs = {name(path): ran(path)[0] for path in COPIES}
    seen = {what: {case for case, run in runs.items() if run.count(what)} for what in
            ("dropped", "frozen_cycles", "pop_cycles", "learned", "consolidated", "updated", "integrated")}  # fmt: skip
    assert "odin_open_08" in seen["dropped"]
    assert {"odin_open_06", "odin_open_10", "odin_open_11", "tinyodin_open_02"} <= seen["frozen_cycles"]
    assert {case for case in runs if case.startswith("tiny")} == seen["pop_cycles"]
    assert "odin_open_10" in seen["learned"] & seen["consolidated"]
    assert {"odin_open_01", "odin_open_03"} <= seen["updated"]
    assert len(runs["odin_open_06"].outputs) > 100
    assert runs["odin_open_08"].count("max_fill") == 32


def test_a_recurrent_case_learns_in_both_directions() -> None:
    path = next(path for path in COPIES if name(path) == "odin_open_10")
    case = load_case(path)
    sequencer, state = prepare_case(case)
    play(sequencer, state, case.events, case.last)
    moved = (sequencer.synapses(state) & 7).astype(int) - (case.synapses & 7)
    assert np.count_nonzero(moved > 0) > 50 and np.count_nonzero(moved < 0) > 50
