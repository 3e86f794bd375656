"""Latency and accepted load of the network against offered load, beside recorded runs of another simulator.

    python benchmarks/noc_curves.py [--recorded FOLDER] [--only WORD]... [--jobs 2] [--figure FILE] [--json FILE]
        [--smoke]

Every operating point of the folder's statistics.csv is run with as many seeds of ours as it has rows, at least three;
the table says how many lie inside the acceptance bands (specs/router.md, section 5). Without the file, curves of our
own are drawn over a grid of loads.
"""

import json
import time
from collections import defaultdict
from pathlib import Path

import click
import numpy as np
from matplotlib.figure import Figure

from neurosim.curves import SEEDS, Check, Point, Sample, judge, read_statistics, repeat, tally

HIGHEST = {"hotspot": 0.35, "transpose": 0.3, "uniform": 0.8, "neighbor": 1.0, "tornado": 1.0}
Runs = dict[Point, list[Sample]]


def grid() -> Runs:
    """Operating points of our own, with room for one run each."""
    networks = (("A", "mesh", 4, 1), ("A", "mesh", 8, 1), ("A", "mesh", 8, 2), ("A", "torus", 8, 2))
    return {
        Point(*network, traffic, flits, buffer, round(float(load), 3)): [Sample(True, 0.0, 0.0, 0.0)]
        for network in networks
        for traffic in ("uniform", "transpose")
        for flits in (1, 4)
        for buffer in (4,)
        for load in np.linspace(0.1, 1.0, 8) * HIGHEST[traffic]
    }


def smallest(points: Runs) -> Runs:
    """Of each kind of network the least loaded point and the most loaded one with small buffers, one run each."""
    chosen: Runs = {}
    for kind in dict.fromkeys((point.topology, point.k) for point in points):
        mine = sorted((p for p in points if (p.topology, p.k) == kind and p.buffer <= 4), key=lambda p: p.load)
        chosen |= {point: points[point][:1] for point in mine[:1]}
    return chosen


def replica(recorded: Runs, draws: int = 40) -> tuple[float, float]:
    """How many points would lie inside if both sides were runs of the reference: mean and deviation over `draws`.

    Normal deviates of each point's recorded spread stand for runs; points with one seed are left as they are.
    """
    rng, inside = np.random.default_rng(0), []
    for _ in range(draws):
        sides: tuple[Runs, Runs] = ({}, {})
        for point, runs in recorded.items():
            table = np.array([sample[1:] for sample in runs])
            spread = table.std(axis=0, ddof=1) if len(runs) > 1 else np.zeros(3)
            drained = all(sample.drained for sample in runs)
            for side, number in zip(sides, (len(runs), max(SEEDS, len(runs))), strict=True):
                drawn = table.mean(axis=0) + spread * rng.standard_normal((number, 3))
                side[point] = [Sample(drained, *map(float, row)) for row in drawn]
        inside.append(tally(judge(*sides))[0])
    return float(np.mean(inside)), float(np.std(inside))


def rows_of(checks: list[Check]) -> list[str]:
    """How many quantities of each network and pattern lie inside, and in all."""
    groups: dict[str, list[Check]] = defaultdict(list)
    for check in checks:
        groups[check.point.name].append(check)
    groups["all"] = checks
    lines = [f"{'network, traffic':34} {'average':>11} {'p99':>11} {'accepted':>11} {'points':>11}"]
    for name, group in groups.items():
        cells = []
        for quantity in ("average", "p99", "accepted"):
            mine = [check.inside for check in group if check.quantity == quantity]
            cells.append(f"{sum(mine)} of {len(mine)}")
        good, total = tally(group)
        lines.append(" ".join([f"{name:34}", *(f"{cell:>11}" for cell in (*cells, f"{good} of {total}"))]))
    return lines


def draw(ours: Runs, recorded: Runs, path: Path) -> None:
    """Latency (drained points) and accepted load against offered load; recorded means as crosses. Buffers of 4 or 8."""
    names = list(dict.fromkeys(point.name for point in ours))
    figure = Figure(figsize=(11, 2.1 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), 2, squeeze=False)
    for row, name in zip(axes, names, strict=True):
        for colour, buffer in enumerate(sorted({p.buffer for p in ours if p.name == name})):
            points = sorted((p for p in ours if p.name == name and p.buffer == buffer), key=lambda p: p.load)
            for source, style in ((ours, "-"), (recorded, "x")):
                mine = [(p.load, source[p]) for p in points if p in source and source[p][0].average]
                settled = [(load, runs) for load, runs in mine if all(sample.drained for sample in runs)]
                label = f"B={buffer}" if source is ours else None
                row[0].plot([load for load, _ in settled], [np.mean([s.average for s in runs]) for _, runs in settled],
                            style, color=f"C{colour}", label=label)  # fmt: skip
                row[1].plot([load for load, _ in mine], [np.mean([s.accepted for s in runs]) for _, runs in mine],
                            style, color=f"C{colour}")  # fmt: skip
        row[0].set(title=name, ylabel="latency, cycles", yscale="log")
        row[1].set(ylabel="accepted")
        row[0].legend(fontsize=7)
    for axis in axes[-1]:
        axis.set_xlabel("offered load, flits a node and cycle")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


@click.command(help=__doc__)
@click.option("--recorded", type=click.Path(path_type=Path), default=Path("../shared/golden/noc"), show_default=True)
@click.option("--only", multiple=True, help="Points whose network and traffic contain this word.")
@click.option("--jobs", default=1, show_default=True, help="Processes.")
@click.option("--figure", type=click.Path(path_type=Path))
@click.option("--json", "file", type=click.Path(path_type=Path))
@click.option("--smoke", is_flag=True, help="Small: shows that the script works.")
def main(recorded: Path, only: tuple[str, ...], jobs: int, figure: Path | None, file: Path | None, smoke: bool) -> None:
    table = recorded / "statistics.csv"
    known = read_statistics(table) if table.is_file() else {}
    points = {p: runs for p, runs in (known or grid()).items() if all(word in p.name for word in only)}
    if smoke:
        points = smallest(points)
    start = time.perf_counter()
    ours = repeat(points, jobs)
    number, seconds = sum(len(runs) for runs in ours.values()), time.perf_counter() - start
    click.echo(f"{number} runs at {len(ours)} operating points in {seconds:.0f} s, {jobs} process(es)")
    checks = judge(known, ours)
    if known:
        click.echo("\n".join(rows_of(checks)))
        most, spread = replica(known)
        click.echo(f"two sets of runs of the reference: about {most:.0f} inside, give or take {spread:.0f}")
        for check in checks:
            if not check.inside:
                click.echo(f"outside: {check.point.name} B={check.point.buffer} load {check.point.load:g}: "
                           f"{check.quantity} {check.got:.4g}, recorded {check.expected:.4g}")  # fmt: skip
    if figure:
        draw(ours, known, figure)
    if file:
        rows = [{**p._asdict(), "runs": [sample._asdict() for sample in runs]} for p, runs in ours.items()]
        file.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
