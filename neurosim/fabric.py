"""The fabric: a connectome placed on a chip, as plain arrays, and the state that changes while it runs."""

from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.image import Hardware, Ints, Kinds, Program, Slices, digest_of

__all__ = ["Blocks", "Fabric", "FabricState", "Fan", "Rows"]


class Blocks(NamedTuple):
    """Dense projections: groups, and where the [pre, post] matrix begins in the flat weights. int64[blocks]."""

    pre: Ints
    post: Ints
    offset: Ints


class Fan(NamedTuple):
    """Where the spikes of a slice go by dense projections: entries ptr[s]..ptr[s + 1] - 1 of slice s."""

    ptr: Ints  # [slices + 1]
    block: Ints  # [entries]
    set_ptr: Ints  # [entries + 1]
    sets: Ints  # destination sets, one packet each


class Rows(NamedTuple):
    """Sparse rows, synapse by synapse; within a row those of one core lie together."""

    start: Ints  # [neurons + 1]
    target: NDArray[np.uint32]  # neuron numbers
    weight: NDArray[np.int16]
    cycles: Ints  # [longest + 1] cycles of the synapse unit for so many synapses of a row on one core
    words: Ints  # [longest + 1] words of synapse memory that they take
    tree: Ints  # [neurons] multicast destination set of a neuron, -1: one packet for each core


@dataclass(frozen=True, eq=False)
class Fabric:
    """Everything that an engine needs to run a connectome. Neurons keep the numbers of the connectome."""

    name: str
    hardware: Hardware
    sizes: Ints  # [groups]
    slices: Slices  # runs of neurons of one group on one core (population: group); no destination sets here
    ports: NDArray[np.uint8]  # [destination sets, routers]
    kinds: Kinds  # packet kinds: one for each dense projection, then one for sparse rows
    program: Program  # empty: nothing comes from the host
    neuron: ModuleType
    core: NDArray[np.int32]  # [neurons]
    scripted: Ints  # [groups] 1: fires by the raster
    threshold: Ints  # [groups]
    leak_shift: Ints  # [groups]
    bias: Ints  # [neurons]
    blocks: Blocks
    weight: NDArray[np.int16]  # of the dense projections, flat
    fan: Fan
    rows: Rows
    most: tuple[int, int]  # packets of one step, and nodes in their lists, if every neuron fires

    @property
    def nodes(self) -> int:
        """Cores and the host."""
        return self.hardware.cores + 1

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return len(self.core)

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return len(self.weight) + len(self.rows.target)

    def new_state(self) -> "FabricState":
        """All membranes and accumulators at zero, before step 0."""
        n = self.neurons
        return FabricState(np.zeros(n, np.int64), np.zeros(n, np.int32), self.hardware.pointers(), 0, 0)

    def digest(self) -> str:
        """SHA-256 of all numbers in the fabric, in hex."""
        return digest_of(self)


@dataclass
class FabricState:
    """What changes while a fabric runs. Copy it to branch a run."""

    membrane: Ints  # [neurons]
    charge: NDArray[np.int32]  # [neurons] accumulators: what the next sweep integrates
    pointers: Ints  # as Hardware.pointers
    cycle: int
    tick: int  # number of the next step

    def copy(self) -> "FabricState":
        """An independent copy."""
        return FabricState(self.membrane.copy(), self.charge.copy(), self.pointers.copy(), self.cycle, self.tick)
