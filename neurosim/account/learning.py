"""What learning takes of a chip besides what inference needs: bits of state at every place, and copies of weights."""

from typing import NamedTuple

import numpy as np

from neurosim.card import Card
from neurosim.chip import Chip
from neurosim.image import Image

__all__ = ["LearningMemory", "learning_memory"]


class LearningMemory(NamedTuple):
    """Bits of all cores together. State: what the rule's card lists as kept for learning alone."""

    synapse_bits: int
    neuron_bits: int
    axon_bits: int  # axon words and the flip-flops beside them
    copy_bits: int  # mirrored copies of weights, and the accumulators that their sums take
    total_bits: int


def learning_memory(image: Image, card: Card, chip: Chip) -> LearningMemory:
    """Bits that learning with a rule of this card takes on `chip`, for the network of `image`."""
    slices, sizes, core = image.slices, image.sizes, chip.core
    learners = slices.population > 0
    synapses = int(np.sum(sizes[:-1] * sizes[1:]))
    axons = int(np.sum(sizes[slices.population[learners] - 1]))
    copies = 0
    if core.mirrors:
        hidden = learners & (slices.population < len(sizes) - 1)
        words = -(-slices.size[hidden] // core.synapse.weights_per_word)
        rows = sizes[slices.population[hidden] + 1]
        copies = int(np.sum(words * rows)) * core.synapse.word_bits
        axons += int(np.sum(rows))
        if image.online:  # spikes and errors are summed side by side
            copies += int(np.sum(slices.size[hidden])) * core.accumulator.bits
    parts = (
        card.extra_bits("synapse") * synapses,
        card.extra_bits("neuron") * int(np.sum(sizes[1:])),
        (card.extra_bits("axon") + card.extra_bits("axon register")) * axons,
        copies,
    )
    return LearningMemory(*parts, sum(parts))
