"""Random sequenced chips, contents of their memories, and bursts of events: a hypothesis strategy and what it builds.

Only what shapes a chip is drawn; words and events come from a seed, thresholds low enough for neurons to fire.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from neurosim.engine.sequence import Sequence, play
from neurosim.sequenced import SequencedChip
from neurosim.sequencer import Sequencer, SequencerState, build_sequencer
from neurosim.stimulus import Events

__all__ = ["Sequenced", "run", "sequenced"]

PAYLOAD, OPCODE = 14, 4  # bits of an input word: operands, and above them what it starts
SEEN = ("event", "up", "down", "calcium", "membrane")  # by the watch point
LEARNT = {"learns": 1, "theta_membrane": 5, "theta_1": 2, "theta_2": 3, "theta_3": 3, "calcium_leak": 3, "calcium": 3,
          "calcium_wait": 4}  # fmt: skip


@dataclass(frozen=True)
class Sequenced:
    """A chip, the seed of all that it is loaded with, the density of its events, and when its run is cut."""

    chip: dict[str, Any]
    seed: int
    events: int
    last: int

    def build(self) -> tuple[Sequencer, SequencerState, Events]:
        """The sequencer, its memories, and events in bursts."""
        rng = np.random.default_rng(self.seed)
        chip = SequencedChip.model_validate(self.chip)
        core = chip.core
        sequencer = build_sequencer(chip, rng.integers(0, 2, core.synapse.rows) * rng.integers(0, 2))
        selected = 0 if core.neuron.selects is None else 1 << core.neuron.selects
        words = [selected | self._word(core.neuron.fields, rng) for _ in range(core.neuron.entries)]
        codes = rng.integers(0, 1 << core.synapse.synapse_bits, (core.synapse.rows, core.neuron.entries))
        flags = rng.integers(0, 2, (2, core.neuron.entries)).astype(np.uint8)
        lines = [core.words[k] for k in rng.integers(0, len(core.words), self.events)]
        drawn = rng.integers(0, 1 << core.input.word_bits, self.events)
        word = [int(w) & ~line.mask | line.match for w, line in zip(drawn, lines, strict=True)]
        pause = rng.choice([0, 0, 0, 0, 3, 40, 400], self.events)
        state = sequencer.new_state(words, codes, (flags[0], flags[1]))
        return sequencer, state, Events(np.cumsum(pause), np.array(word))

    def _word(self, fields: Any, rng: np.random.Generator) -> int:
        """A neuron: leaks seldom switched off, learns mostly, seldom disabled, thresholds low, now and then 0."""
        values = {name: int(rng.integers(0, 1 << bits)) for name, (_, bits) in fields.items()}
        values["threshold"] = int(rng.choice([0, 1, 3, 8, values["threshold"]], p=[0.03, 0.07, 0.2, 0.3, 0.4]))
        for name, chance in (("disabled", 0.1), ("learns", 0.85), ("leak_enabled", 0.8)):
            values[name] = int(rng.random() < chance)
        return sum(values[name] % (1 << bits) << low for name, (low, bits) in fields.items())


def run(
    sequencer: Sequencer, state: SequencerState, events: Events, last: int, engine: str
) -> tuple[Sequence, SequencerState]:
    """Run a copy of the state; everything recorded."""
    state = state.copy()
    return play(sequencer, state, events, last, engine=engine, record=True), state


def within(draw: Any, bits: int, width: int) -> list[int]:
    """A field of so many bits somewhere in a word."""
    return [draw(st.integers(0, width - bits)), bits]


def delays(draw: Any, most: int) -> list[int]:
    """A list of delays, mostly short."""
    return draw(st.lists(st.one_of(st.integers(0, 2), st.integers(0, most)), min_size=1, max_size=3))


def count_of(most: int) -> st.SearchStrategy[int]:
    """A number of neurons or rows: any, but 1 now and then."""
    return st.one_of(st.integers(4, most), st.integers(4, most), st.integers(1, 3))


@st.composite
def sequenced(draw: Any) -> Sequenced:
    """Any chip that the model accepts, sized so that the reference engine is done with it at once."""
    neurons, rows, learning = draw(count_of(32)), draw(count_of(20)), draw(st.booleans())
    neuron, fields = draw_neuron(draw, neurons, learning)
    wide = max(1, (neurons - 1).bit_length())
    entry_bits = wide + 5  # above the neuron: weight 3, inhibitory 1, time reference 1
    operations = draw_operations(draw, neurons, rows, entry_bits, wide, learning)
    synapse = draw_synapse(draw, rows, learning)
    output_bits = draw(st.integers(max(wide, synapse["synapse_bits"]), 12))
    busy_first = draw(st.booleans()) or draw(st.booleans())
    core = {
        "kind": "sequenced", "cycles_per_target": draw(st.integers(2, 5)), "neuron": neuron,
        "synapse": synapse,
        "queue": {"depth": draw(st.integers(1, 8)), "entry_bits": entry_bits, "neuron": [0, wide], "on_full": "drop"},
        "arbiter": draw_arbiter(draw, busy_first),
        "input": {"word_bits": PAYLOAD + OPCODE, "synchroniser_cycles": draw(st.integers(1, 3)),
                  "release_state": "HOLD"},
        "output": {"word_bits": output_bits, "synchroniser_cycles": draw(st.integers(1, 3)),
                   "controller_event": draw(st.sampled_from(["watched", "last"]))},
        "watch": draw_watch(draw, fields, synapse["synapse_bits"], output_bits), "operations": operations,
        "words": draw_words(draw, [name for name in operations if not name.startswith("entry")]),
        "entries": draw_entries(draw, wide), "learning": {"circuits": ["sdsp"] if learning else []},
        "registers": draw_registers(draw, neurons, rows),
    }  # fmt: skip
    ends = (("acknowledge", 9), ("release", 9), ("drop", 9), ("gap", 30))
    link = {f"{name}_cycles": delays(draw, most) for name, most in ends}
    chip = {"name": "random", "description": "any", "source": "drawn", "quality": "estimated", "clock_mhz": 1.0,
            "costs": "none", "core": core, "link": link, "sync": {"mode": "free"}}  # fmt: skip
    events, last = draw(st.sampled_from((8, 20, 40, 1))), draw(st.sampled_from((1000, 2500, 400, 200, 100, 0)))
    seed = draw(st.integers(0, 2**32))
    return Sequenced(chip, seed, events, last + seed % 50)


def draw_neuron(draw: Any, neurons: int, learning: bool) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """Neuron memory: fields side by side, with holes; what a neuron can do without is left out at times."""
    bits = {"membrane": draw(st.integers(4, 10)), "threshold": draw(st.integers(4, 10))}
    bits |= {"leak": draw(st.integers(1, 6))}
    bits |= {name: 1 for name in ("leak_enabled", "disabled") if draw(st.booleans())}
    bits |= LEARNT if learning else {}
    fields, at = {}, draw(st.integers(0, 3))
    selects = at if draw(st.booleans()) else None
    at += 1
    for name in draw(st.permutations(list(bits))):
        fields[name] = [at, bits[name]]
        at += bits[name] + draw(st.integers(0, 1))
    signed = draw(st.booleans())
    circuit = "tinyodin_lif" if signed else "odin_lif"
    memory = {"circuit": circuit, "entries": neurons, "word_bits": max(at, 8), "signed": signed, "fields": fields}
    return memory | ({} if selects is None else {"selects": selects}), fields


def draw_synapse(draw: Any, rows: int, learning: bool) -> dict[str, Any]:
    """Synapse memory: 1 to 8 synapses a word, with spare bits, the mapping bit on either side of the weight."""
    size, mapped = draw(st.integers(2, 4)), draw(st.booleans())
    low, above = draw(st.integers(0, 2)), draw(st.integers(0, 1))
    bits = low + size + above
    place = [b for b in range(bits) if not low <= b < low + size]
    each = draw(st.integers(1, 8))
    return {
        "rows": rows, "word_bits": each * bits + draw(st.integers(0, bits - 1)), "synapse_bits": bits,
        "weight": [low, size], "signed": not learning and draw(st.booleans()),
        "write_back": learning or draw(st.booleans()),
    } | ({"mapped": draw(st.sampled_from(place))} if mapped and place else {})  # fmt: skip


def draw_arbiter(draw: Any, busy_first: bool) -> list[dict[str, str]]:
    """Any order; some lines left out. Without `output_busy` in front a closed loop ends at its limit alone."""
    do = {"output_busy": "wait", "queue_full": "pop", "urgent_input": "serve", "input": "serve", "queue": "pop"}
    order = list(draw(st.permutations(list(do))))
    missing = draw(st.sets(st.sampled_from(order), max_size=1))
    order = [name for name in order if name not in missing]
    if busy_first:
        order = ["output_busy", *(name for name in order if name != "output_busy")]
    waits = draw(st.sampled_from([None, None, None, *do]))
    return [{"when": name, "do": "wait" if name == waits else do[name]} for name in order]


def draw_operations(draw: Any, neurons: int, rows: int, entry_bits: int, wide: int, learning: bool) -> dict[str, Any]:
    """All kinds of operations; those of the queue's entries have names of their own."""
    few, row_bits = (max(1, (number - 1).bit_length()) for number in (neurons, rows))  # some beyond the last
    learns = st.sampled_from(["never", "always", "enabled"]) if learning else st.just("never")
    once = st.sampled_from([{}, {"pop_state": "POP"}])
    weight = draw(st.integers(1, 3))
    moves = [{"take": within(draw, wide, PAYLOAD), "to": 0}]
    row, one = within(draw, row_bits, PAYLOAD), within(draw, few, PAYLOAD)
    result = {
        "push": {"state": "PUSH", "does": "push", "targets": "none", "cycles": draw(st.integers(1, 3)), "push": moves},
        "push_virtual": {"state": "PUSH", "does": "push", "targets": "none", "cycles": 1,
                         "push": [*moves, {"take": within(draw, 5, PAYLOAD), "to": wide}]},
        "synapse": {"state": "SYN", "does": "integrate", "targets": "one", "row": row, "neuron": one,
                    "learns": draw(learns)},
        "direct": {"state": "ROW", "does": "integrate", "targets": "all", "row": row, "learns": draw(learns)},
        "weight": {"state": "ONE", "does": "integrate", "targets": "one", "neuron": one,
                   "weight": within(draw, weight, PAYLOAD), "inhibitory": within(draw, 1, PAYLOAD)},
        "reference": {"state": "REF", "does": "time_reference", "targets": "one", "neuron": one},
        "references": {"state": "REFS", "does": "time_reference", "targets": "all"},
        "entry_spike": {"state": "SPIKE", "does": "integrate", "targets": "all", "row": [0, row_bits],
                        "learns": draw(learns)} | draw(once),
        "entry_virtual": {"state": "VIRTUAL", "does": "integrate", "targets": "one", "neuron": [0, few],
                          "weight": [wide, 3], "inhibitory": [wide + 3, 1],
                          "time_reference": [wide + 4, 1]} | draw(once),
        "entry_synapse": {"state": "ENTRY", "does": "integrate", "targets": "one", "neuron": [0, few],
                          "row": within(draw, row_bits, entry_bits), "learns": draw(learns)} | draw(once),
        "entry_references": {"state": "ENTRIES", "does": "time_reference", "targets": "all"} | draw(once),
        "entry_reference": {"state": "ENTRY", "does": "time_reference", "targets": "one",
                            "neuron": [0, few]} | draw(once),
    }  # fmt: skip
    if learning:
        result |= {"settle": {"state": "BIST", "does": "bistability", "targets": "row", "row": row},
                   "settle_all": {"state": "BIST", "does": "bistability", "targets": "memory"}}  # fmt: skip
    served = [name for name in result if not name.startswith("entry")]
    for name in draw(st.sets(st.sampled_from(served), max_size=4)):
        result[name] = result[name] | {"patient": True}
    return result


def draw_words(draw: Any, names: list[str]) -> list[dict[str, Any]]:
    """Every operation of the input port on an opcode of its own, in any order; the default takes what is left."""
    order = draw(st.permutations(names))
    mask = ((1 << OPCODE) - 1) << PAYLOAD
    lines = [{"mask": mask, "match": k << PAYLOAD, "operation": name} for k, name in enumerate(order)]
    return [*lines, {"mask": 0, "match": 0, "operation": draw(st.sampled_from(["push", "push_virtual"]))}]


def draw_entries(draw: Any, wide: int) -> list[dict[str, Any]]:
    """Entries: a spike where nothing is set above the neuron, others by the bits there."""
    above = 31 << wide
    rare = draw(st.permutations(["entry_synapse", "entry_references", "entry_reference"]))
    lines = [{"mask": above, "match": 0, "operation": "entry_spike"}]
    lines += [{"mask": 7 << wide, "match": k << wide, "operation": name} for k, name in enumerate(rare, 5)]
    return [*lines, {"mask": 0, "match": 0, "operation": "entry_virtual"}]


def draw_watch(draw: Any, fields: dict[str, list[int]], code: int, bits: int) -> dict[str, Any]:
    """Words of the watch point: any names that the neuron has, side by side; a tag above the synapse's `code` bits."""
    known = [name for name in SEEN if name in ("event", "up", "down", *fields)]
    word = st.dictionaries(st.sampled_from(known), st.integers(0, bits - 1), min_size=1, max_size=4)
    words = draw(st.lists(word, max_size=3))
    tag = draw(st.integers(0, (1 << (bits - code)) - 1)) << code
    return {"neuron": [apart(one, fields, bits) for one in words], "synapse_tag": tag,
            "gap_cycles": draw(st.integers(1, 4))}  # fmt: skip


def apart(word: dict[str, int], fields: dict[str, list[int]], bits: int) -> dict[str, int]:
    """The same names on bits of their own, from below, as many as a word of so many bits has room for."""
    low, result = 0, {}
    for name in sorted(word, key=SEEN.index):
        size = fields[name][1] if name in fields else 1
        if low + size <= bits:
            result[name] = low
            low += size
    return result


def draw_registers(draw: Any, neurons: int, rows: int) -> dict[str, Any]:
    """Any registers; watching half of the time."""
    flags = ("propagate_unmapped", "update_unmapped", "learn_on_events", "watch")
    return {
        "open_loop": draw(st.booleans()),
        "output_source": draw(st.sampled_from(["neuron", "controller"])),
        "last_neuron": draw(st.one_of(st.just(neurons - 1), st.integers(0, neurons - 1))),
        "watched_neuron": draw(st.integers(0, neurons - 1)), "watched_row": draw(st.integers(0, min(rows - 1, 5))),
    } | {name: draw(st.booleans()) for name in flags}  # fmt: skip
