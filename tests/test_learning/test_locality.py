"""Honesty of the rules: kernels are pure and local, the engine gives them nothing else, and cheats are refused.

Everything here holds for every shipped rule; a new one is tested as soon as its file exists.
"""

import itertools
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from neurosim import learning
from neurosim.chip import load_chip
from neurosim.errors import ConfigError
from neurosim.learning import CONTRACTS, Card, Formats, desire_bp, ssnn_bp
from neurosim.network import mlp
from neurosim.place import place

WIDE = Formats(16, 13, 24, 9, 6, 32, 16, 16, True, wait_bits=5)
NARROW = replace(WIDE, weight_bits=6, weight_fraction_bits=4, trace_bits=5, trace_fraction_bits=3, random_bits=8)
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "desire_bp": [{}, {"graded": True, "theta_output": 0.12, "theta_hidden": 0.02}],
    "ssnn_bp": [{}, {"gate": 0, "dither": False}],
}
CASES = [
    pytest.param(name, changes, formats, id=f"{name}-{k}-{formats.weight_bits} bits")
    for name in learning.rule_names()
    for k, changes in enumerate(VARIANTS.get(name, [{}]))
    for formats in (WIDE, NARROW)
]
RULES = list(learning.rule_names())
RESULTS = {
    "output_symbol": ("symbol",),
    "hidden_symbol": ("symbol",),
    "magnitude": ("count",),
    "on_slot": ("trace",),
    "on_post": ("credit",),
    "on_update": ("weight",),
    "start": ("error",),
    "on_error": ("error", "symbol"),
    "on_neuron": ("calcium", "wait", "up", "down"),
    "on_pre": ("weight",),
    "on_reference": ("weight",),
}
TRIALS = 2000


class Words:
    """The least and the largest value of each word that the contracts know, as a chip and a card declare it."""

    def __init__(self, rule: ModuleType, formats: Formats, settings: Any) -> None:
        self.card: Card = rule.card(formats, settings)
        bits = {word.name: word.bits for word in self.card.words}
        signed = {
            "weight": formats.weight_bits,
            "membrane": formats.membrane_bits,
            "error_sum": formats.error_bits,
            "arrived": formats.error_bits,
            "error": bits.get("error", 1),
        }
        trace = 2**formats.trace_bits - 1
        self.range = {name: (-(2 ** (n - 1)), 2 ** (n - 1) - 1) for name, n in signed.items()} | {
            "count": (0, 2 ** bits.get("count", 0) - 1),
            "trace": (0, trace),
            "credit": (0, getattr(settings, "steps", 0) * trace),
            "rate": (0, 2**16 - 1),
            "random": (0, 255 if rule.SCHEDULE == "online" else 2**32 - 1),
        } | dict.fromkeys(("is_label", "label", "winner", "spike"), (0, 1))  # fmt: skip
        if rule.SCHEDULE == "event":
            self.range |= {"weight": (0, 2**formats.weight_bits - 1), "theta_membrane": (0, 255)}
            self.range |= dict.fromkeys(("calcium", "theta_1", "theta_2", "theta_3"), (0, trace))
            self.range |= dict.fromkeys(("wait", "leak"), (0, 2 ** bits["calcium wait"] - 1))
            self.range |= dict.fromkeys(("fired", "reference", "up", "down"), (0, 1))

    def draw(self, name: str, rng: np.random.Generator, symbols: list[int]) -> int:
        """Any value of a word, small ones and the extremes more often than by chance."""
        if name == "symbol":
            return int(rng.choice(symbols))
        low, high = self.range[name]
        if name == "credit":
            high -= self.range["trace"][1]  # there is room for one more trace
        if name == "wait":
            high -= 1  # the word wraps
        near = int(rng.normal(0, 2.0 ** rng.integers(0, 34)))
        return [low, high, int(rng.integers(low, high + 1)), min(max(near, low), high)][rng.integers(0, 4)]


def plain(kernel: Any) -> Any:
    """The Python function of a kernel."""
    return getattr(kernel, "py_func", kernel)


def whole(result: Any) -> tuple[int, ...]:
    """A result as a tuple of Python integers."""
    parts = result if isinstance(result, tuple) else (result,)
    assert all(float(part).is_integer() for part in parts)
    return tuple(int(part) for part in parts)


def calls(name: str, changes: dict[str, Any], formats: Formats) -> tuple[ModuleType, Any, Words, list[tuple[Any, ...]]]:
    """A rule, its constants and words, and random calls of all its kernels: (kernel, argument, ...)."""
    rule = learning.load_rule(name)
    settings = rule.Settings(**changes)
    c, words, rng = rule.quantise(settings, formats), Words(rule, formats, settings), np.random.default_rng(1)
    symbols = [-8, -4, -2, -1, 0, 1, 2, 4, 8] if changes.get("graded") else [-1, 0, 1]
    drawn = [
        (kernel, *(words.draw(word, rng, symbols) for word in local))
        for kernel, local in CONTRACTS[rule.SCHEDULE].items()
        for _ in range(TRIALS)
    ]
    return rule, c, words, drawn


@pytest.mark.parametrize(("name", "changes", "formats"), CASES)
def test_kernels_are_pure_and_compiled_or_not_the_same(name: str, changes: dict[str, Any], formats: Formats) -> None:
    """The same numbers in, the same numbers out, whatever was called between, in whatever order."""
    rule, c, _, drawn = calls(name, changes, formats)
    first = [whole(getattr(rule, kernel)(*arguments, c)) for kernel, *arguments in drawn]
    for at in np.random.default_rng(2).permutation(len(drawn)):
        kernel, *arguments = drawn[at]
        assert whole(plain(getattr(rule, kernel))(*arguments, c)) == first[at]
        assert whole(getattr(rule, kernel)(*arguments, c)) == first[at]


@pytest.mark.parametrize(("name", "changes", "formats"), CASES)
def test_results_fit_the_declared_words(name: str, changes: dict[str, Any], formats: Formats) -> None:
    rule, c, words, drawn = calls(name, changes, formats)
    symbols = set()
    for kernel, *arguments in drawn:
        for word, value in zip(RESULTS[kernel], whole(getattr(rule, kernel)(*arguments, c)), strict=True):
            if word == "symbol":
                symbols.add(value)
            else:
                low, high = words.range[word]
                assert low <= value <= high, f"{kernel}{tuple(arguments)}: {word} = {value}, not {low}..{high}"
    assert (len(symbols) > 1) == (rule.SCHEDULE != "event") and symbols == {-s for s in symbols}
    assert len(symbols) <= 2**words.card.symbol_bits


@pytest.mark.parametrize("name", RULES)
def test_a_kernel_is_given_its_contract_and_reads_what_it_declares(name: str) -> None:
    """No more (`load_rule` refuses), and no less: a change of any declared word can be seen in a result."""
    rule, c, _, drawn = calls(name, VARIANTS.get(name, [{}])[-1], WIDE)
    for kernel, local in CONTRACTS[rule.SCHEDULE].items():
        body = plain(getattr(rule, kernel))
        assert body.__code__.co_varnames[: body.__code__.co_argcount] == (*local, "c")
        assert set(rule.READS[kernel]) <= set(local)
        arguments = [tuple(a) for k, *a in drawn if k == kernel]
        for at, word in enumerate(local):
            mixed = [(*a[:at], b[at], *a[at + 1 :]) for a, b in itertools.pairwise(arguments)]
            seen = any(whole(body(*a, c)) != whole(body(*b, c)) for a, b in zip(arguments, mixed, strict=False))
            assert seen == (word in rule.READS[kernel]), f"{kernel}: {word}"


# ---- cheats -----------------------------------------------------------------------------------------------

DESIRE = Path(desire_bp.__file__).read_text()
SSNN = Path(ssnn_bp.__file__).read_text()
UPDATE = "def on_update(weight: int, credit: int, symbol: int, rate: int, random: int, c: Constants) -> int:\n"
COINCIDE = "def on_update(weight: int, symbol: int, c: Constants) -> int:\n"


def cheat(source: str, *changes: tuple[str, str], head: str = "", tail: str = "") -> str:
    """The text of a rule with some of it exchanged."""
    for old, new in changes:
        assert source.count(old) == 1, f"{source.count(old)} times in the rule: {old}"
        source = source.replace(old, new)
    return source.replace("\n@kernel", f"\n{head}\n\n@kernel", 1) + tail


def first(signature: str, *lines: str, plainly: bool = True) -> tuple[str, str]:
    """The change that puts lines in front of a kernel's body; `plainly`: and does not compile it."""
    old, new = signature, signature + "".join(f"    {line}\n" for line in lines)
    return (f"@kernel\n{old}", new) if plainly else (old, new)


CHEATS = {
    "a list of the module": (
        cheat(DESIRE, first(UPDATE, "SEEN.append(weight)"), head="SEEN = []"), "reads the global SEEN .list."),
    "an array of the module": (
        cheat(SSNN, first(COINCIDE, "weight += TABLE[weight & 255]", plainly=False),
              head="import numpy as np\nTABLE = np.arange(256)"), "reads the global TABLE .ndarray."),
    "a library": (
        cheat(SSNN, first(COINCIDE, "weight += np.random.randint(2)"), head="import numpy as np"),
        "reads the global np .module."),
    "a word that is not its own": (
        cheat(DESIRE, (UPDATE, UPDATE.replace("c: Constants", "label: int, c: Constants"))),
        "on_update: expected the parameters weight, credit, symbol, rate, random, c, got .*label"),
    "an array for a word": (
        cheat(SSNN, (COINCIDE, COINCIDE.replace("weight: int", "weights: int"))),
        "on_update: expected the parameters weight, symbol, c, got weights, symbol, c"),
    "a declaration of what it is not given": (
        cheat(DESIRE, ('"hidden_symbol": ("error_sum",)', '"hidden_symbol": ("error_sum", "label")')),
        "READS: hidden_symbol is given error_sum, not label"),
    "a result that depends on a word it does not declare": (
        cheat(SSNN, ('"output_symbol": ("winner", "label")', '"output_symbol": ("winner",)')),
        "output_symbol: reads 'label', which READS does not declare"),
    "the same through a copy": (
        cheat(SSNN, ('"on_error": ("error", "arrived", "membrane")', '"on_error": ("error", "arrived")')),
        "on_error: reads 'membrane', which READS does not declare"),
    "a counter": (
        cheat(DESIRE, first(UPDATE, "global CALLS", "CALLS += 1"), head="CALLS = 0"), "STORE_GLOBAL CALLS"),
    "a counter that the host moves": (
        cheat(DESIRE, first(UPDATE, "weight += CALLS", plainly=False),
              ("    scale = 2.0 ** (formats", "    global CALLS\n    CALLS += 1\n    scale = 2.0 ** (formats"),
              head="CALLS = 0"), "rate: writes the global CALLS"),
    "a list of the kernel": (
        cheat(DESIRE, first(UPDATE, "on_update.seen.append(weight)"), tail="\non_update.seen = []\n"),
        "reads an attribute 'seen': expected the registers of c alone"),
    "a default": (
        cheat(DESIRE, (f"@kernel\n{UPDATE}", UPDATE.replace("c: Constants", "c: Constants = []"))), "no defaults"),
    "more arguments": (
        cheat(SSNN, (COINCIDE, COINCIDE.replace("c: Constants", "c: Constants, *rest: int"))), "no defaults, . or"),
    "a function within": (
        cheat(DESIRE, first(UPDATE, "weight += (lambda: SEEN[0])()"), head="SEEN = [1]"), "MAKE_FUNCTION"),
    "an enclosing function": (
        cheat(DESIRE, tail="\ndef within(seen):\n    def hidden_symbol(error_sum, c):\n        return seen[0]\n"
              "    return hidden_symbol\nhidden_symbol = within([1])\n"), "nothing from an enclosing function"),
    "an object that looks like a kernel": (
        cheat(DESIRE, tail="\nclass Spy:\n    py_func = on_post.py_func\n    def __call__(self, *words):\n"
              "        return 0\non_post = Spy()\n"), "on_post: expected a function, compiled or not, got Spy"),
    "a list in a helper": (
        cheat(SSNN, first(COINCIDE, "weight += helper(weight)", plainly=False),
              head="SEEN = [0]\ndef helper(weight):\n    return SEEN[0]\n"), "helper: reads the global SEEN"),
    "an import within": (cheat(SSNN, first(COINCIDE, "import sys")), "IMPORT_NAME sys"),
    "a look at the caller's variables": (cheat(SSNN, first(COINCIDE, "vars()")), "uses vars"),
    "a table among the registers": (
        cheat(SSNN, ("    warm: int\n    weight_max", "    warm: list\n    weight_max")),
        "Constants.warm: expected int, got list"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHEATS)
def test_a_cheating_rule_is_refused(kind: str, tmp_path: Path) -> None:
    source, message = CHEATS[kind]
    (tmp_path / "cheat.py").write_text(source)
    with pytest.raises(ConfigError, match=message):
        learning.load_rule(str(tmp_path / "cheat.py"))


def test_a_register_that_holds_a_list_is_refused(tmp_path: Path) -> None:
    """The annotation says int; what `quantise` puts there is looked at when a network is placed."""
    source = cheat(DESIRE, ("        stochastic=int(formats.stochastic),", "        stochastic=[0],"))
    (tmp_path / "listed.py").write_text(source)
    rule = learning.load_rule(str(tmp_path / "listed.py"))
    chip = load_chip("tiny", ["core.learning.circuits=[listed]"])
    with pytest.raises(ConfigError, match="Constants.stochastic: expected a whole number, got list"):
        place(mlp((16, 12, 4)), chip, rule)


@pytest.mark.parametrize("source", [DESIRE, SSNN], ids=["desire_bp", "ssnn_bp"])
def test_the_honest_original_is_not_refused(source: str, tmp_path: Path) -> None:
    """The changes above are what the refusals are about."""
    (tmp_path / "honest.py").write_text(cheat(source, head="LIMIT = 3"))
    learning.load_rule(str(tmp_path / "honest.py"))
