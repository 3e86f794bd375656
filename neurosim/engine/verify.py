"""Do the two engines agree? Runs both on the same batch and compares every event, count, cycle and weight."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from neurosim.engine import simulate
from neurosim.engine.run import EVENTS, Run
from neurosim.engine.sequence import play
from neurosim.fabric import Fabric, FabricState
from neurosim.image import Image, State
from neurosim.microcode import CLOCK
from neurosim.ops import CAUSES, OPS, PHASES, UNITS
from neurosim.sequencer import Sequencer, SequencerState
from neurosim.stimulus import Batch, Events, Raster

__all__ = ["Difference", "compare", "verify", "verify_sequence"]


@dataclass(frozen=True)
class Difference:
    """The first difference: where, and what each engine says."""

    where: str
    reference: str
    compiled: str

    def __str__(self) -> str:
        return f"{self.where}: reference {self.reference}, compiled {self.compiled}"


def verify(
    image: Image | Fabric, state: State | FabricState, stimulus: Batch | Raster
) -> Difference | None:
    """Run both engines from copies of `state`; None if they agree in everything, else the first difference."""
    mine, other = state.copy(), state.copy()
    reference = simulate(image, mine, stimulus, "reference", record=True)
    compiled = simulate(image, other, stimulus, "compiled", record=True)
    return compare(reference, compiled) or _states(mine, other)


def verify_sequence(sequencer: Sequencer, state: SequencerState, events: Events) -> Difference | None:
    """The same for a sequenced chip; `state` is left as the compiled engine leaves it."""
    mine = state.copy()
    reference = play(sequencer, mine, events, engine="reference", record=True)
    compiled = play(sequencer, state, events, engine="compiled", record=True)
    for name in ("handshakes", "operations", "outputs", "counts"):
        x, y = getattr(reference, name), getattr(compiled, name)
        if x.shape != y.shape:
            return Difference(name, f"{len(x)} rows", f"{len(y)} rows")
        if (x != y).any():
            at = tuple(int(i) for i in np.argwhere(x != y)[0])
            where = CLOCK._fields[at[0]] if name == "counts" else f"{name} {list(at)}"
            return Difference(where, str(x[at]), str(y[at]))
    if mine.entries() != state.entries():  # what lies behind them in the memory of the queue is no state
        return Difference("final queue", str(mine.entries()), str(state.entries()))
    return _states(mine, state, ("field", "up", "down", "code"))


def compare(reference: Run, compiled: Run) -> Difference | None:
    """The first difference between two runs: the earliest event, else the first count, cycle or output."""
    assert reference.events is not None and compiled.events is not None
    a, b = reference.events, compiled.events
    n = min(len(a), len(b))
    unequal = np.flatnonzero((a[:n] != b[:n]).any(axis=1))
    if len(unequal) or len(a) != len(b):
        k = int(unequal[0]) if len(unequal) else n
        earlier = min(tuple(t[k]) for t in (a, b) if k < len(t))
        where = f"cycle {earlier[0]}, node {earlier[2]}, event {k}"
        return Difference(where, _event(a, k), _event(b, k))
    for field in fields(Run):
        if field.name == "events":
            continue
        x, y = np.asarray(getattr(reference, field.name)), np.asarray(getattr(compiled, field.name))
        if x.shape != y.shape:
            return Difference(field.name, str(x.shape), str(y.shape))
        if (x != y).any():
            at = tuple(int(i) for i in np.argwhere(x != y)[0]) if x.ndim else ()
            return Difference(_place(field.name, at), str(x[at]), str(y[at]))
    return None


def _event(table: np.ndarray, k: int) -> str:
    if k >= len(table):
        return "nothing more"
    cycle, event, node, *rest = (int(v) for v in table[k])
    return f"{EVENTS[event]} at cycle {cycle}, node {node}, {rest}"


def _place(name: str, at: tuple[int, ...]) -> str:
    if name == "counts":
        return f"counts: phase {PHASES[at[0]]}, node {at[1]}, {OPS[at[2]]}"
    if name == "cycles":
        return f"cycles: phase {PHASES[at[0]]}, node {at[1]}, {UNITS[at[2]]}, {CAUSES[at[3]]}"
    return f"{name}{list(at)}"


def _states(
    reference: State | FabricState | SequencerState,
    compiled: State | FabricState | SequencerState,
    names: Sequence[str] = (),
) -> Difference | None:
    for name in names or [field.name for field in fields(reference)]:
        x, y = np.asarray(getattr(reference, name)), np.asarray(getattr(compiled, name))
        if (x != y).any():
            at = tuple(int(i) for i in np.argwhere(x != y)[0]) if x.ndim else ()
            return Difference(f"final {name}{list(at)}", str(x[at]), str(y[at]))
    return None
