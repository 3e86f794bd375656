"""ODIN's published energies per SOP again: simulate the saturated chip at both published clocks, and price the run.

    python benchmarks/odin_energy.py [--events 400] [--clock MHZ] [--smoke]

Saturated: spike events of all rows in turn, back to back, into 256 neurons that do not fire. A SOP is one synapse
taken by one neuron. Published (specs/odin.md section 11, second hand): 12.7 pJ at 75 MHz, 54 pJ at 1.3 MHz, 0.55 V.
The publication counts f / 2 SOPs a second. The RTL does 256 in 513 cycles from its own queue (a cycle of WAIT behind
each sweep), and in 518 from the input port (PUSH, the release of the handshake, another WAIT), as here. So leakage and
clock weigh 1.2 % more than in the published formula.
"""

from typing import NamedTuple

import click
import numpy as np

from neurosim.account.costs import CostTable, load_costs
from neurosim.account.energy import price
from neurosim.account.sequenced import tally
from neurosim.assembler import Assembler, neuron_word
from neurosim.engine.sequence import Sequence, play
from neurosim.ops import Op, Phase
from neurosim.sequenced import SequencedChip, load_sequenced
from neurosim.sequencer import build_sequencer
from neurosim.stimulus import Events

PUBLISHED = {75.0: 12.7, 1.3: 54.0}  # MHz: pJ per SOP
# What the formula leaves out, and the table therefore prices by assumption.
UNPUBLISHED = {Op.SOMA_UPDATE: "virtual events, time references", Op.HOST_FLIT: "transfers over AER",
               Op.WEIGHT_UPDATE: "SDSP on against off, bistability"}  # fmt: skip


class Found(NamedTuple):
    """One operating point. sop_pj: with the published constants alone; all_pj: low, mid, high with the assumptions."""

    clock_mhz: float
    sops: int
    cycles: int
    sop_pj: float
    all_pj: tuple[float, float, float]


def saturated(chip: SequencedChip, events: int) -> Sequence:
    """Run `events` spikes back to back; every neuron leaks nothing and stays below its threshold."""
    sequencer = build_sequencer(chip)
    state = sequencer.new_state([neuron_word(chip, threshold=255)] * chip.core.neuron.entries)  # all weights are 0
    spikes = Assembler(chip).spikes()
    return play(sequencer, state, Events(np.zeros(events, np.int64), spikes[np.arange(events) % len(spikes)]))


def measure(clock_mhz: float, events: int, costs: CostTable) -> Found:
    """Simulate at a clock, and price the run."""
    chip = load_sequenced("odin", [f"clock_mhz={clock_mhz}"])
    run = saturated(chip, events)
    counts = tally(run, Phase.FORWARD)
    cycles = np.zeros(len(Phase), np.int64)
    cycles[Phase.FORWARD] = run.cycles
    sops = int(counts[:, :, Op.SYNAPSE_ADD].sum())
    known = counts.copy()
    known[:, :, list(UNPUBLISHED)] = 0
    alone, whole = (price(part, cycles, chip, costs).total / sops for part in (known, counts))
    low, mid, high = map(float, whole)
    return Found(clock_mhz, sops, run.cycles, float(alone[1]), (low, mid, high))


@click.command()
@click.option("--events", default=400, show_default=True, help="Spike events at each clock.")
@click.option("--clock", "clocks", multiple=True, type=float, help="Other clocks in MHz; may be repeated.")
@click.option("--smoke", is_flag=True, help="Few events.")
def main(events: int, clocks: tuple[float, ...], smoke: bool) -> None:
    """Published and found energies per SOP."""
    costs = load_costs("odin28")
    print("MHz     SOPs     cycles   SOP/cycle  published  found  ratio   with assumptions, low to high (pJ/SOP)")
    for clock in clocks or PUBLISHED:
        found = measure(clock, 40 if smoke else events, costs)
        known = PUBLISHED.get(clock)
        published, ratio = (f"{known:.1f}", f"{found.sop_pj / known:.4f}") if known else ("-", "-")
        told = f"{published:>9}  {found.sop_pj:5.2f}  {ratio:>6}"
        low, mid, high = found.all_pj
        print(f"{clock:<6g} {found.sops:>7,} {found.cycles:>10,}   {found.sops / found.cycles:.5f}  {told}   "
              f"{mid:.2f} ({low:.2f} to {high:.2f})")  # fmt: skip
    print("SOP/cycle: published 0.5; the RTL does 256 in 513 cycles from its queue, in 518 from the input port.")
    print("Not published, assumed from 0 to one SOP for each neuron, transfer or word of eight synapses: "
          + "; ".join(UNPUBLISHED.values()))


if __name__ == "__main__":
    main()
