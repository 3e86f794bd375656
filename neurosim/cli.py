"""The command line. The only module that prints and exits; commands import what they need when they run."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurosim import __version__
from neurosim.cli_compare import compare
from neurosim.cli_options import (
    COUNT,
    FILE,
    chip_option,
    data_dir_option,
    dataset_option,
    encoder_option,
    engine_option,
    network_option,
    neuron_option,
    options_of,
    rule_option,
    seed_option,
    set_option,
)
from neurosim.cli_place import place, verify
from neurosim.cli_replay import replay
from neurosim.errors import ConfigError, NeurosimError, ResultError
from neurosim.screen import show

if TYPE_CHECKING:

    from neurosim.config import Config
    from neurosim.image import Quantisation

__all__ = ["main"]

# Options that say what a run is; `--resume RUN` takes them from the run directory.
_WHAT = (
    *("chip", "network", "rule", "dataset", "encoder", "neuron", "train", "test", "epochs", "seed"),
    *("weights", "freeze", "overrides", "out"),
)


class _Group(click.Group):
    """Errors that the user can mend become one message on stderr and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NeurosimError as error:
            click.echo(f"Error: {error}", err=True)
        except BrokenPipeError:  # the reader of our output has had enough, as `head` does: click ends quietly
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            click.echo(f"Error: {where}{error.strerror or error}", err=True)
        ctx.exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="neurosim")
def main() -> None:
    """Cycle-accurate simulator of neuromorphic chips that learn: accuracy, energy, memory and latency.

    `neurosim run` alone trains a network on handwritten digits on the default chip and reports.
    """


@main.command()
@options_of(chip_option, network_option, rule_option, encoder_option, neuron_option, dataset_option, data_dir_option)
@click.option("--train", type=COUNT, help="Training images.  [default: all]")
@click.option("--test", type=COUNT, help="Test images.  [default: all]")
@click.option(
    "--epochs", type=COUNT,
    help="Times each training image is shown.  [default: the rule's: 10, 6 for ssnn_bp, 6 for sdsp]",
)
@options_of(seed_option, engine_option)
@click.option("--weights", type=FILE, help="Start from W1, W2, ... (post, pre) in an npz file.")
@click.option("--freeze", is_flag=True, help="No training: evaluate --weights.")
@click.option("--costs", metavar="NAME|FILE", help="Cost table.  [default: the chip's]")
@click.option("--out", type=click.Path(path_type=Path), help="Run directory.  [default: runs/NAME-DIGEST]")
@click.option(
    "--resume", is_flag=False, flag_value="", metavar="[RUN]",
    help="Continue an interrupted run: the one of the same options, or the run directory RUN.",
)  # fmt: skip
@click.option("--checkpoint-seconds", type=click.FloatRange(min=0), default=15.0, show_default=True)
@click.option("--chunk", type=COUNT, hidden=True)
@set_option
@click.pass_context
def run(
    ctx: click.Context, /, resume: str | None, out: Path | None, costs: str | None, **options: Any
) -> None:
    """Train a network on a chip, test it with learning off, and report."""
    from neurosim import results, session
    from neurosim.account.costs import costs_of
    from neurosim.console import show_progress, summary_tables
    from neurosim.kernel import COMPILING, cache_is_warm

    chunk, checkpoint_s = options.pop("chunk"), options.pop("checkpoint_seconds")
    config = _resumed(ctx, Path(resume), options) if resume else _resolved(options)
    if costs:
        named = str(Path(costs).absolute()) if costs.endswith((".yaml", ".yml")) else costs
        config = config.model_copy(update={"chip": config.chip.model_copy(update={"costs": named})})
    table = costs_of(config.chip)
    job = session.prepare(config)
    folder = Path(resume) if resume else out or Path("runs") / f"{config.name}-{job.digest[:10]}"
    shown = "no training" if config.freeze else f"{config.presentations:,} training presentations"
    click.echo(f"{job.name}, {config.rule}, {config.dataset}: {shown}, {config.test:,} tests", err=True)
    for entry in job.quantisation:
        click.echo(_quantisation(entry), err=True)
    if config.engine == "compiled" and not cache_is_warm():
        click.echo(COMPILING, err=True)
        logging.getLogger("neurosim").setLevel(logging.ERROR)  # it would say so once more
    try:
        with show_progress() as progress:
            end = session.train(
                job,
                folder,
                resume=resume is not None,
                chunk=chunk,
                checkpoint_s=checkpoint_s,
                progress=progress,
            )
        summary = results.write(folder, job, end, table)
    except (session.Interrupted, KeyboardInterrupt) as stop:  # the latter: before the first sample or after the last
        again = f". To continue: neurosim run --resume {folder}" if folder.is_dir() else ""
        click.echo(f"{str(stop) or 'stopped'}{again}", err=True)
        ctx.exit(130)
    show(summary_tables(summary))
    click.echo(f"run directory: {folder}")


def _resolved(options: dict[str, Any]) -> "Config":
    from neurosim.config import resolve

    for name in ("weights", "data_dir", "rule", "neuron"):  # so that the run can be resumed from elsewhere
        if options[name] is not None and (name in ("weights", "data_dir") or options[name].endswith(".py")):
            options[name] = str(Path(options[name]).absolute())
    return resolve(**options)


def _resumed(ctx: click.Context, folder: Path, options: dict[str, Any]) -> "Config":
    """The configuration of the run directory; only where data lie and which engine runs may be given anew."""
    from neurosim.config import FILE, load_config

    given = [name for name in options | {"out": None} if _is_given(ctx, name)]
    refused = ["--set" if name == "overrides" else f"--{name}" for name in given if name in _WHAT]
    if refused:
        raise ConfigError(
            f"--resume {folder}: takes its options from {folder / FILE}; leave out {', '.join(refused)}"
        )
    if not folder.is_dir():
        raise ResultError(f"--resume {folder}: expected a run directory, found none")
    config = load_config(folder / FILE)
    return config.model_copy(update={name: options[name] for name in given if name in ("engine", "data_dir")})


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _quantisation(entry: "Quantisation") -> str:
    return (
        f"{entry.projection}: rounded to the chip's weights, largest change {entry.largest_error:.3g}; "
        f"{entry.clipped:,} of {entry.total:,} clipped"
    )


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@options_of(network_option)
@click.pass_context
def check(ctx: click.Context, /, files: tuple[str, ...], network: str | None) -> None:
    """Validate chip and cost files; print capacities, and what --network occupies on each chip."""
    from neurosim.check import check as lines_about

    wrong = 0
    for name in files:
        try:
            for line in lines_about(name, network):
                click.echo(line) if isinstance(line, str) else show(line)
        except NeurosimError as error:
            wrong += 1
            click.echo(f"Error: {error}", err=True)
    ctx.exit(2 if wrong else 0)


@main.command()
@click.argument("run_directory", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--costs", required=True, metavar="NAME|FILE", help="Cost table to price the counts with.")
def reprice(run_directory: Path, costs: str) -> None:
    """Price the counts of a finished run again, with another cost table; nothing is simulated."""
    from neurosim import results
    from neurosim.account.costs import load_costs
    from neurosim.console import summary_tables

    show(summary_tables(results.reprice(run_directory, load_costs(costs))))


@main.command()
@click.argument("run_directory", type=click.Path(path_type=Path), metavar="RUN")
def plot(run_directory: Path) -> None:
    """Draw the plots of a finished run again from its tables."""
    from neurosim import results

    for path in results.draw(run_directory):
        click.echo(str(path))


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME|FILE]...")
@options_of(chip_option)
def rules(names: tuple[str, ...], chip: str) -> None:
    """Print the hardware card of each learning rule, in the number formats of --chip.

    Rules that the chip's kind of core cannot run have those of odin (sdsp) or mesh16; each card says whose they are.
    """
    from neurosim.console import card_table
    from neurosim.learning import load_rule, rule_names
    from neurosim.machine import load_chip
    from neurosim.place import formats
    from neurosim.sequenced import SequencedChip
    from neurosim.sequencer import sequenced_formats

    asked = load_chip(chip)
    of_asked = asked.core.learning.circuits if isinstance(asked, SequencedChip) else rule_names()
    for name in names or of_asked:
        rule = load_rule(name)
        event = rule.SCHEDULE == "event"
        where = asked if isinstance(asked, SequencedChip) == event else load_chip("odin" if event else "mesh16")
        widths = sequenced_formats(where) if isinstance(where, SequencedChip) else formats(where)
        card = rule.card(widths, rule.Settings())
        show(card_table(name, rule.TITLE, rule.SOURCE, card, where.name))


@main.command()
@click.argument("what", type=click.Choice(("chip", "sequenced", "costs", "run")), default="chip")
def schema(what: str) -> None:
    """Print the JSON schema of chip files (or sequenced ones), cost tables, or a run's config.yaml, for editors."""
    import json

    from pydantic import BaseModel

    from neurosim.account.costs import CostTable
    from neurosim.chip import Chip
    from neurosim.config import Config
    from neurosim.sequenced import SequencedChip

    models: dict[str, type[BaseModel]] = {"chip": Chip, "sequenced": SequencedChip, "costs": CostTable, "run": Config}
    click.echo(json.dumps(models[what].model_json_schema(), indent=2))


for command in (compare, place, replay, verify):
    main.add_command(command)


if __name__ == "__main__":
    main()
