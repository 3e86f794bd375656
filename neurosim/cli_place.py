"""The commands that place a network and run a few samples of it: `neurosim place`, `neurosim verify`."""

from typing import TYPE_CHECKING, Any

import click

from neurosim.cli_options import (
    BACKWARD,
    COUNT,
    chip_option,
    data_dir_option,
    dataset_option,
    encoder_option,
    network_option,
    neuron_option,
    options_of,
    rule_option,
    seed_option,
    set_option,
)
from neurosim.errors import ConfigError, PlacementError
from neurosim.screen import show

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from neurosim.engine.verify import Difference
    from neurosim.sequenced import SequencedChip
    from neurosim.sequenced_job import SequencedJob

__all__ = ["place", "verify"]


@click.command()
@options_of(chip_option, network_option, rule_option, encoder_option, neuron_option, set_option)
def place(chip: str, rule: str | None, overrides: tuple[str, ...], **parts: str | None) -> None:
    """Place a network on a chip: occupancy of every core, or what does not fit and why."""
    from neurosim.config import find_chip, split_overrides
    from neurosim.console import layer_table, occupancy_table
    from neurosim.partition import occupancy
    from neurosim.sequenced import SequencedChip

    found = find_chip(chip, split_overrides(overrides)["chip"])
    if isinstance(found, SequencedChip):
        title, rows, digest = _layer(found, rule, overrides, **parts)
        show(layer_table(title, rows))
        click.echo(f"image digest: {digest}")
        return
    image, placed, where, _ = _placed(chip, rule, overrides, **parts)
    show(occupancy_table(f"{placed.weights:,} synapses: {image.name}", occupancy(placed, where)))
    click.echo(f"image digest: {image.digest()}")


def _layer(
    chip: "SequencedChip", rule: str | None, overrides: tuple[str, ...], network: str | None, encoder: str | None,
    neuron: str | None,
) -> tuple[str, list[tuple[str, int, int]], str]:
    """A layer on a sequenced chip, whatever data it is for: title, rows of the table, digest."""
    from neurosim.config import default_rule, require_match, resolve_settings, split_overrides
    from neurosim.layer import layer_occupancy, programmed, require_layer
    from neurosim.learning import load_rule
    from neurosim.network import parse_sizes
    from neurosim.sequencer import build_sequencer
    from neurosim.workloads import workload_of

    parts = split_overrides(overrides)
    rule = rule or default_rule(chip)
    require_match(chip, rule, encoder, neuron, freeze=not chip.core.learning.circuits)
    sizes = parse_sizes(network or workload_of(load_rule(rule)).NETWORK)
    resolve_settings(sizes, rule, parts["settings"])
    require_layer(chip, sizes)
    digest = build_sequencer(programmed(chip, parts["chip"])).digest()
    return f"{'-'.join(map(str, sizes))} on {chip.name}", layer_occupancy(chip, sizes), digest


def _sequenced_job(
    chip: str, rule: str | None, overrides: tuple[str, ...], parts: "Mapping[str, str | None]", seed: int = 0
) -> "SequencedJob | None":
    """What these options mean on a sequenced chip: a job with random weights; None for a pipelined one."""
    from neurosim.config import SequencedConfig, find_chip, find_dataset, resolve, split_overrides
    from neurosim.learning import load_rule
    from neurosim.sequenced import SequencedChip
    from neurosim.sequenced_job import build_job
    from neurosim.workloads import workload_of

    where = find_chip(chip, split_overrides(overrides)["chip"])
    if not isinstance(where, SequencedChip):
        return None
    learns = bool(where.core.learning.circuits)
    frozen: dict[str, Any] = {} if learns else {"freeze": True, "weights": "none"}  # placed without being read
    config = resolve(chip, rule=rule, overrides=overrides, seed=seed, **frozen, **parts)  # type: ignore[arg-type]
    assert isinstance(config, SequencedConfig)
    data = find_dataset(config.dataset, config.data_dir)
    return build_job(config, workload_of(load_rule(config.rule)).view(data, config.sizes[0]), None)


def _placed(
    chip: str, rule: str | None, overrides: tuple[str, ...], network: str | None, encoder: str | None,
    neuron: str | None,
) -> tuple[Any, Any, Any, Any]:
    """Image, network, chip and training settings of these options."""
    from neurosim.config import (
        default_rule,
        dropout,
        find_chip,
        resolve_settings,
        rule_part,
        split_overrides,
        training_part,
    )
    from neurosim.learning import load_rule
    from neurosim.network import mlp, parse_sizes
    from neurosim.place import place as place_network
    from neurosim.sequenced import SequencedChip
    from neurosim.workloads import workload_of

    parts = split_overrides(overrides)
    where = find_chip(chip, parts["chip"])
    rule = rule or default_rule(where)
    module = load_rule(rule)
    if module.SCHEDULE == "event":
        raise ConfigError(f"rule: {rule} needs a sequenced core, such as --chip odin; {where.name} has pipelined cores")
    workload = workload_of(module)
    sizes = parse_sizes(network or workload.NETWORK)
    settings = resolve_settings(sizes, rule, parts["settings"])
    training = training_part(settings, module)
    placed = mlp(sizes, encoder=encoder or workload.ENCODER, neuron=neuron or workload.NEURON)
    assert not isinstance(where, SequencedChip)
    image = place_network(placed, where, module, rule_part(settings, module), **dropout(training))
    return image, placed, where, training


@click.command()
@click.argument("chips", nargs=-1, metavar="[CHIP]...")
@click.option("--network", metavar="SIZES", help="Layer sizes.  [default: the largest usual one that fits]")
@click.option("--rule", metavar="NAME|FILE", help="Learning rule.  [default: every one that a chip has a circuit for]")
@options_of(encoder_option, neuron_option, dataset_option, data_dir_option)
@click.option(
    "--samples", type=COUNT, default=2, show_default=True, help="Samples, each trained and tested."
)
@click.option(
    "--backward", type=click.Choice((*BACKWARD, "all")), help="How errors read the weights.  [default: the chip's]"
)
@options_of(seed_option, set_option)
@click.pass_context
def verify(
    ctx: click.Context, /, chips: tuple[str, ...], network: str | None, rule: str | None, encoder: str | None,
    neuron: str | None, samples: int, backward: str | None, seed: int, overrides: tuple[str, ...], **data: Any,
) -> None:  # fmt: skip
    """Run both engines on the same samples and compare everything: IDENTICAL, or the first difference.

    Without CHIP: every shipped chip that learns, with each of its rules, but those that cannot take the options.
    """
    from neurosim.config import find_dataset

    find_dataset(data["dataset"], data["data_dir"])
    found: list[str | None] = []
    ways = BACKWARD if backward == "all" else (backward,)
    rules = {chip: [rule] if rule else _circuits(chip) for chip in chips or _learners()}
    left_out: dict[str, None] = {}
    for chip, name, way in [(c, n, w) for c in rules for n in rules[c] for w in ways]:
        parts = {"network": network, "encoder": encoder, "neuron": neuron, **data}
        try:
            title, differences = _trial(chip, name, way, overrides, parts, samples, seed)
        except (ConfigError, PlacementError) as error:
            if chips:
                raise
            left_out[f"{chip}: left out: {str(error).replace(chr(10), '; ')}"] = None
            continue
        found.append(next((str(one) for one in differences if one is not None), None))
        click.echo(f"{title}: {found[-1] or 'IDENTICAL'}")
    for line in left_out:
        click.echo(line)
    if not found:
        raise ConfigError("verify: no shipped chip can take these options together; name the chip that you mean")
    ctx.exit(1 if any(found) else 0)


def _trial(
    chip: str, rule: str | None, way: str | None, overrides: tuple[str, ...], parts: dict[str, Any], samples: int,
    seed: int,
) -> tuple[str, "Iterator[Difference | None]"]:
    """What both engines are compared on, in words, and the differences of its parts, found one by one."""
    from neurosim.config import find_dataset, fitting_network, require_fit
    from neurosim.engine.verify import verify as first_difference
    from neurosim.network import parse_sizes
    from neurosim.session import trial_batches

    job = _sequenced_job(chip, rule, overrides, parts, seed)
    if job is not None:
        if way is not None:
            raise ConfigError(f"--backward: expected none on {job.config.chip.name}: its rules send no errors back")
        title = f"{job.name}, {rule or 'inference'}, {samples} samples"
        return title, (find(samples) for find in (job.first_difference,))
    dataset = find_dataset(parts["dataset"], parts["data_dir"])
    sizes = parts["network"] or fitting_network(chip)
    require_fit(parse_sizes(sizes), dataset)
    chosen = (f"chip.core.learning.backward={way}",) if way else ()
    image, _, _, training = _placed(chip, rule, (*overrides, *chosen), sizes, parts["encoder"], parts["neuron"])
    batches = trial_batches(dataset, image, samples, training.learning_rate)
    path = f", {way}" if way else ""
    title = f"{image.name}, {rule}{path}, {len(batches[0].labels)} samples"
    return title, (first_difference(image, image.new_state(seed), batch) for batch in batches)


def _circuits(chip: str) -> tuple[str | None, ...]:
    """The rules that a chip has circuits for; None, for what inference takes, on a sequenced chip without any."""
    from neurosim.machine import load_chip
    from neurosim.sequenced import SequencedChip

    where = load_chip(chip)
    if isinstance(where, SequencedChip):
        return where.core.learning.circuits or (None,)
    if not where.core.learning.circuits:
        raise ConfigError(f"{chip}: has no learning circuit (core.learning.circuits); name a rule with --rule")
    return where.core.learning.circuits


def _learners() -> list[str]:
    """The shipped chips that have a learning circuit; says which are left out."""
    from neurosim import yamlio
    from neurosim.machine import load_chip

    names = sorted(path.stem for path in yamlio.shipped().glob("*.yaml"))
    learners = [name for name in names if load_chip(name).core.learning.circuits]
    for name in (name for name in names if name not in learners):
        click.echo(f"{name}: left out: it has no learning circuit (core.learning.circuits)")
    return learners
