"""Recordings as judges: `python -m tests.agreement.recorded` prints the first difference from traces/odin.

Run in a mutated copy of the repository, by the compiled engine without compilation: all cases take some three seconds.
"""

import subprocess
import sys
from pathlib import Path

__all__ = ["difference_from_recordings"]

_SECONDS = 120


def difference_from_recordings(folder: str, environment: dict[str, str]) -> str:
    """What differs first from a recorded case in the copy of the repository in `folder`; empty: nothing."""
    command = [sys.executable, "-m", "tests.agreement.recorded"]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return "no end"
    if done.returncode != bool(done.stdout.strip()):  # it broke elsewhere than in a case
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


def first_difference() -> str:
    """The first case that is not identical, the shortest files first."""
    from neurosim.errors import NeurosimError
    from neurosim.silicon import replay_case

    for path in sorted(Path("traces/odin").glob("*.json.gz"), key=lambda path: path.stat().st_size):
        try:
            verdict = replay_case(path, "compiled")
        except (NeurosimError, AssertionError, KeyError, IndexError, ValueError) as error:
            return f"{path.name}: {type(error).__name__}: {error}"
        if not verdict.identical:
            return f"{verdict.case}: {verdict.message}"
    return ""


if __name__ == "__main__":
    text = first_difference()
    print(text)
    sys.exit(1 if text else 0)
