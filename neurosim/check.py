"""`neurosim check`: what a chip file or a cost table says, as lines and tables to show."""

from collections.abc import Iterator

from rich.console import RenderableType

from neurosim.account.costs import load_costs
from neurosim.chip import Chip
from neurosim.config import is_cost_file
from neurosim.console import occupancy_table
from neurosim.errors import PlacementError
from neurosim.machine import load_chip
from neurosim.network import mlp, parse_sizes
from neurosim.partition import occupancy
from neurosim.sequenced import SequencedChip

__all__ = ["check"]


def check(name: str, network: str) -> Iterator[RenderableType]:
    """Lines and tables about the chip or cost file `name`, and what `network` occupies on the chip.

    Raises ConfigError with everything that is wrong with the file.
    """
    if is_cost_file(name):
        table = load_costs(name)
        yield f"{name}: cost table {table.name}: complete, {table.quality}, {table.source}"
    else:
        yield from _chip(name, network)


def _chip(name: str, network: str) -> Iterator[RenderableType]:
    chip = load_chip(name)
    if isinstance(chip, SequencedChip):
        yield from _sequenced(name, chip)
        return
    routers = f" at {chip.noc.routers} routers" if chip.noc.cores_per_router > 1 else ""
    yield f"{name}: chip {chip.name}: valid, {chip.cores} cores{routers}, {chip.clock_mhz:g} MHz"
    for memory, shape in chip.core.memories().items():
        size = f"{shape.words:,} words of {shape.word_bits} bits in {shape.banks} bank(s)"
        yield f"  {memory} memory of a core: {size}, {shape.capacity_bits / 8192:.4g} KiB"
    costs = load_costs(chip.costs)
    yield f"  cost table {costs.name}: complete, no cost is missing"
    yield _occupancy(chip, network)


def _sequenced(name: str, chip: SequencedChip) -> Iterator[RenderableType]:
    core = chip.core
    yield f"{name}: chip {chip.name}: valid, one sequenced core, {chip.clock_mhz:g} MHz"
    for memory, shape in core.memories().items():
        size = f"{shape.words:,} words of {shape.word_bits} bits"
        yield f"  {memory} memory: {size}, {shape.capacity_bits / 8192:.4g} KiB"
    yield f"  event queue: {core.queue.depth} entries; operations: {', '.join(core.operations)}"
    yield f"  learning circuit: {', '.join(core.learning.circuits) or 'none (inference with --weights FILE --freeze)'}"
    yield f"  cost table {load_costs(chip.costs).name}: complete, no cost is missing"
    yield f"  holds one layer of up to {core.synapse.rows} inputs and {core.neuron.entries} neurons"


def _occupancy(chip: Chip, network: str) -> RenderableType:
    try:
        return occupancy_table(f"{network} on {chip.name}", occupancy(mlp(parse_sizes(network)), chip))
    except PlacementError as error:
        return f"  {network} does not fit: {error}"
