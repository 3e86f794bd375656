"""The mutants of `mutants.py` fit the sources: each of their texts stands exactly once in its file."""

import pytest

from .mutants import MUTANTS, ROOT, Mutant, apply


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_mutant_fits_the_source(mutant: Mutant) -> None:
    engine = ROOT / "neurosim" / "engine"
    assert apply(mutant, engine) != (engine / mutant.file).read_text()
