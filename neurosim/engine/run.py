"""The run: what an engine counted. Runs of consecutive batches add with `+`."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurosim.image import Ints

__all__ = ["EVENTS", "Run"]

EVENTS = ("emit", "inject", "cross", "arrive", "axon", "synapse")


@dataclass(frozen=True)
class Run:
    """Counts and cycles of consecutive samples (axes as in `neurosim.ops`; nodes = cores, then the host)."""

    samples: int
    counts: Ints  # [phases, nodes, ops]
    cycles: Ints  # [phases, nodes, units, causes]
    phase_cycles: Ints  # [phases]
    steps: Ints  # [phases]
    overruns: int
    output_counts: Ints  # [samples, outputs]
    output_membrane: Ints  # [samples, outputs]
    spikes: Ints  # [populations]
    sample_cycles: Ints  # [samples]
    links: Ints  # [cores, 5] flits through each router output
    events: NDArray[np.int64] | None = None  # [events, 6]: cycle, event, node, a, b, c, sorted

    def __add__(self, other: "Run") -> "Run":
        both = self.events is not None and other.events is not None
        return Run(
            self.samples + other.samples,
            self.counts + other.counts,
            self.cycles + other.cycles,
            self.phase_cycles + other.phase_cycles,
            self.steps + other.steps,
            self.overruns + other.overruns,
            np.concatenate([self.output_counts, other.output_counts]),
            np.concatenate([self.output_membrane, other.output_membrane]),
            self.spikes + other.spikes,
            np.concatenate([self.sample_cycles, other.sample_cycles]),
            self.links + other.links,
            np.concatenate([self.events, other.events]) if both else None,
        )

    def without_events(self) -> "Run":
        """The same run without its event log."""
        return replace(self, events=None)
