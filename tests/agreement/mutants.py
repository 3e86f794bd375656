"""Break every rule of the timing contract once, on purpose, and see the agreement tests fail.

`python -m tests.agreement.mutants [word]` applies each mutant (whose name, rule or file contains the word) to
a copy of the package and runs a few agreement examples there, without compilation; kernels that both engines share
must fall to the tests of what they compute instead. A sequenced core is first held against the recorded RTL in
traces/odin, then engine against engine. Prints a table; exits with 1 if a mutant survives. The rules are
those of docs/decisions/0001-machine.md, specs/router.md section 3 and specs/local_rules.md part B.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from .mutant import Mutant
from .mutants_channels import CHANNELS
from .mutants_online import KERNELS, ONLINE
from .mutants_sequenced import CHIPS, SEQUENCED, first_difference
from .recorded import difference_from_recordings

ROOT = Path(__file__).parents[2]
EXAMPLES = 24  # per kind of traffic; most mutants fall at the first few
CLOCK, ROUTER, TERMINAL = "reference/clock.py", "reference/router.py", "reference/terminal.py"
CELLS, CHIP = "reference/cells.py", "reference/__init__.py"
STEPPED_CELLS = "reference/stepped.py"
NETWORK, FOREST, STEP, PHASED = "network.py", "forest.py", "step.py", "phased.py"
FLITS, LAYOUT, STEPPED = "flits.py", "layout.py", "stepped.py"
BACK, WAY_BACK = "backward.py", "reference/backward.py"


PHASED_AND_ROUTED = (
    # Buffers and slots
    Mutant("freed slot seen two cycles later", "a freed slot is visible in the next cycle", CLOCK,
           "later(self.bell.env, 1, DELIVER", "later(self.bell.env, 2, DELIVER"),
    Mutant("freed slot seen at once", "a freed slot is visible in the next cycle", CLOCK,
           "later(self.bell.env, 1, DELIVER", "later(self.bell.env, 0, DELIVER"),
    Mutant("axon slot freed at the end", "a slot is freed when its service starts", TERMINAL,
           "self.router.add_credit(self.port, 2 + hw.credit_cycles, channel)",
           "self.router.add_credit(self.port, 2 + hw.credit_cycles + cycles, channel)"),
    Mutant("synapse slot freed at the end", "a slot is freed when its service starts", TERMINAL,
           "packet = self.rows.take()", "packet = self.rows.items[0]",
           (("self.add_row(self.node, packet)", "self.add_row(self.node, self.rows.take())"),)),
    Mutant("spike leaves with its last packet", "a spike leaves its queue at its first packet", TERMINAL,
           "if number == 0:", "if number == len(self.spikes.items[0].packets) - 1:"),
    Mutant("packet slot freed by the head", "a packet frees its slot when its tail is sent", TERMINAL,
           "if number == packet.flits - 1:", "if number == 0:"),
    Mutant("axon FIFO as deep as a router's", "axon.fifo_flits credits of the local output", CHIP,
           "router.attach(port, self.hw.axon_fifo,", "router.attach(port, self.hw.buffer_flits,"),
    Mutant("synapse queue one deeper", "synapse.queue_packets", TERMINAL,
           "Buffer(self.bell, hw.synapse_queue)", "Buffer(self.bell, hw.synapse_queue + 1)"),
    Mutant("spike queue one deeper", "soma.queue_spikes", TERMINAL,
           "Buffer(self.bell, hw.spike_queue)", "Buffer(self.bell, hw.spike_queue + 1)"),
    Mutant("injection queue one deeper", "packetiser.queue_packets", TERMINAL,
           "Buffer(self.bell, hw.packet_queue)", "Buffer(self.bell, hw.packet_queue + 1)"),
    Mutant("one credit too many", "buffer_flits counts flits on the wire too", TERMINAL,
           "[hw.buffer_flits] * hw.channels", "[hw.buffer_flits + 1] * hw.channels"),
    Mutant("silent neurons wait for a slot too", "only an item that emits needs a spike slot", TERMINAL,
           "if item.packets:\n                yield from wait(self.bell, lambda: self.spikes.slots > 0)",
           "yield from wait(self.bell, lambda: self.spikes.slots > 0)\n            if item.packets:"),
    # Router
    Mutant("pointer moves without a grant", "the pointer moves only on a grant", ROUTER,
           "moved = self.grant(requests)\n",
           "moved = self.grant(requests)\n        for o in self.outputs.keys() - requests.keys():\n"
           "            self.outputs[o].pointer = (self.outputs[o].pointer + 1) % self.radix\n"),
    Mutant("pointer stays on the winner", "the pointer moves to the input after the winner", ROUTER,
           "output.pointer = (winner + 1) % self.radix", "output.pointer = winner"),
    Mutant("ties by port number", "round robin: first request at or after the pointer", ROUTER,
           "(i - output.pointer) % self.radix", "i"),
    Mutant("pointers reset at the barrier", "pointers survive the barrier", CHIP,
           "        start = int(self.env.now)\n        if sweeps:",
           "        start = int(self.env.now)\n        for router in self.routers:\n"
           "            for output in router.outputs.values():\n                output.pointer = 0\n"
           "        if sweeps:"),
    Mutant("link credit a cycle early", "credit due at L + 1 + credit_cycles", ROUTER,
           "wire + 1 + hw.credit_cycles", "wire + hw.credit_cycles"),
    Mutant("local credit without its delay", "credit of a local output after 2 + credit_cycles", TERMINAL,
           "2 + hw.credit_cycles, channel)", "2, channel)"),
    Mutant("source credit a cycle early", "credit of a source after 2 cycles", TERMINAL,
           "later(self.env, 2, DELIVER, give)", "later(self.env, 1, DELIVER, give)"),
    Mutant("credit_cycles for sources too", "credit of a source after 2 cycles", TERMINAL,
           "later(self.env, 2, DELIVER, give)",
           "later(self.env, 2 + self.image.hardware.credit_cycles, DELIVER, give)"),
    Mutant("link a cycle short", "a flit is due at t + 1 + L + 1", ROUTER,
           "output.wire + 2 if", "output.wire + 1 if"),
    Mutant("next front at once", "the next front is visible in the next cycle", ROUTER,
           "port.front_from = self.now + 1", "port.front_from = self.now"),
    Mutant("routing delay for every flit", "routing_cycles delay heads only", ROUTER,
           "(self.image.hardware.routing_cycles if flit.head else 0)", "self.image.hardware.routing_cycles"),
    Mutant("packets interleave", "a head requests only an output without an owner", ROUTER,
           "if port.held is None and output.owner is not None:",
           "if port.held is None and output.owner is not None and not port.fifo[0][0].head:"),
    Mutant("claims need a credit", "two stages: claims ignore credits", ROUTER,
           "if port.held is None and self.image.hardware.two_stage:",
           "if port.held is None and self.image.hardware.two_stage and output.credits > 0:"),
    Mutant("one copy a cycle", "a multicast flit crosses to all free outputs", ROUTER,
           "for o in self.wanted(port):", "for o in sorted(self.wanted(port))[:1]:"),
    # Services
    Mutant("soma without latency", "a result is queued cycles + latency after the start", TERMINAL,
           "item.cycles + sweep.latency)", "item.cycles)"),
    Mutant("synapse without latency", "sums are complete latency_cycles later", TERMINAL,
           "later(self.env, hw.synapse_latency, FINISH", "later(self.env, 0, FINISH"),
    Mutant("read-outs without link latency", "the host link has a latency", TERMINAL,
           "hw.host_latency if host else 0", "0"),
    Mutant("host sends a packet as one flit", "cycles_per_flit for every flit", CHIP,
           "packet.flits * self.hw.host_flit_cycles", "self.hw.host_flit_cycles"),
    Mutant("every flit is looked up", "a flit that is not a tail takes 1 cycle", TERMINAL,
           "int(kinds.axon[packet.kind, self.node]) if flit.tail else 1",
           "int(kinds.axon[packet.kind, self.node])"),
    Mutant("banks share their words evenly", "a row waits for its fullest bank", CELLS,
           "bank_cycles(fullest, accesses, hw.ports)",
           "ceil_div(len(words) * accesses, hw.banks * hw.ports)"),
    Mutant("second port ignored", "a bank has `ports` ports", CELLS,
           "bank_cycles(fullest, accesses, hw.ports)", "bank_cycles(fullest, accesses, 1)"),
    Mutant("write without a port", "an update reads and writes each word", CELLS,
           "self.row_time(s, active, 2, compute)", "self.row_time(s, active, 1, compute)"),
    # Steps
    Mutant("barrier a cycle longer", "a step takes its work and the barrier", CHIP,
           "int(self.env.now) - start, self.hw.barrier,", "int(self.env.now) - start, self.hw.barrier + 1,"),
    Mutant("ticks ignored", "with ticks a step takes whole periods", CHIP,
           "self.hw.barrier, self.hw.tick_period)", "self.hw.barrier, 0)"),
    Mutant("an overrun counts once", "every period beyond the first is an overrun", CHIP,
           "int(overruns))", "int(overruns > 0))"),
    Mutant("sums read in the step they arrive in", "accumulators are double-buffered", CELLS,
           "self.next_sum[q + 1][block] +=", "self.now_sum[q + 1][block] +="),
    Mutant("step does not wait for copies", "a step ends with its last service", ROUTER,
           "self.work.enter(len(port.todo) - 1)", "self.work.enter(0)"),
    # Counting and causes
    Mutant("one route read a spike", "one count for every access", TERMINAL,
           "if self.node < self.image.hardware.cores:",
           "if self.node < self.image.hardware.cores and number == 0:"),
    Mutant("reads counted when a flit has left", "counted at the moment of service", ROUTER,
           "self.book.count(self.place(i)[0], Op.BUFFER_READ)\n            if not self.inputs[i].todo:",
           "if not self.inputs[i].todo:\n                self.book.count(self.place(i)[0], Op.BUFFER_READ)"),
    Mutant("bank waits counted as work", "every cycle has one cause", TERMINAL,
           "time.serve(self.now, item.cycles, item.conflict)", "time.serve(self.now, item.cycles)"),
    Mutant("waiting ports not blocked", "a front that did not cross was blocked", ROUTER,
           "for i in considered:\n            time", "for i in moved:\n            time"),
    # Learning
    Mutant("same noise for a whole row", "randomness is hash(seed, unit, tick, index)", CELLS,
           "int(draw32(key, j)), self.c", "int(draw32(key, 0)), self.c"),
    Mutant("dropout mask of the first sample", "randomness is hash(seed, unit, tick, index)", CELLS,
           "stream_key(self.seed, KEEP, self.tick, p)", "stream_key(self.seed, KEEP, 0, p)"),
    Mutant("trace stepped after the post spike", "trace first, then the post spike of the next slot", CELLS,
           "            trace = int(rule.on_slot(trace, history >> t & 1, self.c))\n", "",
           (("                    book.count(s.core, Op.CREDIT_ADD)\n",
             "                    book.count(s.core, Op.CREDIT_ADD)\n"
             "            trace = int(rule.on_slot(trace, history >> t & 1, self.c))\n"),)),
    Mutant("history a slot late", "the axon table stores the slot of the spike", CELLS,
           "self.history[core, q][i] |= 1 << slot", "self.history[core, q][i] |= 2 << slot"),
    # The compiled engine
    Mutant("compiled: spike slot at once", "a freed slot is visible in the next cycle", NETWORK,
           "& hw.take_mask))] + 1)", "& hw.take_mask))])"),
    Mutant("compiled: synapse slot at once", "a freed slot is visible in the next cycle", NETWORK,
           "& hw.row_mask))] + 1)", "& hw.row_mask))])"),
    Mutant("compiled: source credit of lone flits late", "credit of a source after 2 cycles", FOREST,
           ".pop_cycle + 2)", ".pop_cycle + 3)"),
    Mutant("compiled: credit delay forgotten", "credit due at L + 1 + credit_cycles", LAYOUT,
           "link + 2, link + 1 + hw.credit_cycles", "link + 2, link + 1"),
    Mutant("compiled: two meeting sources left alone", "whoever meets is arbitrated", FOREST,
           "if user[place] == NOBODY else MANY", "if True else MANY"),
    Mutant("compiled: meeting only at inputs", "whoever meets is arbitrated", FOREST,
           "if user[place] == MANY:", "if port < 0 and user[place] == MANY:"),
    Mutant("compiled: lone fronts at once", "an input crosses one flit a cycle", FOREST,
           "port.front_from = latest + 1", "port.front_from = latest"),
    Mutant("compiled: sweep ends without latency", "a step ends with its last service", STEP,
           "return free + node.latency", "return free"),
    Mutant("compiled: one stream for all projections", "randomness is hash(seed, unit, tick, index)", PHASED,
           "replay(b, hw, axons, ROUND + q, seed", "replay(b, hw, axons, ROUND, seed"),
    # Ways back of the errors
    Mutant("columns lie as rows do", "column word of block k and neuron j in bank k + j", WAY_BACK,
           "(block + j - s.first) % hw.banks for j", "(block + (j - s.first) // hw.weights_per_word) % hw.banks for j"),
    Mutant("a block has a weight a lane cycle", "all weights of a column word are multiplied", WAY_BACK,
           "ceil_div(len(active) * hw.weights_per_word, hw.learning_lanes)",
           "ceil_div(len(active), hw.learning_lanes)"),
    Mutant("copies add what should be less", "mirrored rows are multiplied with a signed factor", WAY_BACK,
           ".astype(np.int64) * factor", ".astype(np.int64) * abs(factor)"),
    Mutant("copies learn a slot late", "a copy learns by the same local events", WAY_BACK,
           "                if train >> t & 1:", "                if train >> (t + 1) & 1:"),
    Mutant("copies round by other random bits", "original and copy round with the same word", WAY_BACK,
           "stream_key(cells.seed, ROUND + s.p,", "stream_key(cells.seed, ROUND + s.p + 1,"),
    Mutant("sums of copies cleared for nothing", "the soma reads and clears an accumulator", CELLS,
           "                self.backward.decide(core)\n", ""),
    Mutant("compiled: an emission for every error", "errors of a block leave together", BACK,
           "if i // block != last:", "if last < i:"),
    Mutant("compiled: columns counted as rows", "a column word is an op of its own", BACK,
           "counts[Op.COLUMN_READ.value] +=", "counts[Op.SYNAPSE_READ.value] +="),
    Mutant("compiled: copies of silent neurons learn", "only rows whose post neuron fired", BACK,
           "rows += 1 if act.fired[g] > 0 else 0", "rows += 1"),
    Mutant("compiled: desires to one core only", "a desire goes to all copies of its weights", BACK,
           "range(part.back, part.back_end)", "range(part.back, min(part.back + 1, part.back_end))"),
    # Concentrated meshes, links of several cycles, units of several cycles
    Mutant("vertical links as the others", "links north and south have a latency of their own", ROUTER,
           "wire = hw.vertical_cycles if port in (xy.NORTH, xy.SOUTH) else hw.link_cycles",
           "wire = hw.link_cycles"),
    Mutant("vertical flits counted as others", "a flit north or south is a VERTICAL_FLIT", ROUTER,
           "Op.VERTICAL_FLIT if o in (xy.NORTH, xy.SOUTH) else Op.LINK_FLIT", "Op.LINK_FLIT"),
    Mutant("a flit every cycle", "a link takes a flit in interval_cycles", ROUTER,
           "output.free_from = self.now + output.interval", "output.free_from = self.now + 1"),
    Mutant("cores of a router with one port", "every core has a port and a ledger of its own", ROUTER,
           "return self.home + port - xy.LOCAL, Unit.ROUTER_LOCAL", "return self.home, Unit.ROUTER_LOCAL"),
    Mutant("spikes of trained neurons take no time", "soma.cycles_per_spike", CELLS,
           "hw.soma_cycles + (hw.spike_cycles if fired else 0)", "hw.soma_cycles"),
    Mutant("input neurons take a neuron's time", "soma.cycles_per_input", CELLS,
           "hw.input_cycles if s.p == 0 else ", ""),
    Mutant("compiled: vertical links as the others", "links north and south have a latency of their own", LAYOUT,
           "link = hw.vertical_cycles if out in (xy.NORTH, xy.SOUTH) else hw.link_cycles",
           "link = hw.link_cycles"),
    Mutant("compiled: a flit every cycle", "a link takes a flit in interval_cycles", LAYOUT,
           "interval[here] = hw.link_interval", "interval[here] = 1"),
    Mutant("compiled: interval forgotten by lone flits", "a link takes a flit in interval_cycles", FOREST,
           "out.ready = cycle + out.interval", "out.ready = cycle + 1"),
    Mutant("compiled: pointer beyond the ports", "the pointer moves to the input after the winner", NETWORK,
           "port + 1 < m.hw[0].radix", "port + 1 < 8"),
    Mutant("compiled: spikes of inputs take time", "soma.cycles_per_spike is for neurons that integrate", STEP,
           "spike = 0 if p == 0 else hw.spike_cycles", "spike = hw.spike_cycles"),
    Mutant("compiled: a spike delays only the next", "a result is queued cycles + latency after the start", STEP,
           "delay_emission(m, passed, item + spike)", "delay_emission(m, passed, item)"),
    Mutant("compiled: input neurons take a neuron's time", "soma.cycles_per_input", STEP,
           "item = hw.input_cycles - hw.soma_cycles if p == 0 else 0", "item = 0"),
    # Flits through routers, event by event
    Mutant("flits: ready a cycle early", "credit due at L + 1 + credit_cycles", FLITS,
           "oldest)].pop_cycle + output.back)", "oldest)].pop_cycle + output.back - 1)"),
    Mutant("flits: woken a cycle late", "a freed slot is visible in the next cycle", FLITS,
           "max(output.free, now + output.back)", "max(output.free, now + output.back + 1)"),
    Mutant("flits: pointer not moved", "the pointer moves to the input after the winner", FLITS,
           "    output.pointer = behind(m, number)\n", ""),
    Mutant("flits: ties by port number", "round robin: first request at or after the pointer", FLITS,
           "first_bit(turn if turn != 0 else asking)", "first_bit(asking)"),
    Mutant("flits: interval forgotten", "a link takes a flit in interval_cycles", FLITS,
           "ready = now + output.interval", "ready = now + 1"),
    Mutant("flits: feeder not called", "a freed slot is visible in the next cycle", FLITS,
           "if m.node[index(-feeder - 1)].stalled == 1:", "if False:"),
    Mutant("flits: source credit a cycle late", "credit of a source after 2 cycles", FLITS,
           ".pop_cycle + 2)", ".pop_cycle + 3)"),
    Mutant("flits: losers not called", "whoever asks is considered when the output is ready", FLITS,
           "    if output.want != 0:\n        call(m, o, now)\n    port.crossed", "    port.crossed"),
    Mutant("flits: front a cycle early", "a flit is due at t + 1 + L + 1", FLITS,
           "target, max(arrival, port.front_from)", "target, max(arrival - 1, port.front_from)"),
    Mutant("flits: heads not routed", "routing_cycles delay heads only", FLITS,
           "first += m.hw[0].routing_cycles", "first += 0"),
    Mutant("flits: packets interleave", "a head requests only an output without an owner", FLITS,
           "return want if output.owner < 0 else want & (np.int64(1) << output.owner)", "return want"),
    Mutant("flits: an owner crosses a cycle late", "two stages: the owner may cross in the next cycle", FLITS,
           "max(output.ready, now + 1)", "max(output.ready, now + 2)"),
    Mutant("flits: an owner crosses at once", "two stages: the owner may cross in the next cycle", FLITS,
           "max(output.ready, now + 1)", "max(output.ready, now)"),
    Mutant("flits: claimed with its last tail", "two stages: a released output is claimed in the next cycle", FLITS,
           "o, max(output.free - output.interval + 1, now), now)", "o, max(output.free - output.interval, now), now)"),
    Mutant("flits: every copy read", "copies that cross in one cycle are one read", FLITS,
           "port.crossed += 1 if port.claimed != now else 0", "port.crossed += 1"),
    Mutant("flits: served by the first copy", "a multicast flit leaves when all are served", FLITS,
           "    if port.todo == 0:\n        leave(m, q, now)", "    if port.crossed == 1:\n        leave(m, q, now)"),
    Mutant("flits: far places looked at too early", "a front asks from its own cycle on", FLITS,
           "cycle = m.input[index(number)].front_from", "cycle = now"),
    # Connectomes
    Mutant("connectome: sums read in their own step", "accumulators are double-buffered", STEPPED_CELLS,
           "int(self.now[j]) + int(fabric.bias[j])", "int(state.charge[j]) + int(fabric.bias[j])"),
    Mutant("connectome: spikes take no time", "soma.cycles_per_spike", STEPPED_CELLS,
           "hw.soma_cycles + fired * hw.spike_cycles", "hw.soma_cycles"),
    Mutant("connectome: a packet for every synapse", "one packet for each core of a sparse row", STEPPED_CELLS,
           "list(dict.fromkeys(cores))", "cores"),
    Mutant("connectome: sparse words not counted", "a sparse row reads its words", STEPPED_CELLS,
           "Op.SYNAPSE_READ, int(fabric.rows.words[len(mine)])", "Op.SYNAPSE_READ, 1"),
    Mutant("connectome: sparse adds are dense", "a synapse of a sparse row is a SPARSE_ADD", STEPPED_CELLS,
           "(Op.SPARSE_ADD, Op.ACCUMULATOR_READ,", "(Op.SYNAPSE_ADD, Op.ACCUMULATOR_READ,"),
    Mutant("connectome: projections in reverse", "a spike sends its projections in order", STEPPED,
           "for e in range(t.fan_ptr[s], t.fan_ptr[s + 1]):",
           "for e in range(t.fan_ptr[s + 1] - 1, t.fan_ptr[s] - 1, -1):"),
    Mutant("connectome: short sparse rows", "a sparse row takes the cycles of its synapses on the core", STEPPED,
           "kind, n, number, t.row_cycles[size]", "kind, n, number, t.row_cycles[0]"),
    Mutant("connectome: a tree's rows alike", "every core of a multicast row takes its own cycles", STEPPED,
           "= last, t.row_cycles[size]", "= last, t.row_cycles[t.row_cycles.shape[0] - 1]"),
    Mutant("connectome: a tree's neighbour's row", "every core of a multicast row takes its own cycles", NETWORK,
           "if rows[middle].node <= n:", "if rows[middle].node < n:"),
    Mutant("connectome: inputs delayed by spikes", "soma.cycles_per_spike is for neurons that integrate", STEPPED,
           "spike = 0 if scripted else hw.spike_cycles", "spike = hw.spike_cycles"),
    Mutant("connectome: inputs take a neuron's time", "soma.cycles_per_input", STEPPED,
           "item = hw.input_cycles - hw.soma_cycles if scripted else 0", "item = 0"),
)  # fmt: skip


MUTANTS = (*PHASED_AND_ROUTED, *ONLINE, *KERNELS, *SEQUENCED, *CHIPS, *CHANNELS)
JUDGES = {  # of what both engines share
    "kernels": (
        "tests/test_generator.py", "tests/test_neuron", "tests/silicon/test_ssnn_golden.py",
        "tests/test_learning/test_ssnn_kernels.py", "tests/test_learning/test_ssnn_engine.py",
    ),
    "chips": (
        "tests/silicon/test_odin.py", "tests/test_engine/test_sequenced.py", "tests/test_learning/test_sdsp.py",
        "tests/test_neuron/test_tinyodin_lif.py",
    ),
    "channels": (
        "tests/silicon/test_noc_golden.py",
        "tests/agreement/test_network.py::test_both_engines_agree_on_virtual_channels",
    ),
}  # fmt: skip


def main(words: list[str]) -> int:
    """Try the mutants; the number of survivors."""
    chosen = [m for m in MUTANTS if all(word in f"{m.name} {m.rule} {m.file}" for word in words)]
    for mutant in chosen:
        apply(mutant, ROOT / "neurosim" / "engine")
    print(f"{'mutant':42}  {'file':22}  {'verdict':9} {'s':>4}  rule broken: first difference")
    for court in sorted({court_of(mutant) for mutant in chosen}):
        sound = attempt(None, court)
        if sound:
            print(f"{'none':42}  {'':22}  disagrees without any mutant: {sound}")
            return 1
    survivors = 0
    for mutant in chosen:
        started = time.monotonic()
        difference = attempt(mutant, court_of(mutant))
        survivors += not difference
        verdict = "caught" if difference else "SURVIVED"
        seconds = time.monotonic() - started
        row = f"{mutant.name:42}  {mutant.file:22}  {verdict:9} {seconds:4.0f}"
        print(f"{row}  {mutant.rule}: {difference}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} mutants caught")
    return survivors


def apply(mutant: Mutant, engine: Path) -> str:
    """The mutated text of the file. Raises ValueError if it does not fit the source any more."""
    text = (engine / mutant.file).read_text()
    for old, new in ((mutant.old, mutant.new), *mutant.also):
        if text.count(old) != 1:
            raise ValueError(f"{mutant.name}: expected once in {mutant.file}, found {text.count(old)}: {old}")
        text = text.replace(old, new)
    return text


def court_of(mutant: Mutant) -> str:
    """Who finds it: tests of what both engines share, or their agreement, on one kind of machine or on all others."""
    courts = {"kernels": KERNELS, "chips": CHIPS, "online": ONLINE, "sequenced": SEQUENCED,
              "channels": CHANNELS}  # fmt: skip
    return next((court for court, mutants in courts.items() if mutant in mutants), "all")


def attempt(mutant: Mutant | None, court: str) -> str:
    """What a court finds first in a mutated copy of the package; empty: nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("neurosim", "hwconfigs", "tests", "traces"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        if mutant:
            engine = folder / "neurosim" / "engine"
            (engine / mutant.file).write_text(apply(mutant, engine))
        environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": name, "PYTHONWARNINGS": "ignore"}
        if court in ("sequenced", "chips") and not (mutant and mutant.file.startswith("reference/")):
            found = difference_from_recordings(name, environment)
            if found:
                return f"recorded: {found}"
        if court in JUDGES:
            return judged(name, environment, JUDGES[court])
        command = [sys.executable, "-m", "tests.agreement.mutants", "--examples", str(EXAMPLES), court]
        try:
            done = subprocess.run(
                command, cwd=name, env=environment, capture_output=True, text=True, timeout=600
            )
        except subprocess.TimeoutExpired:
            return "no end"
        if done.returncode != bool(done.stdout.strip()):  # it broke elsewhere than in an example
            raise RuntimeError(done.stderr)
        return done.stdout.strip()


def judged(folder: str, environment: dict[str, str], tests: tuple[str, ...]) -> str:
    """The first of these tests that fails in the package of `folder`; empty: none."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode not in (0, 1) or bool(done.returncode) != bool(failed):
        raise RuntimeError(done.stdout + done.stderr)
    return failed[0] if failed else ""


def run_examples(number: int, online: bool = False) -> str:
    """The first disagreement in `number` examples of each kind of traffic; `online`: of SSNN-BP alone."""
    from hypothesis import Phase, given, seed, settings
    from hypothesis import strategies as st

    from neurosim.errors import NeurosimError

    from .strategies import TRAFFIC, Case, cases, lessons
    from .streams import streams
    from .test_agreement import disagreement
    from .test_fabric import Wired, disagreement_of, wired

    found: list[str] = []

    def agree(strategy: Callable[[str], st.SearchStrategy[Case | Wired]]) -> None:
        @seed(1)
        @settings(max_examples=number, deadline=None, database=None, phases=[Phase.generate],
                  report_multiple_bugs=False)  # fmt: skip
        @given(st.tuples(*(strategy(traffic) for traffic in TRAFFIC)))
        def all_agree(drawn: tuple[Case | Wired, ...]) -> None:
            for case in drawn:
                check(case)

        all_agree()

    def check(case: Case | Wired) -> None:
        try:
            difference = disagreement(case) if isinstance(case, Case) else disagreement_of(case)
        except (NeurosimError, AssertionError, KeyError, IndexError, RuntimeError, ValueError) as error:
            difference = f"{type(error).__name__}: {error}"
        if difference:
            found.append(difference)
        assert not difference

    try:
        for strategy in (streams,) if online else (wired, cases, lessons, streams):
            agree(strategy)
    except AssertionError:
        assert found
    return found[0] if found else ""


if __name__ == "__main__":
    if sys.argv[1:2] == ["--examples"]:
        number = int(sys.argv[2])
        sequenced = "sequenced" in sys.argv
        text = first_difference(6 * number) if sequenced else run_examples(number, "online" in sys.argv)
        print(text)
        sys.exit(1 if text else 0)
    sys.exit(main(sys.argv[1:]))
