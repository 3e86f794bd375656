"""What the reference engine counts: every access at the moment of service, every cycle of every unit."""

from dataclasses import dataclass, field

import numpy as np

from neurosim.engine.layout import Placed
from neurosim.image import Ints
from neurosim.ops import HOST_UNITS, Cause, Op, Phase, Unit

__all__ = ["Book", "UnitTime"]


@dataclass
class UnitTime:
    """Cycles of one unit in the present step. Idle time counts as starved only once more work has come."""

    busy: int = 0
    conflict: int = 0
    blocked: int = 0
    end: int = 0

    def serve(self, start: int, length: int, conflict: int = 0) -> None:
        """A service of `length` cycles, `conflict` of them waiting for a bank, from cycle `start` of the step."""
        self.busy += length - conflict
        self.conflict += conflict
        self.end = start + length


@dataclass
class Book:
    """Counts and cycles of a run, and the event log."""

    image: Placed
    cycle: int  # first cycle of the present step
    record: bool
    phase: Phase = Phase.IO
    overruns: int = 0
    events: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    times: dict[tuple[int, int], UnitTime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        phases, nodes = len(Phase), self.image.nodes
        self.counts: Ints = np.zeros((phases, nodes, len(Op)), np.int64)
        self.cycles: Ints = np.zeros((phases, nodes, len(Unit), len(Cause)), np.int64)
        self.phase_cycles: Ints = np.zeros(phases, np.int64)
        self.steps: Ints = np.zeros(phases, np.int64)
        self.spikes: Ints = np.zeros(len(self.image.sizes), np.int64)
        hw = self.image.hardware
        self.links: Ints = np.zeros((hw.routers, hw.radix), np.int64)
        for node in range(nodes):
            for unit in Unit:
                if self._exists(node, unit):
                    self.times[node, unit] = UnitTime()

    def _exists(self, node: int, unit: Unit) -> bool:
        hw = self.image.hardware
        if node == hw.cores:
            return unit in HOST_UNITS or (unit == Unit.ROUTER_LOCAL and hw.torus == 1)
        if Unit.ROUTER_EAST <= unit < Unit.ROUTER_LOCAL:
            return node % hw.concentration == 0
        return unit != Unit.HOST

    def count(self, node: int, op: Op, number: int = 1, phase: Phase | None = None) -> None:
        """Count `number` events at `node` in `phase` (None: that of the present step)."""
        self.counts[self.phase if phase is None else phase, node, op] += number

    def log(self, cycle: int, event: int, node: int, a: int, b: int, c: int) -> None:
        """Log an event at `cycle` of the step."""
        if self.record:
            self.events.append((int(self.cycle + cycle), event, node, int(a), int(b), int(c)))

    def close_step(self, length: int, overruns: int) -> None:
        """Book the cycles of all units of a step that took `length` cycles, synchronisation included."""
        for (node, unit), time in self.times.items():
            row = self.cycles[self.phase, node, unit]
            row[Cause.BUSY] += time.busy
            row[Cause.CONFLICT] += time.conflict
            row[Cause.BLOCKED] += time.blocked
            row[Cause.STARVED] += time.end - time.busy - time.conflict - time.blocked
            row[Cause.BARRIER] += length - time.end
            self.times[node, unit] = UnitTime()
        self.phase_cycles[self.phase] += length
        self.steps[self.phase] += 1
        self.overruns += overruns
        self.cycle += length

    def event_table(self) -> Ints:
        """The log as int64[events, 6], sorted."""
        table = np.array(self.events, np.int64).reshape(-1, 6)
        return table[np.lexsort(table.T[::-1])]
