"""A study: the grid that it spans, and one message for everything that is wrong with it."""

from pathlib import Path

import pytest

from neurosim.errors import ConfigError
from neurosim.study import Study, cells, load_study
from neurosim.yamlio import find

SMALL = {"network": "784-16-10", "train": 20, "test": 20}


def test_the_grid_is_every_combination() -> None:
    study = Study(chips=("tiny", "mesh16"), bits=(4, 11), rounding=("nearest",), seeds=(0, 1), **SMALL)  # type: ignore[arg-type]
    grid = cells(study)
    assert [(c.chip, c.bits, c.seed) for c in grid] == [
        (chip, bits, seed) for chip in ("tiny", "mesh16") for bits in (4, 11) for seed in (0, 1)
    ]
    for cell in grid:
        assert cell.config is not None
        synapse = cell.config.chip.core.synapse
        assert (synapse.weight_bits, synapse.weight_fraction_bits) == (cell.bits, cell.bits - 2)  # type: ignore[operator]
        assert cell.config.chip.core.learning.rounding == "nearest"
        assert (cell.config.seed, cell.config.network, cell.config.train) == (cell.seed, "784-16-10", 20)


def test_what_is_not_asked_for_is_the_chips_and_the_workloads() -> None:
    (cell,) = cells(Study())
    assert cell.config is not None
    assert (cell.config.chip.core.synapse.weight_bits, cell.config.chip.core.learning.rounding) == (16, "stochastic")
    assert (cell.config.network, cell.config.epochs, cell.config.test) == ("784-512-10", 10, 10_000)


def test_options_of_a_rule_hold_for_that_rule(tmp_path: Path) -> None:
    path = tmp_path / "other.py"
    path.write_text("from neurosim.learning.desire_bp import *\n")
    other = str(path)
    study = load_study(
        None,
        {"rules": ["desire_bp", other], "chips": ["tiny"], "epochs": 3, "set": ["settings.steps=10"], **SMALL},
        {other: {"epochs": 5, "network": "784-12-10", "set": ["settings.steps=12"]}},
    )
    one, two = (cell.config for cell in cells(study))
    assert one is not None and two is not None
    assert (one.epochs, one.network, one.settings["steps"]) == (3, "784-16-10", 10)
    assert (two.epochs, two.network, two.settings["steps"]) == (5, "784-12-10", 12)


def test_a_file_is_a_study_and_options_go_on_top(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("chips: [tiny]\nbits: [8, 6]\nnetwork: 784-16-10\nfor_rule:\n  desire_bp: {epochs: 2}\n")
    study = load_study(str(path), {"bits": [5]}, {"desire_bp": {"set": ["settings.steps=9"]}})
    assert (study.chips, study.bits, study.network) == (("tiny",), (5,), "784-16-10")
    own = study.for_rule["desire_bp"]
    assert (own.epochs, own.set) == (2, ("settings.steps=9",))


@pytest.mark.parametrize(
    "text", ["", " [1]", " 3", "\n  desire_bp:", "\n  desire_bp: [1]", "\n  desire_bp:\n    set: 3"]
)
def test_a_malformed_section_of_a_rule_is_named_with_its_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(f"chips: [tiny]\nfor_rule:{text}\n")
    for own in ({}, {"desire_bp": {"epochs": 2, "set": ["settings.steps=9"]}}):
        with pytest.raises(ConfigError, match=rf"study.yaml:{2 + text.count(chr(10))}: for_rule") as found:
            load_study(str(path), {}, own)
        assert "expected" in str(found.value)


def test_overrides_of_the_options_come_after_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("set: [settings.steps=8]\nfor_rule:\n  desire_bp: {set: [settings.learning_rate=0.1]}\n")
    own = {"desire_bp": {"set": ["settings.learning_rate=0.2"]}}
    study = load_study(str(path), {"set": ["chip.costs=horowitz45"]}, own)
    assert study.set == ("settings.steps=8", "chip.costs=horowitz45")
    assert study.for_rule["desire_bp"].set == ("settings.learning_rate=0.1", "settings.learning_rate=0.2")
    alone = load_study(None, {"set": ["chip.costs=horowitz45"]}, own)
    assert (alone.set, alone.for_rule["desire_bp"].set) == (("chip.costs=horowitz45",), ("settings.learning_rate=0.2",))
    path.write_text("set: settings.steps=8\n")
    with pytest.raises(ConfigError, match="study.yaml:1: set"):
        load_study(str(path), {"set": ["chip.costs=horowitz45"]}, {})


def test_all_complaints_at_once_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "chips: [tiny, tiny]\nbits: [3]\nrounding: [neerest]\nseed: [1]\ntrain: many\nfor_rule:\n  ssnn: {epochs: 0}\n"
    )
    with pytest.raises(ConfigError) as found:
        load_study(str(path), {}, {})
    lines = str(found.value).splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{path}:{n}" for n in (2, 3, 4, 5, 7)]
    assert "expected a whole number from 4 to 16, got 3" in lines[0]
    assert "did you mean 'nearest'?" in lines[1]
    assert "did you mean 'seeds'?" in lines[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": [40]}, "--bits: bits.0: expected a whole number from 4 to 16, got 40"),
        ({"bits": ["ten"]}, "expected a whole number from 4 to 16, got 'ten'"),
        ({"seeds": [1, 1]}, "--seeds: seeds: expected each value once, got 1 more than once"),
        ({"chips": []}, "--chips: chips: expected at least one value, got none"),
        ({"probe_images": 0}, "--probe-images: probe_images"),
    ],
)
def test_a_bad_option_is_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as found:
        load_study(None, options, {})
    assert message in str(found.value)


def test_options_of_a_rule_that_is_not_compared() -> None:
    with pytest.raises(ConfigError, match="expected one of the rules desire_bp, got 'desire_pb' .did you mean"):
        load_study(None, {}, {"desire_pb": {"epochs": 3}})


def test_all_names_that_do_not_exist_are_named_at_once() -> None:
    study = Study(chips=("tinny", "mehs16"), rules=("desire_pb",), dataset="mnits")
    with pytest.raises(ConfigError) as found:
        cells(study)
    for hint in ("'tiny'", "'mesh16'", "desire_bp", "mnits"):
        assert hint in str(found.value)


def test_a_cell_that_cannot_be_says_why_and_leaves_the_others() -> None:
    study = Study(chips=("tiny",), backward=("transposed_read", "sideways"), **SMALL)  # type: ignore[arg-type]
    good, bad = cells(study)
    assert good.config is not None and good.reason == ""
    assert bad.config is None and "backward" in bad.reason and "sideways" in bad.reason


def test_a_study_of_nothing_but_impossible_cells_is_refused_with_each_reason_once() -> None:
    study = Study(chips=("tiny",), seeds=(0, 1, 2), set=("settings.stepz=3",), **SMALL)  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as found:
        cells(study)
    assert str(found.value).count("did you mean 'steps'") == 1


def copy_of(chip: str, path: Path, old: str, new: str) -> str:
    text = find(chip).read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return str(path)


def test_cells_that_only_their_files_tell_apart_are_refused(tmp_path: Path) -> None:
    """They would be averaged as if they were seeds of one configuration."""
    same = str(find("tiny"))
    banks = copy_of("tiny", tmp_path / "banks.yaml", "banks: 2", "banks: 4")
    costs = copy_of("tiny", tmp_path / "costs.yaml", "costs: cacti22lop", "costs: horowitz45")
    for other in (same, banks, costs):
        study = Study(chips=("tiny", other), seeds=(0, 1), **SMALL)  # type: ignore[arg-type]
        with pytest.raises(ConfigError) as found:
            cells(study)
        expected = f"chips: expected different names, got 'tiny' for both tiny and {other}: leave one out, or give"
        assert str(found.value).startswith(expected) and str(found.value).count("\n") == 0
    named = copy_of("tiny", tmp_path / "named.yaml", "name: tiny", "name: other")
    assert len(cells(Study(chips=("tiny", named), **SMALL))) == 2  # type: ignore[arg-type]
    rule = tmp_path / "desire_bp.py"
    rule.write_text("from neurosim.learning.desire_bp import *\n")
    with pytest.raises(ConfigError, match=f"rules: .* for both desire_bp and {rule}: .* another file name"):
        cells(Study(rules=("desire_bp", str(rule)), chips=("tiny",), **SMALL))  # type: ignore[arg-type]
