"""The commands that place a network and run a few samples of it: `neurosim place`, `neurosim verify`."""

from itertools import product
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
from neurosim.errors import ConfigError
from neurosim.screen import show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from neurosim.sequenced_job import SequencedJob

__all__ = ["place", "verify"]


@click.command()
@options_of(chip_option, network_option, rule_option, encoder_option, neuron_option, set_option)
def place(chip: str, rule: str | None, overrides: tuple[str, ...], **parts: str | None) -> None:
    """Place a network on a chip: occupancy of every core, or what does not fit and why."""
    from neurosim.console import layer_table, occupancy_table
    from neurosim.partition import occupancy

    job = _sequenced_job(chip, rule, overrides, parts)
    if job is not None:
        show(layer_table(job.name, job.occupancy()))
        click.echo(f"image digest: {job.sequencer.digest()}")
        return
    image, placed, where, _ = _placed(chip, rule, overrides, **parts)
    show(occupancy_table(f"{placed.weights:,} synapses: {image.name}", occupancy(placed, where)))
    click.echo(f"image digest: {image.digest()}")


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
    return build_job(config, workload_of(load_rule(config.rule)).view(data), None)


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

    Without CHIP: every shipped chip that learns, with each of its rules.
    """
    from neurosim.config import find_dataset, fitting_network, require_fit
    from neurosim.engine.verify import verify as first_difference
    from neurosim.network import parse_sizes
    from neurosim.session import trial_batches

    differs = False
    dataset = find_dataset(data["dataset"], data["data_dir"])
    ways = BACKWARD if backward == "all" else (backward,)
    jobs = [(chip, name) for chip in chips or _learners(network) for name in ([rule] if rule else _circuits(chip))]
    for (chip, name), way in product(jobs, ways):
        parts = {"network": network, "encoder": encoder, "neuron": neuron, **data}
        job = _sequenced_job(chip, name, overrides, parts, seed)
        if job is not None:
            difference = job.first_difference(job.initial.copy(), samples)
            click.echo(f"{job.name}, {name}, {samples} samples: {difference or 'IDENTICAL'}")
            differs = differs or difference is not None
            continue
        sizes = network or fitting_network(chip)
        require_fit(parse_sizes(sizes), dataset)
        chosen = (f"chip.core.learning.backward={way}",) if way else ()
        image, _, _, training = _placed(chip, name, (*overrides, *chosen), sizes, encoder, neuron)
        batches = trial_batches(dataset, image, samples, training.learning_rate)
        found = [first_difference(image, image.new_state(seed), batch) for batch in batches]
        differences = [str(difference) for difference in found if difference is not None]
        shown = differences[0] if differences else "IDENTICAL"
        path = f", {way}" if way else ""
        click.echo(f"{image.name}, {name}{path}, {len(batches[0].labels)} samples: {shown}")
        differs = differs or bool(differences)
    ctx.exit(1 if differs else 0)


def _circuits(chip: str) -> tuple[str, ...]:
    """The rules that a chip has circuits for."""
    from neurosim.machine import load_chip

    circuits = load_chip(chip).core.learning.circuits
    if not circuits:
        raise ConfigError(f"{chip}: has no learning circuit (core.learning.circuits); name a rule with --rule")
    return circuits


def _learners(network: str | None) -> list[str]:
    """The shipped chips that have a learning circuit, and can have such a network; says which are left out."""
    from neurosim import yamlio
    from neurosim.machine import load_chip
    from neurosim.sequenced import SequencedChip

    names = sorted(path.stem for path in yamlio.shipped().glob("*.yaml"))
    learners = [name for name in names if load_chip(name).core.learning.circuits]
    for name in (name for name in names if name not in learners):
        click.echo(f"{name}: left out: it has no learning circuit (core.learning.circuits)")
    sequenced = [name for name in learners if network and isinstance(load_chip(name), SequencedChip)]
    for name in sequenced:
        click.echo(f"{name}: left out: a sequenced core has a network of its own kind; name the chip to verify it")
    return [name for name in learners if name not in sequenced]
