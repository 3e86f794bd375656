"""Latency: cycles of the clock as microseconds."""

import numpy as np
import pytest

from neurosim.account.latency import latency, microseconds
from neurosim.chip import load_chip

CHIP = load_chip("tiny")  # 200 MHz


def test_cycles_become_microseconds() -> None:
    assert microseconds(np.array([[0, 200], [1, 10**12]]), CHIP).tolist() == [[0, 1], [0.005, 5e9]]


def test_mean_and_tail_of_samples() -> None:
    times = latency(np.arange(1, 102) * 200, CHIP)
    assert times == pytest.approx((51, 51, 100, 101))


def test_no_sample_takes_no_time() -> None:
    assert latency(np.zeros(0, np.int64), CHIP) == (0, 0, 0, 0)
