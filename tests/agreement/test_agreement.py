"""Both engines on random chips, networks and stimuli: every event, count, cycle and weight is equal."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import event, given, target
from hypothesis import strategies as st

from neurosim.engine import simulate
from neurosim.engine.verify import verify
from neurosim.ops import Cause, Unit

from .strategies import TRAFFIC, Case, cases, examples

CONGESTED: Counter[str] = Counter()
SEEN: Counter[str] = Counter()


def disagreement(case: Case) -> str | None:
    """The first difference between the engines, batch after batch with the state carried over."""
    image, state, batches = case.build()
    for k, batch in enumerate(batches):
        difference = verify(image, state, batch)
        if difference is not None:
            return f"batch {k}: {difference}"
        simulate(image, state, batch)
    return None


def congestion(case: Case) -> tuple[float, float]:
    """Blocked cycles of all router inputs, and of all units, per cycle of the run (compiled engine)."""
    image, state, batches = case.build()
    runs = [simulate(image, state, batch) for batch in batches]
    blocked = np.sum([run.cycles[..., Cause.BLOCKED] for run in runs], axis=(0, 1, 2))
    cycles = sum(int(run.phase_cycles.sum()) for run in runs)
    return blocked[Unit.ROUTER_EAST :].sum() / cycles, blocked.sum() / cycles


@pytest.mark.parametrize("traffic", TRAFFIC)
@examples(120)
@given(data=st.data())
def test_engines_agree(traffic: str, data: st.DataObject) -> None:
    case = data.draw(cases(traffic))
    routers, everywhere = congestion(case)
    target(routers, label="blocked router inputs")
    target(everywhere, label="blocked units")
    event("congested routers" if routers else "free routers")
    SEEN[traffic] += 1
    CONGESTED[traffic] += routers > 0
    assert disagreement(case) is None


def test_congestion_was_found() -> None:
    """The examples above are worth their time: in most of them flits stand in each other's way."""
    if not SEEN:
        pytest.skip("needs the agreement tests in the same process")
    assert sum(CONGESTED.values()) > sum(SEEN.values()) // 2, (CONGESTED, SEEN)
