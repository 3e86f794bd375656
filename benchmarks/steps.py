"""SSNN-BP with longer trains: does it approach the ANN? A table and a plot, from the runs of study.py.

    python benchmarks/study.py --cases 'ssnn-embedded,ssnn-embedded-T*' --out study
    python benchmarks/steps.py --out study --figure steps.png

The learning rate stays near 0.03 at the start (steps x weight step: 2^-8 for T = 8, 2^-9 for 16, ...), and the filter
of the membranes grows with T: it averages over half of the steps. (With the filter of T = 16, 2^3 steps, T = 64 ends at
95.1: noise passes through the transfer function.) The ANN is a network of the same shape with a clipped ReLU, trained
here, in float, with the same number of presentations, learning rate and halvings (ann.py), and so is one without the
clip.
"""

from pathlib import Path
from typing import Any

import click
import pandas as pd
from ann import run as train_ann
from matplotlib.figure import Figure
from study import chosen, finished

from neurosim.config import load_config
from neurosim.report import three_digits

CASES = "ssnn-embedded,ssnn-embedded-T*"
HIDDEN, TOTAL, ETA, HALVINGS, GATE = (200,), 60_000, 0.03, 3, 2


def rows_of(out: Path) -> pd.DataFrame:
    """Finished runs by number of steps. Raises ClickException if there are none."""
    names = {case.name for case in chosen(CASES)}
    rows = [row for row in finished(out, False) if row["case"] in names]
    if not rows:
        raise click.ClickException(f"{out}: expected finished runs of study.py --cases '{CASES}'")
    for row in rows:
        settings = load_config(out / row["folder"] / "config.yaml").settings
        row["steps"], row["step_bits"] = settings["steps"], settings["step_bits"]
    return pd.DataFrame(rows).sort_values("steps")


def table(rows: pd.DataFrame, ann: dict[str, float]) -> str:
    """Markdown: one line a number of steps, the ANNs last."""
    lines = ["| T | weight step | membrane (%) | winner counts (%) | nJ a training sample | us a training sample |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for _, row in rows.iterrows():
        energy, time = three_digits(row["train_mid_nj"]), three_digits(row["train_us"])
        lines.append(
            f"| {row['steps']} | 2^-{row['step_bits']} | {row['membrane']:.2f} | {row['argmax']:.2f} "
            f"| {energy} | {time} |"
        )
    lines += [f"| {name} | | {percent:.2f} | | | |" for name, percent in ann.items()]
    return "\n".join(lines)


def draw(rows: pd.DataFrame, ann: dict[str, float]) -> Figure:
    """Accuracy against the number of steps, and the ANNs as lines."""
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axis: Any = figure.add_subplot()
    axis.plot(rows["steps"], rows["membrane"], "o-", color="#3b75af", label="read-out of the membranes")
    axis.plot(rows["steps"], rows["argmax"], "s--", color="#9db8d6", label="read-out of the winner counts")
    for (name, percent), style in zip(ann.items(), ("-", ":"), strict=False):
        axis.axhline(percent, color="#c44e52", linestyle=style, linewidth=1, label=f"{name}: {percent:.2f} %")
    axis.set_xscale("log", base=2)
    axis.set_xticks(rows["steps"], rows["steps"])
    axis.set_xlabel("steps of a sample, T")
    axis.set_ylabel("right answers (%)")
    axis.set_title("SSNN-BP (reconstructed), embedded digits, 784-200-10")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    return figure


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default="study", show_default=True, help="Folder of study.py.")
@click.option("--figure", type=click.Path(path_type=Path), default="steps.png", show_default=True)
def main(out: Path, figure: Path) -> None:
    """Table and plot of accuracy against T; see the top of this file."""
    rows = rows_of(out)
    ann = {
        name: train_ann("embedded", HIDDEN, TOTAL, ETA, HALVINGS, GATE, clipped, 0)
        for name, clipped in (("ANN, clipped ReLU", True), ("ANN, ReLU", False))
    }
    click.echo(table(rows, ann))
    draw(rows, ann).savefig(figure, dpi=120)


if __name__ == "__main__":
    main()
