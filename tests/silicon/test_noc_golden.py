"""Recorded traffic of another network simulator (traces/noc): every packet and flit in the same cycle, both engines."""

from pathlib import Path

import pytest

from neurosim.engine import ENGINES
from neurosim.replay import replay_paths

FOLDER = Path(__file__).parents[2] / "traces" / "noc"


@pytest.mark.parametrize("engine", ENGINES)
def test_recorded_traffic_is_replayed_cycle_by_cycle(engine: str) -> None:
    verdicts = {verdict.case: verdict for verdict in replay_paths([FOLDER], engine)}
    assert [verdict for verdict in verdicts.values() if verdict.identical is not True] == []
    assert len(verdicts) == 17
    assert verdicts["o16_torus5"].message == "300 packets, 2682 flits at routers"
