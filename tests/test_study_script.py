"""benchmarks/study.py: every case can be placed, and a finished one is not run again."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from test_benchmarks import script

from neurosim import session

pytestmark = pytest.mark.usefixtures("made_up_engine")


@pytest.mark.parametrize("number", range(20))
def test_every_case_fits_its_chip(number: int) -> None:
    cases = script("study").CASES
    assert len(cases) == 20 and len({case.name for case in cases}) == 20
    job = session.prepare(cases[number].config(quick=True))
    assert job.config.train == 200
    assert job.image.sizes.tolist() == [int(size) for size in cases[number].options["network"].split("-")]


def test_cases_run_resume_and_fill_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = script("study")
    command = ["--cases", "desire-fashion-*,desire-embedded", "--quick", "--out", str(tmp_path / "study")]
    first = CliRunner().invoke(study.main, command)
    assert first.exit_code == 0, first.output
    lines = first.output.splitlines()
    names = ["desire-fashion-mesh16", "desire-fashion-mesh64", "desire-embedded"]
    assert [line.split(":")[0] for line in lines[:3]] == names
    assert "BELOW the bar" in first.output or "reaches the bar" in first.output
    assert sum(line.startswith("| desire_bp |") for line in lines) == 2
    written = (tmp_path / "study" / "study.csv").read_text()
    monkeypatch.setattr(session, "train", lambda *_, **__: pytest.fail("simulated"))
    again = CliRunner().invoke(study.main, command)
    assert again.exit_code == 0, again.output
    assert (tmp_path / "study" / "study.csv").read_text() == written


def test_unknown_cases_are_refused_and_known_ones_listed() -> None:
    study = script("study")
    assert CliRunner().invoke(study.main, ["--cases", "nothing"]).exit_code == 2
    listed = CliRunner().invoke(study.main, ["--list", "--cases", "ssnn-*"])
    assert listed.exit_code == 0 and "ssnn-mnist-mesh16: 784-200-10, 10 epochs" in listed.output


def test_cases_name_whose_settings_they_are() -> None:
    cases = {case.name: case for case in script("study").CASES}
    assert not [name for name, case in cases.items() if "as published" in case.what]
    alone, layers = (cases[name].config(quick=False) for name in ("ssnn-embedded", "ssnn-embedded-layers"))
    assert {**alone.settings, "pipeline": False} == layers.settings != alone.settings
    taken = [alone.settings[name] for name in ("steps", "step_bits", "filter_shift")]
    assert taken == [16, 9, 3]  # steps.py has it as T = 16


def test_the_steps_are_those_of_the_run_that_a_row_is_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of the same case with another digest lie beside it."""
    study = script("study")
    script("ann")
    steps = script("steps")
    for folder, count in (("ssnn-embedded-aaaa", 3), ("ssnn-embedded-bbbb", 16)):
        config = study.chosen("ssnn-embedded")[0].config(quick=True)
        config = config.model_copy(update={"settings": {**config.settings, "steps": count}})
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "config.yaml").write_text(config.write())
    rows = [{"case": "ssnn-embedded", "folder": f"ssnn-embedded-{name}"} for name in ("bbbb", "aaaa")]
    monkeypatch.setattr(steps, "finished", lambda *_: [dict(rows[0]), dict(rows[1]), {"case": "ssnn-embedded-layers"}])
    assert steps.rows_of(tmp_path)[["folder", "steps"]].to_numpy().tolist() == [
        ["ssnn-embedded-aaaa", 3], ["ssnn-embedded-bbbb", 16],
    ]  # fmt: skip
