"""Runs of sequenced chips: learning, resumed to the bit, the same with both engines, reports, studies, refusals."""

import json
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from neurosim import results, session, yamlio
from neurosim.account.costs import load_costs
from neurosim.cli import main
from neurosim.config import Config, SequencedConfig, load_config, resolve
from neurosim.errors import ConfigError, SimulationError
from neurosim.learning import sdsp
from neurosim.ops import Op
from neurosim.probe import Plan
from neurosim.sequenced import FIELDS, load_sequenced
from neurosim.sequenced_job import SequencedJob, initial_weights, quantise
from neurosim.sequencer import Sequencer, SequencerState
from neurosim.session import Interrupted, Progress, prepare, train
from neurosim.stimulus import Events
from neurosim.study import cells, load_study

SMALL = ("settings.spikes=12", "settings.threshold=40", "settings.theta_membrane=20", "settings.teaching_first=3",
         "settings.label_share=1", "settings.other_share=0.3")  # fmt: skip


def config(**options: object) -> Config:
    chosen: dict[str, object] = {"train": 12, "test": 6, "epochs": 2, "seed": 5, "overrides": SMALL}
    return resolve("odin", "256-20", **(chosen | options))  # type: ignore[arg-type]


def finish(one: Config, folder: Path, **options: object) -> dict[str, bytes]:
    """Run and write; every table and array that does not hold seconds."""
    job = prepare(one)
    end = train(job, folder, **options)  # type: ignore[arg-type]
    results.write(folder, job, end, load_costs("odin28"), plots=False)
    return {name: (folder / name).read_bytes() for name in
            ("ledger.csv", "causes.csv", "energy.csv", "memory.csv", "curve.csv", "weights.npz", "train.npz",
             "test.npz")}  # fmt: skip


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), prog_name="neurosim")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, finish(config(), folder)


def test_chunks_and_probes_change_nothing(whole: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    assert finish(config(), tmp_path / "run", chunk=5, probes=Plan(2, 3)) == whole[1]


def test_an_interrupted_run_resumes_to_the_same_bits(whole: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    def stop(p: Progress) -> None:
        if (p.stage, p.done) in (("train", 9), ("test", 3)):
            signal.raise_signal(signal.SIGINT)

    for _ in range(2):
        with pytest.raises(Interrupted):
            train(prepare(config()), tmp_path / "run", chunk=3, resume=(tmp_path / "run").is_dir(), progress=stop)
    assert finish(load_config(tmp_path / "run" / "config.yaml"), tmp_path / "run", resume=True) == whole[1]


def test_both_engines_give_the_same_bits(tmp_path: Path) -> None:
    few = {"train": 1, "test": 1, "epochs": 1}
    one, other = (finish(config(**few, engine=engine), tmp_path / engine) for engine in ("compiled", "reference"))
    assert one == other
    assert prepare(config(**few)).digest == prepare(config(**few, engine="reference")).digest


def test_weights_move_and_the_test_does_not_teach(whole: tuple[Path, dict[str, bytes]]) -> None:
    job = prepare(config())
    assert isinstance(job, SequencedJob)
    with np.load(whole[0] / "weights.npz") as stored:
        before = initial_weights(job.config.chip, 5, 20, 256)
        assert stored["W1"].shape == (20, 256) and (stored["W1"] != before).any()
        assert 0 <= stored["W1"].min() and stored["W1"].max() <= 7
    state = job.evaluation_state(job.initial)
    run, labels = job.present(state, "test", 0, 4)
    assert np.array_equal(state.code, job.initial.code) and len(labels) == run.samples == 4
    assert run.output_counts.any() and not state.field[[FIELDS.index("learns"), FIELDS.index("calcium")]].any()


def test_the_report_adds_up(whole: tuple[Path, dict[str, bytes]]) -> None:
    summary = json.loads((whole[0] / "summary.json").read_text())
    causes = pd.read_csv(whole[0] / "causes.csv")
    for mode, section in (("train", "train"), ("test", "inference")):
        found, rows = summary[section], causes[causes["mode"] == mode]
        cycles = found["cycles_per_sample"] * found["samples"]
        for unit in ("controller", "output port"):
            assert rows[rows["unit"] == unit]["cycles"].sum() == pytest.approx(cycles)
        energy = found["energy_nj_per_sample"]
        assert energy["mid"] == pytest.approx(sum(part["mid"] for part in energy["by_unit"].values()))
        assert energy["by_unit"]["clock"]["mid"] == pytest.approx(found["cycles_per_sample"] * 1.78e-3)
        assert found["latency_us_per_sample"] == pytest.approx(found["cycles_per_sample"] / 75)
        assert "update" not in found["cycles_per_sample_by_phase"] or section == "train"
    assert summary["inference"]["synaptic_ops_per_sample"] == {"forward": 12 * 256}
    assert summary["programmed"] == {"synapse_words": 8192, "neuron_words": 512, "when": "training and before the test"}
    assert summary["learning_memory"]["total_bits"] == 20 * 33
    assert summary["accuracy"]["ties"] == "the first spike"


def test_a_run_can_be_priced_again_with_a_table_of_memories(whole: tuple[Path, dict[str, bytes]]) -> None:
    units = results.reprice(whole[0], load_costs("cacti28lop"))["inference"]["energy_nj_per_sample"]["by_unit"]
    assert "clock" not in units and units["soma"]["mid"] > 0
    assert results.reprice(whole[0], load_costs("odin28"))["inference"]["energy_nj_per_sample"]["by_unit"]["clock"]


def test_tables_of_sequenced_chips_do_not_price_others(finished_run: Path, tmp_path: Path) -> None:
    before = (finished_run / "energy.csv").read_bytes()
    for arguments in (["reprice", str(finished_run), "--costs", "odin28"], ["run", "--costs", "odin28"]):
        refused = invoke(*arguments)
        assert refused.exit_code == 2 and "odin28 prices sequenced cores only" in refused.stderr, refused.output
    assert (finished_run / "energy.csv").read_bytes() == before
    fast = ["--set", "chip.clock_mhz=100"]
    assert "odin28 holds up to 75 MHz at 0.55 V" in invoke("run", "--chip", "odin", *fast).stderr
    grid = cells(load_study(None, {"chips": ["odin", "tiny"], "rules": ["sdsp", "desire_bp"], "train": 5, "test": 5,
                                   "set": ["chip.costs=odin28"]}, {"desire_bp": {"network": "784-16-10"}}))  # fmt: skip
    assert "prices sequenced cores only" in next(c for c in grid if (c.rule, c.chip) == ("desire_bp", "tiny")).reason
    (tmp_path / "fast.yaml").write_text(yamlio.find("odin").read_text().replace("clock_mhz: 75 ", "clock_mhz: 80 "))
    assert "odin28 holds up to 75 MHz" in invoke("check", str(tmp_path / "fast.yaml")).stderr


def test_an_answer_counts_by_class_and_the_first_spike_decides_ties() -> None:
    job = prepare(config())
    assert isinstance(job, SequencedJob)
    run, _ = job.present(job.evaluation_state(job.initial), "test", 0, 1)
    assert run.output_counts.shape == run.output_membrane.shape == (1, 10)
    assert run.output_counts.sum() == run.counts[:, 0, Op.SPIKE].sum() == run.spikes[1]
    assert ((run.output_membrane > 0) == (run.output_counts > 0)).all()


def test_tinyodin_infers_with_the_weights_of_odin(whole: tuple[Path, dict[str, bytes]]) -> None:
    weights = str(whole[0] / "weights.npz")
    found = []
    for chip in ("odin", "tinyodin"):
        one = resolve(chip, "256-20", test=4, freeze=True, weights=weights, overrides=SMALL)
        job = prepare(one)
        assert isinstance(job, SequencedJob)
        run, _ = job.present(job.evaluation_state(job.initial), "test", 0, 4)
        found.append(run.output_counts)
    assert np.array_equal(*found) and found[0].any()


def test_weights_are_rounded_and_clipped() -> None:
    stored, about = quantise(resolve("odin").chip, np.array([[2.5, -1.0, 9.0, 7.4]]))  # type: ignore[arg-type]
    assert stored.tolist() == [[3, 0, 7, 7]] and (about.clipped, about.largest_error, about.total) == (2, 2.0, 4)
    signed = resolve("tinyodin", freeze=True, weights="w").chip
    assert quantise(signed, np.array([[-9.0, 8.0]]))[0].tolist() == [[-8, 7]]  # type: ignore[arg-type]


REFUSED = [
    (["--chip", "tinyodin"], "cannot learn with sdsp: core.learning.circuits has none"),
    (["--chip", "odin", "--rule", "desire_bp"], "such as --rule sdsp"),
    (["--chip", "mesh16", "--rule", "sdsp"], "such as --chip odin"),
    (["--chip", "odin", "--network", "784-512-10"], "expected one layer"),
    (["--chip", "odin", "--network", "784-20"], "inputs: 784 needed, core.synapse.rows is 256"),
    (["--chip", "odin", "--network", "200-20"], "expected a square number of inputs, such as 256"),
    (["--chip", "odin", "--set", "chip.core.registers.open_loop=false"],
     "--set chip.core.registers.open_loop: expected true, as a layer needs it"),
    (["--chip", "odin", "--set", "chip.core.registers.output_source=controller"], 'expected "neuron"'),
    (["--chip", "odin", "--set", "chip.core.registers.watch=true"], "registers.watch: expected false"),
    (["--chip", "odin", "--set", "chip.name=../up"], "name: expected at most 64 letters"),
    (["--chip", "odin", "--set", "settings.teaching_first=129"], "expected at most settings.spikes = 128, got 129"),
    (["--chip", "odin", "--set", "settings.other_share=0.001"], "other_share: expected 0 or more than 1/512"),
    (["--chip", "odin", "--set", "chip.core.operations.spike.row=[0, 7]"],
     "has no input word for integrate of all {'row': 128} (spike has row of 7 bits)"),
    (["--chip", "odin", "--network", "256-300"], "300 needed, core.neuron.entries is 256"),
    (["--chip", "odin", "--network", "256-20-10"], "expected one layer"),
    (["--chip", "odin", "--neuron", "lif"], "--neuron: expected none on odin"),
    (["--chip", "odin", "--encoder", "bernoulli"], "--encoder: expected none on odin"),
    (["--chip", "odin", "--set", "chip.core.queue.dept=4"], "did you mean 'depth'?"),
    (["--chip", "odin", "--set", "settings.spikes=0"], "spikes: expected a whole number"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_what_cannot_be_is_refused_in_one_message(options: list[str], message: str) -> None:
    result = invoke("run", *options)
    assert (result.exit_code, "Traceback" in result.output) == (2, False) and message in result.stderr


def test_every_command_knows_sequenced_chips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = [part for override in SMALL for part in ("--set", override)]
    ran = invoke("run", "--chip", "odin", "--network", "256-10", "--train", "3", "--test", "2", "--out", "r", *small)
    assert ran.exit_code == 0 and "ties decided by the first spike" in ran.stdout, ran.output
    assert "Prices: odin28: the three published constants of ODIN" in ran.stdout
    assert "Not timed or priced: 8,192 words of synapses" in ran.stdout and "unit clock" in ran.stdout
    expected = {
        ("check", "odin", "tinyodin"): "one sequenced core, 75 MHz",
        ("check", "odin", "--network", "100-7"): "100 (39 %)",
        ("check", "odin", "--network", "300-7"): "300-7 does not fit: odin: inputs: 300 needed",
        ("place", "--chip", "odin", "--network", "50-7"): "50 (20 %)",
        ("place", "--chip", "odin", "--network", "257-7"): "inputs: 257 needed",
        ("place", "--chip", "odin", "--encoder", "bernoulli"): "--encoder: expected none on odin",
        ("place", "--chip", "odin", "--set", "settings.spikes=0"): "spikes: expected a whole number",
        ("place", "--chip", "odin"): "neurons (outputs)",
        ("place", "--chip", "tinyodin", "--network", "256-10"): "words of synapse memory",
        ("verify", "odin", "--network", "256-10", "--samples", "1", *small): "on odin, sdsp, 1 samples: IDENTICAL",
        ("rules", "--chip", "odin"): "spike-driven synaptic plasticity",
        ("reprice", "r", "--costs", "cacti22lop"): "costs cacti22lop",
        ("plot", "r"): "energy_by_unit.png",
        ("run", "--chip", "odin", "--resume", "r"): "leave out --chip",
    }
    for command, words in expected.items():
        result = invoke(*command)
        assert words in result.output and "Traceback" not in result.output, (command, result.output)


def test_a_study_puts_both_kinds_of_chips_in_one_grid() -> None:
    study = load_study(None, {"chips": ["odin", "tiny"], "rules": ["sdsp", "desire_bp"], "train": 5, "test": 5},
                       {"desire_bp": {"network": "784-16-10"}})  # fmt: skip
    grid = cells(study)
    assert [(cell.rule, cell.chip) for cell in grid if cell.config] == [("sdsp", "odin"), ("desire_bp", "tiny")]
    reasons = {(cell.rule, cell.chip): cell.reason for cell in grid if cell.config is None}
    assert "needs a sequenced core" in reasons["sdsp", "tiny"] and "--rule sdsp" in reasons["desire_bp", "odin"]
    with pytest.raises(ConfigError, match="takes rules of schedule event, such as --rule sdsp"):
        cells(load_study(None, {"chips": ["odin"], "rules": ["desire_bp"]}, {}))


def test_a_configuration_is_read_back(whole: tuple[Path, dict[str, bytes]]) -> None:
    found = load_config(whole[0] / "config.yaml")
    assert isinstance(found, SequencedConfig) and found == config()
    assert session.prepare(found).digest == json.loads((whole[0] / "summary.json").read_text())["digest"]


def test_check_finds_circuits_and_rules_that_do_not_exist(tmp_path: Path) -> None:
    text = yamlio.find("odin").read_text()
    for old, new, message in (("circuit: odin_lif", "circuit: odin_lib", "odin_lib"),
                              ("circuits: [sdsp]", "circuits: [sdps]", "sdps"),
                              ("circuits: [sdsp]", "circuits: [desire_bp]", "expected a rule of schedule event"),
                              ("name: odin\n", "name: ../odin\n", "name: expected at most 64 letters")):  # fmt: skip
        (tmp_path / "chip.yaml").write_text(text.replace(old, new))
        found = invoke("check", str(tmp_path / "chip.yaml"))
        assert found.exit_code == 2 and message in found.stderr and "Traceback" not in found.output, found.output


def test_the_configuration_says_which_registers_run() -> None:
    plain = config().chip.core.registers  # type: ignore[union-attr]
    assert (plain.open_loop, plain.output_source, plain.watch) == (True, "neuron", False)
    same = config(overrides=(*SMALL, "chip.core.registers.open_loop=true"))
    assert same == config()
    closed = same.model_copy(update={"chip": load_sequenced("odin")})  # as a config.yaml changed by hand
    with pytest.raises(ConfigError, match="odin: core.registers.open_loop: expected true"):
        prepare(closed)


@pytest.mark.parametrize("side", [1, 7, 10, 16])
def test_digits_are_reduced_to_the_inputs_of_the_network(side: int) -> None:
    job = prepare(resolve("odin", f"{side * side}-10", train=2, test=2, epochs=1))
    assert isinstance(job, SequencedJob) and job.data.train_images.shape[1] == side * side
    job.present(job.initial.copy(), "train", 0, 1)


def test_a_chip_whose_spikes_reach_few_rows_runs_a_network_of_so_many() -> None:
    narrow = "chip.core.operations.spike.row=[0, 7]"
    job = prepare(resolve("odin", "121-10", train=2, test=2, overrides=[narrow]))
    assert isinstance(job, SequencedJob) and len(job.lesson.spike) == 121


@pytest.mark.parametrize("chip", ["odin", "tinyodin"])
def test_verify_runs_training_test_and_random_words(chip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, bool]] = []

    def note(sequencer: Sequencer, state: SequencerState, events: Events) -> None:
        seen.append((len(events.word), bool(state.field[FIELDS.index("learns")].any())))

    monkeypatch.setattr("neurosim.sequenced_job.verify_sequence", note)
    result = invoke("verify", chip, "--samples", "2")
    learning = [(128, True)] * 2 if chip == "odin" else []
    assert result.exit_code == 0 and "2 samples: IDENTICAL" in result.stdout, result.output
    assert [one for one in seen if one[0] == 128] == learning + [(128, False)] * 2
    assert seen[-1] == (64, chip == "odin")


def test_verify_says_where_engines_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    for bad in (128, 64):  # in a question, and in the random words alone
        monkeypatch.setattr(
            "neurosim.sequenced_job.verify_sequence",
            lambda sequencer, state, events, bad=bad: "here" if len(events.word) == bad else None,
        )
        result = invoke("verify", "odin", "--samples", "1")
        assert (result.exit_code, result.stdout) == (1, "256-250 on odin, sdsp, 1 samples: here\n")


def test_verify_of_all_leaves_out_chips_that_cannot_take_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neurosim.engine.verify.verify", lambda image, state, batch: None)
    monkeypatch.setattr("neurosim.sequenced_job.verify_sequence", lambda sequencer, state, events: None)
    network = ["--set", "chip.noc.router.buffer_flits=8"]
    for options, reason in ((["--rule", "desire_bp"], "rule: desire_bp does not run on odin"),
                            (["--encoder", "bernoulli"], "--encoder: expected none on odin"),
                            (["--backward", "mirrored", "--rule", "desire_bp"], "rule: desire_bp does not run on odin"),
                            (["--backward", "mirrored"], "--backward: expected none on odin"),
                            (network, "--set chip.noc")):  # fmt: skip
        result = invoke("verify", *options)
        assert result.exit_code == 0 and "on tiny, desire_bp" in result.stdout, result.output
        assert f"odin: left out: {reason}" in " ".join(result.stdout.split()), result.output
        named = invoke("verify", "odin", *options)
        assert named.exit_code == 2 and "Traceback" not in named.output, named.output
    only = invoke("verify", "--rule", "sdsp", "--samples", "1")
    assert "256-250 on odin, sdsp, 1 samples: IDENTICAL" in only.stdout and "tiny: left out: rule: sdsp" in only.stdout
    assert "no shipped chip can take" in invoke("verify", "--network", "16-4").stderr


def test_cards_have_the_widths_of_a_chip_that_can_run_the_rule(tmp_path: Path) -> None:
    text = yamlio.find("odin").read_text().replace("calcium_wait: [81, 5]", "calcium_wait: [81, 7]")
    (tmp_path / "own.yaml").write_text(text.replace("name: odin\n", "name: own\n"))
    own = ["sdsp", "--chip", str(tmp_path / "own.yaml")]
    for options, calcium, chip in (([], "5 calcium wait", "odin"), (own, "7 calcium wait", "own")):
        shown = " ".join(invoke("rules", *options).stdout.split())
        assert all(part in shown for part in ("3 calcium,", calcium, "17 thetas", f"number formats of {chip}")), shown
    assert "number formats of mesh16" in " ".join(invoke("rules", "desire_bp", "--chip", "odin").stdout.split())


def test_words_that_a_chip_leaves_undone_end_the_run(tmp_path: Path) -> None:
    lines = (yamlio.shipped() / "odin.yaml").read_text().splitlines()
    chip = tmp_path / "mute.yaml"
    chip.write_text("\n".join(line for line in lines if "do: pop" not in line))
    job = prepare(resolve(str(chip), "256-20", train=12, test=6, epochs=2, seed=5, overrides=SMALL))
    with pytest.raises(SimulationError, match=r"of 12 words the input port served 12, 12 entries stay in the queue"):
        train(job, tmp_path / "run")


def test_a_rule_of_a_file_runs_where_its_circuit_is_named(tmp_path: Path) -> None:
    text = Path(sdsp.__file__).read_text().replace("weight + 1)", "weight + 2)")
    assert text != Path(sdsp.__file__).read_text()
    rule = tmp_path / "hasty.py"
    rule.write_text(text)
    circuit = "chip.core.learning.circuits=[hasty]"
    job = prepare(config(rule=str(rule), overrides=(*SMALL, circuit)))
    assert isinstance(job, SequencedJob) and job.sequencer.rule.__name__.endswith("hasty")
    with pytest.raises(ConfigError, match=r"name its circuit \(--set chip.core.learning.circuits=\[hasty\]\)"):
        config(rule=str(rule))
