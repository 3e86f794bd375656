"""The three ways back of the errors side by side: cycles, energy and traffic of a training sample, and extra memory.

    python benchmarks/backward_paths.py [--network 784-512-10] [--chip mesh16] [--samples 500] [--graded]

One chip, one network, the same samples, `core.learning.backward` each in turn; weights must come out bit-identical.
Prints one Markdown table. Energy is mid (low to high) of the chip's cost table; `extra` is memory that only the way
back needs: mirrored words, axon entries and route words, with their whole width.
"""

import argparse
from typing import Any

import numpy as np

from neurosim.account.costs import load_costs
from neurosim.account.energy import price
from neurosim.account.learning import copy_bits
from neurosim.chip import load_chip
from neurosim.core import BACKWARD
from neurosim.data.datasets import load_dataset
from neurosim.engine import simulate
from neurosim.learning import load_rule
from neurosim.network import mlp, parse_sizes
from neurosim.ops import Phase
from neurosim.place import place
from neurosim.stimulus import Batch

GRADED = {"graded": True, "theta_output": 0.12, "theta_hidden": 0.02}


def measure(way: str, options: argparse.Namespace) -> tuple[list[str], Any]:
    """A line of the table, and the weights at the end."""
    chip = load_chip(options.chip, [f"core.learning.backward={way}"])
    network, rule = mlp(parse_sizes(options.network)), load_rule("desire_bp")
    settings = rule.Settings(**(GRADED if options.graded else {}))
    image = place(network, chip, rule, settings, dropout_hidden=0.3)
    data, n = load_dataset("embedded"), options.samples
    rates = np.full(n, image.rate(2.0**-13), np.int64)
    state = image.new_state(0)
    run = simulate(image, state, Batch(data.train_images[:n], data.train_labels[:n], 0, rates, True))
    energy = price(run.counts, run.phase_cycles, chip, load_costs(chip.costs))
    low, mid, high = energy.total / n / 1000
    late = energy.by_phase()[1] / n / 1000
    cells = [
        way, f"{run.phase_cycles.sum() / n:,.0f}", f"{run.phase_cycles[Phase.ERROR] / n:,.0f}",
        f"{run.phase_cycles[Phase.UPDATE] / n:,.0f}", f"{mid:,.0f} ({low:,.0f} to {high:,.0f})",
        f"{late[Phase.ERROR]:,.1f}", f"{late[Phase.UPDATE]:,.1f}", f"{run.links.sum() / n:,.0f}",
        f"{copy_bits(network, chip):,}",
    ]  # fmt: skip
    return cells, state.weights


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="784-512-10")
    parser.add_argument("--chip", default="mesh16")
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--graded", action="store_true", help="our extension of the rule")
    options = parser.parse_args()
    titles = ["backward", "cycles a sample", "error", "update", "nJ a sample", "error", "update", "flits", "extra bits"]
    print(f"{options.network} on {options.chip}, desire_bp, {options.samples} training samples\n")
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    weights = []
    for way in BACKWARD:
        cells, final = measure(way, options)
        weights.append(final)
        print(f"| {' | '.join(cells)} |", flush=True)
    same = all(np.array_equal(final, weights[0]) for final in weights)
    print(f"\nweights: {'bit-identical on all three' if same else 'DIFFERENT'}")
    raise SystemExit(0 if same else 1)


if __name__ == "__main__":
    main()
