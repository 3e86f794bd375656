"""Loading rules: the shipped ones, one in a user's file, and files that are none."""

from pathlib import Path

import pytest

from neurosim import learning
from neurosim.chip import load_chip
from neurosim.errors import ConfigError, PlacementError
from neurosim.learning import desire_bp
from neurosim.network import mlp
from neurosim.place import place

SOURCE = Path(desire_bp.__file__).read_text()


def test_the_shipped_rules_load_by_name() -> None:
    assert "desire_bp" in learning.rule_names()
    for name in learning.rule_names():
        rule = learning.load_rule(name)
        assert rule.TITLE and rule.SOURCE
        assert all(callable(getattr(rule, kernel)) for kernel in learning.CONTRACTS[rule.SCHEDULE])


def test_a_rule_in_a_file_is_known_by_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "half_desire.py"
    path.write_text(SOURCE.replace("theta_hidden: float = 0.05", "theta_hidden: float = 0.5"))
    rule = learning.load_rule(str(path))
    assert rule.Settings().theta_hidden == 0.5
    assert desire_bp.Settings().theta_hidden == 0.05
    network, circuits = mlp((16, 12, 4)), "core.learning.circuits=[half_desire]"
    image = place(network, load_chip("tiny", [circuits]), rule)
    assert image.constants.hidden_threshold == 16 * 2**12
    with pytest.raises(PlacementError, match="rule 'half_desire' needs its circuit.*has: desire_bp"):
        place(network, load_chip("tiny"), rule)


def test_two_files_of_one_name_are_two_rules(tmp_path: Path) -> None:
    rules = []
    for title in ("one", "two"):
        (tmp_path / title).mkdir()
        path = tmp_path / title / "rule.py"
        path.write_text(SOURCE.replace("Desire back-propagation", title))
        rules.append(learning.load_rule(str(path)))
    assert [rule.TITLE for rule in rules] == ["one", "two"]


@pytest.mark.parametrize(
    "part", ["TITLE", "Settings", "Constants", "rate", "card", "on_update", "hidden_symbol"]
)
def test_a_rule_that_lacks_a_part_is_refused_with_its_name(tmp_path: Path, part: str) -> None:
    path = tmp_path / "short.py"
    path.write_text(f"{SOURCE}\ndel {part}\n")
    with pytest.raises(ConfigError, match=rf"short\.py lacks {part} \("):
        learning.load_rule(str(path))


def test_all_missing_parts_are_named(tmp_path: Path) -> None:
    path = tmp_path / "empty.py"
    path.write_text("")
    with pytest.raises(ConfigError) as caught:
        learning.load_rule(str(path))
    for part in ("TITLE", "SOURCE", "Settings", "quantise", "card", "SCHEDULE", "READS"):
        assert part in str(caught.value)


def test_a_misspelt_rule_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="got 'desire_pb' .did you mean desire_bp"):
        learning.load_rule("desire_pb")
