"""Extra memory of learning: counted by hand for each rule and backward path."""

import pytest

from neurosim.account.learning import learning_memory
from neurosim.chip import load_chip
from neurosim.learning import load_rule
from neurosim.network import mlp
from neurosim.place import formats, place


def found(rule_name: str, neuron: str, *overrides: str) -> dict[str, int]:
    """20-30-5 on three cores of mesh16: 16-bit weights, 64-bit words of synapses and axons, 32-bit routes."""
    chip, rule, network = load_chip("mesh16", overrides), load_rule(rule_name), mlp((20, 30, 5), neuron=neuron)
    image = place(network, chip, rule)
    return learning_memory(image, rule.card(formats(chip), rule.Settings()), network, chip)._asdict()


def test_desire_bp_keeps_trains_desires_and_error_sums() -> None:
    memory = found("desire_bp", "lif")
    # 35 neurons: train 20, desire 2, keep 1 (the count is read out by inference, too); 30 of them an error sum of 32
    assert memory["neuron_bits"] == 805 + 960
    assert memory["axon_bits"] == 1000  # 20 slots for 20 axons of the hidden layer and 30 of the output
    assert memory["synapse_bits"] == memory["copy_bits"] == 0
    assert memory["total_bits"] == 2765


def test_ssnn_bp_keeps_errors_and_flip_flops() -> None:
    memory = found("ssnn_bp", "composite")
    # 35 symbols of 2 bits; 30 hidden neurons: error 17, arrived 32. Neither bias nor wins: inference has them.
    assert memory["neuron_bits"] == 70 + 1470
    assert memory["axon_bits"] == 200  # 4 flip-flops for each of 50 axons


def test_mirrored_copies_are_words_of_three_memories() -> None:
    memory = found("desire_bp", "lif", "core.learning.backward=mirrored")
    # Five rows of 30 weights, four a word: 8 words of 64. An axon word of 64 and a route word of 32 for each row.
    assert memory["copy_bits"] == 5 * 8 * 64 + 5 * 64 + 5 * 32
    assert memory["neuron_bits"] == 805  # sums lie in the accumulators
    assert memory["axon_bits"] == 1000


def test_copies_of_an_online_rule_have_accumulators_and_flip_flops_of_their_own() -> None:
    words = found("desire_bp", "lif", "core.learning.backward=mirrored")["copy_bits"]
    memory = found("ssnn_bp", "composite", "core.learning.backward=mirrored")
    assert memory["copy_bits"] == words + 2 * 30 * 28
    assert memory["neuron_bits"] == 70 + 30 * 17 + 30 * 4


@pytest.mark.parametrize("rule, neuron", [("desire_bp", "lif"), ("ssnn_bp", "composite")])
def test_a_crossbar_keeps_nothing_twice(rule: str, neuron: str) -> None:
    assert found(rule, neuron, "core.learning.backward=crossbar") == found(rule, neuron)


def test_a_layer_on_two_cores_hears_its_axons_twice() -> None:
    assert found("ssnn_bp", "composite", "core.neuron.entries=20")["axon_bits"] == 4 * (2 * 20 + 30)
