"""Smaller images: exact means of areas."""

import numpy as np
import pytest

from neurosim.data.datasets import load_dataset
from neurosim.data.reduce import area_average, reduced
from neurosim.errors import ConfigError


def test_whole_blocks_and_parts_worked_out_by_hand() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(1, 16)
    assert area_average(image, 2).tolist() == [[3, 5, 11, 13]]  # 2.5, 4.5, 10.5, 12.5, halves up
    assert area_average(image, 4).tolist() == image.tolist()
    assert area_average(image, 2, border=1).tolist() == [[5, 6, 9, 10]]
    # 3 to 2: a corner has one whole pixel, two halves and a quarter, of 2.25 in all.
    three = np.array([[9, 0, 0, 0, 0, 0, 0, 0, 18]], np.uint8)
    assert area_average(three, 2).tolist() == [[4, 0, 0, 8]]


def test_the_mean_of_a_digit_stays() -> None:
    images = load_dataset("embedded").train_images[:20]
    small = area_average(images, 16)
    assert small.shape == (20, 256) and small.dtype == np.uint8
    assert np.allclose(small.mean(axis=1), images.mean(axis=1), atol=0.5)
    assert area_average(np.full((1, 784), 255, np.uint8), 16, 2).tolist() == [[255] * 256]


def test_a_data_set_keeps_its_labels() -> None:
    data = load_dataset("embedded")
    small = reduced(data, 16, 2)
    assert small.train_images.shape == (10_000, 256) and small.test_labels is data.test_labels


@pytest.mark.parametrize(("pixels", "border"), [(783, 0), (784, 14), (784, -1)])
def test_what_is_no_square_is_refused(pixels: int, border: int) -> None:
    with pytest.raises(ConfigError, match="expected squares"):
        area_average(np.zeros((1, pixels), np.uint8), 16, border)
