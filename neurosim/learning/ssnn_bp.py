"""SSNN-BP as reconstructed from its abstract (Biswas, Saraswat, Ganguly 2022, arXiv 2207.09755).

The body of the paper was not at hand. The abstract fixes: composite neurons with a forward and a backward circuit, an
error split into a positive and a negative spike stream, updates by one weight step at the coincidence of two spikes
at a synapse, and a winner-take-all output group (softmax and cross-entropy). Everything else - the filter, the
transfer function, the gate, thresholds, steps, rates, initial weights - is our reconstruction (specs/local_rules.md
part B, marks [X]); call results "SSNN-BP, reconstructed".

In each step the winner q and the label y of the output group give the symbols e = y - q. A hidden neuron adds what
the symbols above bring over its weights, fires +1 or -1 when the sum reaches a threshold, and loses the spike if its
membrane lies outside the linear range. A synapse moves by one step when a symbol of its post neuron meets a spike of
its pre neuron. There is no learning rate: it is steps x weight step, and is halved by letting a pre line teach with
probability 1/2, 1/4, ... (the bit travels with the spike).
"""

from dataclasses import dataclass
from math import floor, log2, sqrt
from typing import NamedTuple

from neurosim.card import Access, Card, Formats, Word
from neurosim.errors import ConfigError
from neurosim.kernel import kernel

TITLE = "SSNN-BP (reconstructed)"
SOURCE = "after Biswas, Saraswat, Ganguly 2022, arXiv 2207.09755; reconstructed from the abstract"
SCHEDULE = "online"
READOUT = "membrane"

MOST_THINNING = 16  # halvings that the random bits of a spike can tell

READS = {
    "start": ("random",),
    "output_symbol": ("winner", "label"),
    "on_error": ("error", "arrived", "membrane"),
    "on_update": ("weight", "symbol"),
}


@dataclass(frozen=True)
class Settings:
    """Hyper-parameters (local_rules.md B.6, tuning.md section 6); all of them are our choices."""

    steps: int = 16
    warm: int = 2  # steps of each layer before it learns
    filter_shift: int = 3
    step_bits: int = 9  # a coincidence moves a weight by 2^-step_bits
    gate: int = 2  # 0: the derivative of the clipped ReLU; 2: a saturated neuron may still be pushed down
    dither: bool = True  # the error starts a sample at random, and fires at half the threshold
    pipeline: bool = True  # each layer hears the step before; false: layer after layer within a step
    weight_limit: float = 2.0


class Constants(NamedTuple):
    """What the circuits hold in registers (integers)."""

    one: int  # 1.0 in the format of the membrane: where the transfer function saturates
    fire: int  # an error from here on fires +1
    below: int  # an error below this fires -1
    charge: int  # what a fired symbol takes away: 1.0 in the format of the weights
    pipeline: int  # 1: each layer hears the step before
    start_drawn: int  # 1: the error starts at random
    start_shift: int  # a random byte, shifted left (right if negative), less `start_middle`: the start of the error
    start_middle: int
    gate: int
    step: int  # weight LSBs that a coincidence moves
    thinning: int  # halvings of the probability to teach that stand in for a step below one LSB
    warm: int
    weight_max: int
    weight_min: int


def _check(s: Settings, formats: Formats) -> None:
    fraction = formats.weight_fraction_bits
    demands = (
        ("settings.steps", s.steps, s.steps >= 1, "at least 1"),
        ("settings.warm", s.warm, 0 <= s.warm < s.steps, f"0 to less than steps = {s.steps}"),
        ("settings.filter_shift", s.filter_shift, 0 <= s.filter_shift <= 16, "0 to 16"),
        ("settings.step_bits", s.step_bits, 0 <= s.step_bits <= 30, "0 to 30"),
        ("settings.gate", s.gate, s.gate in (0, 2), "0 or 2"),
        ("settings.weight_limit", s.weight_limit, 0 < s.weight_limit <= 2**31, "more than 0, at most 2^31"),
        ("core.learning.error_bits", formats.error_bits, formats.error_bits >= fraction + 4,
         f"at least {fraction + 4} (weight_fraction_bits, 3 above the point, and the sign)"),
        ("core.neuron.membrane_bits", formats.membrane_bits, formats.membrane_bits >= fraction + 6,
         f"at least {fraction + 6} (weight_fraction_bits, 4 more, one above the point, and the sign)"),
    )  # fmt: skip
    problems = [f"{name}: expected {what}, got {found:g}" for name, found, met, what in demands if not met]
    if not problems and s.step_bits - fraction > MOST_THINNING and formats.stochastic:
        problems = [
            f"settings.step_bits: 2^-{s.step_bits} is 2^-{s.step_bits - fraction} of a step on weights with {fraction} "
            f"fraction bits (core.synapse.weight_fraction_bits), expected at least 2^-{MOST_THINNING}"
        ]
    if problems:
        raise ConfigError("\n".join(problems))


def _step(s: Settings, formats: Formats) -> int:
    """Weight LSBs of a coincidence: there is no step below one."""
    return max(1, floor(2.0 ** (formats.weight_fraction_bits - s.step_bits) + 0.5))


def quantise(settings: Settings, formats: Formats) -> Constants:
    """Settings -> register contents in the chip's formats.

    A weight step below one LSB is made with the fitting probability where the chip rounds stochastically, and is one
    LSB where it rounds to the nearest: then the chip learns faster than it was told.
    Raises ConfigError with every setting that is out of range, one a line.
    """
    _check(settings, formats)
    fraction = formats.weight_fraction_bits
    unit, limit = 2**fraction, round(settings.weight_limit * 2**fraction)
    widest = 2 ** (formats.weight_bits - 1)
    finer = max(0, settings.step_bits - fraction) if formats.stochastic else 0
    half = unit // 2
    return Constants(
        one=unit << 4,
        fire=half if settings.dither else unit,
        below=-half if settings.dither else 1 - unit,
        charge=unit,
        pipeline=int(settings.pipeline),
        start_drawn=int(settings.dither),
        start_shift=fraction - 8,
        start_middle=half,
        gate=settings.gate,
        step=1 if finer else _step(settings, formats),
        thinning=finer,
        warm=settings.warm,
        weight_max=min(limit, widest - 1),
        weight_min=max(-limit, -widest),
    )


def rate(lr: float, formats: Formats) -> int:
    """Probability that a spike teaches -> contents of the rate register, its halvings (0 to 16).

    Raises ConfigError for anything but 1, 1/2, 1/4, ... 2^-16.
    """
    halvings = -log2(lr) if lr > 0 else -1.0
    if halvings != floor(halvings) or not 0 <= halvings <= 16:
        raise ConfigError(f"learning rate: expected a probability of 1, 1/2, 1/4, ... or 2^-16, got {lr:g}")
    return int(halvings)


def spread(fan_in: int, last: bool) -> float:
    """Standard deviation of the initial weights of a layer (B.6)."""
    return sqrt((1.0 if last else 2.0) / fan_in)


@kernel
def start(random: int, c: Constants) -> int:
    """Error of a hidden neuron at the start of a sample, with dither: uniform in -1/2 .. 1/2, from a byte."""
    scaled = random << c.start_shift if c.start_shift >= 0 else random >> -c.start_shift
    return scaled - c.start_middle


@kernel
def output_symbol(winner: int, label: int, c: Constants) -> int:
    """Symbol of an output neuron from two lines of its own: it has won the step, it is the label (B.2)."""
    return label - winner


@kernel
def on_error(error: int, arrived: int, membrane: int, c: Constants) -> tuple[int, int]:
    """Backward half of a hidden neuron: (error, symbol) after one more step (B.4).

    `arrived` is what the symbols above brought over this neuron's weights. A symbol that the gate stops is lost.
    """
    total = error + arrived
    symbol = 0
    if total >= c.fire:
        symbol = 1
    elif total < c.below:
        symbol = -1
    total -= symbol * c.charge
    total = max(-4 * c.charge, min(4 * c.charge, total))
    linear = membrane > 0 and membrane < c.one
    if not linear and not (symbol < 0 and c.gate == 2 and membrane >= c.one):
        symbol = 0
    return total, symbol


@kernel
def on_update(weight: int, symbol: int, c: Constants) -> int:
    """New weight where a symbol of the post neuron meets a spike of the pre neuron: one step, saturating (B.5)."""
    return max(c.weight_min, min(c.weight_max, weight + symbol * c.step))


def card(formats: Formats, settings: Settings) -> Card:
    """The hardware that the rule asks for (B.7)."""
    fraction, mirrored = formats.weight_fraction_bits, formats.backward == "mirrored"
    sums = Access("error", "pre neuron that the symbols above reach", "neuron", 1, 1)
    ways = {
        "transposed_read": (Access("error", "word with a symbol, of every row", "synapse", 1, 0), sums),
        "crossbar": (Access("error", "neuron with a symbol and block of pre neurons", "synapse column", 1, 0), sums),
        "mirrored": (
            Access("error", "symbol and word of its mirrored row", "synapse", 1, 1),
            Access("error", "symbol and core below", "axon", 1, 0),
            Access("error", "hidden neuron, for each symbol above and for each step", "accumulator", 1, 1),
        ),
    }
    return Card(
        words=(
            Word("error", "hidden neuron", fraction + 4, "backward accumulator B"),
            Word("spoke", "neuron register", 4, "own spike and teach bit of this step and of the last")
            if mirrored
            else Word("arrived", "hidden neuron", formats.error_bits, "what the symbols above brought"),
            Word("symbol", "neuron", 2, "positive, negative or no spike of this step"),
            Word("bias", "neuron", formats.weight_bits, "weight of a line that spikes in every step", True),
            Word("wins", "neuron", settings.steps.bit_length(), "steps that an output neuron has won", True),
            Word("heard", "axon register", 4, "spike and teach bit of this step and of the last (flip-flops)"),
        ),
        history_bits=0,
        random_bits=(
            ("input neuron and sample (regular) or step (bernoulli)", 8),
            ("neuron and step", 8),
            ("hidden neuron and sample, with dither", 8),
            ("spike, while the rate is halved (16 beyond 8 halvings)", 8),
        ),
        backward_path=True,
        online_in_time=True,
        phases=("forward", "error", "update"),
        operators=(
            "filter: shift, subtract, add",
            "comparator with a random byte",
            "winner-take-all of the output group, with a table of noise",
            "error adder, two comparators, gate",
            "one weight step: increment or decrement, saturating",
        ),
        accesses=(
            Access("forward", "neuron and step", "neuron", 1, 1),
            Access("forward", "spike and post core, besides its row", "axon flip-flops", 0, 1),
            *ways[formats.backward],
            Access("update", "row of a teaching spike, where there is a symbol", "axon", 1, 0),
            Access("update", "word with a symbol, of such a row", "synapse", 1, 1),
        ),
    )
