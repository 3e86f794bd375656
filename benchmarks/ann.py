"""The ANN that SSNN-BP approaches with long trains: clipped ReLU, softmax cross-entropy, batch 1, plain gradient steps.

`python benchmarks/ann.py --data mnist --epochs 10 --eta 0.0146 --halvings 4`. Same network, same order of samples and
same halvings as the rule on the chip (specs/tuning.md, section 4), in float32 and without spikes: what is lost against
it is the price of spikes. Prints the accuracy on the whole test set after the last presentation, one line a seed.
"""

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from neurosim.data.datasets import load_dataset
from neurosim.data.order import presentations

Floats = NDArray[np.float32]

compiled = numba.njit(nogil=True, fastmath=True)

NEVER = np.float32(3e38)  # a clip that no drive reaches


@dataclass
class Net:
    """Weights [pre, post] and biases [post] of each layer."""

    weights: list[Floats]
    biases: list[Floats]


def new_net(sizes: tuple[int, ...], seed: int) -> Net:
    """Weights N(0, sqrt(2 / inputs)), of the output N(0, sqrt(1 / inputs)), as B.6 has them; biases 0."""
    rng = np.random.default_rng(seed)
    gains = [2.0] * (len(sizes) - 2) + [1.0]
    shapes = zip(gains, sizes[:-1], sizes[1:], strict=True)
    weights = [rng.normal(0, np.sqrt(gain / pre), (pre, post)).astype(np.float32) for gain, pre, post in shapes]
    return Net(weights, [np.zeros(post, np.float32) for post in sizes[1:]])


@compiled
def add_rows(total: Floats, weights: Floats, pre: Floats) -> None:
    """total[j] += sum over i of pre[i] x weights[i, j]; most pixels are 0."""
    for i in range(pre.size):
        if pre[i] != 0:
            total += pre[i] * weights[i]


@compiled
def clip(values: Floats, most: float) -> None:
    """The transfer function, in place."""
    for j in range(values.size):
        values[j] = min(max(values[j], np.float32(0)), most)


@compiled
def softmax(values: Floats) -> None:
    """In place."""
    values -= values.max()
    for k in range(values.size):
        values[k] = np.exp(values[k])
    values /= values.sum()


@compiled
def ask(asked: Floats, weights: Floats, delta: Floats, fired: Floats, most: float, gate: int) -> None:
    """The layer's errors, label minus guess carried down, through the derivative of the clip.

    With gate 2, a saturated neuron may still be pushed down.
    """
    for i in range(asked.size):
        total = np.float32(0)
        for j in range(delta.size):
            total += weights[i, j] * delta[j]
        inside = fired[i] > 0 and fired[i] < most
        down = gate == 2 and fired[i] >= most and total < 0
        asked[i] = total if inside or down else np.float32(0)


@compiled
def descend(weights: Floats, biases: Floats, pre: Floats, delta: Floats, eta: float) -> None:
    """One gradient step of a layer."""
    for i in range(pre.size):
        if pre[i] != 0:
            weights[i] += eta * pre[i] * delta
    biases += eta * delta


@compiled
def guess(weights: Any, biases: Any, fired: Any, most: float) -> None:
    """fired[0] holds the pixels; fills in the hidden activities and, last, the softmax."""
    last = len(weights) - 1
    for q in range(len(weights)):
        fired[q + 1][:] = biases[q]
        add_rows(fired[q + 1], weights[q], fired[q])
        if q < last:
            clip(fired[q + 1], most)
    softmax(fired[last + 1])


@compiled
def train(weights: Any, biases: Any, fired: Any, delta: Any, images: Any, labels: Any, order: Any, etas: Floats,
          most: float, gate: int) -> None:  # fmt: skip
    """One step a presentation. fired and delta: a vector for each population."""
    last = len(weights)
    for n in range(order.size):
        fired[0][:] = images[order[n]] / np.float32(256)
        guess(weights, biases, fired, most)
        delta[last][:] = -fired[last]
        delta[last][labels[order[n]]] += np.float32(1)
        for p in range(last - 1, 0, -1):
            ask(delta[p], weights[p], delta[p + 1], fired[p], most, gate)
        for q in range(last):
            descend(weights[q], biases[q], fired[q], delta[q + 1], etas[n])


@compiled
def hits(weights: Any, biases: Any, fired: Any, images: Any, labels: Any, most: float) -> int:
    """Test samples whose largest output is the label's."""
    right = 0
    for n in range(labels.size):
        fired[0][:] = images[n] / np.float32(256)
        guess(weights, biases, fired, most)
        right += np.argmax(fired[len(weights)]) == labels[n]
    return right


def rates(total: int, eta: float, halvings: int) -> Floats:
    """Learning rate of each presentation: `halvings` halvings that cut the run into equal parts."""
    return (eta * 0.5 ** (np.arange(total) * (halvings + 1) // max(total, 1))).astype(np.float32)


def run(data: str, hidden: tuple[int, ...], total: int, eta: float, halvings: int, gate: int, clipped: bool,
        seed: int) -> float:  # fmt: skip
    """Train and test: accuracy in percent."""
    d = load_dataset(data)
    images = d.train_images.reshape(len(d.train_images), -1)
    sizes = (images.shape[1], *hidden, len(d.classes))
    net, most = new_net(sizes, seed), np.float32(1) if clipped else NEVER
    fired, delta = ([np.zeros(n, np.float32) for n in sizes] for _ in range(2))
    lists = [numba.typed.List(vectors) for vectors in (net.weights, net.biases, fired, delta)]
    order = presentations(len(images), total, seed, 0, total)
    train(*lists, images, d.train_labels, order, rates(total, eta, halvings), most, gate)
    test = d.test_images.reshape(len(d.test_images), -1)
    return 100 * hits(*lists[:3], test, d.test_labels, most) / len(test)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", default="embedded", help="embedded, mnist, fashion ...")
    add("--hidden", default="200", help="hidden layers, as 200 or 200-100")
    add("--epochs", type=float, default=6)
    add("--presentations", type=int, help="instead of epochs")
    add("--eta", type=float, default=0.03)
    add("--halvings", type=int, default=3)
    add("--gate", type=int, choices=(0, 2), default=2)
    add("--unclipped", action="store_true", help="an ordinary ReLU")
    add("--seeds", type=int, default=1)
    o = parser.parse_args()
    hidden = tuple(int(n) for n in o.hidden.split("-"))
    total = o.presentations or round(o.epochs * len(load_dataset(o.data).train_images))
    transfer = "ReLU" if o.unclipped else f"clipped ReLU, gate {o.gate}"
    for seed in range(o.seeds):
        began = time.process_time()
        accuracy = run(o.data, hidden, total, o.eta, o.halvings, o.gate, not o.unclipped, seed)
        print(
            f"{o.data}, {o.hidden} hidden, {transfer}, {total} presentations, eta {o.eta:g} halved {o.halvings} "
            f"times, seed {seed}: {accuracy:.2f} % ({time.process_time() - began:.0f} CPU s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
