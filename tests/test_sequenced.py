"""Files of sequenced chips: what is refused, and in which words."""

import numpy as np
import pytest

from neurosim.errors import ConfigError
from neurosim.sequenced import load_sequenced
from neurosim.sequencer import build_sequencer

CORE = "core."
LIF = "{circuit: odin_lif, entries: 8, word_bits: 16, signed: false, fields: {membrane: [0, 4], threshold: [4, 4]"
ONE = "{state: S, does: integrate, targets: one, neuron: [0, 8]"
ROWS = "{rows: 256, word_bits: 32, synapse_bits: 4, weight: [0, 3], signed: false, write_back: true}"


def refused(chip: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_sequenced(chip, [CORE + override for override in overrides])
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "text"),
    [
        # neuron memory
        ("neuron.fields.leak=[0, 7]", "fields.leak: expected bits of its own, got some of selects"),
        ("neuron.fields.leak=[9, 7]", "expected bits of its own, got some of leak"),
        ("neuron.fields.membrane=[86, 33]", "fields.membrane: expected at most 32 bits, got 33"),
        ("neuron.word_bits=127", "neuron.word_bits: expected at least 128 for its fields, got 127"),
        (f"neuron={LIF}}}}}", "fields: expected membrane, threshold and leak, got no leak"),
        ("neuron.fields.membrain=[90, 2]",
         "fields.membrain: expected one of membrane, threshold, leak, leak_enabled, disabled, learns"),
        ("neuron.fields.membrain=[90, 2]", "got 'membrain' (did you mean 'membrane'?)"),
        # synapse memory
        ("synapse.word_bits=3", "synapse.synapse_bits: expected at most 3, got 4"),
        ("synapse.weight=[2, 3]", "synapse.weight: expected bits below 4, got 2 to 4"),
        ("synapse.mapped=2", "synapse.mapped: expected a bit below 4 beside the weight, got 2"),
        ("synapse.mapped=4", "synapse.mapped: expected a bit below 4 beside the weight, got 4"),
        ("synapse.write_back=false", "learning.circuits: expected none: synapses are not written back"),
        # queue and ports
        ("queue.depth=0", "queue.depth"),
        ("queue.neuron=[0, 7]", "queue.neuron: expected 8 bits or more within 13, got 0 to 6"),
        ("queue.neuron=[6, 8]", "queue.neuron: expected 8 bits or more within 13, got 6 to 13"),
        ("queue.on_full=block", "queue.on_full"),
        ("output.word_bits=7", "output.word_bits: expected at least 8 for a neuron's number"),
        ("input.synchroniser_cycles=0", "input.synchroniser_cycles"),
        ("cycles_per_target=1", "cycles_per_target"),
        # watch point
        ("watch.neuron=[{membrane: 66}]", "watch.neuron.0: expected bits of a word of 8, got up to bit 73"),
        ("watch.neuron=[{event: 7}, {membrane: 1}]", "watch.neuron.1: expected bits of a word of 8, got up to bit 8"),
        ("watch.neuron=[{membrane: 0, calcium: 0}]",
         "watch.neuron.0: expected bits of its own for each name, got some twice"),
        ("watch.neuron=[{event: 4, calcium: 2}]", "watch.neuron.0: expected bits of its own"),
        ("watch.synapse_tag=0xF8", "expected bits above the 4 of a synapse in a word of 8 bits, got 0xf8"),
        ("watch.synapse_tag=0x1F0", "watch.synapse_tag: expected bits above the 4"),
        ("synapse.synapse_bits=16", "watch.synapse_tag: expected bits above the 16 of a synapse in a word of 8 bits"),
        # arbiter
        ("arbiter=[{when: queue, do: serve}]", "do: expected pop or wait when queue, got serve"),
        ("arbiter=[{when: output_busy, do: pop}]", "do: expected wait when output_busy, got pop"),
        ("arbiter=[{when: input, do: pop}]", "do: expected serve or wait when input, got pop"),
        ("arbiter=[]", "arbiter"),
        # words and entries
        ("words=[{mask: 1, match: 2, operation: push}]", "match: expected bits of the mask 0x1 only, got 0x2"),
        ("words=[{mask: 1, match: 1, operation: push}]",
         "mask: expected 0 in the last line, which takes all other words"),
        ("words=[{mask: 0, match: 0, operation: pusch}]", "operation: expected one of push, spike"),
        ("words=[{mask: 0x20000, match: 0, operation: push}, {mask: 0, match: 0, operation: push}]",
         "words.0.mask: expected 17 bits, got 0x20000"),
        ("input.word_bits=15", "words.0.operation: expected operands within 15 bits, got up to bit 15"),
        ("entries=[{mask: 0, match: 0, operation: push}]",
         "operation: expected an entry of the queue to integrate or to be a time reference, got push"),
        ("operations.synapse.pop_state=OWN", "words.0.operation: expected no pop_state for a word of the input port"),
        # operations
        ("operations.push.cycles=0", "operations.push.cycles"),
        (f"operations.synapse={ONE}, row: [8, 8], cycles: 3}}",
         "cycles: expected none (the targets take the cycles) with does: integrate"),
        ("operations.push={state: S, does: push, targets: none, cycles: 1}",
         "push: expected bits to move with does: push"),
        ("operations.push={state: S, does: push, targets: none, push: [{take: [0, 8], to: 0}]}",
         "cycles: expected a number with does: push"),
        ("operations.push={state: S, does: push, targets: none, cycles: 1, push: [{take: [0, 8], to: 6}]}",
         "operations.push.push: expected bits of an entry of 13, got up to bit 13"),
        ("operations.push={state: S, does: push, targets: none, cycles: 1, "
         "push: [{take: [0, 8], to: 0}, {take: [8, 2], to: 7}]}",
         "operations.push.push: expected bits of the entry of its own for each move, got some twice"),
        ("operations.spike={state: S, does: bistability, targets: all}", "targets: expected row or memory"),
        ("operations.synapse={state: S, does: integrate, targets: one, row: [0, 8]}", "neuron: expected its bits"),
        ("operations.spike={state: S, does: integrate, targets: all}", "row: expected its bits here"),
        ("operations.reference_all={state: S, does: time_reference, targets: all, row: [0, 8]}",
         "row: expected nothing here"),
        ("operations.spike={state: S, does: integrate, targets: all, weight: [0, 3]}",
         "weight: expected it with does: integrate and targets: one only"),
        (f"operations.synapse={ONE}, row: [8, 8], inhibitory: [0, 1]}}",
         "weight: expected its bits beside those of inhibitory or time_reference"),
        (f"operations.virtual={ONE}, weight: [10, 3], learns: always}}",
         "learns: expected never where no synapse is read, got always"),
        ("operations.spike.row=[0, 9]", "operations.spike.row: expected no more bits than tell 256 rows apart, got 9"),
        ("operations.virtual.neuron=[0, 9]",
         "operations.virtual.neuron: expected no more bits than tell 256 neurons apart, got 9"),
        ("learning.circuits=[]", "operations.spike: expected a circuit in learning.circuits, got none"),
        # registers
        ("registers.last_neuron=256", "registers.last_neuron: expected a neuron below 256, got 256"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(override: str, text: str) -> None:
    assert text in refused("odin", override)


@pytest.mark.parametrize(
    ("chip", "registers", "text"),
    [
        ("odin", ("watch=true", "watched_neuron=256"), "watched_neuron: expected a neuron below 256, got 256"),
        ("odin", ("output_source=controller", "watched_neuron=300"), "expected a neuron below 256, got 300"),
        ("odin", ("watch=true", "watched_row=256"), "watched_row: expected a row below 256, got 256"),
        ("tinyodin", ("watch=true",), "registers.watch: expected false: no section watch"),
    ],
)
def test_registers_name_what_is_there(chip: str, registers: tuple[str, ...], text: str) -> None:
    assert text in refused(chip, *(f"registers.{register}" for register in registers))


def test_the_watch_point_shows_what_the_neuron_has() -> None:
    watch = "{neuron: [{event: 1, calcium: 2}], synapse_tag: 0x10, gap_cycles: 1}"
    text = refused("tinyodin", f"watch={watch}", "output.word_bits=16")
    assert "watch.neuron.0: expected event, up, down, membrane, got calcium: the neuron has none" in text


def test_words_may_be_62_bits_wide_and_two_synapses_a_word_are_as_good_as_eight() -> None:
    wide = ["core.input.word_bits=62", f"core.words=[{{mask: {1 << 61}, match: {1 << 61}, operation: push}}, "
            "{mask: 0, match: 0, operation: push}]", "core.synapse.synapse_bits=16"]  # fmt: skip
    core = load_sequenced("tinyodin", wide).core
    assert core.words[0].mask == 1 << 61 and core.words_per_row == 128
    assert "mask" in refused("tinyodin", f"words=[{{mask: {1 << 62}, match: 0, operation: push}}]")


def test_a_register_that_nothing_reads_may_hold_anything() -> None:
    assert load_sequenced("odin", ["core.registers.watched_neuron=300"]).core.registers.watched_neuron == 300


def test_kernels_of_other_cores_are_refused() -> None:
    with pytest.raises(ConfigError, match="neuron.circuit: expected a neuron that keeps membrane, threshold, leak"):
        build_sequencer(load_sequenced("odin", ["core.neuron.circuit=lif"]))
    with pytest.raises(ConfigError, match="learning.circuits: expected a rule of schedule event"):
        build_sequencer(load_sequenced("odin", ["core.learning.circuits=[desire_bp]"]))


@pytest.mark.parametrize(
    ("chip", "override", "text"),
    [
        ("odin", "neuron.signed=true", "core.neuron.signed: expected false with odin_lif, got true"),
        ("tinyodin", "neuron.signed=false", "core.neuron.signed: expected true with tinyodin_lif, got false"),
        ("odin", "synapse.signed=true", "core.synapse.signed: expected false with sdsp, got true"),
        ("odin",
         "neuron.fields={membrane: [70, 8], threshold: [9, 8], leak: [1, 7], calcium: [78, 3], learns: [17, 1]}",
         "core.neuron.fields: expected those that sdsp needs, got no theta_membrane, theta_1, theta_2, theta_3, "
         "calcium_leak, calcium_wait"),
    ],
)  # fmt: skip
def test_circuits_get_the_words_that_they_compute_with(chip: str, override: str, text: str) -> None:
    overrides = [CORE + override, *(["core.watch.neuron=[]"] if "fields" in override else [])]
    with pytest.raises(ConfigError) as caught:
        build_sequencer(load_sequenced(chip, overrides))
    assert str(caught.value) == text


def test_contents_that_do_not_fit_are_refused() -> None:
    sequencer = build_sequencer(load_sequenced("odin"))
    with pytest.raises(ConfigError, match="neuron words: expected 256, got 3"):
        sequencer.new_state([1, 1, 1])
    with pytest.raises(ConfigError, match="neuron word 2: expected bit 0 set .odin_lif., got 0"):
        sequencer.new_state([1, 1, 0, *[1] * 253])
    with pytest.raises(ConfigError, match="neuron word 1: expected 128 bits"):
        sequencer.new_state([1, 1 << 128, *[1] * 254])
    with pytest.raises(ConfigError, match=r"synapses: expected codes \[256, 256\], got \[256, 8\]"):
        sequencer.new_state(synapses=np.zeros((256, 8), np.int64))
    with pytest.raises(ConfigError, match="synapses: expected codes of 4 bits"):
        sequencer.new_state(synapses=np.full((256, 256), 16))
    with pytest.raises(ConfigError, match="inhibitory: expected 256 numbers, got .8."):
        build_sequencer(load_sequenced("odin"), np.zeros(8))


def test_words_are_packed_as_they_were_loaded() -> None:
    rng = np.random.default_rng(1)
    for chip, bits in (("odin", 128), ("tinyodin", 32)):
        sequencer = build_sequencer(load_sequenced(chip))
        words = [int.from_bytes(rng.bytes(bits // 8), "little") | (chip == "odin") for _ in range(256)]
        assert sequencer.pack(sequencer.new_state(words)) == words


def test_idle_flags_are_those_of_the_word() -> None:
    """learns, membrane 50 of 40, calcium 3: rises below theta_3, falls nowhere; at theta_3 = 3 neither."""
    sequencer = build_sequencer(load_sequenced("odin"))
    fields = sequencer.chip.core.neuron.fields

    def word(**values: int) -> int:
        return 1 + sum(value << fields[name][0] for name, value in values.items())  # type: ignore[index]

    base = {"learns": 1, "membrane": 50, "theta_membrane": 40, "calcium": 3, "theta_1": 1, "theta_2": 7, "theta_3": 7}
    cases = [base, base | {"theta_3": 3}, base | {"theta_membrane": 51}, base | {"theta_1": 4}, base | {"learns": 0},
             base | {"theta_membrane": 51, "theta_2": 3}]  # fmt: skip
    state = sequencer.new_state([word(**case) for case in cases] + [1] * 250)
    assert state.up[:6].tolist() == [1, 0, 0, 0, 0, 0]
    assert state.down[:6].tolist() == [0, 0, 1, 0, 0, 0]
