"""Offered load: synthetic traffic for a k x k network, packets created at random (specs/router.md, section 5)."""

import numpy as np

from neurosim.engine.traffic import Traffic
from neurosim.errors import ConfigError
from neurosim.image import Ints

__all__ = ["PATTERNS", "bernoulli", "targets"]

PATTERNS = ("uniform", "transpose", "neighbor", "tornado", "hotspot")
_WEIGHT = {4: 5, 8: 7}  # of the hot node, where all others have 1


def targets(pattern: str, source: Ints, k: int, rng: np.random.Generator) -> Ints:
    """Where packets from the nodes `source` go. Raises ConfigError for an unknown pattern.

    uniform, hotspot: any node, the source included; a hotspot is in the middle, 5 times as likely as another node
    (k = 4) or 7 times. transpose: (x, y) to (y, x). neighbor, tornado: 1, or half way round less 1, on in x and y.
    """
    y, x = np.divmod(source, k)
    if pattern == "transpose":
        return x * k + y
    if pattern in ("neighbor", "tornado"):
        step = 1 if pattern == "neighbor" else (k + 1) // 2 - 1
        return (y + step) % k * k + (x + step) % k
    if pattern == "uniform":
        return rng.integers(0, k * k, len(source))
    if pattern == "hotspot":
        weight = _WEIGHT.get(k, 7)
        ticket = rng.integers(0, k * k + weight - 1, len(source))
        return np.where(ticket < k * k, ticket, (k // 2 - 1) * (k + 1))
    raise ConfigError(f"traffic: expected one of {', '.join(PATTERNS)}, got '{pattern}'")


def bernoulli(pattern: str, k: int, load: float, flits: int, cycles: int, rng: np.random.Generator) -> Traffic:
    """Every node creates a packet of `flits` flits in a cycle with probability load / flits; never blocked."""
    create, source = np.nonzero(rng.random((cycles, k * k)) < load / flits)
    target = targets(pattern, source, k, rng).astype(np.int64)
    return Traffic(create.astype(np.int64), source.astype(np.int64), target, np.full(len(create), flits, np.int64))
