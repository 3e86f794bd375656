"""Extra memory of learning: worked out by hand for each rule and backward path."""

import pytest

from neurosim.account.learning import learning_memory
from neurosim.chip import load_chip
from neurosim.learning import load_rule
from neurosim.network import mlp
from neurosim.place import formats, place


def found(rule_name: str, sizes: tuple[int, ...], neuron: str, *overrides: str) -> dict[str, int]:
    chip, rule = load_chip("mesh16", overrides), load_rule(rule_name)
    image = place(mlp(sizes, neuron=neuron), chip, rule)
    return learning_memory(image, rule.card(formats(chip), rule.Settings()), chip)._asdict()


def test_desire_bp_keeps_trains_desires_and_error_sums() -> None:
    memory = found("desire_bp", (20, 30, 5), "lif")
    assert memory["neuron_bits"] == (20 + 2 + 1 + 32) * 35  # the count is read out by inference, too
    assert memory["axon_bits"] == 20 * (20 + 30)
    assert memory["synapse_bits"] == memory["copy_bits"] == 0
    assert memory["total_bits"] == memory["neuron_bits"] + memory["axon_bits"]


def test_ssnn_bp_keeps_errors_and_flip_flops() -> None:
    memory = found("ssnn_bp", (20, 30, 5), "composite")
    assert memory["neuron_bits"] == (17 + 32 + 2) * 35  # neither the bias nor the wins
    assert memory["axon_bits"] == 4 * (20 + 30)


@pytest.mark.parametrize("rule, neuron, sums", [("desire_bp", "lif", 0), ("ssnn_bp", "composite", 30 * 28)])
def test_mirrored_copies_are_rows_back_to_the_hidden_layer(rule: str, neuron: str, sums: int) -> None:
    memory = found(rule, (20, 30, 5), neuron, "core.learning.backward=mirrored")
    assert memory["copy_bits"] == 5 * 8 * 64 + sums  # five rows of 30 weights, four in a word: eight words each
    crossbar = found(rule, (20, 30, 5), neuron, "core.learning.backward=crossbar")
    assert crossbar["copy_bits"] == 0


def test_a_layer_on_two_cores_hears_its_axons_twice() -> None:
    memory = found("ssnn_bp", (20, 30, 5), "composite", "core.neuron.entries=20")
    assert memory["axon_bits"] == 4 * (2 * 20 + 30)
