"""Words for the input port: as the specification writes them, and all others by running them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.assembler import Assembler, neuron_word
from neurosim.engine.sequence import Sequence, play
from neurosim.errors import ConfigError
from neurosim.operations import Choice
from neurosim.sequenced import load_sequenced
from neurosim.sequencer import build_sequencer
from neurosim.stimulus import Events

ODIN, TINYODIN = load_sequenced("odin"), load_sequenced("tinyodin")


def test_the_words_of_odin_as_the_specification_has_them() -> None:
    words = Assembler(ODIN)
    assert words.spikes().tolist() == [row << 8 | 0x07 for row in range(256)]
    assert words.reference(9) == 9 << 8 | 0xFF and words.reference() & 0xFF == 0x7F
    assert words.synapse(3, 4) == 1 << 16 | 3 << 8 | 4
    assert words.bistability(2) == 2 << 8 | 0x80 and words.bistability() & 0xFF == 0x00
    assert words.virtual(5, 7) & ~0b111 == 5 << 8 | 7 << 5
    assert words.virtual(5, 3, inhibitory=True) & ~0b111 == 5 << 8 | 3 << 5 | 1 << 4


def test_the_words_of_tinyodin_as_the_specification_has_them() -> None:
    words = Assembler(TINYODIN)
    assert words.spikes().tolist() == list(range(256))
    assert words.reference() & 0x1FF == 0x1FF and words.reference(9) & 0x1FF == 0x109
    assert words.virtual(5, 7) == 1 << 9 | 7 << 4 | 5


def test_what_a_chip_has_no_word_for_is_refused() -> None:
    words = Assembler(TINYODIN)
    for ask in (lambda: words.bistability(), lambda: words.synapse(1, 2), lambda: words.virtual(20, 7)):
        with pytest.raises(ConfigError, match="tinyodin: has no input word for"):
            ask()
    with pytest.raises(ConfigError, match="has no input word"):
        Assembler(TINYODIN).virtual(3, 0)  # that is a spike


def test_operands_that_do_not_fit_are_refused_and_not_cut() -> None:
    words = Assembler(ODIN)
    for ask, has in (
        (lambda: words.virtual(300, 3), "virtual has neuron of 8 bits"),
        (lambda: words.virtual(3, 8), "virtual has neuron of 8 bits, virtual has weight of 3 bits"),
        (lambda: words.virtual(3, -1), "virtual has weight of 3 bits"),
        (lambda: words.synapse(256, 0), "synapse has row of 8 bits"),
        (lambda: words.synapse(-1, 0), "synapse has row of 8 bits"),
        (lambda: words.reference(256), "reference_one has neuron of 8 bits"),
        (lambda: words.bistability(256), "bistability_row has row of 8 bits"),
    ):
        with pytest.raises(ConfigError, match="odin: has no input word for .*" + has):
            ask()


def lines(*texts: tuple[int, int, str]) -> tuple[Choice, ...]:
    return tuple(Choice(mask=mask, match=match, operation=name) for mask, match, name in texts)


@given(st.lists(st.tuples(st.integers(0, 63), st.integers(0, 63), st.sampled_from(("push", "synapse"))), max_size=5),
       st.integers(0, 63), st.integers(0, 63))  # fmt: skip
def test_the_word_found_is_the_highest_of_all(table: list[tuple[int, int, str]], bits: int, mask: int) -> None:
    words = lines(*((m, match & m, name) for m, match, name in table), (0, 0, "push"))
    port = ODIN.core.input.model_copy(update={"word_bits": 6})
    core = ODIN.core.model_copy(update={"words": words, "input": port})
    found = Assembler(ODIN.model_copy(update={"core": core}))
    for name in ("push", "synapse"):
        fits = [w for w in range(64) if w & mask == bits & mask and found._first(words, w) == name]
        assert found._word(name, bits & mask, mask) == max(fits, default=None)


def test_a_wide_port_takes_no_long_search() -> None:
    ones = (1 << 30) - 1
    words = lines((ones >> 2, ones >> 2, "synapse"), (3 << 28, 3 << 28, "synapse"), (0, 0, "push"))
    core = ODIN.core.model_copy(update={"words": words, "input": ODIN.core.input.model_copy(update={"word_bits": 62})})
    found = Assembler(ODIN.model_copy(update={"core": core}))
    assert found._word("push", 0, 0) == ((1 << 62) - 1 ^ 1) & ~(1 << 28)
    assert found._word("bistability_all", 0, 0) is None


def one(word: int) -> tuple[Sequence, list[int]]:
    """Run one word on ODIN: what happened, and membranes."""
    sequencer = build_sequencer(ODIN)
    fields = {"threshold": 200, "membrane": 50, "leak": 3, "leak_enabled": 1}
    state = sequencer.new_state([neuron_word(ODIN, **fields)] * 256, np.full((256, 256), 8 + 5, np.uint16))
    run = play(sequencer, state, Events(np.zeros(1, np.int64), np.array([word])), record=True)
    return run, state.field[0].tolist()


def test_running_a_word_does_what_was_asked() -> None:
    words, rest = Assembler(ODIN), [50] * 255
    for weight in (1, 4, 7):
        assert one(words.virtual(7, weight))[1] == rest[:7] + [50 + weight] + rest[7:]
        assert one(words.virtual(7, weight, inhibitory=True))[1] == rest[:7] + [50 - weight] + rest[7:]
    assert one(words.reference(255))[1] == [*rest, 47]
    assert one(words.reference())[1] == [47] * 256
    assert one(words.spikes()[255])[1] == [55] * 256
    assert one(words.synapse(0, 1))[1] == [50, 55, *rest[1:]]
    run, _ = one(words.bistability(200))
    assert run.count("consolidated") == 256 and run.state_of(int(run.operations[0, 0])) == "BIST"


def test_neuron_words() -> None:
    assert neuron_word(ODIN, threshold=255) == 1 | 255 << 9
    assert neuron_word(TINYODIN, membrane=-1, leak=3) == 0xFFF | 3 << 24
    with pytest.raises(ConfigError, match="threshold: expected 8 bits, got 256"):
        neuron_word(ODIN, threshold=256)
    with pytest.raises(ConfigError, match="expected one of .*, got learns"):
        neuron_word(TINYODIN, learns=1)
