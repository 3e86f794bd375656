"""Seconds of CPU time for one epoch of MNIST with desire back-propagation, every cycle and every access counted,
and the ratio to a trainer that computes the same weights and nothing else (`function_only.py`), twice: once it adds
every synaptic event one by one, once it leaves out rows that cancel, which is the least that we know how to do.

    python benchmarks/training.py [--network 784-1000-10]... [--samples 200] [--full] [--json FILE] [--smoke]

One thread, all in one run, in turn. An epoch is 60,000 presentations in the product's own order, with the workload's
own preset for the network, from random weights: the first epoch of several, which is the dearest. Training gets
cheaper as it proceeds, so the epoch is sampled in evenly spaced stretches of `--samples` presentations, and the
function-only trainer goes the whole way between them; at each stretch both start from the same weights, each runs
it five times, and the median counts. `--full` measures the whole epoch on both instead, once, in turn, chunk by chunk.
In either case the weights of both are compared bit by bit after every stretch; a difference ends the script.

MNIST is looked for in NEUROSIM_DATA and the user's cache folder; else the 10,000 embedded images take its place.
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from function_only import Trainer

from neurosim.chip import load_chip
from neurosim.data import Dataset, load_dataset, presentations
from neurosim.engine import simulate
from neurosim.errors import DataError
from neurosim.image import Image, State
from neurosim.learning import load_rule
from neurosim.network import mlp, parse_sizes
from neurosim.place import place
from neurosim.stimulus import Batch
from neurosim.workloads.desire_mnist import EPOCHS, Settings, default_preset, learning_rates, preset_values

EPOCH = 60_000
CHUNK = 200  # presentations in one call of the engine, as a session does
SEED = 0


class Plan(NamedTuple):
    """What is measured: `stretches` of `samples` presentations of an epoch, each `repeats` times."""

    epoch: int
    stretches: int
    samples: int
    repeats: int


class Course:
    """The presentations of a training run, and the image that learns from them."""

    def __init__(self, chip: str, network: str, data: Dataset, epoch: int) -> None:
        sizes = parse_sizes(network)
        self.settings = Settings(**preset_values(default_preset(sizes, "desire_bp"), sizes))
        self.data, self.epoch = data, epoch
        self.image: Image = place(
            mlp(sizes), load_chip(chip), load_rule("desire_bp"),
            dropout_input=self.settings.dropout_input, dropout_hidden=self.settings.dropout_hidden,
        )  # fmt: skip

    def batch(self, start: int, stop: int) -> Batch:
        total = EPOCHS * self.epoch
        shown = presentations(len(self.data.train_labels), total, SEED, start, stop)
        rates = learning_rates(self.settings, start, stop - start, self.epoch, total)
        registers = np.array([self.image.rate(rate) for rate in rates], np.int64)
        return Batch(self.data.train_images[shown], self.data.train_labels[shown], start, registers, True)

    def batches(self, start: int, stop: int) -> list[Batch]:
        return [self.batch(at, min(at + CHUNK, stop)) for at in range(start, stop, CHUNK)]


def seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def same(state: State, trainer: Trainer, at: int) -> None:
    if not np.array_equal(state.weights, trainer.weights):
        raise click.ClickException(f"weights differ after presentation {at}")


def warm_up(course: Course) -> None:
    """Compile everything, and let both see a few samples."""
    batch, state = course.batch(0, 5), course.image.new_state(SEED)
    Trainer(course.image, state.weights, SEED).train(batch)
    simulate(course.image, state, batch)


Times = tuple[list[float], list[float], list[float]]  # engine; every synaptic event; least


def stretches(course: Course, plan: Plan) -> Times:
    """Median seconds per sample of each stretch: the engine's, and those of the function-only trainers."""
    state = course.image.new_state(SEED)
    guide = Trainer(course.image, state.weights, SEED)
    found: Times = ([], [], [])
    at = 0
    for k in range(plan.stretches):
        start = int((k + 0.5) * plan.epoch / plan.stretches - plan.samples / 2)
        for batch in course.batches(at, start):
            guide.train(batch)
        at = start + plan.samples
        batches = course.batches(start, at)
        times: Times = ([], [], [])
        for _ in range(plan.repeats):
            state.weights[:] = guide.weights
            trainers = [Trainer(course.image, state.weights, SEED, every_event) for every_event in (True, False)]
            times[0].append(seconds(lambda b=batches: [simulate(course.image, state, batch) for batch in b]))
            for mine, trainer in zip(times[1:], trainers, strict=True):
                mine.append(seconds(lambda b=batches, t=trainer: [t.train(batch) for batch in b]))
                same(state, trainer, at)
        for mine, new in zip(found, times, strict=True):
            mine.append(statistics.median(new) / plan.samples)
        for batch in batches:
            guide.train(batch)
    return found


def whole_epoch(course: Course, plan: Plan) -> Times:
    """Seconds per sample of each tenth of the epoch, measured once."""
    state = course.image.new_state(SEED)
    trainers = [Trainer(course.image, state.weights, SEED, every_event) for every_event in (True, False)]
    batches = course.batches(0, plan.epoch)
    found = np.zeros((3, 10))
    for k, batch in enumerate(batches):
        tenth = 10 * k // len(batches)
        found[0, tenth] += seconds(lambda b=batch: simulate(course.image, state, b))
        for row, trainer in zip(found[1:], trainers, strict=True):
            row[tenth] += seconds(lambda b=batch, t=trainer: t.train(b))
            same(state, trainer, (k + 1) * CHUNK)
    ours, every, least = (list(row * 10 / plan.epoch) for row in found)
    return ours, every, least


def measure(chip: str, network: str, data: Dataset, plan: Plan, full: bool) -> dict[str, Any]:
    course = Course(chip, network, data, plan.epoch)
    warm_up(course)
    ours, every, least = (whole_epoch if full else stretches)(course, plan)
    return {
        "ratio": float(np.mean(ours) / np.mean(every)),
        "ratio_to_least": float(np.mean(ours) / np.mean(least)),
        "neurosim_s_per_epoch": float(EPOCH * np.mean(ours)),
        "function_only_s_per_epoch": float(EPOCH * np.mean(every)),
        "least_s_per_epoch": float(EPOCH * np.mean(least)),
        "neurosim_us_per_sample": [float(1e6 * t) for t in ours],
        "function_only_us_per_sample": [float(1e6 * t) for t in every],
        "least_us_per_sample": [float(1e6 * t) for t in least],
        "preset": course.settings.preset,
        "weights_identical": True,
    }


def find_data() -> Dataset:
    try:
        return load_dataset("mnist", download=False)
    except DataError:
        click.echo("full MNIST not found (set NEUROSIM_DATA): the 10,000 embedded images take its place")
        return load_dataset("embedded")


def table(rows: dict[str, dict[str, Any]], chip: str) -> str:
    lines = [
        f"{'network':16} {'over function only':>19} {'over the least':>15} {'s/epoch, ours':>16} {'function only':>14}"
        f" {'least':>6}   us/sample, first and last stretch"
    ]
    for name, row in rows.items():
        ends = ("{:.0f}".format(row["neurosim_us_per_sample"][k]) for k in (0, -1))
        lines.append(
            f"{name:16} {row['ratio']:19.2f} {row['ratio_to_least']:15.2f} {row['neurosim_s_per_epoch']:16.1f}"
            f" {row['function_only_s_per_epoch']:14.1f} {row['least_s_per_epoch']:6.1f}   {', '.join(ends)}"
        )
    lines.append(f"CPU time, one thread; chip {chip}, 20 steps; weights of all bit-identical after every stretch")
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option("--chip", default="mesh64", show_default=True)
@click.option("--network", "networks", multiple=True, default=("784-1000-10", "784-1600-800-10"), show_default=True)
@click.option("--samples", default=200, show_default=True, help="Presentations in a stretch.")
@click.option("--full", is_flag=True, help="The whole epoch, once, on both.")
@click.option("--json", "file", type=click.Path(path_type=Path))
@click.option("--smoke", is_flag=True, help="Small: shows that the script works.")
def main(chip: str, networks: tuple[str, ...], samples: int, full: bool, file: Path | None, smoke: bool) -> None:
    plan = Plan(epoch=400, stretches=2, samples=20, repeats=2) if smoke else Plan(EPOCH, 10, samples, 5)
    if plan.samples * plan.stretches > plan.epoch or plan.samples < 1:
        raise click.BadParameter("expected 1 to 6000", param_hint="--samples")
    data = find_data()
    rows = {
        network: measure(chip, network, data, plan, full)
        for network in (("784-24-16-10",) if smoke else networks)
    }
    click.echo(table(rows, chip))
    if full:
        click.echo(f"whole epoch of {plan.epoch:,} presentations of {data.name}, measured once")
    else:
        click.echo(
            f"epoch of {plan.epoch:,} presentations of {data.name}, from {plan.stretches} stretches of {plan.samples}, "
            f"evenly spaced through a real one; medians of {plan.repeats}"
        )
    if file:
        file.write_text(json.dumps({"chip": chip, "full": full, "data": data.name, **rows}, indent=1))


if __name__ == "__main__":
    main()
