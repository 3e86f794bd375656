"""An engine without a machine: made-up counts, but a function of seed, presentation number and pixels only.

It is what tests of sessions, reports and the command line need: quick, and sensitive to every mistake in the
order of samples, the random keys, the learning rates and the state that a resumed session must restore.
Run as a program it is the command line on this engine: `python tests/fake_engine.py run --chip tiny ...`;
FAKE_ENGINE_MS is then the time that one sample takes.
"""

import os
import sys
import time
import zlib

import numpy as np

from neurosim.engine.run import Run
from neurosim.image import Image, State
from neurosim.ops import Cause, Op, Phase, Unit
from neurosim.stimulus import Batch

_HOST_UNITS = (Unit.HOST, Unit.AXON, Unit.INJECT)


def simulate(image: Image, state: State, batch: Batch, engine: str = "compiled", record: bool = False) -> Run:
    """Like neurosim.engine.simulate."""
    run = empty(image)
    for i in range(len(batch.values)):
        run = run + _sample(image, state, batch, i)
        time.sleep(float(os.environ.get("FAKE_ENGINE_MS", "0")) / 1000)
    return run


def empty(image: Image) -> Run:
    """A run of no samples."""
    outputs, hardware = int(image.sizes[-1]), image.hardware
    return Run(
        samples=0,
        counts=np.zeros((len(Phase), image.nodes, len(Op)), np.int64),
        cycles=np.zeros((len(Phase), image.nodes, len(Unit), len(Cause)), np.int64),
        phase_cycles=np.zeros(len(Phase), np.int64),
        steps=np.zeros(len(Phase), np.int64),
        overruns=0,
        output_counts=np.zeros((0, outputs), np.int64),
        output_membrane=np.zeros((0, outputs), np.int64),
        spikes=np.zeros(len(image.sizes), np.int64),
        sample_cycles=np.zeros(0, np.int64),
        links=np.zeros((hardware.routers, hardware.radix), np.int64),
    )


def _sample(image: Image, state: State, batch: Batch, i: int) -> Run:
    learn = int(batch.learn)
    key = [
        state.seed,
        batch.first + i,
        int(batch.values[i].sum()),
        zlib.crc32(state.weights.tobytes() + state.pointers.tobytes()),
        state.cycle,
    ]
    rng = np.random.default_rng([*key, int(batch.rates[i]), learn])
    zero = empty(image)
    active = np.array([1, 1, learn, learn], np.int64)
    phase_cycles = rng.integers(50, 100, 4) * active
    cycles = zero.cycles.copy()
    for node in range(image.nodes):
        for unit in Unit:
            host = node == image.nodes - 1
            if (unit in _HOST_UNITS) if host else (unit != Unit.HOST):
                busy = (phase_cycles * rng.random(4)).astype(np.int64)
                cycles[:, node, unit, Cause.BUSY] = busy
                cycles[:, node, unit, Cause.BARRIER] = phase_cycles - busy
    output = rng.integers(0, 18, (1, int(image.sizes[-1])))
    if rng.random() < 0.6:
        output[0, batch.labels[i]] = 18
    if learn:
        touched = rng.integers(0, len(state.weights), 5)
        low, high = image.weight_limits
        changed = state.weights[touched].astype(np.int64) + rng.integers(-9, 10, 5)
        state.weights[touched] = np.clip(changed, low, high)
    state.pointers[:] = (state.pointers + rng.integers(0, 5, state.pointers.shape)) % image.hardware.radix
    state.cycle += int(phase_cycles.sum())
    return Run(
        samples=1,
        counts=rng.integers(0, 100, zero.counts.shape) * active[:, None, None],
        cycles=cycles,
        phase_cycles=phase_cycles,
        steps=np.array([2, 20, 1, 1], np.int64) * active,
        overruns=0,
        output_counts=output,
        output_membrane=rng.integers(-500, 500, output.shape),
        spikes=rng.integers(0, 9, len(image.sizes)),
        sample_cycles=np.array([phase_cycles.sum()]),
        links=rng.integers(0, 9, zero.links.shape),
    )


if __name__ == "__main__":
    from neurosim import session
    from neurosim.cli import main

    session.simulate = simulate  # type: ignore[assignment]
    main(sys.argv[1:], prog_name="neurosim")
