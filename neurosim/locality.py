"""What the circuits of rules and neurons may know: the local numbers of their contract, and nothing else.

Each kernel of a rule gets numbers by position, never arrays. Its parameters must be those of the contract, its body
may read only those that the rule declares, and no name from outside but constants and other pure kernels: a list or
an array of the module would be a memory that no chip has, a call into a library could be anything. What the check
reads is bytecode, so it refuses whatever it cannot follow: functions within functions, attributes of anything but `c`.
"""

import dis
from collections.abc import Iterator
from numbers import Integral
from types import CodeType, FunctionType, ModuleType
from typing import Any

from neurosim.errors import ConfigError

__all__ = ["CONTRACTS", "CIRCUITS", "breaches", "circuit_breaches", "constants_of"]

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
    "event": {
        "on_neuron": ("calcium", "wait", "membrane", "fired", "reference", "theta_membrane", "theta_1", "theta_2",
                      "theta_3", "leak"),
        "on_pre": ("weight", "up", "down"),
        "on_reference": ("weight",),
    },
}  # fmt: skip
# Kernels of neurons: they hold no registers, so they get no `c`.
CIRCUITS: dict[str, tuple[str, ...]] = {
    "step": ("membrane", "drive", "keep", "threshold", "leak_shift", "bits"),
    "update": ("membrane", "drive", "reference", "threshold", "leak", "bits"),
}
_NUMBERS = (bool, int, float)
_PURE = {"abs", "min", "max", "int", "bool", "range", "divmod"}  # builtins that keep nothing
_DOORS = {"globals", "setattr", "exec", "eval", "vars", "__import__", "sys"}
_KEEPS = {"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "STORE_SUBSCR", "IMPORT_NAME", "LOAD_CLOSURE", "YIELD_VALUE",
          "MAKE_FUNCTION"}  # fmt: skip


def breaches(rule: ModuleType) -> list[str]:
    """Everything about the kernels of a rule that is not local, in words; empty for an honest rule."""
    problems = [*_registers(rule), *_changing(rule)]
    reads, registers = rule.READS, frozenset(rule.Constants._fields)
    contract = CONTRACTS[rule.SCHEDULE]
    for name in reads:
        if name not in contract:
            problems.append(f"READS: expected kernels {', '.join(contract)}, got '{name}'")
    for name, local in contract.items():
        body = _body(getattr(rule, name))
        if body is None:
            problems.append(f"{name}: expected a function, compiled or not, got {type(getattr(rule, name)).__name__}")
            continue
        wanted = (*local, "c")
        found = body.__code__.co_varnames[: body.__code__.co_argcount]
        if found != wanted:
            problems.append(f"{name}: expected the parameters {', '.join(wanted)}, got {', '.join(found)}")
            continue
        declared = tuple(reads.get(name, ()))
        unknown = [word for word in declared if word not in local]
        if unknown:
            problems.append(f"READS: {name} is given {', '.join(local)}, not {', '.join(unknown)}")
        problems += [f"{name}: {problem}" for problem in _reaches(body, registers, set(), declared)]
    return problems


def circuit_breaches(neuron: ModuleType) -> list[str]:
    """The same about the kernels of a neuron, as far as `CIRCUITS` knows them."""
    problems = list(_changing(neuron))
    for name, wanted in CIRCUITS.items():
        if not hasattr(neuron, name):
            continue
        body = _body(getattr(neuron, name))
        if body is None:
            problems.append(f"{name}: expected a function, compiled or not, got {type(getattr(neuron, name)).__name__}")
            continue
        found = body.__code__.co_varnames[: body.__code__.co_argcount]
        if found != wanted:
            problems.append(f"{name}: expected the parameters {', '.join(wanted)}, got {', '.join(found)}")
        else:
            problems += [f"{name}: {problem}" for problem in _reaches(body, frozenset(), set())]
    return problems


def _registers(rule: ModuleType) -> Iterator[str]:
    """Registers of a rule that are not declared to hold a number."""
    for field in rule.Constants._fields:
        kind = rule.Constants.__annotations__.get(field)
        if kind not in (int, "int"):
            yield f"Constants.{field}: expected int, got {getattr(kind, '__name__', kind)}; a register holds one number"


def constants_of(rule: ModuleType, settings: Any, formats: Any) -> Any:
    """What `quantise` of a rule puts in its registers. Raises ConfigError if that is anything but whole numbers."""
    constants = rule.quantise(settings, formats)
    for field, value in zip(constants._fields, constants, strict=True):
        if not isinstance(value, Integral):
            raise ConfigError(f"rule: Constants.{field}: expected a whole number, got {type(value).__name__}")
    return constants


def _changing(rule: ModuleType) -> Iterator[str]:
    """Functions of a rule, kernels or not, that write a variable of the module: kernels could read it."""
    for name, value in vars(rule).items():
        for code in _codes(value, rule.__name__):
            steps = list(dis.get_instructions(code))
            stored = [step.argval for step in steps if step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL")]
            reached = [step.argval for step in steps if step.opname == "LOAD_GLOBAL" and step.argval in _DOORS]
            if stored:
                yield f"{name}: writes the global {', '.join(stored)}; a rule keeps nothing between calls"
            if reached:
                yield f"{name}: uses {', '.join(reached)}(), by which a rule could change itself"


def _codes(value: Any, module: str) -> Iterator[CodeType]:
    """The code of a function, or of all methods of a class, of this module, and of all that is defined inside."""
    body = _body(value)
    if body is not None and body.__module__ == module:
        yield from _inner(body.__code__)
    elif isinstance(value, type) and value.__module__ == module:
        for member in vars(value).values():
            yield from _codes(getattr(member, "__func__", member), module)


def _inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _inner(constant)


def _body(kernel: Any) -> FunctionType | None:
    """The Python function of a kernel, compiled or not; None for anything else."""
    if type(kernel).__module__.startswith("numba."):
        kernel = getattr(kernel, "py_func", None)
    return kernel if isinstance(kernel, FunctionType) else None


def _reaches(
    body: FunctionType, registers: frozenset[str], seen: set[Any], declared: tuple[str, ...] | None = None
) -> Iterator[str]:
    """What a function reads or keeps that it must not; `declared`: the parameters that it may read (None: all)."""
    if body in seen:
        return
    seen.add(body)
    code = body.__code__
    parameters = code.co_varnames[: code.co_argcount]
    if code.co_kwonlyargcount or code.co_flags & 0x0C or body.__defaults__ or body.__closure__:
        yield "expected plain parameters (no defaults, * or **) and nothing from an enclosing function"
    last: tuple[str, ...] = ()
    for step in dis.get_instructions(body):
        if step.opname in _KEEPS:
            yield f"{step.opname} {step.argrepr}: expected arithmetic alone; a kernel keeps nothing"
        elif step.opname == "LOAD_GLOBAL":
            yield from _outside(step.argval, body, registers, seen)
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and (last[-1:] != ("c",) or step.argval not in registers):
            yield f"reads an attribute '{step.argval}': expected the registers of c alone"
        last = _loaded(step)
        for word in last:
            if declared is not None and word in parameters and word not in (*declared, "c"):
                yield f"reads '{word}', which READS does not declare (it declares {', '.join(declared) or 'nothing'})"


def _loaded(step: dis.Instruction) -> tuple[str, ...]:
    """Names of the local variables that an instruction loads (newer Pythons load or store two at a time)."""
    if "LOAD_FAST" not in step.opname:
        return ()
    names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
    return names[1:] if step.opname.startswith("STORE") else names


def _outside(word: str, body: FunctionType, registers: frozenset[str], seen: set[Any]) -> Iterator[str]:
    """What is wrong with a name that a kernel takes from outside."""
    if word not in body.__globals__:
        if word not in _PURE:
            yield f"uses {word}: expected only {', '.join(sorted(_PURE))}"
        return
    value = body.__globals__[word]
    if isinstance(value, _NUMBERS):
        return
    inner = _body(value)
    if inner is not None:
        yield from (f"{word}: {problem}" for problem in _reaches(inner, registers, seen))
        return
    kind = type(value).__name__
    yield f"reads the global {word} ({kind}): expected constants and kernels only; a {kind} is no local number"
