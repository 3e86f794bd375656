"""What a rule's circuits may know: the local numbers of their contract, and nothing else.

Each kernel of a rule gets numbers by position, never arrays. Its parameters must be those of the contract, its body
may read only those that the rule declares, and no name from outside but constants and other pure kernels: a list or
an array of the module would be a memory that no chip has, a call into a library could be anything.
"""

import builtins
import dis
from collections.abc import Iterator
from types import ModuleType
from typing import Any

__all__ = ["CONTRACTS", "breaches"]

CONTRACTS: dict[str, dict[str, tuple[str, ...]]] = {
    "phased": {
        "output_symbol": ("count", "is_label"),
        "hidden_symbol": ("error_sum",),
        "magnitude": ("symbol", "count"),
        "on_slot": ("trace", "spike"),
        "on_post": ("credit", "trace"),
        "on_update": ("weight", "credit", "symbol", "rate", "random"),
    },
    "online": {
        "start": ("random",),
        "output_symbol": ("winner", "label"),
        "on_error": ("error", "arrived", "membrane"),
        "on_update": ("weight", "symbol"),
    },
}
_NUMBERS = (bool, int, float)
_PURE = {"abs", "min", "max", "int", "bool", "range", "divmod"}  # builtins that keep nothing
_KEEPS = {"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "STORE_SUBSCR", "IMPORT_NAME", "LOAD_CLOSURE", "YIELD_VALUE"}


def breaches(rule: ModuleType) -> list[str]:
    """Everything about the kernels of a rule that is not local, in words; empty for an honest rule."""
    problems = []
    reads = rule.READS
    contract = CONTRACTS[rule.SCHEDULE]
    for name in reads:
        if name not in contract:
            problems.append(f"READS: expected kernels {', '.join(contract)}, got '{name}'")
    for name, local in contract.items():
        body = _body(getattr(rule, name))
        wanted = (*local, "c")
        found = body.__code__.co_varnames[: body.__code__.co_argcount]
        if found != wanted:
            problems.append(f"{name}: expected the parameters {', '.join(wanted)}, got {', '.join(found)}")
            continue
        declared = tuple(reads.get(name, ()))
        unknown = [word for word in declared if word not in local]
        if unknown:
            problems.append(f"READS: {name} is given {', '.join(local)}, not {', '.join(unknown)}")
        problems += [f"{name}: {problem}" for problem in _reaches(body, name, set(), declared)]
    return problems


def _body(kernel: Any) -> Any:
    """The Python function of a kernel, compiled or not."""
    return getattr(kernel, "py_func", kernel)


def _reaches(body: Any, name: str, seen: set[Any], declared: tuple[str, ...] | None = None) -> Iterator[str]:
    """What a function reads or keeps that it must not; `declared`: the parameters that it may read (None: all)."""
    if body in seen:
        return
    seen.add(body)
    code = body.__code__
    parameters = code.co_varnames[: code.co_argcount]
    if code.co_kwonlyargcount or code.co_flags & 0x0C or body.__defaults__:
        yield "expected plain parameters (no defaults, * or **)"
    for step in dis.get_instructions(body):
        if step.opname in _KEEPS:
            yield f"{step.opname} {step.argrepr}: expected arithmetic alone; a kernel keeps nothing"
        for word in _loaded(step):
            if declared is not None and word in parameters and word not in (*declared, "c"):
                yield f"reads '{word}', which READS does not declare (it declares {', '.join(declared) or 'nothing'})"
    for word in code.co_names:
        if word in body.__globals__:
            yield from _outside(word, body.__globals__[word], name, seen)
        elif hasattr(builtins, word) and word not in _PURE and _is_called(body, word):
            yield f"calls {word}(): expected only {', '.join(sorted(_PURE))}"


def _loaded(step: dis.Instruction) -> tuple[str, ...]:
    """Names of the local variables that an instruction loads."""
    if not step.opname.startswith("LOAD_FAST"):
        return ()
    return step.argval if isinstance(step.argval, tuple) else (step.argval,)


def _is_called(body: Any, word: str) -> bool:
    return any(step.opname == "LOAD_GLOBAL" and step.argval == word for step in dis.get_instructions(body))


def _outside(word: str, value: Any, name: str, seen: set[Any]) -> Iterator[str]:
    """What is wrong with a global that a kernel names."""
    if isinstance(value, _NUMBERS):
        return
    body = _body(value)
    if hasattr(body, "__code__"):
        yield from (f"{word}: {problem}" for problem in _reaches(body, name, seen))
        return
    kind = type(value).__name__
    yield f"reads the global {word} ({kind}): expected constants and kernels only; a {kind} is no local number"
