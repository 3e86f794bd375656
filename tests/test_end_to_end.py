"""The command itself, on the real engines, in processes of its own: killed, resumed, and on either engine."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUN = [sys.executable, "-m", "neurosim.cli", "run", "--chip", "tiny", "--network", "784-16-10", "--seed", "3"]
SAME = ("ledger.csv", "causes.csv", "curve.csv", "energy.csv", "memory.csv", "weights.npz")


def start(folder: Path, *options: str) -> "subprocess.Popen[bytes]":
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [*RUN, "--out", folder.name, *options]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=folder.parent, env=environment, **quiet)  # type: ignore[call-overload, no-any-return]


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in SAME}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_a_run_killed_again_and_again_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    job = ("--train", "400", "--test", "200", "--epochs", "2", "--chunk", "10", "--checkpoint-seconds", "0")
    assert start(tmp_path / "whole", *job).wait() == 0
    moments, kills, folder = random.Random(1), 0, tmp_path / "killed"
    for _ in range(20):
        options = (*job, "--resume") if (folder / "checkpoint.npz").exists() else job
        process = start(folder, *options)
        # From the first checkpoint on: a moment in training, testing or writing.
        while process.poll() is None and not (folder / "checkpoint.npz").exists():
            time.sleep(0.01)
        time.sleep(moments.uniform(0.3, 1.5))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        if process.returncode == 0:
            break
    else:
        assert start(folder, *job, "--resume").wait() == 0
    assert kills >= 2
    assert files(folder) == files(tmp_path / "whole")


def test_both_engines_write_the_same_files(tmp_path: Path) -> None:
    job = ("--train", "6", "--test", "4", "--epochs", "1")
    for engine in ("compiled", "reference"):
        assert start(tmp_path / engine, *job, "--engine", engine).wait() == 0
    assert files(tmp_path / "compiled") == files(tmp_path / "reference")
