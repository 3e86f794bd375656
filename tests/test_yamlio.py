"""YAML reading: numbers of YAML 1.2, positions, overrides, and one message for every way to be wrong."""

import re
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from neurosim import yamlio
from neurosim.errors import ConfigError


class Part(BaseModel):
    """A section of the model that these tests read."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    cycles: int
    kind: Literal["mesh", "torus"] = "mesh"


class Model(BaseModel):
    """A small model with every kind of value."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    part: Part
    name: str = ""
    scale: float = 1.0
    on: bool = False
    sizes: tuple[int, ...] = ()
    pair: tuple[int, int] = (0, 0)
    limit: int | None = None
    costs: dict[str, Part] = {}


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "chip.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def tree(folder: Path, text: str) -> Any:
    return yamlio.read(write(folder, text)).tree


def complaints(folder: Path, text: str | bytes, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        yamlio.load(write(folder, text), Model, overrides)
    return [line.replace(f"{folder}/", "") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-12", 1e-12),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-2.", -2.0),
        ("+7", 7),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("on", "on"),
        ("no", "no"),
        ("yes", "yes"),
        ("Off", "Off"),
        ("y", "y"),
        ("2024-01-01", "2024-01-01"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("=", "="),
        ("20pJ", "20pJ"),
        ("0b11", "0b11"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(tmp_path: Path, text: str, value: object) -> None:
    read = tree(tmp_path, f"key: {text}\n")["key"]
    assert read == value
    assert type(read) is type(value)


def test_a_valid_file_becomes_the_model(tmp_path: Path) -> None:
    text = "part: {cycles: 3}\nscale: 1e-12\non: true\nsizes: [1, 2]\npair: [3, 4]\nlimit: 5\n"
    model = yamlio.load(write(tmp_path, text), Model)
    assert model == Model(part=Part(cycles=3), scale=1e-12, on=True, sizes=(1, 2), pair=(3, 4), limit=5)


def test_anchors_and_aliases_are_read(tmp_path: Path) -> None:
    assert tree(tmp_path, "a: &x {cycles: 1}\nb: *x\n") == {"a": {"cycles": 1}, "b": {"cycles": 1}}


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    assert yamlio.read(write(tmp_path, b"\xef\xbb\xbfa: 1\n")).tree == {"a": 1}


BAD_VALUES = [
    ("part:\n  cycles: three\n", "2: part.cycles: expected a whole number, got 'three'"),
    ("part:\n  cycles: 1.5\n", "2: part.cycles: expected a whole number, got 1.5"),
    ("part:\n  cycles: true\n", "2: part.cycles: expected a whole number, got true"),
    ("part:\n  cycles:\n", "2: part.cycles: expected a whole number, got nothing"),
    ("part:\n  cycles: [1]\n", "2: part.cycles: expected a whole number, got a list of 1"),
    ("part:\n  cycles: {a: 1}\n", "2: part.cycles: expected a whole number, got a mapping"),
    (
        "part:\n  cycles: '12'\n",
        "2: part.cycles: expected a whole number, got '12' (a number in quotes",
    ),
    (
        "part:\n  cycles: 20pJ\n",
        "2: part.cycles: expected a whole number, got '20pJ' (write the number alone: the unit",
    ),
    (
        "part: {cycles: 1}\nscale: 1.5 mm\n",
        "2: scale: expected a number, got '1.5 mm' (write the number alone: the unit is in the key)",
    ),
    ("part: {cycles: 1}\n\nscale: .nan\n", "3: scale: expected a finite number, got .nan"),
    ("part: {cycles: 1}\nscale: -.inf\n", "2: scale: expected a finite number, got -.inf"),
    ("part: {cycles: 1}\nscale: 1e999\n", "2: scale: expected a finite number, got 1e999"),
    (
        "part: {cycles: " + "9" * 5000 + "}\n",
        "1: part.cycles: expected a finite number, got one of 5000 digits",
    ),
    ("part: {cycles: 1}\non: yes\n", "2: on: expected true or false, got 'yes' (write true or false)"),
    ("part: {cycles: 1}\nname: 16\n", "2: name: expected text, got 16"),
    ("part: {cycles: 1}\nsizes: 4\n", "2: sizes: expected a list of whole number, got 4"),
    ("part: {cycles: 1}\nsizes:\n  - 1\n  - x\n", "4: sizes.1: expected a whole number, got 'x'"),
    (
        "part: {cycles: 1}\npair: [1]\n",
        "2: pair.1: expected a whole number, got nothing (the key is missing)",
    ),
    ("part: {cycles: 1}\npair: [1, 2, 3]\n", "2: pair: expected a list of 2 items, got a list of 3"),
    (
        "part:\n  cycles: 1\n  kind: tours\n",
        "3: part.kind: expected one of mesh, torus, got 'tours' (did you mean 'torus'?)",
    ),
    (
        "part:\n  cycle: 1\n  cycles: 1\n",
        "2: part.cycle: expected one of the keys cycles, kind, got 'cycle' (did you mean 'cycles'?)",
    ),
    (
        "# comment\npart: {cycles: 1}\nzzz: 1\n",
        "3: zzz: expected one of the keys part, name, scale, on, sizes, pair, limit, costs, got 'zzz'",
    ),
    (
        "name: x\npart:\n  kind: mesh\n",
        "2: part.cycles: expected a whole number, got nothing (the key is missing)",
    ),
    ("name: x\n", "1: part: expected a mapping of keys to values, got nothing (the key is missing)"),
    ("part: [1, 2]\n", "1: part: expected a mapping of keys to values, got a list of 2"),
    (
        "part: {cycles: 1}\ncosts:\n  add: {cycles: x}\n",
        "3: costs.add.cycles: expected a whole number, got 'x'",
    ),
    (
        "part:\n  cycles: 1\n  cycles: 2\n",
        "3: part.cycles: expected each key once, got 'cycles' again (first on line 2)",
    ),
    ("part: {cycles: 1}\n12: x\n", "2: 12: expected a key that is text, got 12"),
    (
        "part: {cycles: 1}\n[a]: x\n",
        "2: a list or mapping: expected a key that is text, got a list or mapping",
    ),
    ("part: {cycles: 1}\n~: x\n", "2: ~: expected a key that is text, got ~"),
    ("part: {cycles: !!python/name:os.system x}\n", "1: part.cycles: expected plain YAML, got the tag "),
    ("part: &a {cycles: 1, kind: *a}\n", "1: part.kind: expected a value, got an alias of what contains it"),
    ("", "1: document: expected a mapping of keys to values, got nothing"),
    ("# only a comment\n", "1: document: expected a mapping of keys to values, got nothing"),
    ("- 1\n- 2\n", "1: document: expected a mapping of keys to values, got a list"),
    ("hello\n", "1: document: expected a mapping of keys to values, got 'hello'"),
]

BAD_SYNTAX: list[tuple[str | bytes, str]] = [
    ("part:\n\tcycles: 1\n", "2: syntax: expected one YAML document, got a tab (indent with spaces)"),
    ("a: 1\nsizes: [1, 2\n", "2: syntax: expected one YAML document, got an unclosed bracket or quote"),
    ("a: 1\nb: 'x\n", "2: syntax: expected one YAML document, got an unclosed bracket or quote"),
    ("a: 1\n  b: 2\n", "2: syntax: expected one YAML document, got a fault: "),
    ("a: 1\nb: *missing\n", "2: syntax: expected one YAML document, got a fault: "),
    ("a: 1\n---\nb: 2\n", "2: syntax: expected one YAML document, got a second document"),
    ("a: 1\nb: \x07\n", "2: syntax: expected one YAML document, got the character #x0007"),
    ("a: " + "[" * 5000, "1: syntax: expected one YAML document, got too deep a nesting"),
    (b"a: 1\nb: \xff\xfe\n", "2: file: expected UTF-8 text, got byte 0xff"),
    (b"PK\x03\x04\x00\x00\x00", "1: syntax: expected one YAML document, got the character #x0003"),
]


@pytest.mark.parametrize(("text", "message"), BAD_VALUES)
def test_a_wrong_value_is_named_with_file_line_key_and_expectation(
    tmp_path: Path, text: str, message: str
) -> None:
    (line,) = complaints(tmp_path, text)
    assert line.startswith(f"chip.yaml:{message}")


@pytest.mark.parametrize(("text", "message"), BAD_SYNTAX)
def test_a_file_that_is_not_yaml_is_named_with_its_line(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    (line,) = complaints(tmp_path, text)
    assert line.startswith(f"chip.yaml:{message}")


def test_all_complaints_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "scale: .inf\nname: 3\npart:\n  cycles: x\n  kind: mash\nscale: 2\nbogus: 1\n"
    lines = complaints(tmp_path, text)
    assert [line.split(": ")[0] for line in lines] == [f"chip.yaml:{n}" for n in (1, 2, 4, 5, 6, 7)]


def test_aliases_of_aliases_do_not_explode(tmp_path: Path) -> None:
    layers = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n"
    layers += "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    assert any("expected at most 100000 values" in line for line in complaints(tmp_path, layers))


@pytest.mark.parametrize("path", ["none.yaml", "."])
def test_a_file_that_cannot_be_read_is_a_config_error(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigError, match="file: expected a readable YAML file, got: "):
        yamlio.read(tmp_path / path)


TEXT = "part:\n  cycles: 1\nsizes: [1, 2]\n"


def test_overrides_replace_add_and_index(tmp_path: Path) -> None:
    overrides = ["part.cycles=4", "scale=1e-3", "sizes.1=7", "costs.add.cycles=2", "name=no", "pair=[5, 6]"]
    model = yamlio.load(write(tmp_path, TEXT), Model, overrides)
    assert model == Model(
        part=Part(cycles=4), scale=1e-3, sizes=(1, 7), costs={"add": Part(cycles=2)}, name="no", pair=(5, 6)
    )


def test_an_override_mends_what_the_file_has_wrong(tmp_path: Path) -> None:
    assert yamlio.load(write(tmp_path, "part: {cycles: .inf}\n"), Model, ["part.cycles=4"]).part.cycles == 4


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("part.cycles=4pJ", "--set part.cycles: part.cycles: expected a whole number, got '4pJ' (write the"),
        (
            "part.cycels=4",
            "--set part.cycels: part.cycels: expected one of the keys cycles, kind, got 'cycels' (did",
        ),
        ("part={kind: mesh}", "--set part: part.cycles: expected a whole number, got nothing"),
        ("scale=.nan", "--set scale: scale: expected a finite number, got .nan"),
        ("part.cycles", "--set part.cycles: expected key=value, such as core.synapse.banks=4"),
        ("=3", "--set =3: expected key=value"),
        ("a..b=3", "--set a..b=3: expected key=value"),
        ("sizes.5=3", "--set sizes.5: expected an index below 2, got '5'"),
        ("sizes.x=3", "--set sizes.x: expected an index below 2, got 'x'"),
        ("sizes=[1", "--set sizes: syntax: expected one YAML document, got an unclosed bracket"),
        ("name=\tx: y", "--set name: "),
    ],
)
def test_a_wrong_override_is_named_as_it_was_given(tmp_path: Path, override: str, message: str) -> None:
    (line,) = complaints(tmp_path, TEXT, override)
    assert line.startswith(message)


def test_a_name_finds_a_shipped_file_and_a_wrong_one_a_suggestion(tmp_path: Path) -> None:
    assert yamlio.find("mesh16") == yamlio.shipped() / "mesh16.yaml"
    assert yamlio.find("cacti22lop", "costs").parent.name == "costs"
    path = write(tmp_path, "a: 1\n")
    assert yamlio.find(path) == path
    with pytest.raises(
        ConfigError, match=r"mash16: file: .*mesh16.*got no such file \(did you mean 'mesh16'\?\)"
    ):
        yamlio.find("mash16")
    with pytest.raises(ConfigError, match="got a folder"):
        yamlio.find(tmp_path)


def test_shipped_files_are_found_inside_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "neurosim" / "hwconfigs").mkdir(parents=True)
    monkeypatch.setattr(yamlio, "__file__", str(tmp_path / "neurosim" / "yamlio.py"))
    assert yamlio.shipped() == (tmp_path / "neurosim" / "hwconfigs").resolve()


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), plain, max_size=4))
@example({"on": "no", "a": "1e-12", "b": "010", "c": "12:30", "d": 1e-12, "e": "0o17", "f": "~", "g": ""})
@example({"a": "x\ty", "b": " ", "c": "\u2028", "1e5": "<<", "=": "\x07"})
def test_what_is_dumped_reads_back_the_same(data: dict[str, Any]) -> None:
    document = yamlio.Document("text")
    node = yamlio._compose(yamlio.dump(data), "text")
    assert document._build(node, (), "", frozenset()) == data
    assert document._complaints == []


@given(st.binary(max_size=60))
def test_any_bytes_are_a_tree_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = write(tmp_path_factory.getbasetemp(), data)
    try:
        yamlio.load(path, Model)
    except ConfigError as error:
        assert all(re.match(r".*chip\.yaml:\d+: ", line) for line in re.split(r"\n(?=/)", str(error)))


@given(st.text(alphabet="ab: -[]{}&*!'\"\n#,.012e|>%@`?\t", max_size=40))
def test_any_yaml_like_text_is_a_tree_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = write(tmp_path_factory.getbasetemp(), text)
    try:
        yamlio.load(path, Model)
    except ConfigError:
        pass
