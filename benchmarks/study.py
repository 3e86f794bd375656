"""The full study behind the README: accuracy, energy, time and memory of the learning rules, case by case.

    python benchmarks/study.py --list
    NEUROSIM_DATA=data nohup python benchmarks/study.py --out study > study.log &
    python benchmarks/study.py --cases 'desire-embedded,ssnn-*' [--quick] [--out study]

A case is an ordinary run on the cycle-accurate engine, all tests at the end of the last epoch, with the settings of
specs/tuning.md. It is kept in a run directory of its digest: the same command goes on after Ctrl-C, a kill or an
added case, and leaves alone what is done. Cases run one after another, one line each with its wall time; to use more
cores, start several with different --cases on the same --out. At the end: OUT/study.csv, and the table for the README.

A bar is what the issue of this study asked for; 'below the bar' is a result, not a fault, and is printed.
"""

import fnmatch
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import click
import pandas as pd

from neurosim import results, session
from neurosim.account.costs import load_costs
from neurosim.checkpoint import FILE as CHECKPOINT
from neurosim.comparison import measure
from neurosim.config import Config, resolve
from neurosim.errors import NeurosimError
from neurosim.probe import Plan
from neurosim.report import three_digits

PLAN = Plan(10)


class Case(NamedTuple):
    """A run: options as those of `neurosim.resolve`, the accuracy it is held to, and what a prototype reached."""

    name: str
    what: str
    options: dict[str, Any]
    bar: float | None = None
    prototype: str = ""
    readme: bool = False  # a row of the README's table

    def config(self, quick: bool) -> Config:
        """The configuration; `quick`: a smoke test on 200 images, whose figures mean nothing."""
        small = {"train": 200, "test": 100, "epochs": 1, "dataset": "embedded"} if quick else {}
        return resolve(**{**self.options, **small})


Options = dict[str, Any]


def desire(network: str, dataset: str, epochs: int, *settings: str, chip: str = "mesh64") -> Options:
    overrides = [f"settings.{text}" for text in settings]
    return {"rule": "desire_bp", "network": network, "dataset": dataset, "epochs": epochs, "chip": chip,
            "overrides": overrides}  # fmt: skip


def graded(network: str, dataset: str, epochs: int, *settings: str, chip: str = "mesh64") -> Options:
    return desire(network, dataset, epochs, "preset=graded", *settings, chip=chip)


def ssnn(dataset: str, epochs: int, *settings: str, chip: str = "mesh64") -> Options:
    return {**desire("784-200-10", dataset, epochs, *settings, chip=chip), "rule": "ssnn_bp"}


PAPER = ("preset=tuned", "dropout_hidden=0.2")
FASHION = ("learning_rate=5e-5", "dropout_input=0.05", "dropout_hidden=0.3")

CASES = (
    Case("desire-embedded", "the default", desire("784-512-10", "embedded", 10, chip="mesh16"), 94.3, "95.1"),
    Case("ssnn-embedded", "60,000 presentations, T = 16", ssnn("embedded", 6, chip="mesh16"), 94.6, "95.4"),
    Case("ssnn-embedded-layers", "without the pipeline, layer after layer: learning survives the pipeline",
         ssnn("embedded", 6, "pipeline=false", chip="mesh16")),
    *(
        Case(f"ssnn-embedded-T{steps}", "longer trains approach the ANN",
             ssnn("embedded", 6, f"steps={steps}", f"step_bits={bits}", f"filter_shift={shift}", chip="mesh16"))
        for steps, bits, shift in ((8, 8, 2), (32, 10, 4), (64, 11, 5))  # a filter of half of T; 16 is ssnn-embedded
    ),
    *(
        case
        for chip in ("mesh16", "mesh64")
        for case in (
            Case(f"ssnn-mnist-{chip}", "", ssnn("mnist", 10, "halvings=4", chip=chip), 97.3, "97.9", True),
            Case(f"ssnn-fashion-{chip}", "",
                 ssnn("fashion", 4, "step_bits=11", "halvings=4", chip=chip), 85.5, "86.3 / 87.1", True),
            Case(f"desire-mnist-{chip}", "published rule, our settings",
                 desire("784-1000-10", "mnist", 10, chip=chip), 97.0, "97.4", True),
            Case(f"desire-fashion-{chip}", "published rule, our settings",
                 desire("784-1000-100-10", "fashion", 4, "preset=tuned", *FASHION, chip=chip), 81.5, "82.0", True),
        )
    ),
    Case("graded-embedded", "our extension", graded("784-512-10", "embedded", 10, chip="mesh16"), None, "95.4"),
    Case("graded-mnist", "our extension", graded("784-1000-10", "mnist", 10, "learning_rate=2e-4"), 97.7, "98.1"),
    Case("graded-fashion", "our extension",
         graded("784-1000-10", "fashion", 4, "learning_rate=1e-4", "dropout_hidden=0.2"), 85.0, "85.6"),
    Case("graded-1600", "our extension; aim 98.41",
         graded("784-1600-10", "mnist", 15, "learning_rate=2e-4"), None, "98.35"),
    Case("desire-paper", "published rule, our settings; aim 98.41",
         desire("784-1600-800-10", "mnist", 6, *PAPER), None, "97.1"),
    Case("desire-paper-20", "the same, longer; aim 98.41", desire("784-1600-800-10", "mnist", 20, *PAPER)),
)  # fmt: skip


def chosen(patterns: str) -> list[Case]:
    """Cases by names or wildcards. Raises BadParameter for a pattern that no name matches."""
    found: dict[str, Case] = {}
    for pattern in patterns.split(","):
        matching = [case for case in CASES if fnmatch.fnmatch(case.name, pattern.strip())]
        if not matching:
            raise click.BadParameter(f"{pattern}: expected names of --list, or wildcards such as 'ssnn-*'")
        found |= {case.name: case for case in matching}
    return list(found.values())


def folder_of(case: Case, job: session.Job, out: Path) -> Path:
    return out / f"{case.name}-{job.digest[:10]}"


def run(case: Case, out: Path, quick: bool) -> dict[str, Any]:
    """Run a case, or finish it; its row."""
    job = session.prepare(case.config(quick))
    folder = folder_of(case, job, out)
    if not (folder / results.SUMMARY).is_file():
        end = session.train(job, folder, resume=(folder / CHECKPOINT).is_file(), checkpoint_s=60, probes=PLAN)
        results.write(folder, job, end, load_costs(job.config.chip.costs))
    return row_of(case, job.config, folder)


def finished(out: Path, quick: bool) -> list[dict[str, Any]]:
    """Rows of all cases that are done, whoever ran them."""
    rows = []
    for case in (case for case in CASES if any(out.glob(f"{case.name}-*"))):
        job = session.prepare(case.config(quick))
        folder = folder_of(case, job, out)
        if (folder / results.SUMMARY).is_file():
            rows.append(row_of(case, job.config, folder))
    return rows


def row_of(case: Case, config: Config, folder: Path) -> dict[str, Any]:
    row = {"case": case.name, "what": case.what, "readme": case.readme}
    row |= {"bar": case.bar, "prototype": case.prototype}
    row |= measure(config, folder)
    summary = results.read_summary(folder)
    row["wall_s"] = summary["train"]["wall_s"] + summary["inference"]["wall_s"]
    return row


def line(row: dict[str, Any], seconds: float) -> str:
    """One line a case."""
    reached = "reaches" if row["bar"] is None or row["accuracy"] >= row["bar"] else "BELOW"
    bar = "" if row["bar"] is None else f", {reached} the bar {row['bar']}"
    whole = three_digits(row["train_total_mid_mj"])
    return (
        f"{row['case']}: {row['accuracy']:.2f} % {row['readout']}{bar}; {three_digits(row['inference_mid_nj'])} nJ an "
        f"inference, {three_digits(row['train_mid_nj'])} nJ a training sample, {whole} mJ in all; "
        f"{row['wall_s']:.0f} s in all, {seconds:.0f} s now"
    )


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table of the README."""
    head = ("rule", "chip", "data", "network", "accuracy (%)", "nJ an inference", "nJ a training sample",
            "mJ the training", "us, inference / training", "word accesses, inference / training",
            "extra bits")  # fmt: skip
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in rows:
        bits = row["learning_bits"]
        cells = (
            row["rule"], row["chip"], row["dataset"], row["network"], f"{row['accuracy']:.2f} {row['readout']}",
            band(row, "inference"), band(row, "train"), three_digits(row["train_total_mid_mj"]),
            f"{three_digits(row['inference_us'])} / {three_digits(row['train_us'])}",
            f"{three_digits(row['inference_accesses'])} / {three_digits(row['train_accesses'])}",
            f"{bits:,}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def band(row: dict[str, Any], mode: str) -> str:
    low, mid, high = (three_digits(row[f"{mode}_{end}_nj"]) for end in ("low", "mid", "high"))
    return f"{mid} ({low} to {high})"


@click.command()
@click.option("--cases", default="*", show_default=True, help="Names or wildcards, separated by commas.")
@click.option("--list", "listed", is_flag=True, help="Name the cases and stop.")
@click.option("--quick", is_flag=True, help="200 images a case: does it work? The figures mean nothing.")
@click.option("--smoke", is_flag=True, hidden=True)
@click.option("--out", type=click.Path(path_type=Path), default="study", show_default=True)
@click.pass_context
def main(ctx: click.Context, cases: str, listed: bool, quick: bool, smoke: bool, out: Path) -> None:
    """Rerun the study of the README; see the top of this file."""
    picked = chosen("*-embedded" if smoke else cases)
    out = Path(tempfile.mkdtemp()) if smoke else out
    if listed:
        for case in picked:
            aim = "" if case.bar is None else f", at least {case.bar} %"
            click.echo(f"{case.name}: {case.options['network']}, {case.options['epochs']} epochs {case.what}{aim}")
        return
    for case in picked:
        began = time.monotonic()
        try:
            row = run(case, out, quick or smoke)
        except session.Interrupted as stop:
            click.echo(f"{case.name}: {stop}; the same command goes on")
            ctx.exit(130)
        except NeurosimError as error:
            click.echo(f"{case.name}: cannot be run: {error}")
            continue
        click.echo(line(row, time.monotonic() - began))
    rows = finished(out, quick or smoke)
    if rows:
        pd.DataFrame(rows).to_csv(out / "study.csv", index=False)
    if shown := [row for row in rows if row["readme"]]:
        click.echo("\n" + markdown(shown))


if __name__ == "__main__":
    main()
