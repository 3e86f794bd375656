"""Random machines that learn with SSNN-BP: forward and error spikes in the same steps (see strategies.py)."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from .strategies import Case, draw_case, fitting, small

__all__ = ["streams"]

SHAPES = ("wide", "deep", "few", "funnel", "far", "layers")
BATCHES = (((2, True),), ((1, True), (1, False)), ((1, False), (2, True)))


@st.composite
def streams(draw: st.DrawFn, traffic: str = "unicast") -> Case:
    """A case of SSNN-BP on any way back, with one to four layers; the output group lies on one core.

    In two of three cases the errors come early and find neurons that listen: else few of them get far down.
    """
    lively = draw(st.sampled_from((True, True, False)))
    case = draw_case(draw, traffic, ("layers",) if lively else SHAPES)
    sizes = (*case.sizes[:-1], max(2, case.sizes[-1]))  # one output alone is always right, and learns nothing
    chip = dict(case.chip)
    chip["core.neuron.entries"] = max(chip["core.neuron.entries"], sizes[-1])
    chip["core.neuron.membrane_bits"] = draw(_membrane(chip))
    weights = ("normal", "positive") if lively else ("normal", "positive", "large", "bursts")
    return fitting(
        replace(
            case, rule_name="ssnn_bp", sizes=sizes, chip=tuple(chip.items()), dropout=(0.0, 0.0),
            weights=draw(st.sampled_from(weights)), values=draw(st.sampled_from(("random", "half", "dense"))),
            batches=draw(st.sampled_from(BATCHES)),
            encoder=draw(st.sampled_from(("regular", "bernoulli", "accumulate"))),
            learning_rate=draw(st.sampled_from((1.0, 1.0, 0.5, 0.25, *(() if lively else (2.0**-9,))))),
            rule=tuple(_settings(draw, chip, max(dict(case.rule)["steps"], 3), lively).items()),
        )
    )  # fmt: skip


def _membrane(chip: dict[str, Any]) -> st.SearchStrategy[int]:
    """Bits of a membrane: the fewest, so that it saturates, or enough."""
    fewest = max(chip["core.synapse.weight_fraction_bits"] + 6, chip["core.synapse.weight_bits"], 8)
    return st.sampled_from((fewest, 24, 40))


def _settings(draw: st.DrawFn, chip: dict[str, Any], steps: int, lively: bool) -> dict[str, Any]:
    """Fields of the rule's Settings: steps of several LSBs, of one, and, where the chip rounds at random, below one."""
    fraction = chip["core.synapse.weight_fraction_bits"]
    finer = () if chip["core.learning.rounding"] == "nearest" else (1,) if lively else (1, 9)
    less = draw(st.sampled_from((-2, 0, -1, *finer)))
    return {
        "steps": steps + 2 if lively else steps,
        "warm": draw(small(1 if lively else 2, 0)),
        "filter_shift": draw(st.integers(0, 4)),
        "step_bits": max(0, fraction + less),
        "gate": draw(st.sampled_from((0, 2))),
        "dither": draw(st.sampled_from((True, False))),
        "pipeline": draw(st.sampled_from((True, False))),
        "weight_limit": draw(st.sampled_from((2.0, 1.0, 0.5))),
    }
