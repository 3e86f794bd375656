"""Options that several commands share."""

from collections.abc import Callable
from typing import Any

import click

__all__ = ["BACKWARD", "COUNT", "ENCODERS", "ENGINES", "FILE", "FOLDER", "SEED", "chip_option", "data_dir_option",
           "dataset_option", "encoder_option", "engine_option", "network_option", "neuron_option", "options_of",
           "rule_option", "seed_option", "set_option"]  # fmt: skip

ENGINES = ("compiled", "reference")
BACKWARD = ("transposed_read", "mirrored", "crossbar")  # core.BACKWARD, which is not imported for a quick --help
ENCODERS = ("accumulate", "bernoulli", "accumulate_float32", "regular")


def options_of(*options: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """One decorator of several options, in their order in the help."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


COUNT = click.IntRange(min=1)
SEED = click.IntRange(min=0, max=2**31 - 1)
FILE = click.Path(exists=True, dir_okay=False)
FOLDER = click.Path(exists=True, file_okay=False)

chip_option = click.option(
    "--chip", default="mesh16", show_default=True, metavar="NAME|FILE", help="Chip description."
)
network_option = click.option(
    "--network", metavar="SIZES",
    help="Layer sizes.  [default: the rule's: 784-512-10, 784-200-10 for ssnn_bp, 256-250 for sdsp]",
)
rule_option = click.option(
    "--rule", metavar="NAME|FILE", help="Learning rule.  [default: desire_bp, or sdsp on sequenced chips such as odin]"
)
encoder_option = click.option(
    "--encoder", type=click.Choice(ENCODERS), help="Input neurons.  [default: the rule's]"
)
neuron_option = click.option(
    "--neuron", metavar="NAME|FILE", help="Neurons of all other layers.  [default: the rule's]"
)
dataset_option = click.option(
    "--dataset", default="embedded", show_default=True, metavar="NAME", help="embedded, mnist or fashion."
)
data_dir_option = click.option(
    "--data-dir", type=FOLDER, help="Folder of the data files (else NEUROSIM_DATA, or download)."
)
seed_option = click.option("--seed", type=SEED, default=0, show_default=True, help="Key of all random draws.")
engine_option = click.option("--engine", type=click.Choice(ENGINES), default="compiled", show_default=True)
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE",
    help="Override chip.KEY or settings.KEY; may be repeated. settings.preset is tuned, paper or graded.",
)  # fmt: skip
