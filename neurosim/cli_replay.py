"""The command `neurosim replay`: recorded ground truth against this machine."""

import os
from pathlib import Path

import click

from neurosim.cli_options import ENGINES

__all__ = ["replay"]


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
    """
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
            click.echo(f"{table}: {_statistics(table)}")
    click.echo(f"{same} of {total} identical")
    ctx.exit(0 if same == total else 1)


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
