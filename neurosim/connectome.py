"""The connectome: neurons and synapses as a graph, for chips that run it but do not teach it. Knows no chip.

All quantities are integers in units of the weight's last bit. Neurons are numbered through all groups in order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import ConfigError

__all__ = ["SCRIPTED", "Connectome", "Dense", "Group", "Sparse"]

SCRIPTED = "scripted"
Ints = NDArray[np.int64]


def _whole(numbers: NDArray[np.integer] | int) -> bool:
    """Whether these are integers: a fraction would be cut off in silence."""
    return np.asarray(numbers).dtype.kind in "iu"


@dataclass(frozen=True)
class Group:
    """Neurons of one kind.

    neuron: a module of neurosim.neuron (`integrate_fire` starts again from zero when it has fired; `lif` leaks, and
    subtracts the threshold), or "scripted": fires when the raster says so, and integrates nothing.
    threshold: of the membrane.  bias: int64[size] or one number, added in every step.
    """

    name: str
    size: int
    neuron: str = "integrate_fire"
    threshold: int = 1
    leak_shift: int = 0
    bias: Ints | int = 0


@dataclass(frozen=True)
class Dense:
    """All-to-all synapses from group number `pre` to group number `post`; weight: int16[pre size, post size]."""

    pre: int
    post: int
    weight: NDArray[np.int16]

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", np.asarray(self.weight))  # a list is an array, too


@dataclass(frozen=True)
class Sparse:
    """Listed synapses between any neurons, by neuron number.

    Neuron n has the synapses start[n] to start[n + 1] - 1: start int64[neurons + 1], target integer[synapses],
    weight int16[synapses]. A pair may have several synapses.
    """

    start: Ints
    target: NDArray[np.integer]
    weight: NDArray[np.int16]

    def __post_init__(self) -> None:
        for name in ("start", "target", "weight"):  # lists are arrays, too
            object.__setattr__(self, name, np.asarray(getattr(self, name)))


@dataclass(frozen=True)
class Connectome:
    """Groups, dense projections between them, and one list of sparse synapses (or none).

    Raises ConfigError with every contradiction, one a line.
    """

    name: str
    groups: tuple[Group, ...]
    dense: tuple[Dense, ...] = ()
    sparse: Sparse | None = None

    def __post_init__(self) -> None:
        problems = self._kind_problems()
        if not problems:
            problems = self._group_problems()
        if not problems:  # the rest counts on the sizes of the groups
            problems += self._dense_problems() + self._sparse_problems()
        if problems:
            raise ConfigError("\n".join(problems))

    @property
    def sizes(self) -> Ints:
        """Neurons of every group, int64[groups]."""
        return np.array([group.size for group in self.groups], np.int64)

    @property
    def first(self) -> Ints:
        """Number of the first neuron of every group, and the number of all neurons, int64[groups + 1]."""
        return np.concatenate([[0], np.cumsum(self.sizes)]).astype(np.int64)

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return int(self.sizes.sum())

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        listed = 0 if self.sparse is None else len(self.sparse.target)
        return sum(block.weight.size for block in self.dense) + listed

    def _group_problems(self) -> list[str]:
        problems = [] if self.groups else ["groups: expected at least one, got none"]
        for group in self.groups:
            here = f"group '{group.name}'"
            numbers = {"size": group.size, "threshold": group.threshold, "leak_shift": group.leak_shift}
            fractions = {name: value for name, value in numbers.items() if not isinstance(value, int | np.integer)}
            if fractions:
                told = ", ".join(f"{name} = {value!r}" for name, value in fractions.items())
                problems.append(f"{here}: expected whole numbers, got {told}")
                continue
            if group.size < 1:
                problems.append(f"{here}: size: expected at least 1, got {group.size}")
            if group.threshold < 1:
                problems.append(f"{here}: threshold: expected at least 1, got {group.threshold}")
            if not 0 <= group.leak_shift <= 62:
                problems.append(f"{here}: leak_shift: expected 0 to 62, got {group.leak_shift}")
            if np.shape(group.bias) not in ((), (group.size,)):
                shape = list(np.shape(group.bias))
                problems.append(f"{here}: bias: expected one number or {group.size}, got an array {shape}")
            elif not _whole(group.bias):
                problems.append(f"{here}: bias: expected whole numbers, got {np.asarray(group.bias).dtype}")
        kinds = sorted({group.neuron for group in self.groups} - {SCRIPTED})
        if len(kinds) > 1:
            problems.append(f"groups: expected one soma circuit besides '{SCRIPTED}', got {', '.join(kinds)}")
        return problems

    def _kind_problems(self) -> list[str]:
        """Parts that are of another kind than the three fields hold."""
        problems = []
        for name, kind, parts in (("groups", Group, self.groups), ("dense", Dense, self.dense)):
            if not isinstance(parts, tuple) or not all(isinstance(part, kind) for part in parts):
                problems.append(f"{name}: expected a tuple of {kind.__name__}, got {_kind_of(parts)}")
        if self.sparse is not None and not isinstance(self.sparse, Sparse):
            problems.append(f"sparse: expected one Sparse or None, got {_kind_of(self.sparse)}")
        return problems

    def _dense_problems(self) -> list[str]:
        problems, count = [], len(self.groups)
        for k, block in enumerate(self.dense):
            here = f"dense[{k}]"
            numbers = (block.pre, block.post)
            if not all(isinstance(n, int | np.integer) and 0 <= n < count for n in numbers):
                problems.append(f"{here}: expected group numbers below {count}, got {block.pre!r} and {block.post!r}")
                continue
            shape = (self.groups[block.pre].size, self.groups[block.post].size)
            if block.weight.shape != shape or block.weight.dtype != np.int16:
                found = f"{block.weight.dtype}{list(block.weight.shape)}"
                problems.append(f"{here}: weight: expected int16{list(shape)} (pre, post), got {found}")
            if self.groups[block.post].neuron == SCRIPTED:
                problems.append(f"{here}: '{self.groups[block.post].name}' is scripted: it integrates nothing")
        return problems

    def _sparse_problems(self) -> list[str]:
        if self.sparse is None:
            return []
        start, target, weight = self.sparse.start, self.sparse.target, self.sparse.weight
        neurons, problems = self.neurons, []
        if not (_whole(start) and _whole(target)):
            return [f"sparse: start, target: expected whole numbers, got {start.dtype} and {target.dtype}"]
        start = start.astype(np.int64)  # unsigned numbers have no negative difference
        rising = len(start) == neurons + 1 and start[0] == 0 and bool((np.diff(start) >= 0).all())
        if not rising or int(start[-1]) != len(target):
            problems.append(
                f"sparse: start: expected {neurons + 1} rising numbers from 0 to {len(target)} (neurons + 1, "
                f"synapses), got {len(start)} from {start[0] if len(start) else '-'} "
                f"to {start[-1] if len(start) else '-'}"
            )
        if weight.shape != target.shape or weight.dtype != np.int16:
            problems.append(f"sparse: weight: expected int16[{len(target)}], got {weight.dtype}{list(weight.shape)}")
        if len(target) and not (0 <= int(target.min()) and int(target.max()) < neurons):
            problems.append(
                f"sparse: target: expected neurons 0 to {neurons - 1}, got {int(target.min())} to {int(target.max())}"
            )
        elif len(target):
            first = self.first
            for group, low, high in zip(self.groups, first[:-1], first[1:], strict=True):
                if group.neuron == SCRIPTED and bool(((target >= low) & (target < high)).any()):
                    problems.append(f"sparse: target: '{group.name}' is scripted: it integrates nothing")
        return problems


def _kind_of(thing: object) -> str:
    if isinstance(thing, tuple | list) and thing:
        return f"{type(thing).__name__} of {', '.join(sorted({type(part).__name__ for part in thing}))}"
    return type(thing).__name__
