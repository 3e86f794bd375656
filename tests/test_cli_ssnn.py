"""SSNN-BP from the command line, on the real engine: trained, cut and resumed, frozen, verified, shown."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from neurosim.cli import main
from neurosim.core import BACKWARD
from neurosim.results import read_summary
from neurosim.workloads import ssnn_mnist

RUN = ["run", "--chip", "tiny", "--rule", "ssnn_bp", "--network", "784-16-10", "--seed", "3"]
JOB = ["--train", "150", "--test", "60", "--epochs", "2"]
SAME = ("ledger.csv", "causes.csv", "curve.csv", "energy.csv", "memory.csv", "weights.npz", "config.yaml")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEUROSIM_DATA", raising=False)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), prog_name="neurosim")


def trained(folder: str, *options: str) -> Path:
    result = invoke(*RUN, *JOB, *options, "--out", folder)
    assert result.exit_code == 0, result.output
    return Path(folder)


def test_a_run_learns_and_says_how_it_reads_out() -> None:
    folder = trained("a")
    summary = read_summary(folder)
    accuracy = summary["accuracy"]
    assert accuracy["readout"] == "membrane"
    assert accuracy["test_readout"] == accuracy["test_membrane"] > 40  # of 10 classes, after 300 presentations
    with np.load(folder / "weights.npz") as stored:
        assert stored.files == ["W1", "W2", "b1", "b2"]
        assert [stored[name].shape for name in stored.files] == [(16, 784), (10, 16), (16,), (10,)]
        assert all(np.count_nonzero(stored[name]) for name in ("b1", "b2"))
    config = (folder / "config.yaml").read_text()
    for line in (f"encoder: {ssnn_mnist.ENCODER}", f"neuron: {ssnn_mnist.NEURON}", "pipeline: true", "gate: 2"):
        assert line in config


def test_a_frozen_run_of_the_weights_is_the_test_of_the_trained_one() -> None:
    """Biases are weights, too: without them, or with others, the answers would differ."""
    whole = trained("whole")
    frozen = trained("frozen", "--weights", "whole/weights.npz", "--freeze")
    one, other = read_summary(whole), read_summary(frozen)
    assert other["accuracy"]["test_readout"] == one["accuracy"]["test_readout"]
    with np.load(whole / "test.npz") as a, np.load(frozen / "test.npz") as b:
        for name in ("output_counts", "output_membrane", "spikes", "counts", "cycles"):
            assert np.array_equal(a[name], b[name]), name
    with np.load("whole/weights.npz") as stored:
        arrays = dict(stored)
    np.savez("moved.npz", **(arrays | {"b2": arrays["b2"][::-1] + 1}))  # type: ignore[arg-type]
    moved = trained("moved", "--weights", "moved.npz", "--freeze")
    with np.load(whole / "test.npz") as a, np.load(moved / "test.npz") as b:
        assert not np.array_equal(a["output_membrane"], b["output_membrane"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"b1": None}, "b1 is missing"),
        ({"b2": np.zeros(16)}, "expected shape (10,), found (16,)"),
        ({"b1": np.full(16, np.inf)}, "expected finite values"),
        ({"b3": np.zeros(10)}, "b3 is not one of them"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_biases_that_do_not_fit_are_refused(change: dict[str, np.ndarray | None], message: str) -> None:
    arrays = {"W1": np.zeros((16, 784)), "W2": np.zeros((10, 16)), "b1": np.zeros(16), "b2": np.zeros(10)}
    np.savez("w.npz", **{name: x for name, x in (arrays | change).items() if x is not None})  # type: ignore[arg-type]
    result = invoke(*RUN, *JOB, "--weights", "w.npz", "--freeze")
    assert (result.exit_code, message in result.stderr) == (2, True), result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "settings.warm=16"], "settings.warm: expected 0 to less than steps = 16, got 16"),
        (["--set", "settings.gate=1"], "settings.gate: expected 0 or 2, got 1"),
        (["--set", "settings.learning_rate=0.3"], "learning rate: expected a probability of 1, 1/2, 1/4"),
        (["--set", "settings.halvings=17"], "halvings"),
        (["--set", "settings.dropout_hidden=0.3"], "dropout_hidden"),
        (["--set", "settings.step_bits=31"], "settings.step_bits: expected 0 to 30, got 31"),
        (["--set", "settings.halvings=16", "--set", "settings.step_bits=14"], "settings.halvings: a spike would teach"),
        (["--neuron", "lif"], "rule ssnn_bp learns with neurons that keep membrane, error, bias (such as composite)"),
        (["--encoder", "accumulate_float32"], "encoder: rule ssnn_bp takes accumulate, bernoulli or regular"),
        (["--set", "chip.core.learning.circuits=[desire_bp]"], "rule 'ssnn_bp' needs its circuit on the core"),
        (["--set", "chip.core.neuron.membrane_bits=18"], "core.neuron.membrane_bits: expected at least 19"),
    ],
    ids=lambda x: " ".join(x[-1:]) if isinstance(x, list) else "",
)
def test_what_does_not_suit_the_rule_gets_one_message(options: list[str], message: str, tmp_path: Path) -> None:
    result = invoke(*RUN, *JOB, *options)
    assert (result.exit_code, "Traceback" in result.output) == (2, False), result.output
    assert message in result.stderr, result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_an_interrupted_run_resumes_to_the_same_bits(tmp_path: Path) -> None:
    whole = trained("whole")
    command = [sys.executable, "-m", "neurosim.cli", *RUN, *JOB, "--out", "cut", "--chunk", "3"]
    with subprocess.Popen([*command, "--checkpoint-seconds", "0"], stderr=subprocess.PIPE, text=True) as child:
        while not (tmp_path / "cut" / "checkpoint.npz").exists():
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=300)
    assert child.returncode == 130, errors
    assert re.search(r"stopped.*\. To continue: neurosim run --resume cut", errors)
    assert invoke("run", "--resume", "cut", "--chunk", "70").exit_code == 0
    for name in SAME:
        assert (whole / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name


def test_verify_runs_every_rule_on_every_way_back() -> None:
    result = invoke("verify", "tiny", "--backward", "all", "--samples", "1")
    assert result.exit_code == 0, result.output
    expected = [
        f"784-16-10 on tiny, {rule}, {way}, 1 samples: IDENTICAL"
        for rule in ("desire_bp", "ssnn_bp")
        for way in BACKWARD
    ]
    assert result.stdout.splitlines() == expected


def test_rules_shows_both_cards() -> None:
    shown = " ".join(invoke("rules").stdout.split())
    assert "Desire back-propagation" in shown and "SSNN-BP (reconstructed)" in shown
    alone = " ".join(invoke("rules", "ssnn_bp").stdout.split())
    assert "Desire back-propagation" not in alone and "reconstructed from the abstract" in alone
    assert re.search(r"online", alone)


def test_place_takes_what_the_rule_wants() -> None:
    placed = invoke("place", "--chip", "tiny", "--rule", "ssnn_bp", "--network", "784-16-10")
    assert (placed.exit_code, "hidden1[0:16]" in placed.stdout) == (0, True), placed.output
