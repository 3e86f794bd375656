"""Recorded cases of a chip's RTL: what is refused, what is said to differ, and how."""

import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from neurosim.cli import main
from neurosim.errors import ReplayError
from neurosim.silicon import load_case, replay_case

WORD = f"{(1 << 0) | (3 << 9):032x}"  # a LIF neuron with a threshold of 3
SPIKE = 5 << 8 | 0x07


@pytest.fixture(scope="module")
def small() -> dict[str, Any]:
    """A case made by hand: one spike event into neurons that do not fire (odin.md section 3.1)."""
    return {
        "format": "odin-golden-1",
        "title": "one spike",
        "config": {
            "registers": {"OPEN_LOOP": 1, "AER_SRC_CTRL_nNEUR": 0},
            "neuron_words_hex": [WORD] * 256,
            "synapse_words_hex": "0" * 65536,
            "handshake": {"a": [0], "r": [0], "d": [0], "e": [0]},
            "max_cycles": 10_000,
        },
        "stimulus": [[10, SPIKE]],
        "expected": {
            "input_handshakes": [[10, 17]],
            "output_events": [],
            "operations": [
                ["PUSH", 13, 14, SPIKE, 0, 0, 0, 0],
                ["WAIT_REQDN", 14, 17, SPIKE, 0, 0, 0, 0],
                ["POP_NEUR", 18, 530, 5, 256, 256, 32, 32],
            ],
            "memory_strobes": {
                "neuron_reads": 256, "neuron_writes": 256, "synapse_reads": 32, "synapse_writes": 32,
            },
            "scheduler": {"pushed": 1, "dropped": 0, "popped": 1, "max_fill": 1, "final_fifo": []},
            "aer_out_busy_cycles": 0,
            "last_active_cycle": 529,
            "final_core": [0] * 256,
            "final_calcium": [0] * 256,
            "final_caleak_cnt": [0] * 256,
            "final_v_up_hex": "0" * 64,
            "final_v_down_hex": "0" * 64,
            "final_neuron_words_hex": [WORD] * 256,
            "final_synapse_words_hex": "0" * 65536,
            "synapse_words_changed": 0,
        },
    }  # fmt: skip


def write(tree: object, path: Path) -> Path:
    path.write_text(json.dumps(tree))
    return path


def changed(tree: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    result = copy.deepcopy(tree)
    change(result)
    return result


def replay(*paths: Path, engine: str = "compiled") -> Result:
    return CliRunner().invoke(main, ["replay", "--engine", engine, *map(str, paths)])


def test_a_case_is_identical_gzipped_or_not(small: dict[str, Any], tmp_path: Path) -> None:
    write(small, tmp_path / "one.json")
    with gzip.open(tmp_path / "two.json.gz", "wt") as file:
        json.dump(small, file)
    result = replay(tmp_path)
    assert result.stdout.splitlines() == [
        "one: IDENTICAL: 530 cycles, 0 output events",
        "two: IDENTICAL: 530 cycles, 0 output events",
        "2 of 2 identical",
    ]
    assert result.exit_code == 0


def put(*keys: str | int, value: object) -> Callable[[dict[str, Any]], object]:
    def change(tree: dict[str, Any]) -> None:
        here: Any = tree
        for key in keys[:-1]:
            here = here[key]
        here[keys[-1]] = value

    return change


DIFFERENCES = [
    (put("expected", "input_handshakes", 0, value=[10, 18]),
     "cycle 10, input handshake 0: expected [10, 18], got [10, 17]"),
    (put("expected", "output_events", value=[[400, 3]]), "cycle 400, output event 0: expected [400, 3], got none"),
    (put("expected", "operations", 2, 2, value=531), "cycle 18, operation 2: expected ['POP_NEUR', 18, 531, "),
    (put("expected", "operations", 2, 0, value="POP_VIRT"), "cycle 18, operation 2: expected ['POP_VIRT', 18, 530, "),
    (put("expected", "memory_strobes", "synapse_reads", value=33), "memory_strobes.synapse_reads: expected 33, got 32"),
    (put("expected", "scheduler", "final_fifo", value=[1]), "scheduler.final_fifo: expected [1], got []"),
    (put("expected", "aer_out_busy_cycles", value=6), "aer_out_busy_cycles: expected 6, got 0"),
    (put("expected", "last_active_cycle", value=530), "last_active_cycle: expected 530, got 529"),
    (put("expected", "final_core", 7, value=1), "final_core[7]: expected 1, got 0"),
    (put("expected", "final_neuron_words_hex", 9, value="0" * 32), "final_neuron_words_hex[9]: expected"),
    (put("expected", "final_synapse_words_hex", value="0" * 65528 + "00000001"),
     "digits 65528 on: expected 00000001, got 00000000"),
    (put("expected", "synapse_words_changed", value=2), "synapse_words_changed: expected 2, got 0"),
    (put("expected", "temperature", value=24), "temperature: expected 24, got nothing: it is not compared"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), DIFFERENCES, ids=[text.split(": ")[0] for _, text in DIFFERENCES])
def test_every_measured_quantity_is_compared(
    change: Callable[[dict[str, Any]], object], message: str, small: dict[str, Any], tmp_path: Path
) -> None:
    verdict = replay_case(write(changed(small, change), tmp_path / "case.json"))
    assert verdict.identical is False
    assert message in verdict.message
    assert replay(tmp_path).exit_code == 1


def test_the_first_difference_in_time_is_named(small: dict[str, Any], tmp_path: Path) -> None:
    tree = changed(small, put("expected", "last_active_cycle", value=0))
    tree = changed(tree, put("expected", "operations", 1, 1, value=15))
    assert "cycle 14, operation 1" in replay_case(write(tree, tmp_path / "case.json")).message


REFUSALS = [
    (put("config", "synapse_words_hex", value="00"), "synapse words: expected 8192 of 8 digits, got 2 digits"),
    (put("config", "handshake", "a", value=[]), "config.handshake.a"),
    (put("config", "handshake", "a", value=[-1]), "config.handshake.a.0"),
    (put("config", "registers", "OPEN_LOOP", value=7), "registers.OPEN_LOOP: expected 0 or 1, got 7"),
    (put("config", "registers", "MONITOR_NEUR_ADDR", value="x"), "config.registers.MONITOR_NEUR_ADDR"),
    (put("config", "neuron_words_hex", value=[WORD]), "neuron words: expected 256, got 1"),
    (put("config", "neuron_words_hex", 0, value="zz"), "invalid literal"),
    (put("config", "neuron_words_hex", 0, value="1" + WORD), "neuron word 0: expected 128 bits"),
    (put("config", "syn_sign_hex", value="1" + "0" * 64), "syn_sign_hex: expected 256 bits, got 257"),
    (put("config", "max_cycles", value=1 << 60), "config.max_cycles"),
    (put("stimulus", value=[[1, 1 << 17]]), "case.json: events: word 0: expected 17 bits, got 0x20000"),
    (put("stimulus", value=[[1]]), "stimulus.0"),
    (put("format", value="odin-golden-9"), "format: expected one of odin-golden-1, tinyodin-golden-1"),
    (put("expected", "operations", 1, 1, value="14"), "a state and seven whole numbers, got ['WAIT_REQDN', '14'"),
    (put("expected", "operations", 1, 0, value=2), "expected a state and seven whole numbers, got [2, 14"),
    (put("expected", "memory_strobes", value={}), "expected.memory_strobes.neuron_reads: Field required"),
    (put("expected", "scheduler", value={}), "expected.scheduler.pushed: Field required"),
    (put("expected", "scheduler", "final_fifo", value="x"), "expected.scheduler.final_fifo"),
    (lambda tree: [tree["expected"].pop(name) for name in ("final_v_up_hex", "final_synapse_words_hex")],
     "expected: a case of odin needs final_synapse_words_hex, final_v_up_hex"),
    (lambda tree: tree["expected"].pop("final_calcium"), "a case of odin needs final_calcium"),
    (lambda tree: tree.pop("expected"), "expected: Field required"),
    (lambda tree: tree.clear(), "format: expected one of"),
]


@pytest.mark.parametrize(("change", "message"), REFUSALS, ids=[text for _, text in REFUSALS])
def test_a_damaged_case_gets_one_message(
    change: Callable[[dict[str, Any]], object], message: str, small: dict[str, Any], tmp_path: Path
) -> None:
    result = replay(write(changed(small, change), tmp_path / "case.json"))
    assert (result.exit_code, type(result.exception)) == (2, SystemExit), result.output
    assert message in result.stderr and "Traceback" not in result.output


@pytest.mark.parametrize("content", [b"[]", b"{", b"\x1f\x8b12", b"\xff\xfe", b"[" * 100_000], ids=str)
def test_what_is_no_case_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_bytes(content)
    with pytest.raises(ReplayError, match="case.json"):
        load_case(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("config", "registers", "GATE_ACTIVITY", value=1), "register GATE_ACTIVITY = 1, which is not modelled"),
        (put("config", "neuron_words_hex", 3, value="0" * 32), "neuron word 3: expected bit 0 set"),
    ],
)
def test_what_is_not_modelled_is_said(
    change: Callable[[dict[str, Any]], object], message: str, small: dict[str, Any], tmp_path: Path
) -> None:
    path = write(changed(small, change), tmp_path / "case.json")
    verdict = replay_case(path)
    assert verdict.identical is None and message in verdict.message
    assert replay(path).exit_code == 3
    (tmp_path / "other.json").write_text(json.dumps(changed(small, put("expected", "last_active_cycle", value=1))))
    assert replay(tmp_path).exit_code == 1  # one is different


def test_statistics_that_were_asked_for_are_missed(small: dict[str, Any], tmp_path: Path) -> None:
    write(small, tmp_path / "case.json")
    said = CliRunner().invoke(main, ["replay", "--statistics", "--engine", "compiled", str(tmp_path)])
    assert said.stderr.strip() == f"--statistics: expected a statistics.csv in {tmp_path}, found none"
    assert "statistics" not in replay(tmp_path).output


def test_statistics_are_judged_point_by_point(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first point as BookSim2 measured it, the second with its latencies doubled."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    write(small, tmp_path / "case.json")
    (tmp_path / "statistics.csv").write_text(
        "router_mode,topology,k,num_vcs,traffic,packet_flits,buffer,offered_flits_per_node_cycle,drained,"
        "avg_packet_latency,p99_packet_latency,accepted_flits_per_node_cycle\n"
        "A,mesh,4,1,uniform,1,4,0.056,1,12.529,23,0.05775\nA,mesh,4,1,neighbor,1,4,0.056,1,27.97,46,0.05775\n"
    )
    result = replay(tmp_path)
    line = next(line for line in result.stdout.splitlines() if "statistics.csv" in line)
    assert "1 of 2 operating points inside the acceptance bands (average 1 of 2, median deviation -2" in line
    assert "p99 1 of 2" in line and "accepted 0 of 0" in line
    assert "2 network simulations" in result.stderr
    quiet = CliRunner().invoke(main, ["replay", "--no-statistics", "--engine", "compiled", str(tmp_path)])
    assert "statistics" not in quiet.output and quiet.exit_code == 0
