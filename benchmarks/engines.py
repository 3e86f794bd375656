"""Samples per second of the two engines on one network, side by side in one run, and their ratio.

    python benchmarks/engines.py [--chip mesh16] [--network 784-512-10] [--samples 200] [--json FILE] [--smoke]

One thread; the first call (compilation) is not timed; medians over five repeats for the compiled engine, three for
the reference. `general` is the compiled engine with every flit event by event (no recursion for
sources that meet no other).
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from neurosim.chip import load_chip
from neurosim.data import load_dataset
from neurosim.engine import compiled, reference
from neurosim.image import Image, State
from neurosim.learning import load_rule
from neurosim.network import mlp, parse_sizes
from neurosim.place import place
from neurosim.stimulus import Batch


def seconds_per_sample(call: Callable[[State], object], image: Image, samples: int, repeats: int) -> float:
    """Median CPU seconds per sample, each repeat from the same state."""
    times = []
    for _ in range(repeats):
        state = image.new_state(0)
        start = time.process_time()
        call(state)
        times.append((time.process_time() - start) / samples)
    return statistics.median(times)


def measure(chip: str, network: str, samples: int, few: int) -> dict[str, dict[str, float]]:
    """Seconds per sample and ratios, training and inference."""
    data, rule = load_dataset("embedded"), load_rule("desire_bp")
    image = place(mlp(parse_sizes(network)), load_chip(chip), rule, dropout_hidden=0.3)
    rows = {}
    for name, learn in (("training", True), ("inference", False)):
        rates = np.full(samples, image.rate(2**-13) if learn else 0)
        batch = Batch(data.train_images[:samples], data.train_labels[:samples], 0, rates, learn)
        start = Batch(batch.values[:few], batch.labels[:few], 0, rates[:few], learn)
        compiled.run(image, image.new_state(0), start)
        fast = seconds_per_sample(lambda s, b=batch: compiled.run(image, s, b), image, samples, 5)
        general = seconds_per_sample(lambda s, b=batch: compiled.run(image, s, b, general=True), image, samples, 5)
        slow = seconds_per_sample(lambda s, b=start: reference.run(image, s, b), image, few, 3)
        rows[name] = {
            "reference / compiled": slow / fast,
            "general / compiled": general / fast,
            "compiled, samples/s": 1 / fast,
            "reference, samples/s": 1 / slow,
        }
    return rows


@click.command(help=__doc__)
@click.option("--chip", default="mesh16", show_default=True)
@click.option("--network", default="784-512-10", show_default=True)
@click.option("--samples", default=200, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path))
@click.option("--smoke", is_flag=True, help="Small: shows that the script works.")
def main(chip: str, network: str, samples: int, file: Path | None, smoke: bool) -> None:
    rows = measure("tiny", "784-16-10", 10, 1) if smoke else measure(chip, network, samples, 2)
    for name, row in rows.items():
        click.echo(f"{name}: " + ", ".join(f"{key} {value:.3g}" for key, value in row.items()))
    if file:
        file.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
