"""The network: populations and projections in the words of the neuroscientist. Knows no chip."""

from collections.abc import Sequence
from dataclasses import dataclass

from neurosim.errors import ConfigError

__all__ = ["ENCODERS", "Network", "Population", "Projection", "mlp", "parse_sizes"]

ENCODERS = ("accumulate", "bernoulli", "accumulate_float32", "regular")


@dataclass(frozen=True)
class Population:
    """Neurons of one kind: `neuron` names a module of neurosim.neuron."""

    name: str
    size: int
    neuron: str


@dataclass(frozen=True)
class Projection:
    """All-to-all synapses from population number `pre` to population number `post`."""

    pre: int
    post: int


@dataclass(frozen=True)
class Network:
    """Populations in order from the input to the output, each fed by the one before it."""

    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of neurons of every population."""
        return tuple(population.size for population in self.populations)

    @property
    def weights(self) -> int:
        """Number of synapses."""
        return sum(self.sizes[p.pre] * self.sizes[p.post] for p in self.projections)


def parse_sizes(text: str) -> tuple[int, ...]:
    """`"784-512-10"` -> (784, 512, 10).

    Raises ConfigError for anything that is not two or more positive whole numbers joined by hyphens.
    """
    parts = text.split("-")
    if len(parts) < 2 or not all(_is_size(part) for part in parts):
        raise ConfigError(f"network: expected layer sizes such as 784-512-10, got '{text}'")
    return tuple(int(part) for part in parts)


def _is_size(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) < 10 and int(part) > 0


def mlp(sizes: Sequence[int], encoder: str = "accumulate", neuron: str = "lif") -> Network:
    """A fully connected feed-forward network without biases: input neurons, then layers of `neuron`.

    Raises ConfigError if there are fewer than two layers, a size below 1, or an unknown encoder.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ConfigError(f"network: expected two or more layer sizes of at least 1, got {list(sizes)}")
    if encoder not in ENCODERS:
        raise ConfigError(f"encoder: expected one of {', '.join(ENCODERS)}, got '{encoder}'")
    names = ["input", *(f"hidden{i}" for i in range(1, len(sizes) - 1)), "output"]
    kinds = [encoder] + [neuron] * (len(sizes) - 1)
    populations = tuple(Population(*row) for row in zip(names, sizes, kinds, strict=True))
    return Network(populations, tuple(Projection(i, i + 1) for i in range(len(sizes) - 1)))
