"""Neuron circuits know their own numbers, as the circuits of rules do."""

from pathlib import Path

import pytest

from neurosim.errors import ConfigError
from neurosim.neuron import INPUTS, load_neuron
from neurosim.plugin import names

STEP = "def step(membrane, drive, keep, threshold, leak_shift, bits):\n    return {}, 0\n"
UPDATE = "def update(membrane, drive, reference, threshold, leak, bits):\n    return {}, 0\n"
PLAIN, SEQUENCED = 'STATE = ("membrane",)\n', 'STATE = ("membrane", "threshold", "leak")\nSIGNED = False\n'


def written(text: str, tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", [name for name in names("neurosim.neuron") if name not in INPUTS])
def test_shipped_neurons_are_local(name: str) -> None:
    assert load_neuron(name).STATE


@pytest.mark.parametrize("text", [PLAIN + STEP.format("membrane + drive"), SEQUENCED + UPDATE.format("max(0, drive)")])
def test_an_honest_neuron_is_taken(text: str, tmp_path: Path) -> None:
    assert load_neuron(written(text, tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PLAIN + "SEEN = []\n" + STEP.format("len(SEEN)"), "reads the global SEEN"),
        (SEQUENCED + "SEEN = [0]\n" + UPDATE.format("SEEN[0]"), "reads the global SEEN"),
        (SEQUENCED + "import numpy\n" + UPDATE.format("numpy.random.randint(2)"), "reads the global numpy"),
        (SEQUENCED + "def update(membrane, others):\n    return 0, 0\n", "expected the parameters membrane, drive, "),
        (SEQUENCED.replace("SIGNED = False\n", "") + UPDATE.format("drive"), "lacks SIGNED"),
        (SEQUENCED.replace("False", "1") + UPDATE.format("drive"), "SIGNED: expected True or False, got 1"),
        (SEQUENCED + "update = 3\n", "expected a function, compiled or not, got int"),
        (PLAIN + "N = 0\ndef count():\n    global N\n    N += 1\n" + STEP.format("N"), "writes the global"),
    ],
)  # fmt: skip
def test_a_neuron_that_knows_more_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load_neuron(written(text, tmp_path))
