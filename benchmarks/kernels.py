"""Synapses per second of the engine's row kernel against a bare loop that does nothing but the additions, and events
per second of its timer wheel.

    python benchmarks/kernels.py [--shape 784x1000]... [--samples 1500] [--json FILE] [--smoke]

The floor is plain numba, four rows a pass, so that the sums are loaded and stored once for four. Both get the same
lists of rows, of the lengths that a time step of MNIST has (a tenth to an eighth of the rows); `--samples` such lists
are one measurement. One thread, CPU time, in turn; the first call (compilation) is not timed; medians of seven.
A ratio is time over the floor's time.
"""

import heapq
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numba
import numpy as np
from numpy.typing import NDArray

from neurosim.engine.forward import add_rows
from neurosim.engine.layout import WHEEL
from neurosim.engine.wheel import enter, next_look, take_first, take_mark

SHAPES = ("784x1000", "784x1600", "1600x800", "784x512", "784x250", "1000x10")
REPEATS = 7


@numba.njit(nogil=True, _nrt=False)  # no reference counting, as the engine
def bare_adds(acc: Any, weights: Any, rows: Any, counts: Any) -> None:
    """acc[j] += weights[row, j] for the first counts[s] rows of each list rows[s]."""
    post = acc.shape[0]
    for s in range(counts.shape[0]):
        k = 0
        while k + 4 <= counts[s]:
            a, b = weights[rows[s, k]], weights[rows[s, k + 1]]
            c, d = weights[rows[s, k + 2]], weights[rows[s, k + 3]]
            for j in range(post):
                acc[j] += a[j] + b[j] + c[j] + d[j]
            k += 4
        while k < counts[s]:
            a = weights[rows[s, k]]
            for j in range(post):
                acc[j] += a[j]
            k += 1


@numba.njit(nogil=True, _nrt=False)  # no reference counting, as the engine
def engine_adds(acc: Any, weights: Any, rows: Any, counts: Any) -> None:
    """The same by the kernel of the compiled engine, which is not callable from Python."""
    for s in range(counts.shape[0]):
        add_rows(acc, weights, 0, acc.shape[0], rows[s], counts[s])


def seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def row_kernel(shape: str, weight: type, samples: int) -> dict[str, float]:
    """One shape and one width of weights, into 32-bit sums."""
    pre, post = (int(n) for n in shape.split("x"))
    rng = np.random.default_rng(0)
    weights = rng.integers(-9000, 9000, (pre, post)).astype(weight)
    counts = rng.integers(pre // 10, pre // 8, samples)
    rows = np.array([np.sort(rng.choice(pre, pre // 8, replace=False)) for _ in range(samples)])
    sums: list[NDArray[np.int32]] = [np.zeros(post, np.int32), np.zeros(post, np.int32)]
    flat = weights.ravel()
    bare_adds(sums[0], weights, rows, counts)
    engine_adds(sums[1], flat, rows, counts)
    if not np.array_equal(*sums):
        raise click.ClickException(f"sums differ for {shape}")
    floor, ours = [], []
    for _ in range(REPEATS):
        floor.append(seconds(lambda: bare_adds(sums[0], weights, rows, counts)))
        ours.append(seconds(lambda: engine_adds(sums[1], flat, rows, counts)))
    synapses = int(counts.sum()) * post
    return {
        "ratio": statistics.median(ours) / statistics.median(floor),
        "neurosim_synapses_per_s": synapses / statistics.median(ours),
        "floor_synapses_per_s": synapses / statistics.median(floor),
    }


@numba.njit(nogil=True)
def turn_wheel(heads: Any, links: Any, marks: Any, delays: Any, events: int) -> int:
    """Entries leave the wheel and come back `delays` cycles later, until `events` have left; returns the last cycle."""
    for number in range(links.shape[1]):
        enter(heads, links, marks, 0, number, number & 63, 0)
    left, now, level, drawn = 0, 0, 0, 0
    while left < events:
        level, now = next_look(marks, now)
        at = take_mark(marks, level, now)
        number = take_first(heads, level, at, 0)
        while number >= 0:
            following = np.int64(links[0, number])
            enter(heads, links, marks, 0, number, now + delays[drawn & 4095], now)
            drawn += 1
            left += 1
            number = following
        now += 1 - level
    return now


@numba.njit(nogil=True)
def turn_heap(delays: Any, entries: int, events: int) -> int:
    """The same with a binary heap of (cycle, entry)."""
    heap = [(np.int64(number & 63), np.int64(number)) for number in range(entries)]
    heapq.heapify(heap)
    now = np.int64(0)
    for k in range(events):
        now, number = heapq.heappop(heap)
        heapq.heappush(heap, (now + delays[k & 4095], number))
    return now


def event_queue(events: int) -> dict[str, dict[str, float]]:
    """Events per second of the engine's timer wheel (out and in again), and of a binary heap in numba beside it."""
    rng, rows = np.random.default_rng(0), {}
    for entries, longest in ((64, 64), (512, 64), (4096, 512)):
        delays = rng.integers(1, longest, 4096)
        wheel, heap = [], []
        for _ in range(REPEATS + 1):  # the first compiles
            heads, links = np.full((2, WHEEL, 3), -1, np.int32), np.full((3, entries), -1, np.int32)
            marks = np.zeros((2, WHEEL // 64 + 1), np.uint64)
            wheel.append(seconds(lambda h=heads, k=links, m=marks, d=delays: turn_wheel(h, k, m, d, events)))
            heap.append(seconds(lambda d=delays, n=entries: turn_heap(d, n, events)))
        ours, theirs = statistics.median(wheel[1:]), statistics.median(heap[1:])
        rows[f"{entries} in the wheel, waits below {longest}"] = {
            "ratio": theirs / ours, "wheel_events_per_s": events / ours, "heap_events_per_s": events / theirs,
        }  # fmt: skip
    return rows


@click.command(help=__doc__)
@click.option("--shape", "shapes", multiple=True, default=SHAPES, show_default=True, help="PRExPOST")
@click.option("--samples", default=1500, show_default=True, help="Lists of rows in a measurement.")
@click.option("--json", "file", type=click.Path(path_type=Path))
@click.option("--smoke", is_flag=True, help="Small: shows that the script works.")
def main(shapes: tuple[str, ...], samples: int, file: Path | None, smoke: bool) -> None:
    if smoke:
        shapes, samples = ("784x100",), 10
    rows = {f"{shape} int16": row_kernel(shape, np.int16, samples) for shape in shapes}
    rows[f"{shapes[0]} int32"] = row_kernel(shapes[0], np.int32, samples)
    click.echo(f"{'row kernel':20} {'time / floor':>13} {'engine, Gsyn/s':>16} {'floor, Gsyn/s':>16}")
    for name, row in rows.items():
        click.echo(
            f"{name:20} {row['ratio']:13.2f} {row['neurosim_synapses_per_s'] / 1e9:16.1f}"
            f" {row['floor_synapses_per_s'] / 1e9:16.1f}"
        )
    events = event_queue(20_000 if smoke else 2_000_000)
    click.echo(f"\n{'event queue':36} {'heap / wheel':>13} {'wheel, M/s':>12} {'heap, M/s':>12}")
    for name, row in events.items():
        click.echo(
            f"{name:36} {row['ratio']:13.2f} {row['wheel_events_per_s'] / 1e6:12.1f}"
            f" {row['heap_events_per_s'] / 1e6:12.1f}"
        )
    if file:
        file.write_text(json.dumps({"rows": rows, "events": events}, indent=1))


if __name__ == "__main__":
    main()
