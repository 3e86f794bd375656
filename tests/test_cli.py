"""The command line: what it prints, where it writes, and one clear message for all that is malformed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from neurosim import cli_options
from neurosim.cli import main
from neurosim.config import resolve
from neurosim.core import BACKWARD
from neurosim.image import Image, State
from neurosim.replay import Verdict
from neurosim.results import read_summary
from neurosim.stimulus import Batch
from neurosim.workloads import desire_mnist, sdsp_digits, ssnn_mnist

TINY = ["run", "--chip", "tiny", "--network", "784-16-10", "--train", "60", "--test", "40", "--epochs", "2"]
FAKE = Path(__file__).with_name("fake_engine.py")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(made_up_engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEUROSIM_DATA", raising=False)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), prog_name="neurosim")


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


MALFORMED = [
    (["--chip", "mehs16"], "did you mean 'mesh16'"),
    (["--chip", "nowhere.yaml"], "no such file"),
    (["--network", "784-x-10"], "expected layer sizes such as 784-512-10, got '784-x-10'"),
    (["--network", "784"], "expected layer sizes"),
    (["--network", "784--10"], "expected layer sizes"),
    (["--network", "100-16-10"], "expected 784 inputs"),
    (["--network", "784-16-3"], "expected at least 10 outputs"),
    (["--network", "784-1000-10"], "population 'hidden1'"),
    (["--train", "-5"], "--train"),
    (["--train", "0"], "--train"),
    (["--train", "60000"], "expected 1 to 10000 images of data set embedded, got 60000"),
    (["--test", "many"], "--test"),
    (["--epochs", "0"], "--epochs"),
    (["--epochs", "1.5"], "--epochs"),
    (["--seed", "-1"], "--seed"),
    (["--dataset", "mnits"], "did you mean"),
    (["--data-dir", "nowhere"], "nowhere"),
    (["--rule", "desire-bp"], "did you mean desire_bp"),
    (["--engine", "fast"], "'compiled', 'reference'"),
    (["--encoder", "poisson"], "'accumulate', 'bernoulli'"),
    (["--set", "settings.steps"], "expected key=value"),
    (["--set", "=3"], "--set =3"),
    (["--set", "steps=3"], "begins with chip. or settings."),
    (["--set", "settings.stepz=3"], "did you mean 'steps'"),
    (["--set", "settings.steps=20pJ"], "write the number alone"),
    (["--set", "settings.dropout_hidden=1.5"], "got 1.5"),
    (["--set", "settings.learning_rate=.nan"], "finite"),
    (["--set", "settings.learning_rate=1e-12"], "is zero in the chip's rate register"),
    (["--set", "settings.preset=papers"], "did you mean 'paper'"),
    (["--set", "chip.core.synapse.bnks=2"], "did you mean 'banks'"),
    (["--set", "chip.core.synapse.banks=0"], "got 0"),
    (["--set", "chip.noc.topology=torsu"], "expected one of mesh, torus, got 'torsu' (did you mean 'torus'?)"),
    (["--set", "settings.steps=[1"], "unclosed"),
    (["--weights", "nowhere.npz"], "nowhere.npz"),
    (["--freeze"], "--weights FILE"),
    (["--costs", "cacti22lopp"], "did you mean 'cacti22lop'"),
    (["--resume"], "expected a run directory to resume"),
    (["--resume", "nowhere"], "leave out --chip"),
    (["--checkpoint-seconds", "-1"], "--checkpoint-seconds"),
    (["--colour"], "No such option"),
    (["extra"], "unexpected extra argument"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), MALFORMED, ids=lambda x: " ".join(x) if isinstance(x, list) else ""
)
def test_a_malformed_run_gets_one_message(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = invoke(*TINY, *arguments)
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "No such command"),
        (["run", "--resume", "nowhere"], "expected a run directory, found none"),
        (["check"], "Missing argument"),
        (["check", "nowhere.yaml"], "no such file"),
        (["place", "--network", "784-1000-10", "--chip", "tiny"], "population 'hidden1'"),
        (["verify", "tinny"], "did you mean 'tiny'"),
        (["replay", "nowhere"], "does not exist"),
        (["reprice", "nowhere", "--costs", "horowitz45"], "summary.json"),
        (["reprice", "."], "--costs"),
        (["plot", "nowhere"], "summary.json"),
        (["rules", "desire"], "did you mean desire_bp"),
        (["schema", "chips"], "'chip', 'sequenced', 'costs'"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_other_malformed_commands(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_bad_weight_files_are_refused(tmp_path: Path) -> None:
    good = {"W1": np.zeros((16, 784)), "W2": np.zeros((10, 16))}
    bad = {
        "shape": ({**good, "W1": np.zeros((784, 16))}, "transpose it"),
        "nan": ({**good, "W2": np.full((10, 16), np.nan)}, "finite"),
        "missing": ({"W1": good["W1"]}, "W2 is missing"),
    }
    for name, (arrays, message) in bad.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)  # type: ignore[arg-type]
        result = invoke(*TINY, "--weights", f"{name}.npz", "--freeze")
        assert (result.exit_code, message in result.stderr) == (2, True), result.output
    assert not (tmp_path / "runs").exists()


def test_a_run_reports_and_fills_its_folder(tmp_path: Path) -> None:
    result = invoke(*TINY)
    assert result.exit_code == 0, result.output
    (folder,) = (tmp_path / "runs").iterdir()
    summary = read_summary(folder)
    assert folder.name == f"tiny-desire_bp-784-16-10-embedded-{summary['digest'][:10]}"
    assert f"{summary['accuracy']['test_strict']:.2f} % strict" in result.stdout
    assert "community" in result.stdout and "bottleneck" in result.stdout
    tables = {f"{name}.csv" for name in ("ledger", "causes", "energy", "memory", "curve")}
    arrays = {f"{name}.npz" for name in ("weights", "checkpoint", "train", "test")}
    assert tables | arrays | {"config.yaml", "summary.json"} <= set(files(folder))
    assert len(list((folder / "plots").glob("*.png"))) == 4
    assert not list(folder.rglob(".tmp-*"))


def test_two_runs_are_equal_byte_for_byte_and_only_the_configuration_names_the_engine(tmp_path: Path) -> None:
    for out, engine in (("a", "compiled"), ("b", "compiled"), ("c", "reference")):
        assert invoke(*TINY, "--out", out, "--engine", engine).exit_code == 0
    one, two, three = (files(tmp_path / name) for name in "abc")
    for name in ("ledger.csv", "causes.csv", "curve.csv", "energy.csv", "weights.npz"):
        assert one[name] == two[name] == three[name], name
    assert one["config.yaml"] == two["config.yaml"] != three["config.yaml"]


def test_a_finished_run_is_resumed_without_simulating(tmp_path: Path) -> None:
    assert invoke(*TINY, "--out", "a").exit_code == 0
    before = files(tmp_path / "a")
    for arguments in ([*TINY, "--out", "a", "--resume"], ["run", "--resume", "a"]):
        result = invoke(*arguments)
        assert result.exit_code == 0, result.output
        assert files(tmp_path / "a") == before


def test_resume_refuses_other_options(tmp_path: Path) -> None:
    assert invoke(*TINY, "--out", "a").exit_code == 0
    before = files(tmp_path / "a")
    other = invoke(*TINY, "--seed", "8", "--out", "a", "--resume")
    assert (other.exit_code, "holds another run" in other.stderr) == (2, True), other.output
    named = invoke("run", "--resume", "a", "--seed", "8", "--set", "settings.steps=3")
    assert (named.exit_code, "leave out --seed, --set" in named.stderr) == (2, True), named.output
    assert files(tmp_path / "a") == before


def test_weights_report_their_quantisation(tmp_path: Path) -> None:
    weights = {"W1": np.full((16, 784), 0.1), "W2": np.full((10, 16), 99.0)}
    np.savez(tmp_path / "w.npz", **weights)  # type: ignore[arg-type]
    result = invoke(*TINY, "--weights", "w.npz", "--freeze", "--out", "f")
    assert result.exit_code == 0, result.output
    assert "W2: rounded to the chip's weights, largest change 97; 160 of 160 clipped" in result.stderr
    summary = read_summary(tmp_path / "f")
    assert summary["quantisation"][1]["clipped"] == 160
    assert "train" not in summary and summary["accuracy"]["train_last_strict"] is None


def test_reprice_and_plot(tmp_path: Path) -> None:
    assert invoke(*TINY, "--out", "a").exit_code == 0
    repriced = invoke("reprice", "a", "--costs", "horowitz45")
    assert (repriced.exit_code, "costs horowitz45" in repriced.stdout) == (0, True), repriced.output
    assert read_summary(tmp_path / "a")["costs"] == "horowitz45"
    drawn = invoke("plot", "a")
    assert (drawn.exit_code, len(drawn.stdout.split())) == (0, 4)


def test_check_place_rules_and_schema() -> None:
    checked = invoke("check", "tiny", "cacti22lop", "--network", "784-16-10")
    assert checked.exit_code == 0, checked.output
    assert "valid, 2 cores" in checked.stdout and "cost table cacti22lop: complete" in checked.stdout
    placed = invoke("place", "--chip", "tiny", "--network", "784-16-10")
    assert (placed.exit_code, "hidden1[0:16]" in placed.stdout) == (0, True), placed.output
    cards = invoke("rules")
    assert (cards.exit_code, "Desire back-propagation" in cards.stdout) == (0, True), cards.output
    for what in ("chip", "sequenced", "costs", "run"):
        schema = json.loads(invoke("schema", what).stdout)
        assert schema["type"] == "object" and schema["additionalProperties"] is False


def test_verify_says_identical_or_where_not(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str | None] = [None, None]
    monkeypatch.setattr("neurosim.engine.verify.verify", lambda image, state, batch: found[int(batch.learn)])
    same = invoke("verify", "tiny", "--samples", "3")
    rules = ("desire_bp", "ssnn_bp")
    expected = [f"784-16-10 on tiny, {rule}, 3 samples: IDENTICAL" for rule in rules]
    assert (same.exit_code, same.stdout.splitlines()) == (0, expected), same.output
    found[1] = "cycle 5, node 1, event 3: reference 1, compiled 2"
    differs = invoke("verify", "tiny")
    expected = [f"784-16-10 on tiny, {rule}, 2 samples: {found[1]}" for rule in rules]
    assert (differs.exit_code, differs.stdout.splitlines()) == (1, expected)
    alone = invoke("verify", "tiny", "--rule", "ssnn_bp")
    assert (alone.exit_code, alone.stdout.splitlines()) == (1, expected[1:])
    assert invoke("verify", "tiny", "--network", "16-4").exit_code == 2


def test_verify_takes_the_backward_path_or_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def note(image: Image, state: State, batch: Batch) -> None:
        seen.append(image.hardware.backward)

    monkeypatch.setattr("neurosim.engine.verify.verify", note)
    result = invoke("verify", "tiny", "--rule", "desire_bp", "--backward", "all", "--samples", "3")
    lines = [f"784-16-10 on tiny, desire_bp, {way}, 3 samples: IDENTICAL" for way in BACKWARD]
    assert result.stdout.splitlines() == lines
    assert seen == [0, 0, 1, 1, 2, 2]
    invoke("verify", "tiny", "--rule", "desire_bp", "--backward", "crossbar")
    assert seen[6:] == [2, 2]
    assert invoke("verify", "tiny", "--backward", "sideways").exit_code == 2
    assert cli_options.BACKWARD == BACKWARD


def test_verify_names_the_shipped_chips_that_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neurosim.engine.verify.verify", lambda image, state, batch: None)
    result = invoke("verify", "--network", "784-16-10")
    assert result.exit_code == 0, result.output
    left_out = "left out: it has no learning circuit (core.learning.circuits)"
    lines = result.stdout.splitlines()
    assert lines[:2] == [f"loihi: {left_out}", f"tinyodin: {left_out}"] and lines[-1].startswith("odin: left out: ")
    shown = [tuple(line.split()[2:4]) for line in lines[2:-1]]
    chips, rules = ("mesh16,", "mesh64,", "tiny,"), ("desire_bp,", "ssnn_bp,")
    assert shown == [(chip, rule) for chip in chips for rule in rules]


def test_a_chip_without_a_learning_circuit_says_so_and_infers(tmp_path: Path) -> None:
    checked = invoke("check", "loihi", "loihi14sim")
    assert checked.exit_code == 0, checked.output
    assert "valid, 128 cores at 32 routers, 10000 MHz" in checked.stdout and "125 cores are empty" in checked.stdout
    small = ["--network", "784-16-10"]
    named = ["verify", "loihi", "--rule", "desire_bp"]
    for command in (["place", "--chip", "loihi"], named, ["run", "--chip", "loihi", "--train", "10"]):
        result = invoke(*command, *small)
        assert (result.exit_code, "Traceback" in result.output) == (2, False), result.output
        assert "rule 'desire_bp' needs its circuit on the core; core.learning.circuits has: none" in result.stderr
    asked = invoke("verify", "loihi", *small)
    expected = "Error: loihi: has no learning circuit (core.learning.circuits); name a rule with --rule\n"
    assert (asked.exit_code, asked.stderr) == (2, expected)
    np.savez(tmp_path / "w.npz", W1=np.zeros((16, 784)), W2=np.zeros((10, 16)))
    infers = invoke("run", "--chip", "loihi", *small, "--test", "4", "--weights", "w.npz", "--freeze", "--out", "f")
    assert infers.exit_code == 0, infers.output
    assert read_summary(tmp_path / "f")["costs"] == "loihi14sim"


def test_replay_counts_the_identical_cases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cases = [Verdict("o01", True, ""), Verdict("o16", None, "needs two channels")]
    monkeypatch.setattr("neurosim.replay.replay_paths", lambda paths, engine: iter(cases))
    result = invoke("replay", str(tmp_path))
    expected = "o01: IDENTICAL\no16: not modelled: needs two channels\n1 of 2 identical\n"
    assert (result.exit_code, result.stdout) == (3, expected)
    cases[1] = Verdict("o16", False, "packet 3")
    result = invoke("replay", str(tmp_path))
    assert result.exit_code == 1 and "o16: DIFFERENT (compiled engine): packet 3" in result.stdout
    cases.pop()
    assert invoke("replay", str(tmp_path), "--engine", "reference").exit_code == 0


def test_check_goes_on_after_a_bad_file(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("name: bad\ncore: 3\n")
    result = invoke("check", "bad.yaml", "tiny", "--network", "784-16-10")
    assert result.exit_code == 2
    assert "bad.yaml:2: core: expected a mapping" in result.stderr
    assert "valid, 2 cores" in result.stdout


def test_a_network_that_does_not_fit_is_no_fault_of_the_chip() -> None:
    result = invoke("check", "tiny")
    assert (result.exit_code, "784-512-10 does not fit" in result.stdout) == (0, True), result.output


def test_the_defaults_are_those_of_the_rules_workload() -> None:
    defaults = {parameter.name: parameter.default for parameter in main.commands["run"].params}  # type: ignore[attr-defined]
    assert defaults["dataset"] == desire_mnist.DATASET
    assert resolve("mesh16").rule == desire_mnist.RULE and resolve("odin").rule == sdsp_digits.RULE
    text = " ".join(invoke("run", "--help").stdout.split())
    assert f"[default: {desire_mnist.RULE}, or {sdsp_digits.RULE} on sequenced chips such as odin]" in text
    for name in ("NETWORK", "EPOCHS"):
        first, second, third = (getattr(workload, name) for workload in (desire_mnist, ssnn_mnist, sdsp_digits))
        assert f"[default: the rule's: {first}, {second} for ssnn_bp, {third} for sdsp]" in text
    for workload in (desire_mnist, ssnn_mnist, sdsp_digits):
        config = resolve("odin" if workload is sdsp_digits else "mesh16", rule=workload.RULE)
        found = (config.network, config.encoder, config.neuron, config.dataset, config.epochs)
        expected = (workload.NETWORK, workload.ENCODER, workload.NEURON, workload.DATASET, workload.EPOCHS)
        assert found == expected
    assert resolve("mesh16", "784-16-10", epochs=1).epochs == resolve("odin", "256-10", epochs=1).epochs == 1


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from neurosim.cli import main\n"
        "try: main(sys.argv[1:], prog_name='neurosim')\n"
        "except SystemExit: pass\n"
        "print(sorted({'numba', 'numpy', 'pandas', 'matplotlib', 'pydantic', 'rich'} & {*sys.modules}))"
    )
    for arguments in (["--help"], ["--version"], ["run", "--help"], ["verify", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "[]", arguments


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_says_how_to_resume_and_resume_is_bit_identical(tmp_path: Path) -> None:
    assert invoke(*TINY, "--out", "whole").exit_code == 0
    environment = {**os.environ, "FAKE_ENGINE_MS": "20"}
    command = [sys.executable, str(FAKE), *TINY, "--out", "cut", "--chunk", "2", "--checkpoint-seconds", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as child:
        while not (tmp_path / "cut" / "checkpoint.npz").exists():
            time.sleep(0.01)
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
    assert child.returncode == 130, errors
    assert re.search(r"stopped at train sample \d+ of 120\. To continue: neurosim run --resume cut", errors)
    assert "Traceback" not in errors
    refused = invoke(*TINY, "--out", "cut")
    assert (refused.exit_code, "--resume" in refused.stderr) == (2, True), refused.stderr
    assert invoke("run", "--resume", "cut").exit_code == 0
    whole, cut = files(tmp_path / "whole"), files(tmp_path / "cut")
    for name in ("ledger.csv", "causes.csv", "curve.csv", "energy.csv", "weights.npz", "config.yaml"):
        assert whole[name] == cut[name], name
