"""Which neurons lie on which core: populations cut into parts, and how full every core then is."""

from dataclasses import dataclass

from neurosim.chip import Chip
from neurosim.errors import PlacementError
from neurosim.network import Network
from neurosim.occupancy import EMPTY, RESOURCES, Demand, capacity, copy_demand, slice_demand
from neurosim.tables import Part

__all__ = ["Occupancy", "homes", "occupancy", "partition", "snake"]


@dataclass(frozen=True)
class Occupancy:
    """One core: which neurons lie on it, and used / offered of each resource; `extra`: used by mirrored copies."""

    core: int
    parts: tuple[str, ...]
    used: tuple[int, ...]
    offered: tuple[int, ...]
    extra: tuple[int, ...]


def homes(chip: Chip, needed: list[int]) -> list[list[int]]:
    """Cores of each population, given how many it needs; the chip has at least the sum.

    Each population takes rows of the mesh of its own, if there are enough: spikes then run along their own row
    and turn once into the next, and the flows of different layers share no link (xy routing). Otherwise the
    populations follow each other on a snake through the mesh, where consecutive cores are neighbours.
    """
    columns, rows = chip.noc.columns * chip.noc.cores_per_router, chip.noc.rows
    if sum(-(-count // columns) for count in needed) <= rows:
        order, starts, row = list(range(chip.cores)), [], 0
        for count in needed:
            starts.append(row * columns)
            row += -(-count // columns)
    else:
        order = snake(chip)
        starts = [sum(needed[:p]) for p in range(len(needed))]
    return [order[start : start + count] for start, count in zip(starts, needed, strict=True)]


def snake(chip: Chip) -> list[int]:
    """Cores along a snake through the mesh, so that consecutive ones are neighbours."""
    columns, rows, each = chip.noc.columns, chip.noc.rows, chip.noc.cores_per_router
    routers = [y * columns + (x if y % 2 == 0 else columns - 1 - x) for y in range(rows) for x in range(columns)]
    return [router * each + k for router in routers for k in range(each)]


def _demands(network: Network, chip: Chip, p: int, neurons: int, packets: int = 1, back: int = 1) -> Demand:
    # Before placement the packets of a spike are not known; the tables refuse an overflow later.
    own = slice_demand(chip, neurons, network.sizes[p - 1] if p > 0 else 0, packets)
    return own + _copies(network, chip, p, neurons, back)


def _copies(network: Network, chip: Chip, p: int, neurons: int, back: int = 1) -> Demand:
    """What mirrored copies take: rows back to all hidden neurons; `back` packets for a desire, but of the first."""
    if not chip.core.mirrors:
        return EMPTY
    rows = network.sizes[p + 1] if 0 < p < len(network.sizes) - 1 else 0
    return copy_demand(chip, neurons, rows, back if p > 1 else 0)


def _packets(parts: list[Part], part: Part, chip: Chip) -> int:
    """Packets that a spike of `part` takes: one with multicast or for a read-out, else one per post core."""
    targets = sum(other.population == part.population + 1 for other in parts)
    return 1 if chip.noc.multicast else max(1, targets)


def _fits(network: Network, chip: Chip, p: int, used: Demand) -> int:
    """Largest number of neurons of population p that still fits on a core with `used` occupied."""
    low, high = 0, network.sizes[p]
    room = capacity(chip)
    while low < high:
        middle = (low + high + 1) // 2
        if (used + _demands(network, chip, p, middle)).excess(room):
            high = middle - 1
        else:
            low = middle
    return low


def partition(network: Network, chip: Chip) -> list[Part]:
    """Cut populations into parts and give each a core.

    Each population gets cores of its own, as few as can hold it, in equal parts (see `homes`). If the chip has too
    few cores for that, whole populations share cores, the same number on each; if that does not fit either, the
    cores are filled to the brim in order.
    Raises PlacementError that names the population, the memory that is full and by how much.
    """
    needed = []
    for p, population in enumerate(network.populations):
        most = _fits(network, chip, p, EMPTY)
        if most == 0:
            one = _demands(network, chip, p, 1)
            raise PlacementError(_too_big(population.name, one, chip))
        needed.append(-(-population.size // most))
    if sum(needed) > chip.cores:
        return _share(network, chip) or _fill(network, chip, snake(chip), needed)
    parts = []
    for p, cores in enumerate(homes(chip, needed)):
        bounds = [network.sizes[p] * i // len(cores) for i in range(len(cores) + 1)]
        for core, first, last in zip(cores, bounds[:-1], bounds[1:], strict=True):
            parts.append(Part(core, p, first, last - first))
    return parts


def _share(network: Network, chip: Chip) -> list[Part]:
    """Consecutive whole populations together on a core, spread over all cores; empty if one does not fit."""
    order, count = snake(chip), len(network.sizes)
    if chip.cores >= count:
        return []
    parts = [Part(order[p * chip.cores // count], p, 0, size) for p, size in enumerate(network.sizes)]
    for core in order:
        used = EMPTY
        for part in (part for part in parts if part.core == core):
            used = used + _demands(network, chip, part.population, part.size)
        if used.excess(capacity(chip)):
            return []
    return parts


def _fill(network: Network, chip: Chip, order: list[int], needed: list[int]) -> list[Part]:
    used = dict.fromkeys(order, EMPTY)
    parts = []
    for p, population in enumerate(network.populations):
        first = 0
        for core in order:
            count = min(_fits(network, chip, p, used[core]), population.size - first)
            if count > 0:
                used[core] = used[core] + _demands(network, chip, p, count)
                parts.append(Part(core, p, first, count))
                first += count
        if first < population.size:
            raise PlacementError(_chip_full(network, chip, p, first, needed))
    return parts


def _too_big(name: str, one: Demand, chip: Chip) -> str:
    room = capacity(chip)
    full = [
        f"{resource}: needs {asked}, a core of {chip.name} has {free}"
        for resource, asked, free in zip(RESOURCES, one.amounts, room.amounts, strict=True)
        if asked > free
    ]
    return f"one neuron of population '{name}' does not fit on an empty core: " + "; ".join(full)


def _chip_full(network: Network, chip: Chip, p: int, placed: int, needed: list[int]) -> str:
    lines = [
        f"population '{network.populations[p].name}': {placed} of {network.sizes[p]} neurons placed, "
        f"then all {chip.cores} cores of {chip.name} were full"
    ]
    for q, population in enumerate(network.populations):
        whole = _demands(network, chip, q, population.size).amounts
        room = capacity(chip).amounts
        tight = max(range(4), key=lambda r: whole[r] / room[r])
        lines.append(
            f"  {population.name}: {population.size} neurons fill {needed[q]} core(s), limited by "
            f"{RESOURCES[tight]} ({whole[tight]} needed, {room[tight]} a core)"
        )
    lines.append(f"  together {sum(needed)} cores; the chip has {chip.cores}: take a larger chip or memory")
    return "\n".join(lines)


def occupancy(network: Network, chip: Chip) -> list[Occupancy]:
    """Occupancy of every core of `chip` with `network` on it. Raises PlacementError as `place` does."""
    parts = partition(network, chip)
    rows = []
    for core in range(chip.cores):
        used, extra, names = EMPTY, EMPTY, []
        for part in (part for part in parts if part.core == core):
            back = sum(other.population == part.population - 1 for other in parts)
            used = used + _demands(network, chip, part.population, part.size, _packets(parts, part, chip), back)
            extra = extra + _copies(network, chip, part.population, part.size, back)
            name = network.populations[part.population].name
            names.append(f"{name}[{part.first}:{part.first + part.size}]")
        rows.append(Occupancy(core, tuple(names), used.amounts, capacity(chip).amounts, extra.amounts))
    return rows
