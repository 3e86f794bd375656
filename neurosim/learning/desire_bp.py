"""Desire back-propagation (Gerlinghoff et al. 2022, arXiv 2211.05412): STDP steered by ternary desires.

Specification: specs/local_rules.md, part A (exact with respect to the authors' released code). After the
forward phase each output neuron wants to fire more (+1), less (-1) or does not care (0). A hidden neuron
takes the thresholded sign of what the layer above wants from it. A synapse then adds
``desire * rate * sum over post spikes of the pre trace`` to its weight, once per sample.

`Settings.graded` is our extension, not the paper's (specs/tuning.md, section 5), and off by default: a desire also has
a size, 1/4, 1/2, 1 or 2, by which the update is shifted. A symbol is then the size in quarters with the sign of the
desire: 0, or +-1, +-2, +-4, +-8; without grades it is 0 or +-1. What a desire hands down is the same either way.

Every kernel sees numbers of one synapse or one neuron only; `c` holds constants that are the same everywhere.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, sqrt
from typing import NamedTuple

from neurosim.card import Access, Card, Formats, Word
from neurosim.errors import ConfigError
from neurosim.kernel import kernel

TITLE = "Desire back-propagation"
SOURCE = "Gerlinghoff, Luo, Goh, Wong 2022, arXiv 2211.05412; exact with respect to the released code"


SCHEDULE = "phased"
READOUT = "strict"
READS = {
    "output_symbol": ("count", "is_label"),
    "hidden_symbol": ("error_sum",),
    "magnitude": ("symbol", "count"),
    "on_slot": ("trace", "spike"),
    "on_post": ("credit", "trace"),
    "on_update": ("weight", "credit", "symbol", "rate", "random"),
}

CREDIT_BITS = 6  # a credit is the sum of at most 60 traces
GRADED_SHIFT = 2  # fraction bits of the size of a graded desire
OUTPUT_GRADES = (Fraction(1, 4), Fraction(1, 2))  # |error| from which on the size is 1/2, 1; below 1/4
HIDDEN_GRADES = (Fraction(1, 10), Fraction(1, 5), Fraction(2, 5))  # |error sum| from which on it is 1/2, 1, 2
NEVER = 2**62  # a threshold that nothing reaches


@dataclass(frozen=True)
class Settings:
    """Hyper-parameters in real units; the defaults are the authors' (local_rules.md A.3).

    `graded` (our extension) is meant for theta_output = 0.12 and theta_hidden = 0.02, as the preset `graded` sets them.
    """

    steps: int = 20
    margin: int = 4
    threshold: float = 1.0
    leak_shift: int = 2
    theta_output: float = 0.30
    theta_hidden: float = 0.05
    weight_limit: float = 2.0
    graded: bool = False


class Constants(NamedTuple):
    """What the circuits hold in registers (integers)."""

    target: int  # spikes that the label's neuron should fire: steps - margin
    more_below: int  # the label's neuron wants more below this count
    less_from: int  # another output neuron wants less from this count on
    hidden_threshold: int  # on the magnitude of the error sum, in weight LSB x target
    output_half: int  # on the distance in spikes: the size is 1/2 from here on (graded), ...
    output_one: int
    hidden_half: int  # and on the magnitude of the error sum
    hidden_one: int
    hidden_two: int
    trace_shift: int
    trace_unit: int  # 1.0 in the trace format
    trace_limit: int
    update_shift: int  # fraction bits of credit x rate x size
    random_bits: int
    stochastic: int
    weight_max: int
    weight_min: int


def _check(settings: Settings, formats: Formats) -> None:
    s, shift = settings, formats.trace_fraction_bits + formats.rate_fraction_bits
    least, most = (1, 60 - GRADED_SHIFT) if s.graded else (0, 60)
    demands = (
        ("settings.steps", s.steps, s.steps >= 1, "at least 1"),
        ("settings.margin", s.margin, 0 <= s.margin < s.steps, f"0 to less than steps = {s.steps}"),
        ("settings.threshold", s.threshold, 0 < s.threshold <= 2**31, "more than 0, at most 2^31"),
        ("settings.leak_shift", s.leak_shift, 0 <= s.leak_shift <= 31, "0 to 31"),
        ("settings.theta_output", s.theta_output, 0 <= s.theta_output <= 1, "0 to 1"),
        ("settings.theta_hidden", s.theta_hidden, 0 < s.theta_hidden <= 1000, "more than 0, at most 1000"),
        ("settings.weight_limit", s.weight_limit, 0 < s.weight_limit <= 2**31, "more than 0, at most 2^31"),
        ("core.learning: trace_fraction_bits + rate_fraction_bits", shift, shift <= most, f"at most {most}"),
        ("core.learning: trace_fraction_bits + rate_fraction_bits", shift, least <= shift, f"at least {least}"),
    )
    problems = [f"{name}: expected {what}, got {found:g}" for name, found, met, what in demands if not met]
    if problems:
        raise ConfigError("\n".join(problems))


def quantise(settings: Settings, formats: Formats) -> Constants:
    """Settings in real units -> register contents in the chip's formats.

    Raises ConfigError with every setting that is out of range, one a line.
    """
    _check(settings, formats)
    target = settings.steps - settings.margin
    theta_output = Fraction(str(settings.theta_output))
    theta_hidden = Fraction(str(settings.theta_hidden))
    limit = round(settings.weight_limit * 2**formats.weight_fraction_bits)
    widest = 2 ** (formats.weight_bits - 1)
    output = [ceil(grade * target) if settings.graded else NEVER for grade in OUTPUT_GRADES]
    unit = target * 2**formats.weight_fraction_bits
    hidden = [ceil(grade * unit) if settings.graded else NEVER for grade in HIDDEN_GRADES]
    return Constants(
        target=target,
        more_below=ceil(target * (1 - theta_output)),
        less_from=floor(target * theta_output) + 1,
        hidden_threshold=ceil(theta_hidden * unit),
        output_half=output[0],
        output_one=output[1],
        hidden_half=hidden[0],
        hidden_one=hidden[1],
        hidden_two=hidden[2],
        trace_shift=settings.leak_shift,
        trace_unit=2**formats.trace_fraction_bits,
        trace_limit=2**formats.trace_bits - 1,
        update_shift=formats.trace_fraction_bits + formats.rate_fraction_bits + settings.graded * GRADED_SHIFT,
        random_bits=formats.random_bits,
        stochastic=int(formats.stochastic),
        weight_max=min(limit, widest - 1),
        weight_min=max(-limit, -widest),
    )


def rate(lr: float, formats: Formats) -> int:
    """Learning rate (weight per unit of trace and post spike) -> contents of the rate register (32 bits).

    Raises ConfigError for a rate below zero, or too large for the register or the 62 bits of credit x rate.
    """
    scale = 2.0 ** (formats.weight_fraction_bits + formats.rate_fraction_bits)
    bits = min(32, 62 - CREDIT_BITS - formats.trace_bits)
    if not 0 <= lr * scale < 2**bits - 1:
        raise ConfigError(
            f"learning rate: expected 0 to {2**bits / scale:.3g} (a register of {bits} bits, of which "
            f"{formats.weight_fraction_bits} + {formats.rate_fraction_bits} are fraction), got {lr:g}"
        )
    return round(lr * scale)


@kernel
def output_symbol(count: int, is_label: int, c: Constants) -> int:
    """Desire of an output neuron from its own spike count and its own teacher bit (A.7)."""
    distance = c.target - count if is_label != 0 else count
    size = 4 if distance >= c.output_one else 2 if distance >= c.output_half else 1
    if is_label != 0:
        return size if count < c.more_below else 0
    return -size if count >= c.less_from else 0


@kernel
def hidden_symbol(error_sum: int, c: Constants) -> int:
    """Desire of a hidden neuron: the sign of its error sum, if that is large enough (A.8)."""
    amount = abs(error_sum)
    if amount < c.hidden_threshold:
        return 0
    size = 8 if amount >= c.hidden_two else 4 if amount >= c.hidden_one else 2 if amount >= c.hidden_half else 1
    return size if error_sum > 0 else -size


@kernel
def magnitude(symbol: int, count: int, c: Constants) -> int:
    """How far the neuron is from what it wants, in spikes: the factor of its weights in A.8."""
    return abs((c.target if symbol > 0 else 0) - count)


@kernel
def on_slot(trace: int, spike: int, c: Constants) -> int:
    """Trace of an axon after one more stored slot: leak, then add the slot's spike (A.9)."""
    return min(trace - (trace >> c.trace_shift) + spike * c.trace_unit, c.trace_limit)


@kernel
def on_post(credit: int, trace: int, c: Constants) -> int:
    """Credit of a synapse at a post spike: the trace is added."""
    return credit + trace


@kernel
def on_update(weight: int, credit: int, symbol: int, rate: int, random: int, c: Constants) -> int:
    """New weight: a rounded step of rate x credit in the direction of the desire, saturating (A.9, A.11).

    `random` is a uniform 32-bit word, of which the circuit uses the upper `random_bits`.
    """
    size = abs(symbol)
    shift = c.update_shift - (3 if size == 8 else 2 if size == 4 else 1 if size == 2 else 0)
    step = credit * rate
    if c.stochastic != 0:
        noise = random >> (32 - c.random_bits)
        if shift >= c.random_bits:
            step += noise << (shift - c.random_bits)
        else:
            step += noise >> (c.random_bits - shift)
    elif shift > 0:
        step += 1 << (shift - 1)
    sign = 1 if symbol > 0 else -1 if symbol < 0 else 0
    return max(c.weight_min, min(c.weight_max, weight + sign * (step >> shift)))


def spread(fan_in: int, last: bool) -> float:
    """Standard deviation of the initial weights of a layer: Kaiming's, in every layer (A.3)."""
    return sqrt(2.0 / fan_in)


def card(formats: Formats, settings: Settings) -> Card:
    """The hardware that the rule asks for (A.11)."""
    steps, noise = settings.steps, formats.random_bits if formats.stochastic else 0
    # sign and active; with grades the shift count as well
    symbol, mirrored = 4 if settings.graded else 2, formats.backward == "mirrored"
    ways = {
        "transposed_read": (Access("error", "word with a desire, of every row", "synapse", 1, 0),),
        "crossbar": (Access("error", "neuron with a desire and block of pre neurons", "synapse column", 1, 0),),
        "mirrored": (
            Access("error", "desire and word of its mirrored row", "synapse", 1, 0),
            Access("error", "desire and core below", "axon", 1, 1),
            Access("error", "hidden neuron, for each desire above and once more", "accumulator", 1, 1),
            Access("update", "word with a spike, of the mirrored row of a desire that fired", "synapse", 1, 1),
            Access("update", "mirrored row; written if a desire came", "axon", 1, 1),
        ),
    }
    return Card(
        words=(
            Word("train", "neuron", steps, "spikes of the sample"),
            Word("count", "neuron", steps.bit_length(), "their number", True),
            Word("symbol", "neuron", symbol, "desire"),
            Word("keep", "neuron", 1, "not silenced by dropout"),
            Word("row_symbol", "copied axon", symbol, "desire that came for a mirrored row")
            if mirrored
            else Word("error_sum", "hidden neuron", formats.error_bits, "what the desires above bring"),
            Word("history", "axon", steps, "spikes of the sample that arrived"),
        ),
        history_bits=steps,
        random_bits=(("weight write", noise), ("neuron and sample, with dropout", 8)),
        backward_path=True,
        online_in_time=False,
        phases=("forward", "error", "update"),
        operators=(
            "count comparator",
            "weight x 5-bit multiplier and adder (error)",
            *(("size comparators of the error (graded)",) if settings.graded else ()),
            "trace: shift, subtract, add",
            "credit adder",
            "credit x rate multiplier, rounding, saturating adder",
            *(("shifter by the size of the desire (graded)",) if settings.graded else ()),
        ),
        accesses=(
            Access("forward", "neuron and step", "neuron", 1, 1),
            Access("forward", "spike and post core, besides its row", "axon", 0, 1),
            Access("error", "neuron of a layer that has desires", "neuron", 1, 1),
            *ways[formats.backward],
            Access("update", "neuron", "neuron", 1, 0),
            Access("update", "axon; written if it spiked", "axon", 1, 1),
            Access("update", "word with a desire, of every row that spiked", "synapse", 1, 1),
        ),
    )
