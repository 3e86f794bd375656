"""Populations and projections; layer sizes as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.errors import ConfigError
from neurosim.network import ENCODERS, Projection, mlp, parse_sizes


def test_a_network_of_three_layers() -> None:
    network = mlp((784, 512, 100, 10))
    assert [p.name for p in network.populations] == ["input", "hidden1", "hidden2", "output"]
    assert [p.neuron for p in network.populations] == ["accumulate", "lif", "lif", "lif"]
    assert network.projections == (Projection(0, 1), Projection(1, 2), Projection(2, 3))
    assert network.sizes == (784, 512, 100, 10)
    assert network.weights == 784 * 512 + 512 * 100 + 100 * 10


def test_the_encoder_is_the_input_neuron() -> None:
    for encoder in ENCODERS:
        assert mlp((3, 2), encoder).populations[0].neuron == encoder
    known = "accumulate, bernoulli, accumulate_float32, regular"
    with pytest.raises(ConfigError, match=f"encoder: expected one of {known}, got 'poisson'"):
        mlp((3, 2), "poisson")


@pytest.mark.parametrize("sizes", [(), (4,), (4, 0, 2), (4, -1)])
def test_too_few_or_too_small_layers(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="two or more layer sizes of at least 1"):
        mlp(sizes)


@given(st.lists(st.integers(1, 10**8), min_size=2, max_size=6))
def test_sizes_round_trip(sizes: list[int]) -> None:
    assert parse_sizes("-".join(map(str, sizes))) == tuple(sizes)


@pytest.mark.parametrize(
    "text",
    [
        *("", "784", "784-", "-784-10", "784--10", "784-0-10", "784-1.5-10", "784x512", "784 - 10", "a-b"),
        *("1-²", "1-1e3", "1-" + "9" * 5000),
    ],
)
def test_what_is_no_list_of_sizes(text: str) -> None:
    with pytest.raises(ConfigError, match="network: expected layer sizes such as 784-512-10, got"):
        parse_sizes(text)
