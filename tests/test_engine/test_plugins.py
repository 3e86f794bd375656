"""A rule and a neuron from files of the user are compiled into the engine, and both engines agree on them."""

import importlib
from pathlib import Path

import numpy as np

from neurosim.chip import load_chip
from neurosim.engine.bench import Bench
from neurosim.engine.forward import Activity
from neurosim.engine.layout import Machine
from neurosim.engine.tissue import Tissue
from neurosim.engine.verify import verify
from neurosim.learning import load_rule
from neurosim.network import mlp
from neurosim.place import place
from neurosim.stimulus import Batch

NEURON = '''
from neurosim.kernel import kernel, saturate
STATE = ("membrane",)

@kernel
def step(membrane, drive, keep, threshold, leak_shift, bits):
    value = saturate(membrane - (membrane >> leak_shift) + drive, bits)
    fired = 1 if value >= threshold and keep != 0 else 0
    return (0 if fired else value), fired
'''
RULE = '''
from neurosim.kernel import kernel
from neurosim.learning.desire_bp import READOUT, READS, SCHEDULE, SOURCE, Constants, Settings, card
from neurosim.learning.desire_bp import quantise, rate, spread
from neurosim.learning.desire_bp import hidden_symbol, on_post, on_slot, on_update, output_symbol
TITLE = "all desires of one size"

@kernel
def magnitude(symbol, count, c):
    return 1
'''


def test_both_engines_take_a_rule_and_a_neuron_from_files(tmp_path: Path) -> None:
    (tmp_path / "hard.py").write_text(NEURON)
    (tmp_path / "gentle.py").write_text(RULE)
    chip = load_chip("tiny", ["core.learning.circuits=[gentle, desire_bp]"])
    rng = np.random.default_rng(5)
    values = rng.integers(0, 256, (3, 12)).astype(np.uint8)
    batch = Batch(values, rng.integers(0, 4, 3), 0, np.full(3, 2**22), True)
    results = []
    for rule, neuron in ((str(tmp_path / "gentle.py"), str(tmp_path / "hard.py")), ("desire_bp", "lif")):
        image = place(mlp((12, 10, 4), neuron=neuron), chip, load_rule(rule))
        state = image.new_state(1)
        assert verify(image, state, batch) is None
        results.append(image.digest())
    assert results[0] != results[1]


def test_cached_code_names_only_types_that_every_process_can_import() -> None:
    """Kernels without a rule are shared: their index holds the types of all callers, whichever rule runs next."""
    for kind in (Tissue, Bench, Activity, Machine):
        assert getattr(importlib.import_module(kind.__module__), kind.__name__) is kind
        assert "_" not in kind.__module__.rpartition(".")[2]  # not a module that `bound` made for a rule
