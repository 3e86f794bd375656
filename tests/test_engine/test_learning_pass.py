"""The fast ways through the learning pass, which small networks do not take: both engines agree there too."""

from pathlib import Path

import numpy as np
import pytest

from neurosim.chip import load_chip
from neurosim.engine.bench import BLOCK
from neurosim.engine.phased import WIDE
from neurosim.engine.verify import verify
from neurosim.image import Image
from neurosim.learning import load_rule
from neurosim.network import mlp
from neurosim.place import place
from neurosim.stimulus import Batch

FAR = '''
from neurosim.kernel import kernel
from neurosim.learning.desire_bp import READOUT, READS, SCHEDULE, SOURCE, Constants, Settings, card
from neurosim.learning.desire_bp import quantise, rate, spread
from neurosim.learning.desire_bp import hidden_symbol, on_post, on_slot, on_update, output_symbol
TITLE = "factors beyond 32 bits"

@kernel
def magnitude(symbol, count, c):
    return 8589934592 * count + 1
'''
SIZES = (40, WIDE + 32, WIDE, 10)


def picture(image: Image, samples: int, seed: int) -> Batch:
    """Pixels as those of a digit: almost black or almost white, few between."""
    rng = np.random.default_rng(seed)
    values = rng.choice([0, 0, 3, 128, 200, 252, 253, 254, 255], (samples, SIZES[0])).astype(np.uint8)
    return Batch(values, rng.integers(0, SIZES[-1], samples), 3, np.full(samples, image.rate(2.0**-8)), True)


@pytest.mark.parametrize("chip", ["mesh16", "mesh64"])
def test_rows_left_out_and_updates_in_blocks(chip: str) -> None:
    """Most pixels fire in most slots, and more neurons learn at once than fit in a block."""
    assert SIZES[1] > 2 * BLOCK
    image = place(mlp(SIZES), load_chip(chip), load_rule("desire_bp"), dropout_hidden=0.3)
    state = image.new_state(2)
    assert verify(image, state, picture(image, 2, 1)) is None


def test_factors_beyond_32_bits(tmp_path: Path) -> None:
    (tmp_path / "far.py").write_text(FAR)
    chip = load_chip("mesh16", ["core.learning.circuits=[far, desire_bp]"])
    image = place(mlp(SIZES), chip, load_rule(str(tmp_path / "far.py")))
    state = image.new_state(2)
    assert verify(image, state, picture(image, 1, 2)) is None
