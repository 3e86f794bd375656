"""Does a placed connectome fit? Everything that is too large for a core, or out of the range of a word."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.chip import Chip
from neurosim.connectome import SCRIPTED, Connectome
from neurosim.errors import PlacementError
from neurosim.fabric import Fan
from neurosim.image import Ints, Slices

__all__ = ["Segments", "check_room", "dense_words", "prove_ranges"]

ACCUMULATOR = 32  # bits of an accumulator in the engines
LONGEST = 2**31 - 1  # cycles of one row in the engines
_SHOWN = 8  # complaints about cores


class Segments(NamedTuple):
    """Synapses of one sparse row on one core: int64[segments] each."""

    pre: Ints
    core: Ints
    size: Ints


def dense_words(chip: Chip, counts: Ints) -> Ints:
    """Words of one row of so many synapses."""
    return np.asarray(-(-counts // chip.core.synapse.weights_per_word), np.int64)


def check_room(connectome: Connectome, chip: Chip, core: NDArray[np.int32], counts: Ints, segments: Segments, fan: Fan,
           slices: Slices, tree: Ints, sets: int) -> None:  # fmt: skip
    """Everything that is too large for a core. Raises PlacementError."""
    unit, cores = chip.core.synapse, chip.cores
    if len(segments.pre) and unit.sparse is None:
        raise PlacementError(f"sparse synapses: {chip.name} has no section core.synapse.sparse: dense rows only")
    words, axons, routes = (np.zeros(cores, np.int64) for _ in range(3))
    for block in connectome.dense:
        rows = connectome.groups[block.pre].size
        words += rows * dense_words(chip, counts[block.post])
        axons += rows * (counts[block.post] > 0)
    if len(segments.pre):
        words += np.bincount(segments.core, -(-segments.size // unit.sparse_per_word), cores).astype(np.int64)
        axons += np.bincount(segments.core, minlength=cores)
    packets = np.bincount(segments.pre, minlength=len(core))
    packets[tree >= 0] = 1
    routes += np.bincount(core, packets, cores).astype(np.int64)
    for s, (home, size) in enumerate(zip(slices.core, slices.size, strict=True)):
        routes[home] += size * (fan.set_ptr[fan.ptr[s + 1]] - fan.set_ptr[fan.ptr[s]])
    rooms = (
        ("neurons", "core.neuron.entries", counts.sum(axis=0), chip.core.neuron.entries),
        ("synapse words", "core.synapse.capacity_kib", words, unit.words),
        ("axons", "core.axon.entries", axons, chip.core.axon.entries),
        ("routes", "core.packetiser.route_entries", routes, chip.core.packetiser.route_entries),
    )
    problems = [
        f"core {c}: {int(need[c])} {what} needed, {room} offered ({key})"
        for what, key, need, room in rooms
        for c in np.flatnonzero(need > room)
    ]
    if sets > 2**chip.noc.header_bits:
        problems.append(
            f"destinations: {sets} nodes and multicast sets, noc.header_bits = {chip.noc.header_bits} can name "
            f"{2**chip.noc.header_bits}"
        )
    if len(problems) > _SHOWN:
        problems = [*problems[:_SHOWN], f"and {len(problems) - _SHOWN} more"]
    if problems:
        raise PlacementError("\n".join(problems))


def prove_ranges(connectome: Connectome, chip: Chip) -> None:
    """Weights fit their bits, no accumulator can overflow, thresholds lie in the membrane's range."""
    core, problems = chip.core, []
    low, high = -(2 ** (core.synapse.weight_bits - 1)), 2 ** (core.synapse.weight_bits - 1) - 1
    sums = np.zeros(connectome.neurons, np.float64)
    listed = [] if connectome.sparse is None else [("sparse", connectome.sparse.weight)]
    for name, weight in [*((f"dense[{k}]", block.weight) for k, block in enumerate(connectome.dense)), *listed]:
        if weight.size and not (low <= int(weight.min()) and int(weight.max()) <= high):
            problems.append(
                f"{name}: weights {int(weight.min())} to {int(weight.max())}, core.synapse.weight_bits = "
                f"{core.synapse.weight_bits} holds {low} to {high}"
            )
    for block in connectome.dense:
        first = int(connectome.first[block.post])
        sums[first : first + block.weight.shape[1]] += np.abs(block.weight.astype(np.int32)).sum(axis=0)
    if connectome.sparse is not None:
        size = np.abs(connectome.sparse.weight.astype(np.int32))
        sums += np.bincount(connectome.sparse.target, size, connectome.neurons)
    need = int(sums.max(initial=0)).bit_length() + 1
    if need > min(core.accumulator.bits, ACCUMULATOR):
        least = f"core.accumulator.bits is {core.accumulator.bits}"
        if core.accumulator.bits > ACCUMULATOR:
            least += f", and the engines keep {ACCUMULATOR}"
        problems.append(f"accumulators: a sum can take {need} bits, {least}")
    top = 2 ** (core.neuron.membrane_bits - 1) - 1
    for group in connectome.groups:
        if group.neuron != SCRIPTED and group.threshold > top:
            problems.append(
                f"group '{group.name}': threshold {group.threshold}, core.neuron.membrane_bits = "
                f"{core.neuron.membrane_bits} allows {top}"
            )
        if int(np.max(group.bias)) > top or int(np.min(group.bias)) < -top - 1:
            problems.append(f"group '{group.name}': bias beyond the {core.neuron.membrane_bits} bits of the membrane")
    if problems:
        raise PlacementError("\n".join(problems))
