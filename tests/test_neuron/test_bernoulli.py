"""The random input neuron: fires with probability value / 256."""

import numpy as np

from neurosim.kernel import draw32, stream_key
from neurosim.neuron import bernoulli


def test_every_value_fires_for_as_many_bytes_as_it_says() -> None:
    for value in (0, 1, 2, 127, 128, 254, 255):
        assert sum(bernoulli.step(value, byte) for byte in range(256)) == value


def test_rate_over_the_random_stream_of_the_engines() -> None:
    draws = [int(draw32(stream_key(1, 2, 3, t), i)) & 255 for t in range(40) for i in range(250)]
    for value in (10, 100, 200):
        rate = np.mean([bernoulli.step(value, byte) for byte in draws])
        p = value / 256
        assert abs(rate - p) < 5 * (p * (1 - p) / len(draws)) ** 0.5
