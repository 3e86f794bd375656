"""The command `neurosim compare`: options -> study -> runs in parallel -> tables and plots."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from neurosim.errors import ConfigError
from neurosim.screen import show

__all__ = ["compare"]

_COUNT = click.IntRange(min=1)
_LISTS = ("rules", "chips", "bits", "rounding", "backward", "seeds")


def _axis(name: str, text: str, metavar: str = "A,B") -> Callable[[Any], Any]:
    return click.option(f"--{name}", metavar=metavar, help=text)


@click.command()
@click.argument("study", required=False, type=click.Path(exists=True, dir_okay=False), metavar="[STUDY.yaml]")
@_axis("rules", "Learning rules, names or files.  [default: desire_bp]")
@_axis("chips", "Chips, names or files.  [default: mesh16]")
@_axis("bits", "Weight widths, 4 to 16, range -2 to 2.  [default: each chip's own]", "N,M")
@_axis("rounding", "nearest, stochastic.  [default: each chip's own]")
@_axis("backward", "Backward paths.  [default: each chip's own]")
@_axis("seeds", "Seeds; more than one gives a spread.  [default: 0]", "N,M")
@click.option("--dataset", metavar="NAME", help="embedded, mnist or fashion.  [default: embedded]")
@click.option("--data-dir", type=click.Path(exists=True, file_okay=False), help="Folder of the data files.")
@click.option("--train", type=_COUNT, help="Training images.  [default: all]")
@click.option("--test", type=_COUNT, help="Test images.  [default: all]")
@click.option("--epochs", multiple=True, metavar="[RULE=]N", help="For all rules, or for one; may be repeated.")
@click.option("--network", multiple=True, metavar="[RULE=]SIZES", help="The same for the layer sizes.")
@click.option("--set", "overrides", multiple=True, metavar="[RULE:]KEY=VALUE", help="Override chip.KEY, settings.KEY.")
@click.option("--probes", type=click.IntRange(min=0), help="Tests on the way, for 'energy to 90 %'.  [default: 10]")
@click.option("--out", type=click.Path(path_type=Path), default="comparison", show_default=True, help="Folder.")
@click.option("--workers", type=_COUNT, help="Processes.  [default: one a core]")
@click.option("--scheduler", metavar="ADDRESS", help="Run on the cluster of this Dask scheduler instead.")
@click.pass_context
def compare(
    ctx: click.Context, /, study: str | None, out: Path, workers: int | None, scheduler: str | None,
    data_dir: str | None, **options: Any,
) -> None:  # fmt: skip
    """Compare learning rules, chips and weight formats on one data set: one table, plots, how sure each order is.

    Every combination is a run, in parallel. What is done is not repeated: the same command goes on after Ctrl-C.
    """
    from neurosim.compare import compare as run_study
    from neurosim.compare import workers as open_workers
    from neurosim.scoreboard import comparison_tables, show_runs
    from neurosim.study import cells, load_study

    asked = load_study(study, *_split(options))
    cells(asked, data_dir=data_dir)  # before any process starts
    where = str(Path(data_dir).absolute()) if data_dir else None
    try:
        with show_runs() as progress, open_workers(workers, scheduler) as client:
            found = run_study(asked, out, client, data_dir=where, show=progress)
    except KeyboardInterrupt:
        click.echo("stopped; what is done is kept. To continue: the same command again", err=True)
        ctx.exit(130)
    show(comparison_tables(found))
    click.echo(f"tables, plots and run directories: {out}")


def _split(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Options of the study as a whole, and those of one rule."""
    whole: dict[str, Any] = {}
    for_rule: dict[str, dict[str, Any]] = {}
    for name in ("dataset", "train", "test", "probes"):
        if options[name] is not None:
            whole[name] = options[name]
    for name in _LISTS:
        if options[name] is not None:
            whole[name] = [_scalar(part) for part in options[name].split(",") if part]
    for name in ("epochs", "network"):
        for text in options[name]:
            rule, equals, value = text.rpartition("=")
            (for_rule.setdefault(rule, {}) if equals else whole)[name] = _scalar(value)
    everywhere, own = _overrides(options["overrides"])
    if everywhere:
        whole["set"] = everywhere
    for rule, texts in own.items():
        for_rule.setdefault(rule, {})["set"] = texts
    return whole, for_rule


def _overrides(texts: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """`KEY=VALUE` for all rules, and `RULE:KEY=VALUE` by rule."""
    everywhere: list[str] = []
    own: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set {text}: expected [RULE:]key=value, such as settings.dropout_hidden=0.2")
        rule, colon, key = key.rpartition(":")
        if colon:
            own.setdefault(rule, []).append(f"{key}={value}")
        else:
            everywhere.append(text)
    return everywhere, own


def _scalar(text: str) -> int | str:
    text = text.strip()
    return int(text) if text.isascii() and text.lstrip("-").isdigit() else text
