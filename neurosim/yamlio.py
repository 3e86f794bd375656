"""YAML -> validated model, with every complaint about a file at once and each with its line.

PyYAML reads the syntax. Scalars are resolved by the core schema of YAML 1.2 (yaml.org/spec/1.2.2, section
10.3): `1e-12` is a number, `on`, `no` and `12:30` are text, `010` is ten. Two equal keys are refused.
"""

import json
import math
import os
import re
from collections.abc import Iterable
from pathlib import Path as FilePath
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from neurosim.complaint import Complaint, Path, complaints_of, did_you_mean, dotted
from neurosim.errors import ConfigError

__all__ = ["Document", "dump", "find", "load", "read", "shipped"]

Model = TypeVar("Model", bound=BaseModel)
_TAG = "tag:yaml.org,2002:"
_MAX_NODES = 100_000  # aliases of aliases can make a small file describe a gigantic tree
_MAX_DIGITS = 400


class _Loader(yaml.SafeLoader):
    """PyYAML's parser with the core schema of YAML 1.2 instead of the types of YAML 1.1."""

    yaml_implicit_resolvers: dict[str, Any] = {}


class _Dumper(yaml.SafeDumper):
    """Quotes every text that YAML 1.1 or 1.2 would read as something else."""

    yaml_implicit_resolvers = {k: list(v) for k, v in yaml.SafeDumper.yaml_implicit_resolvers.items()}


_CORE_SCHEMA = (
    ("null", r"(?:null|Null|NULL|~|)", [*"nN~", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)", [*"tTfF"]),
    ("int", r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)", [*"-+0123456789"]),
    (
        "float",
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))",
        [*"-+0123456789."],
    ),
)
for _kind, _pattern, _first in _CORE_SCHEMA:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _kind, re.compile(_pattern + r"\Z"), _first)


class Document:
    """A parsed file: `tree` (plain dicts, lists and scalars), where each key stands, and the complaints.

    `read` makes one; `set` overrides keys; `validate` turns it into a model or raises ConfigError.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.tree: Any = {}
        self._places: dict[Path, str] = {(): f"{name}:1"}
        self._complaints: list[Complaint] = []
        self._nodes = 0

    def where(self, path: Path) -> str:
        """`file:line` (or `--set key`) of the key at `path`, or of the nearest key above it."""
        while path not in self._places:
            path = path[:-1]
        return self._places[path]

    def set(self, assignments: Iterable[str]) -> None:
        """Apply `core.synapse.banks=4` and the like; the value is read as YAML.

        Raises ConfigError if an assignment is not of the form key=value or its value is not YAML.
        """
        for assignment in assignments:
            key, equals, text = assignment.partition("=")
            if not equals or not all(key.strip().split(".")):
                raise ConfigError(f"--set {assignment}: expected key=value, such as core.synapse.banks=4")
            place = f"--set {key.strip()}"
            path = self._locate(key.strip().split("."), place)
            self._places = {p: w for p, w in self._places.items() if p[: len(path)] != path}
            self._complaints = [c for c in self._complaints if c.path[: len(path)] != path]
            value = self._build(_compose(text, place), path, place, frozenset())
            self._assign(path, value, place)

    def validate(self, model: type[Model]) -> Model:
        """The tree as a `model`. Raises ConfigError with all complaints, in the order of the file."""
        errors: list[Complaint] = list(self._complaints)
        known = {complaint.path for complaint in errors if not complaint.place}
        result: Model | None = None
        if isinstance(self.tree, dict):
            try:
                result = model.model_validate_json(json.dumps(self.tree))
            except ValidationError as error:
                errors += [c for c in complaints_of(model, error.errors()) if c.path not in known]
        else:
            errors.append(Complaint((), f"expected a mapping of keys to values, got {_outline(self.tree)}"))
        if errors or result is None:
            places = [(c.place or self.where(c.path), c) for c in errors]
            places.sort(key=lambda item: _line_number(item[0]))
            raise ConfigError("\n".join(f"{place}: {dotted(c.path)}: {c.text}" for place, c in places))
        return result

    def _complain(self, path: Path, text: str) -> None:
        self._complaints.append(Complaint(path, text))

    def _locate(self, parts: list[str], place: str) -> Path:
        """The path of an assignment's key: a part that meets a list is an index."""
        here, path = self.tree, []
        for part in parts:
            step: str | int = part
            if isinstance(here, list):
                if not (part.isascii() and part.isdigit() and int(part) < len(here)):
                    raise ConfigError(f"{place}: expected an index below {len(here)}, got '{part}'")
                step = int(part)
                here = here[step]
            else:
                here = here.get(part) if isinstance(here, dict) else None
            path.append(step)
        return tuple(path)

    def _assign(self, path: Path, value: Any, place: str) -> None:
        here = self.tree
        for depth, part in enumerate(path[:-1]):
            if isinstance(here, dict) and not isinstance(here.get(part), dict | list):
                here[part] = {}
                self._places[path[: depth + 1]] = place
            here = here[part]
        here[path[-1]] = value

    def _build(self, node: yaml.Node | None, path: Path, place: str, above: frozenset[int]) -> Any:
        """Plain data of a node. `place` is a fixed place, or empty: then it is the line of the node."""
        self._nodes += 1
        if node is None or self._nodes > _MAX_NODES:
            if self._nodes == _MAX_NODES + 1:
                self._complain(path, f"expected at most {_MAX_NODES} values, got more (aliases of aliases?)")
            return None
        self._places.setdefault(path, place or f"{self.name}:{node.start_mark.line + 1}")
        if id(node) in above:
            self._complain(path, "expected a value, got an alias of what contains it")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, place, above | {id(node)})
        if isinstance(node, yaml.SequenceNode):
            inner = above | {id(node)}
            return [self._build(item, (*path, i), place, inner) for i, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path, place: str, above: frozenset[int]) -> Any:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            here = place or f"{self.name}:{line}"
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _TAG + "str":
                shown = key_node.value if isinstance(key_node, yaml.ScalarNode) else "a list or mapping"
                bad = (*path, str(shown) or "empty key")
                self._places[bad] = here
                self._complain(bad, f"expected a key that is text, got {shown or 'nothing'}")
                continue
            key: str = key_node.value
            if key in lines:
                text = f"expected each key once, got '{key}' again (first on line {lines[key]})"
                self._complaints.append(Complaint((*path, key), text, here))
                continue
            lines[key] = line
            self._places[(*path, key)] = here
            result[key] = self._build(value_node, (*path, key), place, above)
        return result

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        text, kind = str(node.value), node.tag.removeprefix(_TAG)
        if kind == "str":
            return text
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind in ("int", "float"):
            number = _number(text, kind)
            if number is None:
                shown = text if len(text) <= 40 else f"one of {len(text)} digits"
                self._complain(path, f"expected a finite number, got {shown}")
            return number
        self._complain(path, f"expected plain YAML, got the tag {node.tag}")
        return None


def _number(text: str, kind: str) -> int | float | None:
    if len(text) > _MAX_DIGITS:
        return None
    try:
        if kind == "int":
            base = {"0o": 8, "0x": 16}.get(text[:2], 10)
            return int(text, base)
        value = float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _outline(value: object) -> str:
    return "a list" if isinstance(value, list) else "nothing" if value is None else f"'{value}'"[:60]


def _line_number(place: str) -> int:
    line = place.rpartition(":")[2]
    return int(line) if line.isdigit() else 1 << 30


def _compose(text: str, place: str) -> yaml.Node | None:
    """The node tree of `text`. Raises ConfigError at the line of the first fault of syntax."""
    where = place
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
        return node
    except yaml.MarkedYAMLError as error:
        ended = re.search("stream end|end of stream", str(error.problem))
        unclosed = ended is not None and error.context_mark is not None
        mark = error.context_mark if unclosed else error.problem_mark or error.context_mark
        where = f"{place}:{mark.line + 1}" if mark and not place.startswith("--set") else place
        problem = "an unclosed bracket or quote" if unclosed else f"a fault: {error.problem}"
        if "'\\t'" in str(error.problem):
            problem = "a tab (indent with spaces)"
        elif "single document" in str(error.context):
            problem = "a second document"
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        where = place if place.startswith("--set") else f"{place}:{line}"
        problem = f"the character #x{ord(text[error.position]):04x}"
    except (yaml.YAMLError, RecursionError):
        where, problem = f"{place}:1" if not place.startswith("--set") else place, "too deep a nesting"
    raise ConfigError(f"{where}: syntax: expected one YAML document, got {problem}")


def read(path: str | os.PathLike[str]) -> Document:
    """Parse a file. Raises ConfigError if it cannot be read, is not UTF-8 text, or is not YAML."""
    name = os.fspath(path)
    try:
        data = FilePath(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ConfigError(f"{name}: file: expected a readable YAML file, got: {reason}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        got = f"byte 0x{data[error.start]:02x}"
        raise ConfigError(f"{name}:{line}: file: expected UTF-8 text, got {got}") from None
    document = Document(name)
    try:
        document.tree = document._build(_compose(text, name), (), "", frozenset())
    except RecursionError:
        raise ConfigError(f"{name}:1: syntax: expected one YAML document, got too deep a nesting") from None
    return document


def load(path: str | os.PathLike[str], model: type[Model], overrides: Iterable[str] = ()) -> Model:
    """Read a file, apply `key=value` overrides, validate. Raises ConfigError with all complaints."""
    document = read(path)
    document.set(overrides)
    return document.validate(model)


def dump(data: Any) -> str:
    """Plain data as YAML that `read` reads back to the same data (keys in their order)."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=110)


def shipped() -> FilePath:
    """The folder of the shipped chips: inside an installed package, or beside it in a checkout."""
    package = FilePath(__file__).resolve().parent
    inside = package / "hwconfigs"
    return inside if inside.is_dir() else package.parent / "hwconfigs"


def find(name: str | os.PathLike[str], folder: str = "") -> FilePath:
    """The file that `name` means: a path to a YAML file, or the bare name of a shipped one.

    `folder` is the subfolder of the shipped files ("" for chips, "costs" for cost tables).
    Raises ConfigError with the shipped names if there is no such file.
    """
    text = os.fspath(name)
    path = FilePath(text)
    bare = path.name == text and path.suffix not in (".yaml", ".yml")
    if bare:
        candidate = shipped() / folder / f"{text}.yaml"
        if candidate.is_file():
            return candidate
    if path.is_file():
        return path
    names = sorted(p.stem for p in (shipped() / folder).glob("*.yaml"))
    problem = "a folder" if path.is_dir() else "no such file"
    hint = did_you_mean(path.stem, names)
    raise ConfigError(f"{text}: file: expected a YAML file or one of {', '.join(names)}, got {problem}{hint}")
