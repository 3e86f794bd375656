"""Both engines on random chips, networks and stimuli: every event, count, cycle and weight is equal."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import event, given, target
from hypothesis import strategies as st

from neurosim.engine import simulate
from neurosim.engine.forest import look_ahead
from neurosim.engine.layout import build_machine
from neurosim.engine.verify import verify
from neurosim.ops import Cause, Unit

from .strategies import TRAFFIC, Case, cases, examples, lessons
from .streams import streams

SEVERAL_CHANNELS = ("channels", "torus")  # kinds of traffic in which no source goes alone
MET: set[tuple[str, str]] = set()  # (test, kind of traffic) in this process
SEEN: Counter[str] = Counter()  # of kinds with one channel
CROWDED: Counter[str] = Counter()  # of the others
STREAMS: Counter[str] = Counter()


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


def taught(case: Case) -> tuple[float, float]:
    """Of the weights into the outputs, and of those into hidden neurons, the share that moves (compiled engine)."""
    image, state, batches = case.build()
    before, last = state.weights.copy(), int(image.offsets[-2])
    for batch in batches:
        simulate(image, state, batch)
    moved = before != state.weights
    return float(moved[last:].mean()), float(moved[:last].mean()) if last else 0.0


def goes_alone(case: Case) -> bool:
    """Whether a source of spikes meets no other: the compiled engine then needs no cycle loop."""
    image, state, _ = case.build()
    m = build_machine(image, state.pointers, 0, (1, 1), 0)
    m = look_ahead(m, image)
    return bool(m.lone[: len(case.sizes) - 1].any())


@pytest.mark.parametrize("traffic", TRAFFIC)
@examples(120)
@given(data=st.data())
def test_engines_agree(traffic: str, data: st.DataObject) -> None:
    case = data.draw(cases(traffic))
    routers, everywhere = congestion(case)
    target(routers, label="blocked router inputs")
    target(everywhere, label="blocked units")
    event("congested routers" if routers else "free routers")
    alone = goes_alone(case)
    event("a source goes alone" if alone else "all sources meet")
    MET.add(("agree", traffic))
    seen = CROWDED if traffic in SEVERAL_CHANNELS else SEEN
    seen.update(examples=1, congested=int(routers > 0), alone=int(alone and routers > 0))
    assert disagreement(case) is None


def test_engines_agree_without_compilation() -> None:
    """The compiled engine is plain Python too: no wrapped sum, no field that hides behind numpy's own."""
    command = [sys.executable, "-m", f"{__package__}.mutants", "--examples", "2"]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONWARNINGS": "ignore"}
    folder = Path(__file__).parents[__package__.count(".") + 1]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.mark.parametrize("traffic", TRAFFIC)
@examples(30)
@given(data=st.data())
def test_engines_agree_where_much_is_learnt(traffic: str, data: st.DataObject) -> None:
    case = data.draw(lessons(traffic))
    difference = disagreement(case)
    assert difference is None, difference


@pytest.mark.parametrize("traffic", TRAFFIC)
@examples(60)
@given(data=st.data())
def test_engines_agree_where_errors_are_spikes(traffic: str, data: st.DataObject) -> None:
    case = data.draw(streams(traffic))
    routers, everywhere = congestion(case)
    outputs, hidden = taught(case)
    target(routers, label="blocked router inputs")
    target(everywhere, label="blocked units")
    target(hidden, label="hidden weights that moved")
    MET.add(("errors", traffic))
    if traffic not in SEVERAL_CHANNELS:
        STREAMS.update(examples=1, congested=int(routers > 0), outputs=int(outputs > 0), hidden=int(hidden > 0))
    assert disagreement(case) is None


def test_spikes_of_errors_were_found() -> None:
    """The examples above are worth their time: weights of all layers move, and flits stand in the way."""
    if not MET >= {("errors", traffic) for traffic in TRAFFIC}:
        pytest.skip("needs all the agreement tests in the same process")
    assert STREAMS["congested"] > STREAMS["examples"] // 3, STREAMS
    assert STREAMS["outputs"] > STREAMS["examples"] // 3, STREAMS
    assert STREAMS["hidden"] > STREAMS["examples"] // 4, STREAMS


def test_congestion_was_found() -> None:
    """The examples above are worth their time: in most of them flits stand in the way."""
    if not MET >= {("agree", traffic) for traffic in TRAFFIC}:
        pytest.skip("needs all the agreement tests in the same process")
    assert SEEN["congested"] > SEEN["examples"] // 2, SEEN
    assert SEEN["alone"] > SEEN["examples"] // 10, SEEN
    assert CROWDED["congested"] > CROWDED["examples"] // 2, CROWDED
