"""`neurosim check`: what a chip file or a cost table says, as lines and tables to show."""

from collections.abc import Iterator

from rich.console import RenderableType

from neurosim.account.costs import costs_of, load_costs
from neurosim.chip import Chip
from neurosim.config import is_cost_file
from neurosim.console import layer_table, occupancy_table
from neurosim.errors import PlacementError
from neurosim.layer import layer_occupancy, require_layer
from neurosim.machine import load_chip
from neurosim.network import mlp, parse_sizes
from neurosim.partition import occupancy
from neurosim.sequenced import SequencedChip
from neurosim.sequencer import build_sequencer

__all__ = ["check"]

_NETWORK = "784-512-10"  # what pipelined chips are asked to hold unless told otherwise


def check(name: str, network: str | None) -> Iterator[RenderableType]:
    """Lines and tables about the chip or cost file `name`, and what `network` (None: a usual one) occupies on the chip.

    Raises ConfigError with everything that is wrong with the file.
    """
    if is_cost_file(name):
        table = load_costs(name)
        yield f"{name}: cost table {table.name}: complete, {table.quality}, {table.source}"
    else:
        yield from _chip(name, network)


def _chip(name: str, network: str | None) -> Iterator[RenderableType]:
    chip = load_chip(name)
    if isinstance(chip, SequencedChip):
        yield from _sequenced(name, chip, network)
        return
    routers = f" at {chip.noc.routers} routers" if chip.noc.cores_per_router > 1 else ""
    yield f"{name}: chip {chip.name}: valid, {chip.cores} cores{routers}, {chip.clock_mhz:g} MHz"
    for memory, shape in chip.core.memories().items():
        size = f"{shape.words:,} words of {shape.word_bits} bits in {shape.banks} bank(s)"
        yield f"  {memory} memory of a core: {size}, {shape.capacity_bits / 8192:.4g} KiB"
    costs = costs_of(chip)
    yield f"  cost table {costs.name}: complete, no cost is missing"
    yield _occupancy(chip, network or _NETWORK)


def _sequenced(name: str, chip: SequencedChip, network: str | None) -> Iterator[RenderableType]:
    core, _ = chip.core, build_sequencer(chip)  # its circuit and its rule exist, too
    yield f"{name}: chip {chip.name}: valid, one sequenced core, {chip.clock_mhz:g} MHz"
    for memory, shape in core.memories().items():
        size = f"{shape.words:,} words of {shape.word_bits} bits"
        yield f"  {memory} memory: {size}, {shape.capacity_bits / 8192:.4g} KiB"
    yield f"  event queue: {core.queue.depth} entries; operations: {', '.join(core.operations)}"
    yield f"  learning circuit: {', '.join(core.learning.circuits) or 'none (inference with --weights FILE --freeze)'}"
    yield f"  cost table {costs_of(chip).name}: complete, no cost is missing"
    yield f"  holds one layer of up to {core.synapse.rows} inputs and {core.neuron.entries} neurons"
    if network is None:
        return
    sizes = parse_sizes(network)
    try:
        require_layer(chip, sizes)
    except PlacementError as error:
        yield f"  {network} does not fit: {error}"
    else:
        yield layer_table(f"{network} on {chip.name}", layer_occupancy(chip, sizes))


def _occupancy(chip: Chip, network: str) -> RenderableType:
    try:
        return occupancy_table(f"{network} on {chip.name}", occupancy(mlp(parse_sizes(network)), chip))
    except PlacementError as error:
        return f"  {network} does not fit: {error}"
