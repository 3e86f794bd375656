"""Offered load, the measurement protocol, and the acceptance bands."""

import math
from pathlib import Path

import numpy as np
import pytest

from neurosim.curves import Point, Sample, evaluate, judge, measure, read_statistics, tally
from neurosim.engine.load import PATTERNS, bernoulli, targets
from neurosim.engine.traffic import Stamps
from neurosim.errors import ConfigError, ReplayError

QUIET = Point("A", "mesh", 4, 1, "uniform", 1, 4, 0.1)
BUSY = QUIET._replace(load=0.9)
HEAD = ("router_mode,topology,k,num_vcs,traffic,packet_flits,buffer,offered_flits_per_node_cycle,drained,"
        "avg_packet_latency,p99_packet_latency,accepted_flits_per_node_cycle\n")  # fmt: skip


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_patterns_send_where_they_say() -> None:
    nodes = np.arange(16)
    assert targets("transpose", nodes, 4, rng()).tolist() == [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15]
    assert targets("neighbor", nodes, 4, rng())[[0, 3, 15]].tolist() == [5, 4, 0]
    assert targets("tornado", nodes, 4, rng()).tolist() == targets("neighbor", nodes, 4, rng()).tolist()
    assert targets("tornado", np.array([0]), 8, rng()).tolist() == [27]
    with pytest.raises(ConfigError, match="expected one of uniform, .*, got 'ring'"):
        targets("ring", nodes, 4, rng())


@pytest.mark.parametrize(("k", "node", "share"), [(4, 5, 5 / 20), (8, 27, 7 / 70)])
def test_a_hotspot_has_its_share_and_the_others_theirs(k: int, node: int, share: float) -> None:
    counts = np.bincount(targets("hotspot", np.zeros(200_000, np.int64), k, rng()), minlength=k * k) / 200_000
    assert counts[node] == pytest.approx(share, rel=0.03)
    assert np.delete(counts, node) == pytest.approx((1 - share) / (k * k - 1), rel=0.1)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_sources_offer_the_load(pattern: str) -> None:
    traffic = bernoulli(pattern, 4, 0.4, 4, 20_000, rng())
    assert traffic.flits.sum() / 20_000 / 16 == pytest.approx(0.4, rel=0.03)
    assert (np.diff(traffic.create) >= 0).all() and set(traffic.flits.tolist()) == {4}


def test_only_the_window_is_measured() -> None:
    create, tail = np.array([5, 10, 12, 19, 20]), np.array([30, 18, 25, 41, 29])
    zeros = np.zeros(5, np.int64)
    stamps = Stamps(zeros, zeros, zeros, tail, zeros, np.array([9, 10, 19, 20]), np.zeros((0, 6), np.int64))
    assert evaluate(create, stamps, 10, 10, 40, 2) == Sample(False, 10.5, 13.0, 2 / 20)
    assert evaluate(create, stamps, 10, 10, 50, 2) == Sample(True, pytest.approx(43 / 3), 22.0, 2 / 20)


def test_an_empty_window_has_no_latency() -> None:
    none = np.zeros(0, np.int64)
    sample = evaluate(none, Stamps(none, none, none, none, none, none, none), 1, 2, 9, 4)
    assert sample.drained and math.isnan(sample.average) and sample.accepted == 0


def test_bands() -> None:
    recorded = {
        QUIET: [Sample(True, 10.0, 20.0, 0.1), Sample(True, 11.0, 20.0, 0.1)],
        BUSY: [Sample(False, 90.0, 99.0, 0.50), Sample(True, 90.0, 99.0, 0.60)],
    }
    checks = judge(recorded, {QUIET: [Sample(True, 10.9, 22.1, 9.0)], BUSY: [Sample(False, 0.0, 0.0, 0.59)]})
    assert [check.quantity for check in checks] == ["average", "p99", "accepted"]
    assert [check.inside for check in checks] == [True, False, True]
    assert tally(checks) == (1, 2)
    checks = judge(recorded, {QUIET: [Sample(True, 11.1, 18.0, 9.0)], BUSY: [Sample(False, 0.0, 0.0, 0.61)]})
    assert [check.inside for check in checks] == [False, True, False]
    assert judge(recorded, {}) == []


def test_an_operating_point_that_was_recorded_is_met() -> None:
    """specs/router.md section 5: 12.65 to 12.74 for this point, 0.50 to 0.52 where it is saturated."""
    quiet = measure(QUIET._replace(load=0.168), 1)
    assert quiet.drained and quiet.average == pytest.approx(12.7, rel=0.03)
    assert measure(QUIET._replace(load=0.168), 1) == quiet
    assert measure(BUSY, 1).accepted == pytest.approx(0.512, rel=0.03)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "missing columns: router_mode"),
        (HEAD + "A,mesh,x,1,uniform,1,4,0.1,1,12,20,0.1\n", "expected numbers in all columns but"),
        (HEAD + "A,mesh,4,1,ring,1,4,0.1,1,12,20,0.1\n", "expected traffic uniform"),
    ],
)
def test_damaged_statistics_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "statistics.csv").write_text(text)
    with pytest.raises(ReplayError, match=message):
        read_statistics(tmp_path / "statistics.csv")
