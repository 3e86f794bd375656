"""The ledger of a sequenced chip: every counter on an op, every cycle a cause, and ODIN's published energies."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from neurosim.account.costs import load_costs
from neurosim.account.energy import price
from neurosim.account.sequenced import causes, limit, tally
from neurosim.assembler import Assembler, neuron_word
from neurosim.engine.sequence import Sequence, play
from neurosim.ops import Cause, Op, Phase, Unit
from neurosim.sequenced import load_sequenced
from neurosim.sequencer import build_sequencer
from neurosim.stimulus import Events

CORE, HOST = range(2)


def odin_energy() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "odin_energy.py"
    spec = importlib.util.spec_from_file_location("odin_energy", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run() -> Sequence:
    """Two spikes, a virtual event that fires neuron 3, a time reference to it, and bistability of a row."""
    chip = load_sequenced("odin", ["core.registers.open_loop=true"])
    words, sequencer = Assembler(chip), build_sequencer(chip)
    state = sequencer.new_state([neuron_word(chip, threshold=5)] * 256, np.full((256, 256), 8, np.uint16))
    sent = [words.spikes()[0], words.spikes()[9], words.virtual(3, 7), words.reference(3), words.bistability(2)]
    return play(sequencer, state, Events(np.zeros(5, np.int64), np.array(sent)))


def test_every_op_worked_out_by_hand(run: Sequence) -> None:
    counts = tally(run, Phase.FORWARD)
    assert not counts[[Phase.IO, Phase.ERROR, Phase.UPDATE]].any()
    core = counts[Phase.FORWARD, CORE]
    assert core[Op.SYNAPSE_ADD] == 2 * 256 and core[Op.SOMA_UPDATE] == 2 and core[Op.SPIKE] == 1
    assert core[Op.NEURON_READ] == core[Op.NEURON_WRITE] == 2 * 256 + 2
    assert core[Op.SYNAPSE_READ] == core[Op.SYNAPSE_WRITE] == 2 * 32 + 32
    assert core[Op.WEIGHT_UPDATE] == 3 * 256  # all are mapped; flags or none, they pass the circuit
    assert counts[Phase.FORWARD, HOST, Op.HOST_FLIT] == 5 + 1
    assert counts.sum() == core.sum() + 6


def test_the_causes_of_each_unit_add_up_to_all_cycles(run: Sequence) -> None:
    found = causes(run, Phase.UPDATE)
    assert found[Phase.UPDATE, CORE, Unit.SOMA].sum() == found[Phase.UPDATE, HOST, Unit.HOST].sum() == run.cycles
    assert found.min() >= 0 and found.sum() == 2 * run.cycles
    core = found[Phase.UPDATE, CORE, Unit.SOMA]
    assert core[Cause.BUSY] == 3 + 2 * 512 + 2 + 2 + 64  # three pushes, two sweeps, two neurons, a row
    assert core[Cause.CONFLICT] == 5 * 3  # WAIT_REQDN of five events
    assert found[Phase.UPDATE, HOST, Unit.HOST, Cause.BUSY] == 6


def test_the_limit_in_words(run: Sequence) -> None:
    core = causes(run, Phase.UPDATE)[Phase.UPDATE, CORE, Unit.SOMA]
    assert limit(core, 2, 2 * 256 + 2) == "the loop over targets (2 cycles a target)"
    assert "pushes, pops" in limit(np.array([9, 2, 3, 0, 0]), 2, 2)
    assert "output port" in limit(np.array([1, 2, 3, 0, 0]), 2, 0)
    assert "wait" in limit(np.array([1, 2, 0, 0, 0]), 2, 0)


def sent(chip: str, words: list[int], *overrides: str, threshold: int = 1, firing: int = 256) -> Sequence:
    """Words at cycle 0 on a chip of silent neurons, but for one; open loop."""
    sequencer = build_sequencer(load_sequenced(chip, ["core.registers.open_loop=true", *overrides]))
    memory = [neuron_word(sequencer.chip, threshold=0 if n == firing else threshold) for n in range(256)]
    return play(sequencer, sequencer.new_state(memory), Events(np.zeros(len(words), np.int64), np.array(words)))


def test_wait_for_the_output_port_is_blocked() -> None:
    """Virtual events that fire: the controller waits for the port in WAIT, 1006 cycles a transfer."""
    virtual = Assembler(load_sequenced("odin")).virtual(3, 7)
    run = sent("odin", [virtual] * 4, "link.acknowledge_cycles=[1000]", threshold=5)
    core = causes(run, Phase.FORWARD)[Phase.FORWARD, CORE, Unit.SOMA]
    assert run.count("sent") == 4 and run.count("output_busy") == 4 * 1006
    # guard output_busy stands first: in all these cycles the controller is in WAIT
    assert core[Cause.BLOCKED] == run.count("held_cycles") == 4 * 1006
    assert core[Cause.STARVED] < 60 and core.sum() == run.cycles
    assert "output port" in limit(core, 2, run.count("neuron_writes"))


def test_a_pop_that_waits_for_the_output_port_is_blocked() -> None:
    """tinyODIN, neuron 3 of 4 fires: AER_POP lasts 1006 + 1 cycles, all but the last one held."""
    over = ("core.registers.last_neuron=3", "link.acknowledge_cycles=[1000]")
    run = sent("tinyodin", [5], *over, threshold=0x7FF, firing=3)
    core = causes(run, Phase.FORWARD)[Phase.FORWARD, CORE, Unit.SOMA]
    assert (run.count("pop_cycles"), run.count("pop_held_cycles"), run.count("held_cycles")) == (1, 1006, 0)
    assert core[Cause.BLOCKED] == 1006 and core[Cause.BUSY] == 1 + 8 + 1
    assert "output port" in limit(core, 2, run.count("neuron_writes"))


def test_a_run_priced_by_hand(run: Sequence) -> None:
    # 512 SOPs of 8.43; cycles of 1.78; 27.3 uW at 75 MHz; two updates and six transfers of 4.2, 768 synapses of 0.53.
    cycles = np.zeros(4, np.int64)
    cycles[Phase.FORWARD] = run.cycles
    found = price(tally(run, Phase.FORWARD), cycles, load_sequenced("odin"), load_costs("odin28"))
    known = 512 * 8.43 + run.cycles * (1.78 + 27.3 / 75)
    low, mid, high = found.total
    assert low == pytest.approx(known) and mid == pytest.approx(known + 8 * 4.2 + 768 * 0.53)
    assert high == pytest.approx(known + 8 * 8.43 + 768 * 1.05)


@pytest.mark.parametrize(("clock_mhz", "published"), [(75.0, 12.7), (1.3, 54.0)])
def test_the_published_energies_per_sop_within_two_percent(clock_mhz: float, published: float) -> None:
    found = odin_energy().measure(clock_mhz, 40, load_costs("odin28"))
    assert found.sop_pj == pytest.approx(published, rel=0.02)
    assert found.sops == 40 * 256 and found.sops / found.cycles == pytest.approx(256 / 518, rel=1e-3)
    low, mid, high = found.all_pj
    assert found.sop_pj == pytest.approx(low) and low < mid < high < published * 1.02


def test_a_count_without_a_price_is_an_error_and_never_free(run: Sequence) -> None:
    counts = tally(run, Phase.FORWARD)
    counts[Phase.FORWARD, 0, Op.ERROR_MAC] = 1
    with pytest.raises(ValueError, match="error_mac: no price in the cost table odin28"):
        price(counts, np.zeros(4, np.int64), load_sequenced("odin"), load_costs("odin28"))
