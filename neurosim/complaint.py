"""What is wrong with a file, in words: `expected X, got Y (did you mean Z?)`."""

import difflib
import re
import types
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel

__all__ = ["Complaint", "Complaints", "Path", "complaints_of", "did_you_mean", "dotted"]

Path = tuple[str | int, ...]
_NUMBER_WITH_UNIT = re.compile(r"[-+]?[.\d][\d._]*([eE][-+]?\d+)?\s*[^\d\s]\S*")
_HUGE = 1_000_000  # an upper limit beyond this is named only where it is exceeded


class Complaint(NamedTuple):
    """One thing that is wrong: the path of keys to it, the sentence, and the place if it is another one."""

    path: Path
    text: str
    place: str = ""


class Complaints(ValueError):
    """Raised by a validator that compares several keys; paths start at what is validated."""

    def __init__(self, *complaints: tuple[Path, str]) -> None:
        self.complaints = [Complaint(*complaint) for complaint in complaints]
        super().__init__("; ".join(f"{dotted(path)}: {text}" for path, text, _ in self.complaints))


def dotted(path: Path) -> str:
    """`("noc", "dead_links", 0)` -> `noc.dead_links.0`; the empty path is the document itself."""
    return ".".join(str(part) for part in path) or "document"


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """` (did you mean 'banks'?)`, or nothing if no known word resembles `word`."""
    folded = {name.lower().replace("-", "_"): name for name in known}
    close = difflib.get_close_matches(str(word).lower().replace("-", "_"), folded, n=1, cutoff=0.6)
    return f" (did you mean '{folded[close[0]]}'?)" if close else ""


def complaints_of(model: type[BaseModel], errors: Sequence[Any]) -> list[Complaint]:
    """Pydantic's error list as complaints, with what the model's type at each path expects."""
    found: list[Complaint] = []
    for error in errors:
        path: Path = tuple(error["loc"])
        raised = error.get("ctx", {}).get("error")
        if isinstance(raised, Complaints):
            found.extend(Complaint(path + c.path, c.text) for c in raised.complaints)
        elif error["type"] == "extra_forbidden":
            found.append(Complaint(path, _unknown_key(model, path)))
        elif error["type"] == "value_error":
            found.append(Complaint(path, str(raised)))
        elif path[-1:] == ("[key]",):  # of a mapping whose keys are a choice
            (keys, _), owner = get_args(_strip(_type_at(model, path[:-2]))[0]), path[:-1]
            found.append(Complaint(owner, _mismatch(keys, owner[-1], missing=False)))
        else:
            missing = error["type"] == "missing"
            found.append(Complaint(path, _mismatch(_type_at(model, path), error["input"], missing)))
    return found


def _unknown_key(model: type[BaseModel], path: Path) -> str:
    owner = _strip(_type_at(model, path[:-1]))[0]
    known = list(owner.model_fields) if isinstance(owner, type) and issubclass(owner, BaseModel) else []
    hint = did_you_mean(path[-1], known)
    return f"expected one of the keys {', '.join(known)}, got '{path[-1]}'{hint}"


def _mismatch(annotation: Any, value: object, missing: bool) -> str:
    expected = _expected(annotation, value)
    if missing:
        return f"expected {expected}, got nothing (the key is missing)"
    hint = ""
    kind, _ = _strip(annotation)
    if isinstance(value, str):
        if get_origin(kind) is Literal:
            hint = did_you_mean(value, [str(choice) for choice in get_args(kind)])
        elif kind in (int, float) and _is_number(value):
            hint = " (a number in quotes is text: leave out the quotes)"
        elif kind in (int, float) and _NUMBER_WITH_UNIT.fullmatch(value):
            hint = " (write the number alone: the unit is in the key)"
        elif kind is bool:
            hint = " (write true or false)"
    return f"expected {expected}, got {_shown(value)}{hint}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _strip(annotation: Any, metadata: Sequence[Any] = ()) -> tuple[Any, list[Any]]:
    """The type without Annotated and `| None`, and all its constraints."""
    constraints = list(metadata)
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *more = get_args(annotation)
            for item in more:
                constraints.extend(getattr(item, "metadata", [item]))
        elif origin in (Union, types.UnionType):
            options = [option for option in get_args(annotation) if option is not type(None)]
            if len(options) != 1:
                return annotation, constraints
            annotation = options[0]
        else:
            return annotation, constraints


def _type_at(model: type[BaseModel], path: Path) -> Any:
    """The annotation that the model gives to `path`; `object` where the model says nothing."""
    here: Any = model
    for part in path:
        kind, _ = _strip(here)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(part))
            if field is None:
                return object
            here = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        elif get_origin(kind) is dict:
            here = get_args(kind)[1]
        elif get_origin(kind) in (tuple, list):
            items = get_args(kind)
            here = items[0] if items[-1] in (..., items[0]) else items[min(int(part), len(items) - 1)]
        else:
            return object
    return here


def _expected(annotation: Any, value: object = None) -> str:
    kind, constraints = _strip(annotation)
    origin = get_origin(kind)
    if origin is Literal:
        choices = get_args(kind)
        return str(choices[0]) if len(choices) == 1 else "one of " + ", ".join(str(c) for c in choices)
    if kind in (int, float):
        return ("a whole number" if kind is int else "a number") + _range(constraints, value)
    if kind in (str, bool):
        return "text" if kind is str else "true or false"
    if origin is dict or (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return "a mapping of keys to values"
    if origin in (tuple, list):
        items = get_args(kind)
        inner = _expected(items[0]).removeprefix("a ").removeprefix("one of ")
        return f"a list of {inner}" if items[-1] is ... or origin is list else f"a list of {len(items)} items"
    return "another value"


def _range(constraints: Sequence[Any], value: object) -> str:
    low: Any = None
    high: Any = None
    above: Any = None
    below: Any = None
    for item in constraints:
        if isinstance(item, annotated_types.Ge):
            low = item.ge
        elif isinstance(item, annotated_types.Le):
            high = item.le
        elif isinstance(item, annotated_types.Gt):
            above = item.gt
        elif isinstance(item, annotated_types.Lt):
            below = item.lt
    exceeded = isinstance(value, int | float) and high is not None and value > high
    if high is not None and high >= _HUGE and not exceeded:
        high = None
    words = [
        f"{word} {limit:g}" if isinstance(limit, float) else f"{word} {limit}"
        for word, limit in (("of at least", low), ("above", above), ("of at most", high), ("below", below))
        if limit is not None
    ]
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return " " + " and ".join(words) if words else ""
