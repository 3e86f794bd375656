"""The command `neurosim replay`: recorded ground truth against this machine."""

import os
from pathlib import Path

import click
from click.core import ParameterSource

from neurosim.cli_options import ENGINES

__all__ = ["replay"]

_NOT_MODELLED = 3  # exit code


@click.command()
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH..."
)
@click.option("--engine", type=click.Choice((*ENGINES, "both")), default="both", show_default=True)
@click.option(
    "--statistics/--no-statistics", default=True, show_default=True,
    help="Run the operating points of a folder's statistics.csv, too (compiled engine; all cores for some minutes).",
)  # fmt: skip
@click.pass_context
def replay(ctx: click.Context, paths: tuple[Path, ...], engine: str, statistics: bool) -> None:
    """Replay recorded ground truth and compare: one line a case, then how many are identical.

    PATH: what the RTL of ODIN or tinyODIN did (json or json.gz), network traffic (a folder with scripted_cases.json),
    or recorded learning (npz); a folder means all cases in it.

    Exit code: 0 if all are identical, 1 if one is different, 3 if none is but some need what is not modelled.
    """
    from neurosim.replay import replay_paths

    engines = ENGINES if engine == "both" else (engine,)
    same, different, total = 0, 0, 0
    for verdicts in zip(*(replay_paths(list(paths), name) for name in engines), strict=True):
        # The worst of the engines' verdicts: different, then not modelled, then identical.
        worst = min(verdicts, key=lambda verdict: (False, None, True).index(verdict.identical))
        total += 1
        same += worst.identical is True
        different += worst.identical is False
        who = engines[verdicts.index(worst)]
        word = {True: "IDENTICAL", False: f"DIFFERENT ({who} engine)", None: "not modelled"}[worst.identical]
        click.echo(f"{worst.case}: {word}" + (f": {worst.message}" if worst.message else ""))
    tables = [path / "statistics.csv" for path in paths if statistics and (path / "statistics.csv").is_file()]
    if not tables and statistics and ctx.get_parameter_source("statistics") is ParameterSource.COMMANDLINE:
        click.echo(f"--statistics: expected a statistics.csv in {' or '.join(map(str, paths))}, found none", err=True)
    for table in tables:
        click.echo(f"{table}: {_statistics(table)}")
    click.echo(f"{same} of {total} identical")
    ctx.exit(1 if different else 0 if same == total else _NOT_MODELLED)


def _statistics(table: Path) -> str:
    """The operating points of a statistics.csv in words, with progress on stderr."""
    from rich.console import Console
    from rich.progress import track

    from neurosim.curves import SEEDS, read_statistics, statistics_line

    recorded = read_statistics(table)
    runs = sum(max(SEEDS, len(samples)) for samples in recorded.values())
    click.echo(f"{runs:,} network simulations, a few minutes (--no-statistics leaves them out)", err=True)
    console = Console(stderr=True)
    return statistics_line(
        recorded, os.cpu_count() or 1, lambda samples: iter(track(samples, "statistics", total=runs, console=console))
    )
