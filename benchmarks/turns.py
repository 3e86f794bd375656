"""Processes that take turns: each tool runs in a process of its own, and one works while the others wait.

On a shared machine the speed of a core changes by the minute. Two tools are compared fairly if their measurements
alternate; and peak memory can be told apart only if each has its own process. So every side sets itself up, warms up,
and then waits for its turns. The messages are lines of JSON over the child's input and output.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


def peak_memory() -> int:
    """Bytes, of this process since it began."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would do, but a child begins there with the peak of its parent
        lines = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        if lines:
            return 1024 * int(lines[0].split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def resident() -> int:
    """Bytes in memory now; 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * resource.getpagesize() if statm.exists() else 0


class Player:
    """A child process as its parent sees it. Raises RuntimeError with the end of the child's stderr if it dies."""

    def __init__(self, title: str, script: Path, argument: Any) -> None:
        """Runs `script --child ARGUMENT`, the argument as JSON; `title` is for messages."""
        self.title = title
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [sys.executable, str(script), "--child", json.dumps(argument)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ | ONE_THREAD,
        )

    def hear(self) -> Any:
        """The child's next message."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            raise RuntimeError(f"{self.title} failed:\n{self._errors.read()[-2000:]}")
        return json.loads(line)

    def ask(self, message: Any) -> Any:
        """Gives the child its turn, and waits for the answer."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died: `hear` says why
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        return self.hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()  # the child reads the end of its input, and leaves
        if error is not None:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()


class Seat:
    """The child's end. Whatever else it or a library prints to standard output goes nowhere."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w")
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)

    def say(self, message: Any) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def hear(self) -> Any:
        """The parent's next message; None when there will be no more."""
        line = sys.stdin.readline()
        return json.loads(line) if line else None
