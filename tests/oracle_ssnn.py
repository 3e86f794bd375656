"""Integer oracle of SSNN-BP, written from specs/local_rules.md part B alone.

Plain numpy integers, one sample at a time, any number of layers. Nothing is shared with the package: the engines are
held against it. `tests/silicon` checks it against recorded vectors, which settled what the text leaves open.

Weights are integers W[post, pre] in units of 2^-fraction. Populations are numbered from the input (0) to the output
(L); weight layer q leads from population q to population q + 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bits = NDArray[np.bool_]

GUARD = 4  # bits of a membrane below those of a weight
FULL = 256  # values of a random byte, and the pixel that would fire in every step


class Source(Protocol):
    """Where random bytes come from. What they are for is named, so that bytes recorded elsewhere can be replayed."""

    def draw(self, use: str, population: int, step: int, neurons: Ints) -> Ints:
        """One byte 0..255 for each of `neurons`; `use` is input, fire, winner, dither, learn or line."""
        ...


@dataclass(frozen=True)
class Setting:
    """What stays the same for a sample. Steps, warm and shifts as in B.3 and B.6."""

    steps: int = 16  # T: winners that a sample has
    warm: int = 2  # steps of the output without learning
    fraction: int = 9  # fw
    shift: int = 3  # k, the slowest filter
    limit: int = 2 << 9  # wmax, in units of a weight
    word: int = 62  # bits of a weight, which may cut the upper limit to 2^(word - 1) - 1
    membrane: int = 62  # bits of a membrane
    stride: int = 1  # units by which a coincidence moves a weight, where weights are finer than the rule asks for
    gate: int = 0  # 0: the derivative of the clipped ReLU; 2: a saturated neuron may still be pushed down
    dither: bool = False  # B starts at random and fires at half theta
    regular: bool = False  # pixels accumulate from a random phase, instead of one draw a step
    halvings: int = 0  # a pre line takes part in learning with probability 2^-halvings, that of a bias as well
    pipeline: bool = False  # one step of delay a layer, as between cores

    @property
    def one(self) -> int:
        """A membrane of 1.0."""
        return 1 << (self.fraction + GUARD)

    @property
    def theta(self) -> int:
        """A backward accumulator of 1.0."""
        return 1 << self.fraction


@dataclass
class Net:
    """Integer weights [post, pre] and biases [post] of each layer; learning changes them in place."""

    weights: list[Ints]
    biases: list[Ints]


@dataclass
class Record:
    """What happened in a sample. Steps are those of the machine: T, or T + L in a pipeline."""

    counts: Ints  # winner counts int[outputs]
    membrane: Ints  # of the outputs, at the end
    spikes: list[Bits]  # bool[steps, neurons] of each population; the outputs' are the winners
    symbols: list[Ints]  # -1, 0, 1 as int[steps, neurons] of each population; the inputs' are empty
    fired: list[Ints]  # the same before the gate, of the hidden populations


def gumbel(c: Setting) -> Ints:
    """Noise of the winner-take-all for each byte, in units of a membrane (B.3)."""
    return np.round(-np.log(-np.log((np.arange(FULL) + 0.5) / FULL)) * c.one).astype(np.int64)


def filter_shift(u: int, c: Setting) -> int:
    """A running mean at first, then an exponential average: min(k, floor(log2(u + 1)))."""
    return min(c.shift, (u + 1).bit_length() - 1)


def gates(membrane: Ints, c: Setting) -> tuple[Bits, Bits]:
    """Whether a neuron lets a positive, and a negative, backward spike through."""
    linear = (membrane > 0) & (membrane < c.one)
    return linear, linear | ((membrane >= c.one) & (c.gate == 2))


def start(phase: Ints, c: Setting) -> Ints:
    """Backward accumulators at the start of a sample, from a byte each: -theta/2 <= B < theta/2."""
    return ((phase * c.theta) >> 8) - c.theta // 2


def backward(total: Ints, membrane: Ints, c: Setting) -> tuple[Ints, Ints, Ints]:
    """(accumulator after firing, what fired, symbol sent) of hidden neurons (B.4). A gated spike is lost."""
    if c.dither:
        fire = (total >= c.theta // 2).astype(np.int64) - (total < -c.theta // 2)
    else:
        fire = (total >= c.theta).astype(np.int64) - (total <= -c.theta)
    kept = np.clip(total - fire * c.theta, -4 * c.theta, 4 * c.theta)
    up, down = gates(membrane, c)
    return kept, fire, np.where(fire > 0, fire * up, fire * down)


def step_weights(weights: Ints, change: Ints, c: Setting) -> None:
    """One step up or down where `change` says so, saturating (B.5)."""
    widest = 1 << (c.word - 1)
    weights[:] = np.clip(weights + change * c.stride, max(-c.limit, -widest), min(c.limit, widest - 1))


class Sample:
    """One sample on its way through the net: the registers of all populations, and the record."""

    def __init__(self, net: Net, values: NDArray[np.uint8], label: int, c: Setting, source: Source) -> None:
        self.net, self.values, self.label, self.c, self.source = net, values.astype(np.int64), label, c, source
        self.sizes = [len(values), *(len(w) for w in net.weights)]
        self.last = len(net.weights)
        self.delay = int(c.pipeline)
        self.steps = c.steps + self.last * self.delay
        self.noise = gumbel(c)
        self.phase = self.dealt("input", 0, 0, values > 0) if c.regular else np.zeros(len(values), np.int64)
        self.membrane = [np.zeros(n, np.int64) for n in self.sizes]
        self.error = [np.zeros(n, np.int64) for n in self.sizes]  # B
        if c.dither:
            for p in range(1, self.last):
                self.error[p] = start(self.dealt("dither", p, 0, np.ones(self.sizes[p], bool)), c)
        self.line = [np.zeros(n, bool) for n in self.sizes]  # spikes that a population shows to the next
        self.learn = [np.ones(n, bool) for n in self.sizes]  # the learning bit of each such line
        self.bias_learns = [np.ones(n, bool) for n in self.sizes]  # and of the line of each bias
        self.drive = [np.zeros(n, np.int64) for n in self.sizes]  # weights of the spikes that arrived
        self.heard = list(self.line)  # those of these spikes that may learn, by the population that fired them
        self.asked = [np.zeros(n, np.int64) for n in self.sizes]  # weighted symbols on their way down
        self.record = Record(
            np.zeros(self.sizes[-1], np.int64),
            self.membrane[-1],
            [np.zeros((self.steps, n), bool) for n in self.sizes],
            [np.zeros((self.steps, n), np.int64) for n in self.sizes],
            [np.zeros((self.steps, n), np.int64) for n in self.sizes],
        )

    def dealt(self, use: str, population: int, step: int, where: Bits) -> Ints:
        """A byte for each neuron that is true in `where`, 0 elsewhere."""
        dealt, neurons = np.zeros(len(where), np.int64), np.flatnonzero(where)
        dealt[neurons] = self.source.draw(use, population, step, neurons)
        return dealt

    def encode(self, n: int) -> Bits:
        """Input spikes of step n; an input of 0 draws nothing."""
        if self.c.regular:
            self.phase += self.values
            fired = self.phase >= FULL
            self.phase[fired] -= FULL
            return fired
        return self.dealt("input", 0, n, self.values > 0) < self.values

    def integrate(self, p: int, n: int) -> Bits:
        """Spikes of population p in step n, of the output the winner, from what has arrived."""
        c, u = self.c, n - p * self.delay
        drive = self.drive[p] + self.net.biases[p - 1]
        filtered = self.membrane[p] + (((drive << GUARD) - self.membrane[p]) >> filter_shift(u, c))
        self.membrane[p][:] = np.clip(filtered, -(1 << (c.membrane - 1)), (1 << (c.membrane - 1)) - 1)
        use = "winner" if p == self.last else "fire"
        drawn = self.dealt(use, p, n, np.ones(self.sizes[p], bool))
        if p < self.last:
            return (self.membrane[p] >> (c.fraction + GUARD - 8)) > drawn
        return np.arange(self.sizes[p]) == np.argmax(self.membrane[p] + self.noise[drawn])

    def forward(self, n: int) -> None:
        """All populations fire. In a pipeline from the output down: each hears what was sent in the step before.

        A row of weights is read when its spike arrives: in a pipeline before the weights move in that step.
        """
        for p in range(self.last, -1, -1) if self.c.pipeline else range(self.last + 1):
            if p > 0 and not self.c.pipeline:
                self.arrive(p)
            if n >= p * self.delay:
                self.line[p] = self.encode(n) if p == 0 else self.integrate(p, n)
                self.record.spikes[p][n] = self.line[p]
            if p > 0:
                self.heard[p - 1] = self.line[p - 1] & self.learn[p - 1]
            self.teach(p, n)
        for p in range(1, self.last + 1) if self.c.pipeline else ():
            self.arrive(p)

    def arrive(self, p: int) -> None:
        """The spikes of the population below reach population p."""
        self.drive[p] = self.net.weights[p - 1] @ self.line[p - 1].astype(np.int64)

    def teach(self, p: int, n: int) -> None:
        """Who may learn: a bit for each line that spikes, and for that of each bias."""
        mask = (1 << self.c.halvings) - 1
        if mask and n >= p * self.delay:
            if p < self.last:
                self.learn[p] = (self.dealt("learn", p, n, self.line[p]) & mask) == 0
            if p > 0:
                self.bias_learns[p] = (self.dealt("line", p, n, np.ones(self.sizes[p], bool)) & mask) == 0

    def errors(self, n: int) -> None:
        """Symbols of all populations, the output's from winner and label; with weights that have not moved yet."""
        top, u = self.record.symbols[self.last][n], n - self.last * self.delay
        if u >= 0:
            winner = self.line[self.last]
            self.record.counts += winner
            if u >= self.c.warm:
                top[:] = (np.arange(len(winner)) == self.label).astype(np.int64) - winner
        order = range(1, self.last) if self.c.pipeline else range(self.last - 1, 0, -1)
        for p in order:
            if not self.c.pipeline:
                self.ask(p, n)
            total = self.error[p] + self.asked[p]
            self.error[p], self.record.fired[p][n], symbols = backward(total, self.membrane[p], self.c)
            self.record.symbols[p][n] = symbols
        if self.c.pipeline:
            for p in order:
                self.ask(p, n)

    def ask(self, p: int, n: int) -> None:
        """What the symbols of population p + 1 in step n bring to population p."""
        self.asked[p] = self.record.symbols[p + 1][n] @ self.net.weights[p]

    def update(self, n: int) -> None:
        """Coincidences of step n (B.5). A bias has a pre line that always fires."""
        for q, (weights, biases) in enumerate(zip(self.net.weights, self.net.biases, strict=True)):
            symbols = self.record.symbols[q + 1][n]
            step_weights(weights, np.outer(symbols, self.heard[q]), self.c)
            step_weights(biases, symbols * self.bias_learns[q + 1], self.c)


def present(
    net: Net, values: NDArray[np.uint8], label: int, c: Setting, source: Source, learn: bool = True
) -> Record:
    """One sample; if `learn`, the net learns in every step. Without learning there are no symbols either."""
    sample = Sample(net, values, label, c, source)
    for n in range(sample.steps):
        sample.forward(n)
        if learn:
            sample.errors(n)
            sample.update(n)
        elif n >= sample.last * sample.delay:
            sample.record.counts += sample.line[sample.last]
    return sample.record


class Xorshift:
    """The generator of the recorded vectors: bytes in the order in which they are asked for."""

    _WORD = (1 << 64) - 1

    def __init__(self, seed: int) -> None:
        self._state = (seed * 2654435761 + 88172645463325252) & self._WORD
        self._bytes: list[int] = []
        for _ in range(20):
            self._next()

    def _next(self) -> int:
        x = self._state
        x ^= (x << 13) & self._WORD
        x ^= x >> 7
        x ^= (x << 17) & self._WORD
        self._state = x
        return x

    def draw(self, use: str, population: int, step: int, neurons: Ints) -> Ints:
        while len(self._bytes) < len(neurons):
            self._bytes.extend((self._next() >> 32).to_bytes(4, "little"))
        drawn, self._bytes = self._bytes[: len(neurons)], self._bytes[len(neurons) :]
        return np.array(drawn, np.int64)


def random_net(sizes: Sequence[int], c: Setting, rng: np.random.Generator) -> Net:
    """Initial weights of B.6: N(0, sqrt(2 / inputs)), for the output N(0, sqrt(1 / inputs)); biases 0."""
    weights = []
    for q, (pre, post) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        spread = np.sqrt((1 if q == len(sizes) - 2 else 2) / pre)
        drawn = np.round(rng.normal(0, spread, (post, pre)) * c.theta).astype(np.int64)
        weights.append(np.clip(drawn, -c.limit, c.limit))
    return Net(weights, [np.zeros(n, np.int64) for n in sizes[1:]])
