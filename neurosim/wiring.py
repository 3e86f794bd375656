"""Wiring: (Connectome, Chip) -> Fabric. Gives every neuron a core, orders the rows, proves that all of it fits."""

import numpy as np
from numpy.typing import NDArray

from neurosim.chip import Chip
from neurosim.connectome import SCRIPTED, Connectome, Sparse
from neurosim.engine.contract import ceil_div, row_cycles
from neurosim.errors import PlacementError
from neurosim.fabric import Blocks, Fabric, Fan, Rows
from neurosim.image import Ints, Kinds, Program, Slices
from neurosim.kernel import kernel
from neurosim.neuron import load_neuron
from neurosim.ops import Op, Phase
from neurosim.room import LONGEST, Segments, check_room, dense_words, prove_ranges
from neurosim.tables import timing
from neurosim.ways import Ways

__all__ = ["place_connectome"]


def place_connectome(connectome: Connectome, chip: Chip, core: NDArray[np.integer] | None = None) -> Fabric:
    """Place `connectome` on `chip`; `core`: integer[neurons], a core for every neuron (None: filled in order).

    Raises PlacementError with everything that does not fit, naming memory, need and capacity.
    """
    if not isinstance(connectome, Connectome) or not isinstance(chip, Chip):
        found = f"{type(connectome).__name__} and {type(chip).__name__}"
        raise PlacementError(f"place_connectome: expected a Connectome and a Chip (see load_chip), got {found}")
    cores = _fill(connectome, chip) if core is None else _checked(connectome, chip, core)
    slices = _slices(connectome, chip, cores)
    counts = _counts(connectome, chip, cores)
    sparse = connectome.sparse or Sparse(
        np.zeros(connectome.neurons + 1, np.int64), np.zeros(0, np.uint32), np.zeros(0, np.int16)
    )
    start, target, weight, segments = _ordered(sparse, cores, chip.cores)
    ways = Ways(chip)
    sets = [ways.unicast()]
    fan = _fan(connectome, chip, slices, counts, ways, sets)
    tree = _trees(chip, connectome.neurons, cores, segments, sets)
    check_room(connectome, chip, cores, counts, segments, fan, slices, tree, sum(len(block) for block in sets))
    prove_ranges(connectome, chip)
    longest = int(segments.size.max(initial=0))
    blocks = [block.weight.size for block in connectome.dense]
    routers = len(np.unique(cores // chip.noc.cores_per_router))
    kinds, none = [group.neuron for group in connectome.groups if group.neuron != SCRIPTED], np.zeros(0, np.int64)
    offsets = np.concatenate([[0], np.cumsum(blocks)]).astype(np.int64)
    return Fabric(
        name=f"{connectome.name} on {chip.name}",
        hardware=timing(chip, routers),
        sizes=connectome.sizes,
        slices=slices,
        ports=np.concatenate(sets),
        kinds=_kinds(connectome, chip, counts),
        program=Program(none, none, none, none, none, none, readout_set=chip.cores),
        neuron=load_neuron(kinds[0] if kinds else "integrate_fire"),
        core=cores,
        scripted=np.array([group.neuron == SCRIPTED for group in connectome.groups], np.int64),
        threshold=np.array([group.threshold for group in connectome.groups], np.int64),
        leak_shift=np.array([group.leak_shift for group in connectome.groups], np.int64),
        bias=np.concatenate([np.broadcast_to(group.bias, group.size) for group in connectome.groups]).astype(np.int64),
        blocks=Blocks(
            np.array([block.pre for block in connectome.dense], np.int64),
            np.array([block.post for block in connectome.dense], np.int64),
            offsets[:-1],
        ),
        weight=np.concatenate([np.zeros(0, np.int16), *(block.weight.ravel() for block in connectome.dense)]),
        fan=fan,
        rows=Rows(start, target, weight, *_row_tables(chip, longest), tree),
        most=_most(slices, fan, tree, segments),
    )


def _fill(connectome: Connectome, chip: Chip) -> NDArray[np.int32]:
    """Group after group on the next free cores, as few as its neurons need, in equal parts."""
    room, parts, core = chip.core.neuron.entries, [], 0
    for size in connectome.sizes:
        used = -(-int(size) // room)
        parts.append(core + np.arange(size) * used // int(size))
        core += used
    if core > chip.cores:
        raise PlacementError(
            f"connectome: {core} cores needed ({room} neurons a core, core.neuron.entries; each group on cores of its "
            f"own), {chip.name} has {chip.cores}"
        )
    return np.concatenate(parts).astype(np.int32)


def _checked(connectome: Connectome, chip: Chip, core: NDArray[np.integer]) -> NDArray[np.int32]:
    core = np.asarray(core)
    if core.shape != (connectome.neurons,) or core.dtype.kind not in "iu":
        raise PlacementError(f"core: expected integer[{connectome.neurons}], got {core.dtype}{list(core.shape)}")
    if core.min() < 0 or core.max() >= chip.cores:
        raise PlacementError(f"core: expected 0 to {chip.cores - 1}, got {core.min()} to {core.max()}")
    return core.astype(np.int32)


def _slices(connectome: Connectome, chip: Chip, core: NDArray[np.int32]) -> Slices:
    """Runs of neurons of one group on one core, by neuron number; a core sweeps its own in that order."""
    group = np.repeat(np.arange(len(connectome.groups)), connectome.sizes)
    begins = np.flatnonzero(np.concatenate([[True], (np.diff(core) != 0) | (np.diff(group) != 0)]))
    size = np.diff(np.concatenate([begins, [len(core)]]))
    homes, none = core[begins].astype(np.int64), np.zeros(0, np.int64)
    return Slices(
        core=homes,
        population=group[begins].astype(np.int64),
        first=begins.astype(np.int64),
        size=size.astype(np.int64),
        words=np.zeros(len(begins), np.int64),
        ptr=np.searchsorted(group[begins], np.arange(len(connectome.groups) + 1)).astype(np.int64),
        order=np.argsort(homes, kind="stable").astype(np.int64),
        core_ptr=np.searchsorted(np.sort(homes), np.arange(chip.cores + 1)).astype(np.int64),
        set_ptr=np.zeros(len(begins) + 1, np.int64),
        sets=none,
        back_ptr=np.zeros(len(begins) + 1, np.int64),
    )


def _counts(connectome: Connectome, chip: Chip, core: NDArray[np.int32]) -> Ints:
    """Neurons of every group on every core, int64[groups, cores]."""
    first = connectome.first
    pairs = zip(first[:-1], first[1:], strict=True)
    return np.stack([np.bincount(core[low:high], minlength=chip.cores) for low, high in pairs]).astype(np.int64)


def _ordered(
    sparse: Sparse, core: NDArray[np.int32], cores: int
) -> tuple[Ints, NDArray[np.uint32], NDArray[np.int16], Segments]:
    """The rows with the synapses of one core side by side, cores ascending, and the segments that this makes."""
    start, target, weight = sparse.start.astype(np.int64), sparse.target.astype(np.uint32), sparse.weight.copy()
    key = np.repeat(np.arange(len(core), dtype=np.int64) * cores, np.diff(start))
    key += core[target]
    if (np.diff(key) < 0).any():
        order = np.argsort(key, kind="stable")
        key, target, weight = key[order], target[order], weight[order]
    begins = np.flatnonzero(np.concatenate([[True], np.diff(key) != 0])) if len(key) else np.zeros(0, np.int64)
    size = np.diff(np.concatenate([begins, [len(key)]]))
    pre, post_core = np.divmod(key[begins], cores)
    return start, target, weight, Segments(pre, post_core, size.astype(np.int64))


def _fan(
    connectome: Connectome, chip: Chip, slices: Slices, counts: Ints, ways: Ways, sets: list[NDArray[np.uint8]]
) -> Fan:
    """Destination sets of all slices for every dense projection: one for each core, or one multicast set."""
    ptr, block_of, set_ptr, targets = [0], [], [0], []
    known: dict[tuple[int, int], list[int]] = {}  # of a core and a projection: slices of one core share their sets
    for core, group in zip(slices.core.tolist(), slices.population.tolist(), strict=True):
        for k, block in enumerate(connectome.dense):
            if block.pre != group:
                continue
            if (core, k) not in known:
                homes = np.flatnonzero(counts[block.post]).tolist()
                tree = np.zeros((1, chip.noc.routers), np.uint8)
                for home in homes:
                    ways.mark(tree[0], core, home)
                known[core, k] = homes
                if chip.noc.multicast and len(homes) > 1:
                    known[core, k] = [sum(len(part) for part in sets)]
                    sets.append(tree)
            block_of.append(k)
            targets.extend(known[core, k])
            set_ptr.append(len(targets))
        ptr.append(len(block_of))
    return Fan(*(np.array(column, np.int64) for column in (ptr, block_of, set_ptr, targets)))


@kernel
def _grow(masks: NDArray[np.uint8], after: Ints, router: Ints, single: NDArray[np.uint8], pre: Ints, post: Ints,
          row: Ints) -> None:  # fmt: skip
    """masks[row[k]] |= the way from router[k] to core post[k], by the unicast sets `single`."""
    for k in range(pre.shape[0]):
        at = router[k]
        while at >= 0:
            mask = single[post[k], at]
            masks[row[k], at] |= mask
            port = 0
            while (mask >> port) & 1 == 0:
                port += 1
            at = after[at, port]


def _trees(
    chip: Chip, neurons: int, core: NDArray[np.int32], segments: Segments, sets: list[NDArray[np.uint8]]
) -> Ints:
    """One multicast set for each neuron whose sparse row lies on several cores; -1 for the others."""
    ways, tree = Ways(chip), np.full(neurons, -1, np.int64)
    if chip.noc.dead_links:
        seen = np.unique(core[segments.pre].astype(np.int64) * chip.cores + segments.core)
        for here, there in zip(*np.divmod(seen, chip.cores), strict=True):
            ways.mark(np.zeros(chip.noc.routers, np.uint8), int(here), int(there))
    if not chip.noc.multicast:
        return tree
    many = np.bincount(segments.pre, minlength=neurons) > 1
    row = np.cumsum(many) - 1
    masks = np.zeros((int(many.sum()), chip.noc.routers), np.uint8)
    mine = many[segments.pre]
    pre, post = segments.pre[mine], segments.core[mine]
    router = core[pre].astype(np.int64) // chip.noc.cores_per_router
    _grow(masks, ways.after(), router, sets[0], pre, post, row[pre].astype(np.int64))
    tree[many] = sum(len(block) for block in sets) + row[many]
    sets.append(masks)
    return tree


def _row_tables(chip: Chip, longest: int) -> tuple[Ints, Ints]:
    """Cycles and words of 0..longest synapses of a sparse row on one core."""
    unit = chip.core.synapse
    if unit.sparse is None:
        return np.zeros(1, np.int64), np.zeros(1, np.int64)
    words = [int(ceil_div(n, unit.sparse_per_word)) for n in range(longest + 1)]
    cycles = [
        int(row_cycles(w, n, unit.banks, unit.ports, unit.lanes, unit.sparse.lane_cycles)) for n, w in enumerate(words)
    ]
    if cycles[-1] > LONGEST:
        raise PlacementError(
            f"sparse rows: {longest} synapses of one on a core take {cycles[-1]} cycles, the engines hold {LONGEST}"
        )
    return np.array(cycles, np.int64), np.array(words, np.int64)


def _flits(chip: Chip) -> int:
    address = (chip.core.axon.entries - 1).bit_length()
    return int(ceil_div(chip.noc.header_bits + address, chip.noc.link.width_bits))


def _kinds(connectome: Connectome, chip: Chip, counts: Ints) -> Kinds:
    """One kind for each dense projection, the last for sparse rows: flits, service cycles, accesses at every node."""
    unit, nodes, count = chip.core.synapse, chip.cores + 1, len(connectome.dense) + 1
    table = Kinds(
        flits=np.full(count, _flits(chip), np.int64),
        phase=np.full(count, Phase.FORWARD, np.int64),
        axon=np.full((count, nodes), chip.core.axon.lookup_cycles, np.int64),
        synapse=np.zeros((count, nodes), np.int64),
        ops=np.zeros((count, nodes, len(Op)), np.int64),
        learn_ops=np.zeros((count, nodes, len(Op)), np.int64),
        label=0,
        rate=0,
        readout=0,
    )
    table.ops[:, :-1, Op.AXON_READ] = 1
    for k, block in enumerate(connectome.dense):
        for core in np.flatnonzero(counts[block.post]):
            size = int(counts[block.post, core])
            words = int(dense_words(chip, np.array(size)))
            table.synapse[k, core] = row_cycles(words, size, unit.banks, unit.ports, unit.lanes, unit.lane_cycles)
            ops = table.ops[k, core]
            ops[Op.SYNAPSE_READ] = words
            ops[Op.SYNAPSE_ADD] = ops[Op.ACCUMULATOR_READ] = ops[Op.ACCUMULATOR_WRITE] = size
    return table


def _most(slices: Slices, fan: Fan, tree: Ints, segments: Segments) -> tuple[int, int]:
    """Packets of a step in which every neuron fires, and nodes in the lists of multicast packets."""
    dense = int((slices.size * (fan.set_ptr[fan.ptr[1:]] - fan.set_ptr[fan.ptr[:-1]])).sum())
    many = int((tree[segments.pre] >= 0).sum())
    return dense + len(segments.pre) - many + int((tree >= 0).sum()), many
