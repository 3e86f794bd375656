"""What learning takes of a chip besides what inference needs: bits of state at every place, and copies of weights."""

from typing import NamedTuple

import numpy as np

from neurosim.card import Card
from neurosim.chip import Chip
from neurosim.image import Image
from neurosim.network import Network
from neurosim.partition import occupancy

__all__ = ["LearningMemory", "copy_bits", "learning_memory"]


class LearningMemory(NamedTuple):
    """Bits of all cores together. State: what the rule's card lists as kept for learning alone."""

    synapse_bits: int
    neuron_bits: int
    axon_bits: int  # axon words and the flip-flops beside them
    copy_bits: int  # mirrored copies: whole words of synapse, axon and route memory, accumulators of their sums
    total_bits: int


def copy_bits(network: Network, chip: Chip) -> int:
    """Bits of memory words that mirrored copies take on all cores; 0 without them."""
    core = chip.core
    widths = (core.neuron.word_bits, core.synapse.word_bits, core.axon.entry_bits, core.packetiser.route_bits)
    return sum(int(np.dot(row.extra, widths)) for row in occupancy(network, chip))


def learning_memory(image: Image, card: Card, network: Network, chip: Chip) -> LearningMemory:
    """Bits that learning with a rule of this card takes on `chip`, for `network`, whose image is given."""
    slices, sizes = image.slices, image.sizes
    learners = slices.population > 0
    neurons, hidden = int(np.sum(sizes[1:])), int(np.sum(sizes[1:-1]))
    axons = int(np.sum(sizes[slices.population[learners] - 1]))
    copies = copy_bits(network, chip)
    if chip.core.mirrors and image.online:  # errors are summed beside spikes, in accumulators of their own
        copies += 2 * hidden * chip.core.accumulator.bits
    parts = (
        card.extra_bits("synapse") * int(np.sum(sizes[:-1] * sizes[1:])),
        card.extra_bits("neuron") * neurons
        + (card.extra_bits("hidden neuron") + card.extra_bits("neuron register")) * hidden,
        (card.extra_bits("axon") + card.extra_bits("axon register")) * axons,
        copies,
    )
    return LearningMemory(*parts, sum(parts))
