"""Placement: (Network, Chip, rule) -> Image. Checks that everything fits, proves ranges, builds the tables."""

from types import ModuleType
from typing import Any

import numpy as np

from neurosim.chip import Chip
from neurosim.errors import ConfigError, PlacementError
from neurosim.generator import generators, no_generators
from neurosim.image import Image
from neurosim.learning import Formats
from neurosim.locality import constants_of
from neurosim.network import ENCODERS, Network
from neurosim.neuron import COMPOSITE, SPIKING, accumulate_float32, load_neuron
from neurosim.partition import partition
from neurosim.tables import Part, hardware, kinds, program, routes, slice_table

__all__ = ["formats", "place"]

MOST_STEPS = 4096  # of a sample, with an online rule


def formats(chip: Chip) -> Formats:
    """The number formats of a chip."""
    core, learning = chip.core, chip.core.learning
    return Formats(
        weight_bits=core.synapse.weight_bits,
        weight_fraction_bits=core.synapse.weight_fraction_bits,
        membrane_bits=core.neuron.membrane_bits,
        trace_bits=learning.trace_bits,
        trace_fraction_bits=learning.trace_fraction_bits,
        error_bits=learning.error_bits,
        rate_fraction_bits=learning.rate_fraction_bits,
        random_bits=learning.random_bits,
        stochastic=learning.rounding == "stochastic",
        backward=learning.backward,
    )


def _prove_ranges(network: Network, chip: Chip, rule_limit: int, threshold: int, factor: int) -> None:
    """Sums fit their words. `factor`: the largest by which an error is multiplied on its way down."""
    core, problems = chip.core, []
    highest = 2 ** (core.neuron.membrane_bits - 1) - 1
    if not 1 <= threshold <= highest:
        problems.append(
            f"membranes: the threshold is {threshold} in their units, "
            f"core.neuron.membrane_bits = {core.neuron.membrane_bits} allows 1 to {highest}"
        )
    for projection in network.projections:
        pre, post = network.populations[projection.pre], network.populations[projection.post]
        need = (pre.size * rule_limit).bit_length() + 1
        if need > core.accumulator.bits:
            problems.append(
                f"accumulators: {pre.size} weights into '{post.name}' can sum to {need} bits, "
                f"core.accumulator.bits is {core.accumulator.bits}"
            )
        need = (post.size * rule_limit * factor).bit_length() + 1
        if projection.pre > 0 and need > core.learning.error_bits:
            problems.append(
                f"error sums: {post.size} weights back to '{pre.name}' can sum to {need} bits, "
                f"core.learning.error_bits is {core.learning.error_bits}"
            )
        if projection.pre > 0 and core.mirrors and need > core.accumulator.bits:
            problems.append(
                f"error sums: {post.size} weights back to '{pre.name}' can sum to {need} bits, and mirrored copies sum "
                f"in the accumulators: core.accumulator.bits is {core.accumulator.bits} (give them more, or "
                "take another core.learning.backward)"
            )
    if problems:
        raise PlacementError("\n".join(problems))


def _check_learning(chip: Chip, rule: ModuleType, settings: Any) -> None:
    core, problems = chip.core, []
    name = rule.__name__.rpartition(".")[2]
    card = rule.card(formats(chip), settings)
    if name not in core.learning.circuits:
        circuits = ", ".join(core.learning.circuits) or "none"
        problems.append(
            f"rule '{name}' needs its circuit on the core; core.learning.circuits has: {circuits}"
        )
    if card.history_bits > core.learning.history_bits:
        problems.append(
            f"spike history: the rule stores {card.history_bits} slots, "
            f"core.learning.history_bits is {core.learning.history_bits}"
        )
    need = card.neuron_bits + core.neuron.membrane_bits
    if need > core.neuron.word_bits:
        have = core.neuron.word_bits
        problems.append(f"neuron word: {need} bits of state, core.neuron.word_bits is {have}")
    row = (core.synapse.words - 1).bit_length() + (core.neuron.entries - 1).bit_length()  # address, length
    need = row + card.bits("axon") + card.bits("copied axon")
    if need > core.axon.entry_bits:
        kept = ", history and the symbol of a mirrored row" if card.bits("copied axon") else " and history"
        problems.append(
            f"axon entry: row address, row length{kept} take {need} bits, "
            f"core.axon.entry_bits is {core.axon.entry_bits}"
        )
    if problems:
        raise PlacementError("\n".join(problems))


def _fitting_neuron(network: Network, rule: ModuleType) -> ModuleType:
    """The soma circuit of the network, if the rule can learn with it and with its input neurons."""
    if rule.SCHEDULE == "event":
        raise ConfigError(f"rule {rule.__name__.rpartition('.')[2]} learns event by event, on sequenced cores (odin)")
    name, encoder = network.populations[-1].neuron, network.populations[0].neuron
    neuron, title = load_neuron(name), rule.__name__.rpartition(".")[2]
    wanted, example = (COMPOSITE, "composite") if rule.SCHEDULE == "online" else (SPIKING, "lif")
    if tuple(neuron.STATE) != wanted:
        raise ConfigError(
            f"neuron: rule {title} learns with neurons that keep {', '.join(wanted)} (such as {example}), "
            f"{name} keeps {', '.join(neuron.STATE)}"
        )
    if rule.SCHEDULE == "online" and encoder == "accumulate_float32":
        raise ConfigError(f"encoder: rule {title} takes accumulate, bernoulli or regular, got {encoder}")
    return neuron


def _check_steps(chip: Chip, steps: int, online: bool, drop: list[int]) -> None:
    """Steps of a sample that counters and trains hold; no dropout where neurons keep no bit for it."""
    if online:
        if steps > MOST_STEPS:
            raise PlacementError(f"settings.steps: expected at most {MOST_STEPS} time steps a sample, got {steps}")
        if any(drop):
            raise ConfigError("dropout: expected 0, a composite neuron has no keep bit")
        return
    history = chip.core.learning.history_bits
    most = min(60, 2 ** history.bit_length() - 1)
    if steps > most:
        raise PlacementError(
            f"settings.steps: expected at most {most} time steps a sample (the spike counter has the bits of "
            f"core.learning.history_bits = {history}), got {steps}"
        )


def _check_group(network: Network, parts: list[Part]) -> None:
    """A winner-take-all group is one circuit."""
    cores = sorted({part.core for part in parts if part.population == len(network.sizes) - 1})
    if len(cores) > 1:
        raise PlacementError(
            f"population '{network.populations[-1].name}': a winner-take-all group must lie on one core, "
            f"placement takes {len(cores)} ({', '.join(map(str, cores))})"
        )


def _routers(chip: Chip, parts: list[Part]) -> int:
    """Routers in use: those of occupied cores, and the host's."""
    return len({part.core // chip.noc.cores_per_router for part in parts} | {chip.host.router})


def _byte(name: str, probability: float) -> int:
    """A dropout probability in 256ths: a neuron is silent if a random byte lies below."""
    if not (probability >= 0 and round(probability * 256) < 256):
        raise ConfigError(f"{name}: expected at least 0 and less than 511/512, got {probability:g}")
    return round(probability * 256)


def place(
    network: Network,
    chip: Chip,
    rule: ModuleType,
    settings: Any = None,
    *,
    dropout_input: float = 0.0,
    dropout_hidden: float = 0.0,
    learning: bool = True,
    random: str = "lfsr",
) -> Image:
    """Place `network` on `chip` for `rule` (its `settings` in real units; None: the rule's defaults).

    `learning=False` places for inference only: the chip then needs no learning circuit. `random` names what an
    online rule draws from: `lfsr`, or `xorshift` for recorded vectors (generator.py).
    Raises ConfigError for a setting that no chip can hold, and PlacementError with everything that does not
    fit, naming memory, need and capacity.
    """
    settings = rule.Settings() if settings is None else settings
    form, online = formats(chip), rule.SCHEDULE == "online"
    constants = constants_of(rule, settings, form)
    card = rule.card(form, settings)
    neuron = _fitting_neuron(network, rule)
    sizes = np.array(network.sizes, np.int64)
    drop = [_byte("dropout_input", dropout_input)]
    drop += [_byte("dropout_hidden", dropout_hidden)] * (len(sizes) - 2) + [0]
    counter = settings.steps.bit_length() if online else chip.core.learning.history_bits.bit_length()
    _check_steps(chip, settings.steps, online, drop)
    if learning:
        _check_learning(chip, rule, settings)
    else:  # no copies of weights that nobody learns
        circuits = chip.core.learning.model_copy(update={"circuits": ()})
        chip = chip.model_copy(update={"core": chip.core.model_copy(update={"learning": circuits})})
    low, high = int(constants.weight_min), int(constants.weight_max)
    threshold = constants.one if online else round(settings.threshold * 2**form.weight_fraction_bits)
    _prove_ranges(network, chip, max(-low, high), threshold, 1 if online else settings.steps)
    parts = partition(network, chip)
    if online:
        _check_group(network, parts)
    if random == "xorshift" and (not online or constants.pipeline or len(parts) > len(network.sizes)):
        raise ConfigError("random: xorshift is one generator for the whole chip: it needs an online rule without "
                          "pipeline, and populations that lie on one core each")  # fmt: skip
    slices = slice_table(network, chip, parts, form)
    ports, slices = routes(network, chip, slices, card)
    if len(ports) > 2**chip.noc.header_bits:
        raise PlacementError(
            f"destinations: {len(ports)} nodes and multicast sets, noc.header_bits = {chip.noc.header_bits} can "
            f"name {2**chip.noc.header_bits}"
        )
    kind_table = kinds(network, chip, slices, card, counter, online)
    leak, encoder = settings.filter_shift if online else settings.leak_shift, network.populations[0].neuron
    used = sorted({part.core for part in parts})
    return Image(
        name=f"{'-'.join(map(str, network.sizes))} on {chip.name}",
        hardware=hardware(chip, settings.steps, threshold, leak, ENCODERS.index(encoder), _routers(chip, parts)),
        sizes=sizes,
        slices=slices,
        ports=ports,
        kinds=kind_table,
        program=program(network, chip, slices, kind_table, online),
        whole=np.array([np.sum(slices.population == q + 1) == 1 for q in range(len(sizes) - 1)]),
        drop=np.array(drop, np.int64),
        trains=accumulate_float32.spike_trains(0 if online else settings.steps),
        amplitude=np.array([round(65536 / (256 - d)) for d in drop], np.int64),
        neuron=neuron,
        rule=rule,
        constants=constants,
        formats=form,
        weight_limits=(low, high),
        generators=generators(random, chip.cores, used) if online else no_generators(chip.cores),
        noise=neuron.noise(constants.one) if online else np.zeros(0, np.int64),
    )
