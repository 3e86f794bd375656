"""The command line. The only module that prints and exits; commands import what they need when they run."""

import logging
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurosim import __version__
from neurosim.cli_compare import compare
from neurosim.errors import ConfigError, NeurosimError, ResultError
from neurosim.screen import show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from neurosim.config import Config
    from neurosim.image import Quantisation
    from neurosim.sequenced_job import SequencedJob

__all__ = ["main"]

ENGINES = ("compiled", "reference")
BACKWARD = ("transposed_read", "mirrored", "crossbar")  # core.BACKWARD, which is not imported for a quick --help
ENCODERS = ("accumulate", "bernoulli", "accumulate_float32", "regular")
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


def _options(*options: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_COUNT = click.IntRange(min=1)
_SEED = click.IntRange(min=0, max=2**31 - 1)
_FILE = click.Path(exists=True, dir_okay=False)
_FOLDER = click.Path(exists=True, file_okay=False)

_chip = click.option(
    "--chip", default="mesh16", show_default=True, metavar="NAME|FILE", help="Chip description."
)
_network = click.option(
    "--network", metavar="SIZES",
    help="Layer sizes.  [default: the rule's: 784-512-10, 784-200-10 for ssnn_bp, 256-250 for sdsp]",
)
_rule = click.option(
    "--rule", metavar="NAME|FILE", help="Learning rule.  [default: desire_bp, or sdsp on sequenced chips such as odin]"
)
_encoder = click.option(
    "--encoder", type=click.Choice(ENCODERS), help="Input neurons.  [default: the rule's]"
)
_neuron = click.option(
    "--neuron", metavar="NAME|FILE", help="Neurons of all other layers.  [default: the rule's]"
)
_dataset = click.option(
    "--dataset", default="embedded", show_default=True, metavar="NAME", help="embedded, mnist or fashion."
)
_data_dir = click.option(
    "--data-dir", type=_FOLDER, help="Folder of the data files (else NEUROSIM_DATA, or download)."
)
_seed = click.option("--seed", type=_SEED, default=0, show_default=True, help="Key of all random draws.")
_engine = click.option("--engine", type=click.Choice(ENGINES), default="compiled", show_default=True)
_set = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE",
    help="Override chip.KEY or settings.KEY; may be repeated. settings.preset is tuned, paper or graded.",
)  # fmt: skip


@main.command()
@_options(_chip, _network, _rule, _encoder, _neuron, _dataset, _data_dir)
@click.option("--train", type=_COUNT, help="Training images.  [default: all]")
@click.option("--test", type=_COUNT, help="Test images.  [default: all]")
@click.option(
    "--epochs", type=_COUNT,
    help="Times each training image is shown.  [default: the rule's: 10, 6 for ssnn_bp, 6 for sdsp]",
)
@_options(_seed, _engine)
@click.option("--weights", type=_FILE, help="Start from W1, W2, ... (post, pre) in an npz file.")
@click.option("--freeze", is_flag=True, help="No training: evaluate --weights.")
@click.option("--costs", metavar="NAME|FILE", help="Cost table.  [default: the chip's]")
@click.option("--out", type=click.Path(path_type=Path), help="Run directory.  [default: runs/NAME-DIGEST]")
@click.option(
    "--resume", is_flag=False, flag_value="", metavar="[RUN]",
    help="Continue an interrupted run: the one of the same options, or the run directory RUN.",
)  # fmt: skip
@click.option("--checkpoint-seconds", type=click.FloatRange(min=0), default=15.0, show_default=True)
@click.option("--chunk", type=_COUNT, hidden=True)
@_set
@click.pass_context
def run(
    ctx: click.Context, /, resume: str | None, out: Path | None, costs: str | None, **options: Any
) -> None:
    """Train a network on a chip, test it with learning off, and report."""
    from neurosim import results, session
    from neurosim.account.costs import load_costs
    from neurosim.console import show_progress, summary_tables
    from neurosim.kernel import COMPILING, cache_is_warm

    chunk, checkpoint_s = options.pop("chunk"), options.pop("checkpoint_seconds")
    config = _resumed(ctx, Path(resume), options) if resume else _resolved(options)
    if costs:
        named = str(Path(costs).absolute()) if costs.endswith((".yaml", ".yml")) else costs
        config = config.model_copy(update={"chip": config.chip.model_copy(update={"costs": named})})
    table = load_costs(config.chip.costs)
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

    for place in ("weights", "data_dir", "rule", "neuron"):  # so that the run can be resumed from elsewhere
        if options[place] is not None and (place in ("weights", "data_dir") or options[place].endswith(".py")):
            options[place] = str(Path(options[place]).absolute())
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
@_options(_network)
@click.pass_context
def check(ctx: click.Context, /, files: tuple[str, ...], network: str | None) -> None:
    """Validate chip and cost files; print capacities, and what --network occupies on each chip."""
    from neurosim.check import check as lines_about

    wrong = 0
    for name in files:
        try:
            for line in lines_about(name, network or "784-512-10"):
                click.echo(line) if isinstance(line, str) else show(line)
        except NeurosimError as error:
            wrong += 1
            click.echo(f"Error: {error}", err=True)
    ctx.exit(2 if wrong else 0)


@main.command()
@_options(_chip, _network, _rule, _encoder, _neuron, _set)
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


@main.command()
@click.argument("chips", nargs=-1, metavar="[CHIP]...")
@click.option("--network", metavar="SIZES", help="Layer sizes.  [default: the largest usual one that fits]")
@click.option("--rule", metavar="NAME|FILE", help="Learning rule.  [default: every one that a chip has a circuit for]")
@_options(_encoder, _neuron, _dataset, _data_dir)
@click.option(
    "--samples", type=_COUNT, default=2, show_default=True, help="Samples, each trained and tested."
)
@click.option(
    "--backward", type=click.Choice((*BACKWARD, "all")), help="How errors read the weights.  [default: the chip's]"
)
@_options(_seed, _set)
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


@main.command()
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH..."
)
@click.option("--engine", type=click.Choice((*ENGINES, "both")), default="both", show_default=True)
@click.option("--statistics", is_flag=True,
              help="Also run the operating points of a folder's statistics.csv (minutes; compiled engine).")
@click.pass_context
def replay(ctx: click.Context, paths: tuple[Path, ...], engine: str, statistics: bool) -> None:
    """Replay recorded ground truth and compare: one line a case, then how many are identical.

    PATH: what the RTL of ODIN or tinyODIN did (json or json.gz), network traffic (a folder with scripted_cases.json),
    or recorded learning (npz); a folder means all cases in it.
    """
    from neurosim.curves import statistics_line
    from neurosim.replay import replay_paths

    engines = ENGINES if engine == "both" else (engine,)
    same, total = 0, 0
    for verdicts in zip(*(replay_paths(list(paths), name) for name in engines), strict=True):
        # The worst of the engines' verdicts: different, then not modelled, then identical.
        worst = min(verdicts, key=lambda verdict: (False, None, True).index(verdict.identical))
        total += 1
        same += worst.identical is True
        who = engines[verdicts.index(worst)]
        word = {True: "IDENTICAL", False: f"DIFFERENT ({who} engine)", None: "not modelled"}[worst.identical]
        click.echo(f"{worst.case}: {word}" + (f": {worst.message}" if worst.message else ""))
    for table in (path / "statistics.csv" for path in paths if statistics):
        if table.is_file():
            click.echo(f"{table}: {statistics_line(table)}")
    click.echo(f"{same} of {total} identical")
    ctx.exit(0 if same == total else 1)


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
@_options(_chip)
def rules(names: tuple[str, ...], chip: str) -> None:
    """Print the hardware card of each learning rule, in the number formats of --chip."""
    from neurosim.console import card_table
    from neurosim.learning import load_rule, rule_names
    from neurosim.machine import load_chip
    from neurosim.place import formats
    from neurosim.sequenced import SequencedChip
    from neurosim.sequencer import sequenced_formats

    where = load_chip(chip)
    widths = sequenced_formats(where) if isinstance(where, SequencedChip) else formats(where)
    for name in names or (where.core.learning.circuits if isinstance(where, SequencedChip) else rule_names()):
        rule = load_rule(name)
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


main.add_command(compare)


if __name__ == "__main__":
    main()
