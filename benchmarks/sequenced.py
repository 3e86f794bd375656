"""Simulated cycles a second of both engines on ODIN, side by side in one run, and their ratio.

    python benchmarks/sequenced.py [--events 20000] [--few 20] [--json FILE] [--smoke]

Two programs: `sweeps`, spike events into 256 plastic neurons that do not fire (the controller sweeps in 99 % of the
cycles), and `recurrent`, a closed loop with output spikes, stalls and time references. One thread; the first call
(compilation) is not timed; medians over five repeats for the compiled engine, three for the reference.
"""

import json
import statistics
import time
from pathlib import Path

import click
import numpy as np

from neurosim.engine.sequence import play
from neurosim.sequenced import load_sequenced
from neurosim.sequencer import Sequencer, SequencerState, build_sequencer
from neurosim.stimulus import Events

SPIKE, ALL_REFERENCE = 0x07, 0x7F


def sweeps(events: int) -> tuple[Sequencer, SequencerState, Events]:
    """Rows in turn; thresholds out of reach of the inhibitory weights, calcium on, all synapses plastic."""
    sequencer = build_sequencer(load_sequenced("odin"), np.ones(256))
    rng = np.random.default_rng(0)
    word = 1 | 255 << 9 | 1 << 17 | 128 << 18 | 7 << 29 | 7 << 32
    words = [word | int(membrane) << 70 for membrane in rng.integers(0, 250, 256)]
    state = sequencer.new_state(words, rng.integers(8, 16, (256, 256)))
    return sequencer, state, Events(np.zeros(events, np.int64), rng.integers(0, 256, events) << 8 | SPIKE)


def recurrent(events: int) -> tuple[Sequencer, SequencerState, Events]:
    """A third of the rows inhibit; one event in eight is a time reference to all."""
    rng = np.random.default_rng(1)
    sequencer = build_sequencer(load_sequenced("odin", ["link.acknowledge_cycles=[0,2]"]), rng.random(256) < 0.33)
    state = sequencer.new_state([1 | 9 << 1 | 1 << 8 | 60 << 9] * 256, rng.integers(0, 16, (256, 256)))
    words = np.where(rng.random(events) < 1 / 8, ALL_REFERENCE, rng.integers(0, 256, events) << 8 | SPIKE)
    return sequencer, state, Events(np.zeros(events, np.int64), words)


def speed(sequencer: Sequencer, start: SequencerState, events: Events, engine: str, repeats: int) -> tuple[float, int]:
    """Median of simulated cycles per CPU second, each repeat from the same state; and the cycles."""
    rates, cycles = [], 0
    for _ in range(repeats):
        state = start.copy()
        begin = time.process_time()
        cycles = play(sequencer, state, events, engine=engine).cycles
        rates.append(cycles / (time.process_time() - begin))
    return statistics.median(rates), cycles


@click.command()
@click.option("--events", default=20_000, show_default=True, help="Input events for the compiled engine.")
@click.option("--few", default=20, show_default=True, help="Input events for the reference engine.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the numbers here, too.")
@click.option("--smoke", is_flag=True, help="A tiny run: does the script work?")
def main(events: int, few: int, file: Path | None, smoke: bool) -> None:
    """Print the table."""
    events, few = (50, 2) if smoke else (events, few)
    rows = {}
    for make in (sweeps, recurrent):
        play(*make(1))
        fast, cycles = speed(*make(events), "compiled", 5)
        slow, few_cycles = speed(*make(few), "reference", 1 if smoke else 3)
        rows[make.__name__] = {
            "compiled / reference": fast / slow,
            "compiled, Mcycles/s": fast / 1e6,
            "reference, Mcycles/s": slow / 1e6,
            "cycles, compiled": cycles,
            "cycles, reference": few_cycles,
        }
    for name, row in rows.items():
        ratio, fast, slow = (row[k] for k in ("compiled / reference", "compiled, Mcycles/s", "reference, Mcycles/s"))
        click.echo(f"{name}: compiled / reference {ratio:,.0f}; {fast:,.1f} and {slow:.4f} Mcycles/s")
    if file:
        file.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
