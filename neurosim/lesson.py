"""How the host tells a sequenced chip a sample and its label: words for the input port, and nothing else.

SDSP knows no error. It needs a teacher that moves membranes, and calcium to say who has fired. Our protocol, for one
sample (the paper's is not known here):

1. *Question.* A fixed number of spikes, spread over the pixels by their values: the same drive for thin digits and
   bold ones. Neurons that were driven past their threshold fire, and have calcium 1. Nothing is learnt: that is below
   theta_1 = 2. The host counts spikes at the output port by class: the answer.
2. *Teaching.* Time references bring all membranes to rest. A random share of the neurons is taught: virtual events
   make each of the label's fire twice and lift its membrane above theta_membrane, and each other fire once. So of the
   label's, those that were silent have calcium 2 and an UP flag, and those that had fired have 3 = theta_3: they know
   it. Of the others, those that had fired wrongly have calcium 2, a low membrane and a DOWN flag; the silent have 1.
   Now some of the question's spikes, drawn at random, move the synapses that they pass: a perceptron's rule, done by
   the chip's calcium and flags. Few spikes teach, and fewer towards the end: that is the learning rate.
3. *Rest.* Time references until every membrane and all calcium are 0.

Each part is sent when the part before has left the chip. Random draws are functions of seed and presentation.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurosim.assembler import Assembler
from neurosim.data.encoders import random_bytes
from neurosim.errors import ConfigError
from neurosim.image import Ints
from neurosim.sequenced import SequencedChip

__all__ = ["Lesson", "lesson_for", "question_rows", "rest_references"]


def question_rows(pixels: NDArray[np.uint8], spikes: int, turn: int = 0) -> Ints:
    """Rows of the spikes of a sample, in their order: int64[spikes]; none for a black image.

    Spike k stands at the place (k + 1/2) / spikes of the sum over all pixels. They come in golden-section order,
    begun at `turn`, so that any stretch of them is a fair sample.
    """
    sums = np.cumsum(pixels, dtype=np.int64)
    if sums[-1] == 0:
        return np.zeros(0, np.int64)
    rows = np.searchsorted(2 * spikes * sums, (2 * np.arange(spikes) + 1) * sums[-1], side="right")
    step = int(spikes * 0.618) | 1
    while np.gcd(step, spikes) != 1:
        step += 2
    return np.asarray(rows[(np.arange(spikes) * step + turn) % spikes], np.int64)


def rest_references(chip: SequencedChip, threshold: int, leak: int) -> int:
    """Time references that bring any membrane to 0."""
    neuron = chip.core.neuron
    most = 1 << (neuron.fields["membrane"][1] - 1) if neuron.signed else threshold - 1
    return max(1, -(-most // leak))


@dataclass(frozen=True)
class Lesson:
    """The words of all parts of a sample for one chip, network and choice of settings.

    spike: int64[rows].  fire: int64[neurons, n], words that make a neuron at rest fire; lift: int64[neurons, m], that
    raise its membrane to theta_membrane. Both are empty for a chip that does not learn.
    """

    classes: int
    spikes: int
    spike: Ints
    reference: int
    rest: int  # references that bring a membrane to rest
    forget: int  # and all calcium behind that
    fire: Ints
    lift: Ints
    shares: tuple[float, float]
    seed: int

    def question(self, pixels: NDArray[np.uint8], turn: int = 0) -> Ints:
        """Part 1."""
        return np.asarray(self.spike[question_rows(pixels, self.spikes, turn)])

    def teaching(self, question: Ints, label: int, number: int, spikes: float) -> Ints:
        """Part 2 of presentation `number`. spikes: how many teach, on average; question: words of part 1.

        The draws are bytes: shares, and the part of `spikes` behind the point, are rounded to 256ths, and of a question
        of more than 256 spikes, 256 in equal distances can teach.
        """
        neurons = len(self.fire)
        draws = random_bytes(self.seed, number, 1, 2, max(neurons, len(question) + 1))[0].astype(np.int64)
        is_label = np.arange(neurons) % self.classes == label
        share = np.where(is_label, *(round(256 * part) for part in self.shares))
        taught = draws[0, :neurons] < share
        whole = int(spikes) + int(draws[1, 0] < round(256 * (spikes % 1)))
        drawn = question[draws[1, 1 : whole + 1] * len(question) // 256] if len(question) else question
        others = self.fire[taught & ~is_label].ravel()
        own = np.concatenate([self.fire, self.fire, self.lift], axis=1)[taught & is_label].ravel()
        return np.concatenate([np.full(self.rest, self.reference), others, own, drawn])

    def closing(self, learn: bool) -> Ints:
        """Part 3. Without learning there is no calcium to lose."""
        return np.full(self.forget if learn else self.rest, self.reference, np.int64)


def lesson_for(
    chip: SequencedChip, neurons: int, classes: int, seed: int, *, spikes: int, threshold: int, leak: int,
    shares: tuple[float, float], theta_membrane: int, calcium_leak: int, inputs: int | None = None,
    teaching: float = 0.0,
) -> Lesson:  # fmt: skip
    """The lesson of a chip with `neurons` outputs and `inputs` rows in use (None: all).

    teaching: the most spikes that teach after a sample. Raises ConfigError for settings with which it does not work.
    """
    core, words = chip.core, Assembler(chip)
    rest = rest_references(chip, threshold, leak)
    learns = bool(core.learning.circuits)
    fire = lift = np.zeros((neurons, 0), np.int64)
    forget = rest
    if learns:
        _check_teaching(spikes, teaching, shares)
        if calcium_leak <= rest:
            raise ConfigError(
                f"settings.calcium_leak: expected more than {rest}, the time references that bring a membrane to rest "
                f"(threshold {threshold}, leak {leak}): calcium must outlive them; got {calcium_leak}"
            )
        if theta_membrane >= threshold:
            raise ConfigError(
                f"settings.theta_membrane: expected less than threshold = {threshold}, got {theta_membrane}"
            )
        top = (1 << core.synapse.weight[1]) - 1
        excite = np.array([words.virtual(neuron, top) for neuron in range(neurons)], np.int64)[:, None]
        fire = np.repeat(excite, -(-threshold // top), axis=1)
        lift = np.repeat(excite, -(-theta_membrane // top), axis=1)
        forget = calcium_leak * ((1 << core.neuron.fields["calcium"][1]) - 1) - rest
    spike = words.spikes(inputs)
    return Lesson(classes, spikes, spike, words.reference(), rest, max(rest, forget), fire, lift, shares, seed)


def _check_teaching(spikes: int, teaching: float, shares: tuple[float, float]) -> None:
    """Raise ConfigError for more spikes that teach than there are, or a share that would be none at all."""
    if teaching > spikes:
        raise ConfigError(
            f"settings.teaching_first, teaching_last: expected at most settings.spikes = {spikes}, got {teaching:g}: "
            "spikes that teach are some of the question's"
        )
    for name, share in zip(("label_share", "other_share"), shares, strict=True):
        if share > 0 and round(256 * share) == 0:
            raise ConfigError(f"settings.{name}: expected 0 or more than 1/512 (shares count in 256ths), got {share:g}")
