"""The public names of the package: 15 lines of Python do the main job."""

import subprocess
import sys

import numpy as np
import pytest

import neurosim as ns


def test_every_public_name_is_there_and_its_own() -> None:
    for name in ns.__all__:
        assert getattr(ns, name) is not None
        assert name in dir(ns)
    with pytest.raises(AttributeError, match="no attribute 'palce'"):
        _ = ns.palce


def test_functions_win_over_modules_of_the_same_name() -> None:
    code = (
        "import neurosim.place, neurosim.report, neurosim as ns\n"
        "print(callable(ns.place), callable(ns.report))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"


def test_the_main_job_in_a_few_lines() -> None:
    chip = ns.load_chip("tiny")
    network = ns.mlp((784, 16, 10))
    data = ns.load_dataset("embedded")
    image = ns.place(network, chip, ns.load_rule("desire_bp"), dropout_hidden=0.3)
    state = image.new_state(seed=1)
    for first in range(0, 40, 20):
        shown = slice(first, first + 20)
        rates = np.full(20, image.rate(2**-13))
        batch = ns.Batch(data.train_images[shown], data.train_labels[shown], first, rates, True)
        ns.simulate(image, state, batch)
    batch = ns.Batch(data.test_images[:20], data.test_labels[:20], 0, np.zeros(20, np.int64), False)
    test = ns.simulate(image, state, batch)
    result = ns.report(test, chip, ns.load_costs(chip.costs))
    assert result.summary["inference"]["energy_nj_per_sample"]["mid"] > 0
