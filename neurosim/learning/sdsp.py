"""Spike-driven synaptic plasticity (SDSP) as ODIN does it (specs/odin.md section 4, after Brader, Senn, Fusi 2007).

A post neuron says by its membrane and its calcium, a slow count of its own spikes, whether synapses onto it should
rise or fall: two flags, stored whenever the neuron is written. A pre spike moves each plastic synapse that it passes
by one step as the flag of the post neuron says, after its weight was used. Learning stops by itself: outside a window
of calcium neither flag is set. Bistability, on a time reference of its own, pulls weights to the nearer end.
"""

from dataclasses import dataclass
from typing import NamedTuple

from neurosim.card import Access, Card, Formats, Word
from neurosim.kernel import kernel

TITLE = "SDSP, spike-driven synaptic plasticity"
SOURCE = "Frenkel et al., IEEE TBioCAS 13(1), 2019 (ODIN), after Brader, Senn, Fusi 2007; kernels: open RTL of ODIN"
SCHEDULE = "event"
READOUT = "strict"
WORDS = ("learns", "theta_membrane", "theta_1", "theta_2", "theta_3", "calcium_leak", "calcium", "calcium_wait")
SIGNED = False

READS = {
    "on_neuron": ("calcium", "wait", "membrane", "fired", "reference", "theta_membrane", "theta_1", "theta_2",
                  "theta_3", "leak"),
    "on_pre": ("weight", "up", "down"),
    "on_reference": ("weight",),
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What the workload writes into the word of each neuron that learns (integers, widths as on the chip)."""

    theta_membrane: int = 100  # from this membrane on synapses rise, below it they fall
    theta_1: int = 1  # neither below this much calcium,
    theta_2: int = 7  # no fall from here on,
    theta_3: int = 7  # no rise from here on
    calcium_leak: int = 4  # time references from one loss of calcium to the next; 0: none is lost


class Constants(NamedTuple):
    """What the circuits hold (integers)."""

    weight_max: int
    weight_min: int
    middle: int  # from this weight on bistability pulls up
    calcium_max: int


def quantise(settings: Settings, formats: Formats) -> Constants:
    """Ends of the weights and of the calcium. formats.trace_bits: those of the calcium."""
    top = (1 << formats.weight_bits) - 1
    return Constants(top, 0, (top + 1) >> 1, (1 << formats.trace_bits) - 1)


def rate(value: float, formats: Formats) -> int:
    """There is no rate: a step is one LSB."""
    return 1


def spread(fan_in: int, last: bool) -> float:
    """Nothing is drawn by a deviation: initial weights are three neighbouring values around the middle of the range."""
    return 0.0


def card(formats: Formats, settings: Settings) -> Card:
    """Calcium, thresholds and two flags at the neuron, one bit at the synapse; nothing is sent back."""
    thetas = formats.membrane_bits + 3 * formats.trace_bits
    words = (
        Word("mapped", "synapse", 1, "whether the synapse exists, and may learn", inference=True),
        Word("calcium", "neuron", formats.trace_bits, "slow count of own spikes"),
        Word("calcium wait", "neuron", formats.wait_bits, "time references since the last loss of calcium"),
        Word("calcium leak", "neuron", formats.wait_bits, "time references between losses"),
        Word("thetas", "neuron", thetas, "of the membrane, and of the calcium (three)"),
        Word("learns", "neuron", 1, "whether calcium is kept at all"),
        Word("up, down", "neuron register", 2, "where synapses go at the next pre spike"),
    )
    accesses = (
        Access("forward", "pre spike, word of synapses", "synapse", 1, 1),
        Access("forward", "any event at a neuron", "neuron", 1, 1),
        Access("update", "bistability, word of synapses", "synapse", 1, 1),
    )
    operators = ("comparators", "counter", "step of one LSB")
    return Card(words, 0, (), False, True, ("forward", "update"), operators, accesses)


@kernel
def on_neuron(
    calcium: int, wait: int, membrane: int, fired: int, reference: int, theta_membrane: int, theta_1: int,
    theta_2: int, theta_3: int, leak: int, c: Constants,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Behind every update of a neuron that learns: (calcium, wait, up, down). `membrane` is that after the reset."""
    lost = 0
    if leak != 0 and reference != 0:
        lost = 1 if wait == leak - 1 else 0
        wait = 0 if lost != 0 else wait + 1
    if fired != 0 and lost == 0:
        calcium = min(c.calcium_max, calcium + 1)
    elif fired == 0 and lost != 0:
        calcium = max(0, calcium - 1)
    up = 1 if membrane >= theta_membrane and theta_1 <= calcium < theta_3 else 0
    down = 1 if membrane < theta_membrane and theta_1 <= calcium < theta_2 else 0
    return calcium, wait, up, down


@kernel
def on_pre(weight: int, up: int, down: int, c: Constants) -> int:
    """A pre spike passes a plastic synapse: the weight after.

    Both flags of a neuron can only be set at power-up. Then up wins, but a weight at its lower end stays there.
    """
    if up != 0 and (down == 0 or weight > c.weight_min):
        return min(c.weight_max, weight + 1)
    if down != 0:
        return max(c.weight_min, weight - 1)
    return weight


@kernel
def on_reference(weight: int, c: Constants) -> int:
    """Bistability: one step to the nearer end."""
    return min(c.weight_max, weight + 1) if weight >= c.middle else max(c.weight_min, weight - 1)
