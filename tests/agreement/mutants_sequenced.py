"""Mutants of the sequenced core: of both of its engines, and of what they share: chip files and kernels.

The first fall to the agreement of the engines, the others to the recorded RTL of ODIN and tinyODIN (traces/odin), or
to cases computed by hand where no recorded one shows the rule.
"""

from .mutant import Mutant

__all__ = ["CHIPS", "SEQUENCED", "first_difference"]

CONTROLLER, FAST, TARGETS = "controller.py", "sequenced.py", "targets.py"
PORTS, SLOW = "reference/ports.py", "reference/sequence.py"
OPERATIONS, MEMORIES = "reference/operations.py", "reference/memories.py"
ODIN, TINY = "../../hwconfigs/odin.yaml", "../../hwconfigs/tinyodin.yaml"
SDSP, LIF, TINY_LIF = "../learning/sdsp.py", "../neuron/odin_lif.py", "../neuron/tinyodin_lif.py"

SEQUENCED = (
    # The loop over targets, and what holds it
    Mutant("sequenced: nothing is held", "a busy port holds the read of the next target", CONTROLLER,
           "free = max(cycle, m.clock[CLOCK.busy_until] + 1)", "free = cycle"),
    Mutant("sequenced: held a cycle less", "held while the port is busy", CONTROLLER,
           "free = max(cycle, m.clock[CLOCK.busy_until] + 1)", "free = max(cycle, m.clock[CLOCK.busy_until])"),
    Mutant("sequenced: held words strobe once", "each held cycle strobes the read once more", TARGETS,
           "+= 1 + held + 1 - m.controls.write_back", "+= 1 + 1 - m.controls.write_back"),
    Mutant("sequenced: one strobe without write-back", "the memory is selected in the last cycle as well", TARGETS,
           "+= 1 + held + 1 - m.controls.write_back", "+= 1 + held"),
    # Order within a sweep
    Mutant("sequenced: weights after the update", "all neurons of a group take the weights as they were read", FAST,
           "drive_of(m, m.held[place], row)", "drive_of(m, np.int64(m.code[row, n]), row)"),
    Mutant("sequenced: flags after the update", "flags as they stood before the write cycle", FAST,
           "                if k.write_back != 0:\n"
           "                    watched = write_word(m, c, row, n, o[operation, LEARNS])\n",
           "",
           also=(("        spike = write_neuron(m, c, n, drive, 1 - spikes)\n",
                  "        spike = write_neuron(m, c, n, drive, 1 - spikes)\n"
                  "        if spikes != 0 and place == 0 and k.write_back != 0:\n"
                  "            watched = write_word(m, c, row, n, o[operation, LEARNS])\n"),)),
    Mutant("sequenced: the rest of a word rests", "the rest of the last word learns as well", FAST,
           "    if learns != 0:\n        for n in range(first, min(first + k.per_word, k.neurons)):",
           "    if learns != 0:\n        for n in range(first, min(first + k.per_word, k.last_neuron + 1)):"),
    Mutant("sequenced: single synapses are mapped", "a clear mapping bit counts for single synapses, too", FAST,
           "drive = drive_of(m, np.int64(m.code[row, n]), row)",
           "drive = drive_of(m, np.int64(m.code[row, n]) | m.controls.mapped_mask, row)"),
    Mutant("sequenced: bistability of all", "only plastic synapses move by bistability", FAST,
           "                if is_plastic(m, code):", "                if True:"),
    Mutant("sequenced: disabled neurons are heard", "a disabled neuron does not enter the queue", FAST,
           "if fired == 0 or f[DISABLED, n] != 0:", "if fired == 0:"),
    Mutant("sequenced: stale flags", "both flags 0 if the neuron's learns bit is 0", MEMORIES,
           'if word["learns"] else (0, 0)', 'if word["learns"] else (self.up[n], self.down[n])'),
    Mutant("sequenced: an endless wait for calcium", "calcium_wait wraps at its width", MEMORIES,
           "int(calcium), int(wait) % (1 << wait_bits)", "int(calcium), int(wait)"),
    Mutant("sequenced: weights without sign", "signed if the synapses are", MEMORIES,
           "return signed(value, self.memory.weight[1]) if self.memory.signed else value", "return value"),
    Mutant("sequenced: rows beyond the last", "numbers of rows wrap", TARGETS,
           "o[operation, ROW_MASK]) % m.controls.rows", "o[operation, ROW_MASK])"),
    Mutant("sequenced: neurons beyond the last", "numbers of neurons wrap", OPERATIONS,
           "bits_of(word, operation.neuron) % self.core.neuron.entries",
           "min(bits_of(word, operation.neuron), self.core.neuron.entries - 1)"),
    # The queue
    Mutant("sequenced: popped after the first cycle", "the head stays until the end of its operation", FAST,
           "settle(m, pops if n == k.last_neuron else 0)", "settle(m, pops if n == 0 else 0)"),
    Mutant("sequenced: dropped after the pop", "dropped if the queue is full, even if the head leaves", FAST,
           "        spike = write_neuron(m, c, n, drive, 1 - spikes)\n",
           "        if n == k.last_neuron and pops != 0:\n            take(m)\n"
           "        spike = write_neuron(m, c, n, drive, 1 - spikes)\n",
           also=(("settle(m, pops if n == k.last_neuron else 0)", "settle(m, 0)"),)),
    Mutant("sequenced: the last comes first", "a queue is first in, first out", PORTS,
           "self.entries.popleft()", "self.entries.pop()"),
    Mutant("sequenced: full of what is dropped", "max_fill is the level at the end of a cycle", PORTS,
           "max(self.count[CLOCK.max_fill], len(self.entries))",
           "max(self.count[CLOCK.max_fill], len(self.entries) + 1)"),
    Mutant("sequenced: full an entry early", "queue_full: depth entries", CONTROLLER,
           "holds = clock[CLOCK.level] == m.controls.depth", "holds = clock[CLOCK.level] >= m.controls.depth - 1"),
    Mutant("sequenced: popped while busy", "the pop state waits for a silent port", FAST,
           "free = max(end, m.clock[CLOCK.busy_until] + 1)", "free = end"),
    # The arbiter and the end
    Mutant("sequenced: the last guard wins", "the first guard that holds", CONTROLLER,
           "for line in range(arbiter.shape[0]):", "for line in range(arbiter.shape[0] - 1, -1, -1):"),
    Mutant("sequenced: no word is patient", "a patient word is not urgent", CONTROLLER,
           "holds = seen != 0 and m.tables.operation[operation, PATIENT] == 0", "holds = seen != 0"),
    Mutant("sequenced: cut while busy", "a run is cut when the port is silent", FAST,
           "            if busy:\n                clock[CLOCK.held_cycles]",
           "            if False:\n                clock[CLOCK.held_cycles]"),
    Mutant("sequenced: sleeps through the cut", "a run is cut in the first cycle of WAIT at its limit", SLOW,
           "self.pace.wake = min(rises, self.last)", "self.pace.wake = rises"),
    # What is booked
    Mutant("sequenced: held a cycle less in WAIT", "all cycles of WAIT with a busy port", CONTROLLER,
           "min(then, m.clock[CLOCK.busy_until] + 1) - now", "min(then, m.clock[CLOCK.busy_until]) - now"),
    Mutant("sequenced: a pop all held", "the last cycle of the pop state has a silent port", FAST,
           "m.clock[CLOCK.pop_held_cycles] += free - end", "m.clock[CLOCK.pop_held_cycles] += free + 1 - end"),
    # Ports
    Mutant("sequenced: REQ seen a cycle early", "REQ is synchronised s cycles later", FAST,
           "asks = asked + m.controls.input_synchroniser if", "asks = asked + m.controls.input_synchroniser - 1 if"),
    Mutant("sequenced: one flip-flop more", "REQ is synchronised s cycles later", SLOW,
           "for flop in range(flops)]", "for flop in range(flops + 1)]"),
    Mutant("sequenced: ACK a cycle longer", "the release lasts d + s + 1 cycles", FAST,
           "+ m.controls.input_synchroniser + 1\n", "+ m.controls.input_synchroniser + 2\n"),
    Mutant("sequenced: released unseen", "the controller leaves when it has seen REQ fall", SLOW,
           "while self.request.now:", "while self.sender.request:"),
    Mutant("sequenced: gap of the next event", "gap behind the k-th event", CONTROLLER,
           "(m.clock[CLOCK.served] + gap.shape[0] - 1) % gap.shape[0]", "m.clock[CLOCK.served] % gap.shape[0]"),
    Mutant("sequenced: always the first drop", "delays are used in turn", PORTS,
           "drops[int(self.count[CLOCK.served]) % len(drops)]", "drops[0]"),
    Mutant("sequenced: busy a cycle longer", "busy for a + r + 2 s + 2 cycles", CONTROLLER,
           "return cycle + delays + 2 * m.controls.output_synchroniser + 1",
           "return cycle + delays + 2 * m.controls.output_synchroniser + 2"),
    Mutant("sequenced: always the first release", "delays are used in turn from transfer to transfer", CONTROLLER,
           "tables.release[sent % tables.release.shape[0]]", "tables.release[0]"),
    Mutant("sequenced: other outputs beside the watch", "a chip that watches sends nothing else", OPERATIONS,
           "words = self.watched_words(n, event) if n == r.watched_neuron else []",
           "words = self.watched_words(n, event) if n == r.watched_neuron else [n] if fired else []"),
    Mutant("sequenced: a longer gap in the watch", "gap_cycles behind the last busy cycle", PORTS,
           "self.cycles(self.gap - 1)", "self.cycles(self.gap)"),
    Mutant("sequenced: every sweep is the watched one", "event: the watched neuron's own spike", FAST,
           "event = 1 if sweep != 0 and row == k.watched_neuron else 0", "event = 1 if sweep != 0 else 0"),
    Mutant("sequenced: the watch sees the old code", "the new code of the synapse", OPERATIONS,
           "int(self.synapses.code[row, r.watched_neuron])",
           "self.synapses.port[r.watched_neuron % self.core.synapse.synapses_per_word]"),
)  # fmt: skip

CHIPS = (
    # Chip files
    Mutant("odin: 0x01 is a time reference", "virtual weight 0 without flags is a spike", ODIN,
           "    - {mask: 0x000FF, match: 0x00000, operation: bistability_all}\n",
           "    - {mask: 0x000FF, match: 0x00000, operation: bistability_all}\n"
           "    - {mask: 0x000FF, match: 0x00001, operation: reference_one}\n"),
    Mutant("odin: leaks by weight alone", "a spike is an entry without any bit above the neuron", ODIN,
           "{mask: 0x1F00, match: 0x0000, operation: spike}", "{mask: 0x1C00, match: 0x0000, operation: spike}"),
    Mutant("odin: full queues wait", "a full queue is popped before the input is served", ODIN,
           "    - {when: queue_full, do: pop}\n", ""),
    Mutant("odin: the queue first", "input beats queued events", ODIN,
           "    - {when: urgent_input, do: serve}\n    - {when: queue, do: pop}\n",
           "    - {when: queue, do: pop}\n    - {when: urgent_input, do: serve}\n"),
    Mutant("odin: hasty bistability", "bistability is served when the queue is empty", ODIN,
           "row: [8, 8], patient: true}", "row: [8, 8]}"),
    Mutant("odin: a queue of 31", "32 entries", ODIN, "depth: 32", "depth: 31"),
    Mutant("odin: a flip-flop less at the input", "two flip-flops", ODIN,
           "word_bits: 17\n    synchroniser_cycles: 2", "word_bits: 17\n    synchroniser_cycles: 1"),
    Mutant("odin: a flip-flop more at the output", "two flip-flops", ODIN,
           "word_bits: 8\n    synchroniser_cycles: 2", "word_bits: 8\n    synchroniser_cycles: 3"),
    Mutant("odin: controller events at the end", "AER_SRC: with the write of the monitored neuron", ODIN,
           "controller_event: watched", "controller_event: last"),
    Mutant("odin: spikes do not teach", "a spike's sweep always learns", ODIN, "learns: always", "learns: never"),
    Mutant("odin: single synapses always learn", "single synapses learn if SDSP_ON_SYN_STIM", ODIN,
           "learns: enabled", "learns: always"),
    Mutant("odin: three cycles a target", "a read-modify-write of two cycles", ODIN,
           "cycles_per_target: 2 ", "cycles_per_target: 3 "),
    Mutant("tinyodin: synapses are written back", "never written in operation", TINY,
           "write_back: false", "write_back: true"),
    Mutant("tinyodin: popped in the sweep", "AER_POP is a state of its own", TINY, ", pop_state: AER_POP", ""),
    Mutant("tinyodin: controller events in the sweep", "AER_SRC: at the end of the sweep", TINY,
           "controller_event: last", "controller_event: watched"),
    Mutant("tinyodin: unsigned weights", "w is signed", TINY,
           "weight: [0, 4]\n    signed: true", "weight: [0, 4]\n    signed: false"),
    # Kernels
    Mutant("sdsp: rise at the bound", "no potentiation at calcium >= theta_3", SDSP,
           "theta_1 <= calcium < theta_3", "theta_1 <= calcium <= theta_3"),
    Mutant("sdsp: fall at the bound", "no depression at calcium >= theta_2", SDSP,
           "theta_1 <= calcium < theta_2", "theta_1 <= calcium <= theta_2"),
    Mutant("sdsp: a spike in spite of the leak", "a spike and a loss of calcium cancel", SDSP,
           "if fired != 0 and lost == 0:", "if fired != 0:"),
    Mutant("sdsp: calcium lost a reference late", "lost when the count reaches ca_leak - 1", SDSP,
           "1 if wait == leak - 1 else 0", "1 if wait == leak else 0"),
    Mutant("sdsp: flags of the old calcium", "flags see the calcium after the update", SDSP,
           "    lost = 0\n", "    lost, old = 0, calcium\n",
           also=(("up = 1 if membrane >= theta_membrane and theta_1 <= calcium < theta_3",
                  "up = 1 if membrane >= theta_membrane and theta_1 <= old < theta_3"),)),
    Mutant("sdsp: bistability from 5 on", "w >= 4 rises", SDSP, "weight >= c.middle", "weight > c.middle"),
    Mutant("odin_lif: fires above the threshold", "spike = V1 >= thr", LIF, "value >= threshold", "value > threshold"),
    Mutant("odin_lif: resets by subtraction", "V' = 0 after a spike", LIF,
           "value - fired * value", "value - fired * threshold"),
    Mutant("tinyodin_lif: leaks below zero", "V moves towards 0, clamped there", TINY_LIF,
           "value = max(0, membrane - leak)", "value = membrane - leak"),
    Mutant("tinyodin_lif: wraps", "12 bits, saturating", TINY_LIF,
           "saturate(membrane + drive, bits)", "((membrane + drive + 2048) & 4095) - 2048"),
)  # fmt: skip


def first_difference(number: int) -> str:
    """The first disagreement of the engines in `number` random sequenced chips; empty: none."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    from neurosim.errors import NeurosimError

    from .sequences import Sequenced, run, sequenced
    from .test_sequenced import difference, difference_of

    found: list[str] = []

    @seed(1)
    @settings(max_examples=number, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck), report_multiple_bugs=False)  # fmt: skip
    @given(sequenced())
    def agree(case: Sequenced) -> None:
        if found:
            return
        try:
            built = case.build()
            (slow, slow_end), (fast, fast_end) = (run(*built, case.last, which) for which in ("reference", "compiled"))
            text = difference(slow, fast) or difference_of(slow_end, fast_end)
        except (NeurosimError, AssertionError, KeyError, IndexError, RuntimeError, ValueError) as error:
            text = f"{type(error).__name__}: {error}"
        if text:
            found.append(text)

    agree()
    return found[0] if found else ""
