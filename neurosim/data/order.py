"""The order in which training samples are presented: a function of the seed, so that runs can resume."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from neurosim.errors import ConfigError

__all__ = ["permutation", "presentations"]

_STREAM = 0x6F72646572  # "order": keeps these draws apart from others made from the same seed


@lru_cache(maxsize=2)
def permutation(n: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """The order of `n` samples in `epoch`: int64[n], read-only, every index once.

    Sorts raw PCG64 words, whose stream numpy keeps stable between versions (that of Generator methods it may
    change: NEP 19). Raises ConfigError for negative arguments.
    """
    if min(n, seed, epoch) < 0:
        raise ConfigError(f"order: expected n, seed, epoch >= 0, found {n}, {seed}, {epoch}")
    words = np.random.PCG64(np.random.SeedSequence((seed, epoch, _STREAM))).random_raw(n)
    order = np.argsort(words, kind="stable").astype(np.int64)
    order.setflags(write=False)
    return order


def presentations(n_train: int, total: int, seed: int, start: int, stop: int) -> npt.NDArray[np.int64]:
    """Sample index of the presentations `start` .. `stop` - 1 of a run of `total`: int64[stop - start].

    Presentation k is the sample at place k % n_train of the permutation of epoch k // n_train; so the cut
    into batches, or a resumed run, does not change what is shown.
    Raises ConfigError unless n_train >= 1 and 0 <= start <= stop <= total.
    """
    if n_train < 1:
        raise ConfigError(f"presentations: expected at least 1 training sample, found {n_train}")
    if not 0 <= start <= stop <= total:
        raise ConfigError(f"presentations: expected 0 <= start <= stop <= {total}, found {start}, {stop}")
    indices = np.empty(stop - start, dtype=np.int64)
    at = start
    while at < stop:
        epoch, place = divmod(at, n_train)
        end = min(stop, (epoch + 1) * n_train)
        indices[at - start : end - start] = permutation(n_train, seed, epoch)[place : place + end - at]
        at = end
    return indices
