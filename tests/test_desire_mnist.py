"""Presets and learning-rate schedules of the workload."""

import numpy as np
import pytest

from neurosim.config import resolve_settings
from neurosim.workloads.desire_mnist import Settings, default_preset, learning_rates


def test_the_paper_networks_take_the_paper_preset() -> None:
    mnist = resolve_settings((784, 1600, 800, 10), "desire_bp", [])
    assert (mnist["learning_rate"], mnist["schedule"], mnist["decay"]) == (1e-5, "exponential", 0.04)
    assert (mnist["dropout_input"], mnist["dropout_hidden"]) == (0.0, 0.3)
    fashion = resolve_settings((784, 1000, 100, 10), "desire_bp", [])
    assert (fashion["dropout_input"], fashion["dropout_hidden"]) == (0.05, 0.40)
    assert default_preset((784, 512, 10), "desire_bp") == "tuned"


def test_overrides_win_over_the_preset() -> None:
    settings = resolve_settings(
        (784, 512, 10), "desire_bp", ["preset=paper", "learning_rate=1e-4", "steps=10"]
    )
    assert settings["schedule"] == "exponential"
    assert (settings["learning_rate"], settings["steps"]) == (1e-4, 10)


def test_the_graded_preset_sets_the_extension() -> None:
    tuned, *graded = (resolve_settings((784, 512, 10), "desire_bp", texts)
                      for texts in ([], ["preset=graded"], ["graded=true"]))  # fmt: skip
    assert graded[0] == graded[1]
    changed = {key: value for key, value in graded[0].items() if value != tuned[key]}
    assert changed == {"preset": "graded", "graded": True, "theta_output": 0.12, "theta_hidden": 0.02,
                       "learning_rate": 2.0**-12}  # fmt: skip


def test_graded_desires_with_another_preset() -> None:
    paper = resolve_settings((784, 1600, 800, 10), "desire_bp", ["preset=paper", "graded=true"])
    assert (paper["theta_output"], paper["theta_hidden"], paper["learning_rate"]) == (0.12, 0.02, 1e-5)
    own = resolve_settings((784, 512, 10), "desire_bp", ["preset=graded", "theta_hidden=0.01", "graded=false"])
    assert (own["theta_hidden"], own["graded"]) == (0.01, False)


def test_linear_falls_to_zero() -> None:
    rates = learning_rates(Settings(), 0, 100, 50, 100)
    assert rates[0] == 2.0**-13
    assert rates[-1] == pytest.approx(2.0**-13 / 100)
    assert np.allclose(np.diff(rates), -(2.0**-13) / 100)


def test_exponential_falls_by_epoch() -> None:
    settings = Settings(schedule="exponential", decay=0.04, learning_rate=1e-5)
    rates = learning_rates(settings, 40, 20, 50, 100)
    assert (rates[:10] == 1e-5).all()
    assert rates[10:] == pytest.approx(1e-5 * np.exp(-0.04))


@pytest.mark.parametrize("schedule", ["linear", "constant", "exponential"])
def test_a_cut_changes_nothing(schedule: str) -> None:
    settings = Settings(schedule=schedule, decay=0.1)  # type: ignore[arg-type]
    whole = learning_rates(settings, 0, 90, 30, 90)
    parts = [learning_rates(settings, first, 15, 30, 90) for first in range(0, 90, 15)]
    assert np.array_equal(whole, np.concatenate(parts))
