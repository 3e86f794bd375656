"""neurosim replay of recorded learning: the vectors of SSNN-BP, and one clear message for everything else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from neurosim.cli import main
from neurosim.errors import NeurosimError, ReplayError
from neurosim.vectors import replay_vectors

FOLDER = Path(__file__).parents[1] / "traces" / "rules"
GOLDEN = FOLDER / "golden_ssnn_int.npz"
Arrays = dict[str, Any]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["replay", *map(str, arguments)], prog_name="neurosim")


def short(samples: int = 1) -> Arrays:
    """The first samples of the vectors, with what the weights were in the beginning for what they became."""
    found = dict(np.load(GOLDEN))
    return found | {name: found[name][:samples] for name in ("X", "Y", "counts")}


def stored(folder: Path, arrays: Arrays) -> Path:
    np.savez(folder / "changed.npz", **arrays)
    return folder / "changed.npz"


def test_both_engines_learn_the_vectors() -> None:
    result = invoke(GOLDEN)
    assert result.exit_code == 0, result.output
    assert result.stdout == "golden_ssnn_int: IDENTICAL: 24 samples, 572 weights\n1 of 1 identical\n"


def test_a_folder_names_what_is_not_modelled() -> None:
    result = invoke(FOLDER, "--engine", "reference")
    assert result.exit_code == 3, result.output
    first, second, last = result.stdout.splitlines()
    assert first.startswith("golden_desire_float: not modelled: vectors in float32")
    assert second.startswith("golden_ssnn_int: IDENTICAL")
    assert last == "1 of 2 identical"


@pytest.mark.parametrize(
    ("name", "change"),
    [("counts", lambda x: x + 1), ("W1_final", lambda x: x - 1), ("b2_final", lambda x: x + 1)],
)
def test_a_difference_is_named(name: str, change: Callable[[Any], Any], tmp_path: Path) -> None:
    changed = dict(np.load(GOLDEN))
    changed[name] = change(changed[name])
    result = invoke(stored(tmp_path, changed), "--engine", "reference")
    assert (result.exit_code, "0 of 1 identical" in result.stdout) == (1, True), result.output
    assert f"changed: DIFFERENT (reference engine): {name}[0" in result.stdout


def test_other_byte_orders_of_drawing_are_not_modelled(tmp_path: Path) -> None:
    result = invoke(stored(tmp_path, short() | {"bmode": 1}), "--engine", "reference")
    assert (result.exit_code, "not modelled: needs bmode = 1" in result.stdout) == (3, True), result.output


CHANGES: dict[str, Callable[[Arrays], object]] = {
    "no samples' labels": lambda a: a.pop("Y"),
    "no weights": lambda a: a.pop("W1_init"),
    "no final weights": lambda a: a.pop("W2_final"),
    "no seed": lambda a: a.pop("seed"),
    "steps in words": lambda a: a.update(T="sixteen"),
    "two numbers of steps": lambda a: a.update(T=[16, 16]),
    "two modes": lambda a: a.update(bmode=[0, 0]),
    "no steps": lambda a: a.update(T=0),
    "an infinity of steps": lambda a: a.update(T=np.inf),
    "all steps warm": lambda a: a.update(warm=16),
    "another gate": lambda a: a.update(gate=1),
    "negative fraction": lambda a: a.update(fw=-7),
    "wide fraction": lambda a: a.update(fw=40),
    "negative seed": lambda a: a.update(seed=-1),
    "a layer of none": lambda a: a.update(sizes=[20, 0, 12, 5]),
    "one layer": lambda a: a.update(sizes=[20]),
    "a number for sizes": lambda a: a.update(sizes=20),
    "sizes in words": lambda a: a.update(sizes=["a", "b"]),
    "a layer too wide": lambda a: a.update(sizes=[20, 16, 12, 500_000]),
    "other sizes": lambda a: a.update(sizes=[20, 12, 16, 5]),
    "images too small": lambda a: a.update(X=a["X"][:, :10]),
    "images too large": lambda a: a.update(X=np.zeros((1, 40), np.uint8)),
    "images flat": lambda a: a.update(X=a["X"].ravel()),
    "images of real numbers": lambda a: a.update(X=a["X"] / 256),
    "images too bright": lambda a: a.update(X=a["X"].astype(np.int64) + 1000),
    "more images than labels": lambda a: a.update(X=np.vstack([a["X"], a["X"]])),
    "a label of none": lambda a: a.update(Y=np.array([5])),
    "a negative label": lambda a: a.update(Y=np.array([-1])),
    "labels in words": lambda a: a.update(Y=np.array(["one"])),
    "labels in two dimensions": lambda a: a.update(Y=np.array([[1]])),
    "weights the other way": lambda a: a.update(W0_init=a["W0_init"].T),
    "weights not finite": lambda a: a.update(W0_init=np.full((20, 16), np.nan)),
    "biases too short": lambda a: a.update(b0_init=a["b0_final"][:3]),
    "counts of other samples": lambda a: a.update(counts=np.zeros((2, 5))),
    "final weights the other way": lambda a: a.update(W0_final=a["W0_final"].T),
}


@pytest.mark.parametrize("what", CHANGES)
def test_other_content_is_refused(what: str, tmp_path: Path) -> None:
    arrays = short()
    CHANGES[what](arrays)
    path = stored(tmp_path, arrays)
    with pytest.raises(ReplayError, match="changed.npz: expected vectors of SSNN-BP"):
        replay_vectors(path, "reference")
    result = invoke(path, "--engine", "reference")
    assert (result.exit_code, "Traceback" in result.output) == (2, False), result.output


def damaged() -> dict[str, bytes]:
    """Files that are no npz file, or no longer."""
    whole = GOLDEN.read_bytes()
    middle = len(whole) // 2
    return {
        "empty": b"",
        "cut": whole[:middle],
        "text": b"T: 16\n",
        "single array": b"\x93NUMPY" + whole,
        "flipped": whole[:100] + bytes(255 - byte for byte in whole[100:140]) + whole[140:],
        "no directory": whole[:-60],
    }


@pytest.mark.parametrize("what", damaged())
def test_damaged_files_are_refused(what: str, tmp_path: Path) -> None:
    path = tmp_path / "damaged.npz"
    path.write_bytes(damaged()[what])
    with pytest.raises(ReplayError, match=r"damaged\.npz: expected"):
        replay_vectors(path, "reference")
    result = invoke(path)
    assert (result.exit_code, "Traceback" in result.output) == (2, False), result.output


def test_a_plain_array_and_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.arange(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    np.savez(tmp_path / "objects.npz", T=np.array([{}], object))
    for name in ("array.npz", "objects.npz"):
        with pytest.raises(ReplayError, match=f"{name}: expected"):
            replay_vectors(tmp_path / name, "reference")


@pytest.mark.parametrize("seed", range(3))
def test_any_flipped_byte_is_a_verdict_or_one_message(seed: int, tmp_path: Path) -> None:
    rng, path = np.random.default_rng(seed), tmp_path / "flipped.npz"
    np.savez(path, **short())
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(100):
        changed = whole.copy()
        changed[rng.integers(0, len(whole), 2)] ^= np.uint8(rng.integers(1, 256))
        path.write_bytes(changed.tobytes())
        try:
            replay_vectors(path, "reference")
        except NeurosimError as error:
            assert str(error).startswith(str(path))
