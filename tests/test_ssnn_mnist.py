"""The workload of SSNN-BP: how the probability to teach falls, and what a job takes unless told otherwise."""

import numpy as np
import pytest

from neurosim.chip import load_chip
from neurosim.config import resolve
from neurosim.errors import ConfigError, PlacementError
from neurosim.learning import load_rule, ssnn_bp
from neurosim.network import mlp
from neurosim.place import formats, place
from neurosim.session import prepare
from neurosim.workloads import desire_mnist, ssnn_mnist, workload_of

FORMATS = formats(load_chip("mesh16"))


def test_each_rule_has_the_workload_of_its_schedule() -> None:
    assert workload_of(load_rule("ssnn_bp")) is ssnn_mnist
    assert workload_of(load_rule("desire_bp")) is desire_mnist


def test_the_probability_halves_after_equal_parts() -> None:
    rates = ssnn_mnist.learning_rates(ssnn_mnist.Settings(halvings=3), 0, 100, 50, 100)
    assert rates.tolist() == [1.0] * 25 + [0.5] * 25 + [0.25] * 25 + [0.125] * 25
    parts = [ssnn_mnist.learning_rates(ssnn_mnist.Settings(), first, 10, 50, 100) for first in range(0, 100, 10)]
    assert np.array_equal(np.concatenate(parts), rates)
    assert (ssnn_mnist.learning_rates(ssnn_mnist.Settings(halvings=0), 0, 9, 9, 9) == 1).all()


@pytest.mark.parametrize("lr, register", [(1.0, 0), (0.5, 1), (2.0**-16, 16)])
def test_the_register_holds_the_halvings(lr: float, register: int) -> None:
    assert ssnn_bp.rate(lr, FORMATS) == register


@pytest.mark.parametrize("lr", [0.0, 0.3, 2.0, 2.0**-17])
def test_other_probabilities_are_refused(lr: float) -> None:
    with pytest.raises(ConfigError, match="expected a probability of 1, 1/2, 1/4"):
        ssnn_bp.rate(lr, FORMATS)


def test_a_job_takes_what_the_rule_wants() -> None:
    config = resolve(rule="ssnn_bp")
    assert (config.network, config.encoder, config.neuron, config.epochs) == ("784-200-10", "regular", "composite", 6)
    assert config.settings["halvings"] == 3 and config.settings["step_bits"] == 9 and config.settings["pipeline"]
    assert resolve(rule="ssnn_bp", network="784-64-10", epochs=2, encoder="bernoulli").encoder == "bernoulli"
    assert resolve().neuron == "lif"


def test_settings_of_the_other_rule_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"settings\.dropout_hidden"):
        resolve(rule="ssnn_bp", overrides=["settings.dropout_hidden=0.2"])
    with pytest.raises(ConfigError, match=r"settings\.halvings"):
        resolve(overrides=["settings.halvings=2"])


def test_a_step_below_one_lsb_is_made_with_the_fitting_probability() -> None:
    def constants(bits: int, rounding: str) -> ssnn_bp.Constants:
        overrides = [f"core.synapse.weight_bits={bits}", f"core.synapse.weight_fraction_bits={bits - 2}",
                     f"core.learning.rounding={rounding}"]  # fmt: skip
        return ssnn_bp.quantise(ssnn_bp.Settings(), formats(load_chip("mesh16", overrides)))

    assert [(constants(b, "stochastic").step, constants(b, "stochastic").thinning) for b in (16, 12, 11, 10, 6)] == [
        (32, 0), (2, 0), (1, 0), (1, 1), (1, 5),
    ]  # fmt: skip
    assert (constants(10, "nearest").step, constants(10, "nearest").thinning) == (1, 0)  # half an LSB rounds up
    assert constants(4, "nearest").step == 1  # there is no step below one LSB: faster than it was told
    deep = formats(load_chip("mesh16", ["core.synapse.weight_bits=4", "core.synapse.weight_fraction_bits=2"]))
    with pytest.raises(ConfigError, match=r"2\^-30 is 2\^-28 of a step on weights with 2 fraction bits"):
        ssnn_bp.quantise(ssnn_bp.Settings(step_bits=30), deep)


def test_too_many_halvings_are_refused_before_the_run() -> None:
    overrides = ["settings.halvings=12", "chip.core.synapse.weight_bits=6", "chip.core.synapse.weight_fraction_bits=4"]
    with pytest.raises(ConfigError, match=r"settings\.halvings: .* 2\^-17 at the end \(5 of it"):
        prepare(resolve(rule="ssnn_bp", train=100, test=10, overrides=overrides))


def test_the_output_group_lies_on_one_core() -> None:
    chip = load_chip("mesh16", ["core.neuron.entries=8"])
    with pytest.raises(PlacementError, match="winner-take-all group must lie on one core, placement takes 2"):
        place(mlp((8, 8, 10), "regular", "composite"), chip, ssnn_bp)


def test_a_rule_learns_with_its_kind_of_neuron_and_input() -> None:
    chip = load_chip("mesh16")
    with pytest.raises(ConfigError, match="rule ssnn_bp learns with neurons that keep membrane, error, bias"):
        place(mlp((8, 8, 4)), chip, ssnn_bp)
    with pytest.raises(ConfigError, match=r"rule desire_bp learns with neurons that keep membrane \(such as lif\)"):
        place(mlp((8, 8, 4), neuron="composite"), chip, load_rule("desire_bp"))
    with pytest.raises(ConfigError, match="encoder: rule ssnn_bp takes accumulate, bernoulli or regular"):
        place(mlp((8, 8, 4), "accumulate_float32", "composite"), chip, ssnn_bp)
    with pytest.raises(ConfigError, match="dropout: expected 0"):
        place(mlp((8, 8, 4), "regular", "composite"), chip, ssnn_bp, dropout_hidden=0.2)


def test_every_setting_out_of_range_is_named() -> None:
    wrong = ssnn_bp.Settings(steps=0, warm=-1, filter_shift=20, step_bits=31, gate=1, weight_limit=0.0)
    with pytest.raises(ConfigError) as caught:
        ssnn_bp.quantise(wrong, FORMATS)
    named = [line.split(":")[0] for line in str(caught.value).splitlines()]
    assert named == [f"settings.{key}" for key in ("steps", "warm", "filter_shift", "step_bits", "gate",
                                                   "weight_limit")]  # fmt: skip


def test_spikes_with_their_teach_bit_must_be_one_flit_for_multicast() -> None:
    chip = load_chip("mesh16", ["noc.header_bits=21"])
    place(mlp((8, 8, 4)), chip, load_rule("desire_bp"))
    with pytest.raises(PlacementError, match="33 bits .* must be one flit for noc.multicast"):
        place(mlp((8, 8, 4), "regular", "composite"), chip, ssnn_bp)
