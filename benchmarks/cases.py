"""Four networks with their stimuli as plain integer arrays, for benchmarks that give two tools the same work.

    from cases import case, expected
    net = case("fc", steps=200)

Nothing here knows a simulator. The chip meant is a mesh of 8 x 4 tiles with 4 cores each: tile = row * 8 + column
with +x = east along a row, core = 4 * tile + core in the tile. (SANA-FE counts tiles down the columns, so its tile
is column * 4 + row; sanafe_side.py translates, and a neuron sits on the same physical tile in both tools.)

Neuron: an integer potential v, no leak. In every step, in this order,

    v += bias + (sum of the weights of the synapses whose pre neuron fired in the step before)
    fires if v >= threshold, and then v = 0

with v = 0 before the first step. A scripted neuron has no potential and fires in the steps that the raster names.
Nothing points at a scripted neuron. A core sweeps its neurons in index order.

Cases (scale 1):

    fc            784-1000-10, fully connected, 75 random inputs fire per step, about 85 hidden neurons answer. Input,
                  hidden and output layer on one core each, on tiles (0, 0), (1, 0), (2, 0): 160 messages and
                  75,850 synaptic events per step. The rate is steady from step 20 on.
    fc4           the same network with the hidden layer on all four cores of tile (1, 0), 250 neurons each, so
                  385 messages per step.
    sparse        16,384 neurons, 128 on each of 128 cores, 128 random targets each, on 81 cores on average. No input:
                  biases of 20 to 100 against a threshold of 1200 make 4.9 % fire per step (64,700 messages and
                  102,000 synaptic events), and small weights of both signs disturb them. First spikes in step 12;
                  the rate still swings by half at step 20, by a quarter at step 60.
    sparse_local  the same, but the targets of a neuron lie on 8 cores, 16 on each (6,360 messages). "Local" means few
                  cores, not near ones: the 8 are drawn from the whole chip, so that the paths are as long as in sparse.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

COLUMNS, ROWS, CORES_PER_TILE = 8, 4, 4
CORES = COLUMNS * ROWS * CORES_PER_TILE
NAMES = ("fc", "fc4", "sparse", "sparse_local")

SMALLEST_WEIGHT, LARGEST_WEIGHT = -64, 80  # of the fc cases: 8 on average, so that every neuron drifts upwards
FC_THRESHOLD = 6600
SPARSE_THRESHOLD = 1200
SPARSE_WEIGHT = 8  # largest magnitude; 0 does not occur


@dataclass(frozen=True)
class Case:
    """A placed network and its stimulus. All quantities are integers.

    name: of the case
    core: int64[neurons], global core number
    start: int64[neurons + 1], target: int32[synapses], weight: int16[synapses]: the synapses of pre neuron n are
        start[n] to start[n + 1] - 1, sorted by (core of the target, target)
    dense: the synapses use the dense format of the chip, not the sparse one
    scripted: bool[neurons], fires by the raster only
    raster_start: int64[steps + 1], raster: int32[scripted spikes]: in step s (from 0) fire the neurons
        raster[raster_start[s] : raster_start[s + 1]], ascending
    bias: int64[neurons], 0 for scripted neurons
    threshold: of every other neuron
    """

    name: str
    core: np.ndarray
    start: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    dense: bool
    scripted: np.ndarray
    raster_start: np.ndarray
    raster: np.ndarray
    bias: np.ndarray
    threshold: int

    @property
    def neurons(self) -> int:
        return len(self.core)

    @property
    def synapses(self) -> int:
        return len(self.target)

    @property
    def steps(self) -> int:
        """Number of steps that the raster covers."""
        return len(self.raster_start) - 1


def case(name: str, steps: int, seed: int = 0, scale: float = 1.0) -> Case:
    """The case of that name with a raster for `steps` steps; scale < 1 shrinks layers and fan-outs for smoke tests.

    The network depends on (name, seed, scale) only, the first steps of the raster do not depend on `steps`, and fc
    and fc4 have the same weights and raster.
    """
    if name not in NAMES:
        raise ValueError(f"unknown case {name!r}; one of {', '.join(NAMES)}")
    if name.startswith("fc"):
        return _fully_connected(name, steps, seed, scale)
    return _recurrent(name, steps, seed, scale)


def _random(seed: int, stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, stream]))


def _fully_connected(name: str, steps: int, seed: int, scale: float) -> Case:
    inputs, hidden, outputs = max(4, round(784 * scale)), max(4, round(1000 * scale)), 10
    active = max(1, round(75 * scale))
    first_hidden, first_output = inputs, inputs + hidden
    neurons = first_output + outputs

    hidden_cores = CORES_PER_TILE if name == "fc4" else 1
    core = np.empty(neurons, np.int64)
    core[:first_hidden] = 0
    core[first_hidden:first_output] = CORES_PER_TILE + np.arange(hidden) * hidden_cores // hidden
    core[first_output:] = 2 * CORES_PER_TILE

    fan_out = np.concatenate([np.full(inputs, hidden), np.full(hidden, outputs), np.zeros(outputs, np.int64)])
    start = np.concatenate([[0], np.cumsum(fan_out)]).astype(np.int64)
    target = np.concatenate(
        [np.tile(np.arange(first_hidden, first_output), inputs), np.tile(np.arange(first_output, neurons), hidden)]
    )
    weight = _random(seed, 1).integers(SMALLEST_WEIGHT, LARGEST_WEIGHT, len(target), endpoint=True)

    random = _random(seed, 2)
    rows = [np.sort(random.choice(inputs, active, replace=False, shuffle=False)) for _ in range(steps)]
    return Case(
        name=name,
        core=core,
        start=start,
        target=target.astype(np.int32),
        weight=weight.astype(np.int16),
        dense=True,
        scripted=np.arange(neurons) < inputs,
        raster_start=np.arange(steps + 1, dtype=np.int64) * active,
        raster=np.concatenate([np.empty(0, np.int32), *rows]).astype(np.int32),
        bias=np.zeros(neurons, np.int64),
        threshold=max(1, round(FC_THRESHOLD * scale)),
    )


def _recurrent(name: str, steps: int, seed: int, scale: float) -> Case:
    per_core, fan_out = max(2, round(128 * scale)), max(8, round(128 * scale))
    neurons = CORES * per_core
    core = np.repeat(np.arange(CORES, dtype=np.int64), per_core)
    random = _random(seed, 3)
    if name == "sparse":
        chosen = [random.choice(neurons, fan_out, replace=False, shuffle=False) for _ in range(neurons)]
        target = np.sort(np.array(chosen), axis=1)
    else:
        few = 8  # destination cores of a neuron
        each = min(per_core, max(1, fan_out // few))
        fan_out = few * each
        target = np.empty((neurons, fan_out), np.int64)
        for n in range(neurons):
            cores = random.choice(CORES, few, replace=False, shuffle=False)
            within = random.random((few, per_core), np.float32).argpartition(each - 1, axis=1)[:, :each]
            target[n] = (cores[:, np.newaxis] * per_core + within).ravel()
        target.sort(axis=1)  # by core as well, since the cores hold consecutive neurons
    magnitude = random.integers(1, SPARSE_WEIGHT, target.size, endpoint=True)
    sign = random.integers(0, 1, target.size, endpoint=True) * 2 - 1
    return Case(
        name=name,
        core=core,
        start=np.arange(neurons + 1, dtype=np.int64) * fan_out,
        target=target.ravel().astype(np.int32),
        weight=(magnitude * sign).astype(np.int16),
        dense=False,
        scripted=np.zeros(neurons, bool),
        raster_start=np.zeros(steps + 1, np.int64),
        raster=np.empty(0, np.int32),
        bias=random.integers(20, 100, neurons, endpoint=True),
        threshold=SPARSE_THRESHOLD,
    )


def place_of(core: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Column (x, to the east) and row (y) of the tiles that hold these cores."""
    tile = core // CORES_PER_TILE
    return tile % COLUMNS, tile // COLUMNS


def fan_out(net: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What one spike of each neuron causes: synaptic events, messages (one per destination core), hops between tiles.

    Three times int64[neurons]. Hops are those of unicast messages on shortest paths; a message within a tile has none.
    """
    pre = np.repeat(np.arange(net.neurons), np.diff(net.start))
    pairs = np.unique(pre * CORES + net.core[net.target])
    source, destination = pairs // CORES, pairs % CORES
    (x0, y0), (x1, y1) = place_of(net.core[source]), place_of(destination)
    distance = np.abs(x0 - x1) + np.abs(y0 - y1)
    messages = np.bincount(source, minlength=net.neurons)
    hops = np.bincount(source, weights=distance, minlength=net.neurons).astype(np.int64)
    return np.diff(net.start), messages, hops


def spikes_of(net: Case, steps: int) -> Iterator[np.ndarray]:
    """The neurons that fire in each of the first `steps` steps, ascending: the oracle, in plain numpy."""
    potential = np.zeros(net.neurons, np.int64)
    arriving = np.zeros(net.neurons, np.int64)
    listens = ~net.scripted
    for step in range(steps):
        potential[listens] += net.bias[listens] + arriving[listens]
        fires = listens & (potential >= net.threshold)
        potential[fires] = 0
        fires[net.raster[net.raster_start[step] : net.raster_start[step + 1]]] = True
        fired = np.flatnonzero(fires)
        rows = [slice(net.start[n], net.start[n + 1]) for n in fired]
        if rows:
            targets = np.concatenate([net.target[row] for row in rows])
            weights = np.concatenate([net.weight[row] for row in rows])
            # Sums of int16 in doubles: exact.
            arriving = np.bincount(targets, weights=weights, minlength=net.neurons).astype(np.int64)
        else:
            arriving = np.zeros(net.neurons, np.int64)
        yield fired


def expected(net: Case, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spikes, synaptic events and messages of each step: three times int64[steps].

    A synaptic event and a message belong to the step in which the pre neuron fires; the soma of the target sees the
    weight in the step after. Messages are (spike, destination core) pairs.
    """
    events, messages, _ = fan_out(net)
    fired = list(spikes_of(net, steps))
    return (
        np.array([len(f) for f in fired], np.int64),
        np.array([events[f].sum() for f in fired], np.int64),
        np.array([messages[f].sum() for f in fired], np.int64),
    )
