"""Recorded cases notice a broken rule: mutants of the compiled engine, of a chip file and of a kernel fall to them."""

import os
import shutil
from pathlib import Path

import pytest

from tests.agreement.mutants import MUTANTS, ROOT, Mutant, apply
from tests.agreement.recorded import difference_from_recordings

CAUGHT = (
    "sequenced: nothing is held", "sequenced: held words strobe once", "sequenced: flags after the update",
    "sequenced: dropped after the pop", "sequenced: popped while busy", "sequenced: ACK a cycle longer",
    "odin: the queue first", "sdsp: rise at the bound",
)  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mutants")
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("neurosim", "hwconfigs", "traces/odin", "tests/agreement"):
        shutil.copytree(ROOT / part, folder / part, ignore=ignore)
    (folder / "tests" / "__init__.py").touch()
    return folder


def found(folder: Path, mutant: Mutant | None) -> str:
    """What the recordings find in the copy with a mutant, which is taken back."""
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    if mutant is None:
        return difference_from_recordings(str(folder), environment)
    file = folder / "neurosim" / "engine" / mutant.file
    sound = file.read_text()
    file.write_text(apply(mutant, folder / "neurosim" / "engine"))
    try:
        return difference_from_recordings(str(folder), environment)
    finally:
        file.write_text(sound)


def test_without_a_mutant_nothing_differs(copy: Path) -> None:
    assert found(copy, None) == ""


@pytest.mark.parametrize("name", CAUGHT)
def test_a_recorded_case_notices(name: str, copy: Path) -> None:
    assert ": cycle " in found(copy, next(mutant for mutant in MUTANTS if mutant.name == name))
