"""Memory accesses: every access of the ledger lies in one row, in words and in bits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurosim.account.memory import accesses
from neurosim.chip import load_chip
from neurosim.ops import PHASES, Op, Phase, describe

CHIP = load_chip("mesh16")


def test_rows_worked_out_by_hand() -> None:
    counts = np.zeros((len(PHASES), CHIP.cores + 1, len(Op)), np.int64)
    counts[Phase.FORWARD, 2, Op.SYNAPSE_READ] = 5
    counts[Phase.FORWARD, 3, Op.SYNAPSE_READ] = 6
    counts[Phase.UPDATE, 3, Op.NEURON_WRITE] = 7
    counts[Phase.ERROR, 3, Op.COLUMN_READ] = 8
    rows = {(row.memory, row.access): row for row in accesses(counts, CHIP)}
    assert len(rows) == 9
    assert rows["synapse", "read"].words.tolist() == [0, 11, 8, 0]
    assert rows["synapse", "read"].bits.tolist() == [0, 11 * 64, 8 * 64, 0]
    assert rows["neuron", "write"].bits.tolist() == [0, 0, 0, 7 * 128]
    assert rows["route", "read"].words.tolist() == [0, 0, 0, 0]


@given(st.integers(0, 2**32 - 1))
def test_words_add_up_to_the_memory_ops_of_the_ledger(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 10**9, (len(PHASES), CHIP.cores + 1, len(Op)))
    memory_ops = [op for op in Op if describe(op).memory is not None]
    total = sum(row.words for row in accesses(counts, CHIP))
    assert np.array_equal(total, counts[:, :, memory_ops].sum(axis=(1, 2)))
