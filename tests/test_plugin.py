"""Plug-ins: by name, by file, and what is said when there is none."""

import pickle
import sys
from pathlib import Path

import pytest

from neurosim import plugin
from neurosim.errors import ConfigError


def test_names_are_the_modules_of_a_package() -> None:
    assert plugin.names("neurosim.neuron") == (
        "accumulate", "accumulate_float32", "bernoulli", "composite", "integrate_fire", "lif", "odin_lif", "regular",
        "tinyodin_lif",
    )  # fmt: skip
    assert plugin.load("neurosim.neuron", "lif", "neuron") is sys.modules["neurosim.neuron.lif"]


@pytest.mark.parametrize("name", ["", "nothing", "__init__", "../kernel", "os.path"])
def test_an_unknown_name_lists_what_there_is(name: str) -> None:
    known = "accumulate, accumulate_float32, bernoulli, composite, integrate_fire, lif, odin_lif, regular, tinyodin_lif"
    with pytest.raises(ConfigError, match=f"neuron: expected one of {known} or a .py file"):
        plugin.load("neurosim.neuron", name, "neuron")


def test_a_near_miss_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"got 'acumulate' \(did you mean accumulate\?\)"):
        plugin.load("neurosim.neuron", "acumulate", "neuron")


def test_a_file_is_loaded_under_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("NUMBER = 42\n")
    module = plugin.load("neurosim.neuron", str(path), "neuron")
    assert module.NUMBER == 42
    assert module.__name__.rpartition(".")[2] == "mine"
    assert module.__file__ == str(path)


def test_types_of_a_file_can_be_pickled(tmp_path: Path) -> None:
    """numba's disk cache pickles the types of arguments, such as a rule's Constants."""
    path = tmp_path / "mine.py"
    path.write_text("from typing import NamedTuple\nclass Constants(NamedTuple):\n    a: int\n")
    module = plugin.load("neurosim.learning", str(path), "rule")
    assert pickle.loads(pickle.dumps(module.Constants)) is module.Constants


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rule: expected a Python file, found nothing at .*absent.py"):
        plugin.load("neurosim.learning", str(tmp_path / "absent.py"), "rule")
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(ConfigError, match="found nothing at .*folder.py"):
        plugin.load("neurosim.learning", str(tmp_path / "folder.py"), "rule")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def broken(:\n", "SyntaxError"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise RuntimeError('on purpose')\n", "RuntimeError: on purpose"),
        ("x = '\0'\n", "null bytes"),
    ],
)
def test_a_file_that_fails_is_named_with_its_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"rule: .*bad.py fails at import: .*{message}"):
        plugin.load("neurosim.learning", str(path), "rule")
