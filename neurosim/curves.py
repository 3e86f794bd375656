"""Latency and accepted load of the network against offered load, and how they compare with recorded runs.

Protocol and acceptance bands: specs/router.md, section 5. Sources create packets at random and are never blocked.
After a warm-up comes a window, and after it more of the same until all packets of the window have arrived.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurosim.engine.load import PATTERNS, bernoulli
from neurosim.engine.traffic import Stamps, Traffic, bare_hardware, run_traffic
from neurosim.errors import ReplayError

__all__ = ["SEEDS", "Check", "Point", "Sample", "evaluate", "judge", "measure", "measure_all", "read_statistics",
           "repeat", "statistics_line", "tally"]  # fmt: skip

COLUMNS = ("router_mode", "topology", "k", "num_vcs", "traffic", "packet_flits", "buffer",
           "offered_flits_per_node_cycle")  # fmt: skip
SEEDS = 3
MEASURED = ("drained", "avg_packet_latency", "p99_packet_latency", "accepted_flits_per_node_cycle")


Show = Callable[[Iterator["Sample"]], Iterator["Sample"]]  # passes runs on, one by one


class Point(NamedTuple):
    """An operating point: a network and what it is offered."""

    mode: str  # A: single stage, T: two stages
    topology: str
    k: int
    channels: int
    traffic: str
    flits: int
    buffer: int
    load: float  # flits a node and cycle

    @property
    def name(self) -> str:
        """The network and the pattern, without buffer and load."""
        return f"{self.mode} {self.topology}{self.k} {self.traffic} {self.flits}-flit"


class Sample(NamedTuple):
    """One run at an operating point."""

    drained: bool  # all packets of the window have arrived
    average: float  # packet latency, cycles
    p99: float
    accepted: float  # flits ejected a node and cycle


@dataclass(frozen=True)
class Check:
    """One quantity of an operating point: ours (mean over seeds) against the recorded one."""

    point: Point
    quantity: str  # "average", "p99" or "accepted"
    expected: float
    got: float
    inside: bool


def protocol(k: int) -> tuple[int, int, int]:
    """Cycles of warm-up and window, and the most that are waited after it."""
    return (1000, 4000, 4000) if k == 4 else (500, 2000, 2000)


def measure(point: Point, seed: int) -> Sample:
    """Run one operating point with a random generator of our own.

    Packets of the last cycles only matter if those of the window take that long: first without most of them.
    """
    warm, window, most = protocol(point.k)
    key = [seed, point.k, point.flits, point.buffer, round(point.load * 1e6), *point.traffic.encode()]
    rng = np.random.Generator(np.random.PCG64(key))
    traffic = bernoulli(point.traffic, point.k, point.load, point.flits, warm + window + most, rng)
    hardware = bare_hardware(
        point.k, point.k, point.buffer, two_stage=point.mode == "T", channels=point.channels,
        rings=point.topology == "torus",
    )  # fmt: skip
    ties = rng.integers(0, 4, len(traffic.create)) if point.topology == "torus" else None  # as recorded
    for more in (most // 8, most):
        end = warm + window + more
        early = traffic.create < end
        columns = (traffic.create, traffic.source, traffic.target, traffic.flits)
        create, source, target, flits = (column[early] for column in columns)
        script = Traffic(create, source, target, flits, None if ties is None else ties[early])
        stamps = run_traffic(hardware, script)
        sample = evaluate(create, stamps, warm, window, end, point.k**2)
        if sample.drained:
            break
    return sample


def evaluate(create: NDArray[np.int64], stamps: Stamps, warm: int, window: int, end: int, nodes: int) -> Sample:
    """Latencies of the packets created in the window and ejected before cycle `end`; flits ejected in the window."""
    mine = (create >= warm) & (create < warm + window)
    arrived = mine & (stamps.eject_tail < end)
    latency = np.sort((stamps.eject_tail - create)[arrived])
    accepted = np.count_nonzero((stamps.flits >= warm) & (stamps.flits < warm + window)) / (window * nodes)
    if not len(latency):
        return Sample(not mine.any(), math.nan, math.nan, accepted)
    p99 = latency[math.ceil(0.99 * len(latency)) - 1]
    return Sample(bool(arrived.sum() == mine.sum()), float(latency.mean()), float(p99), accepted)


def repeat(recorded: dict[Point, list[Sample]], processes: int = 1, show: Show = iter) -> dict[Point, list[Sample]]:
    """At every point as many runs of ours, with seeds of ours, as there are recorded ones, and at least three."""
    jobs = [(point, seed) for point, samples in recorded.items() for seed in range(max(SEEDS, len(samples)))]
    ours: dict[Point, list[Sample]] = {point: [] for point in recorded}
    for (point, _), sample in zip(jobs, show(measure_all(jobs, processes)), strict=True):
        ours[point].append(sample)
    return ours


def statistics_line(recorded: dict[Point, list[Sample]], processes: int = 1, show: Show = iter) -> str:
    """How many recorded operating points lie inside the acceptance bands, in words; `show` passes the runs on."""
    checks = judge(recorded, repeat(recorded, processes, show))
    good, total = tally(checks)
    parts = []
    for quantity in ("average", "p99", "accepted"):
        mine = [check for check in checks if check.quantity == quantity]
        middle = 100 * float(np.median([check.got / check.expected - 1 for check in mine])) if mine else 0.0
        parts.append(f"{quantity} {sum(c.inside for c in mine)} of {len(mine)}, median deviation {middle:+.2f} %")
    return f"{good} of {total} operating points inside the acceptance bands ({'; '.join(parts)})"


def _measure(job: tuple[Point, int]) -> Sample:
    return measure(*job)


def measure_all(jobs: list[tuple[Point, int]], processes: int = 1) -> Iterator[Sample]:
    """`measure` of every (point, seed), in order."""
    if processes == 1 or len(jobs) < 2:
        yield from map(_measure, jobs)
        return
    for channels in sorted({point.channels for point, _ in jobs}):  # compiles, once
        measure(next(point for point, _ in jobs if point.channels == channels)._replace(load=0.01), 0)
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(_measure, jobs, chunksize=4)


def read_statistics(path: Path) -> dict[Point, list[Sample]]:
    """The recorded runs of a statistics.csv, those of one operating point together.

    Raises ReplayError if the file does not hold such runs.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise ReplayError(f"{path}: not readable: {error}") from error
    missing = [column for column in (*COLUMNS, *MEASURED) if column not in table.columns]
    if missing:
        raise ReplayError(f"{path}: expected recorded runs of a network; missing columns: {', '.join(missing)}")
    found: dict[Point, list[Sample]] = {}
    try:
        for row in table.to_dict("records"):
            mode, topology, k, channels, traffic, flits, buffer, load = (row[column] for column in COLUMNS)
            point = Point(
                str(mode), str(topology), int(k), int(channels), str(traffic), int(flits), int(buffer), float(load)
            )
            if point.traffic not in PATTERNS or point.topology not in ("mesh", "torus") or point.mode not in ("A", "T"):
                wanted = f"traffic {', '.join(PATTERNS)} on a mesh or torus, router A or T"
                got = f"{point.traffic} on a {point.topology}, router {point.mode}"
                raise ReplayError(f"{path}: expected {wanted}; got {got}")
            drained, average, p99, accepted = (row[column] for column in MEASURED)
            sample = Sample(bool(drained), float(average), float(p99), float(accepted))
            found.setdefault(point, []).append(sample)
    except ReplayError:
        raise
    except ValueError as error:
        raise ReplayError(f"{path}: expected numbers in all columns but router_mode, topology and traffic") from error
    return found


def judge(recorded: dict[Point, list[Sample]], ours: dict[Point, list[Sample]]) -> list[Check]:
    """Every quantity that can be compared: latencies of points below twice the latency of the lowest load, accepted
    load of the others."""
    checks = []
    lowest: dict[Point, Point] = {}
    for point in sorted(recorded, key=lambda point: point.load):
        lowest.setdefault(point._replace(load=0.0), point)
    for point, runs in recorded.items():
        if point not in ours:
            continue
        base = float(np.mean([run.average for run in recorded[lowest[point._replace(load=0.0)]]]))
        average = [run.average for run in runs]
        if all(run.drained for run in runs) and np.mean(average) < 2 * base:
            checks.append(_check(point, "average", average, [run.average for run in ours[point]], 0.03))
            p99 = [run.p99 for run in runs]
            checks.append(_check(point, "p99", p99, [run.p99 for run in ours[point]], 0.10, 2.0))
        else:
            accepted = [run.accepted for run in runs]
            checks.append(_check(point, "accepted", accepted, [run.accepted for run in ours[point]], 0.03))
    return checks


def _check(point: Point, quantity: str, runs: list[float], ours: list[float], share: float, cycles: float = 0) -> Check:
    """Inside: within a share of the recorded mean, or (p99) some cycles, or else the range of the seeds."""
    expected, got = float(np.mean(runs)), float(np.mean(ours))
    near = abs(got - expected) <= max(share * expected, cycles)
    inside = near or (quantity != "p99" and min(runs) <= got <= max(runs))
    return Check(point, quantity, expected, got, bool(inside))


def tally(checks: Iterable[Check]) -> tuple[int, int]:
    """(points with all their quantities inside, points)."""
    good: dict[Point, bool] = {}
    for check in checks:
        good[check.point] = good.get(check.point, True) and check.inside
    return sum(good.values()), len(good)
