"""One layer on a sequenced chip: whether it fits, what it takes, and the registers that it needs."""

import json
from collections.abc import Iterable

from neurosim.errors import ConfigError, PlacementError
from neurosim.sequenced import SequencedChip

__all__ = ["layer_occupancy", "programmed", "require_layer", "require_registers"]

# Spikes go out, and not back into the queue.
_REGISTERS = {"open_loop": True, "output_source": "neuron", "watch": False}


def require_layer(chip: SequencedChip, sizes: tuple[int, ...]) -> None:
    """Raise PlacementError unless these sizes are one layer that the chip has rows and neurons for."""
    core, problems = chip.core, []
    if len(sizes) != 2:
        problems.append(
            "network: expected one layer, such as 256-10 (rows are the inputs, neurons the outputs), "
            f"got {'-'.join(map(str, sizes))}"
        )
    offers = (("inputs", sizes[0], core.synapse.rows, "core.synapse.rows"),
              ("outputs", sizes[-1], core.neuron.entries, "core.neuron.entries"))  # fmt: skip
    problems += [f"{what}: {need} needed, {key} is {there}" for what, need, there, key in offers if need > there]
    last = core.registers.last_neuron
    if sizes[-1] > last + 1:
        problems.append(f"outputs: {sizes[-1]} needed, core.registers.last_neuron is {last}")
    if problems:
        raise PlacementError("\n".join(f"{chip.name}: {problem}" for problem in problems))


def layer_occupancy(chip: SequencedChip, sizes: tuple[int, ...]) -> list[tuple[str, int, int]]:
    """What a layer takes: resource, used, offered."""
    core, (inputs, outputs) = chip.core, sizes
    words = inputs * -(-outputs // core.synapse.synapses_per_word)
    return [
        ("rows (inputs)", inputs, core.synapse.rows),
        ("neurons (outputs)", outputs, core.neuron.entries),
        ("synapses", inputs * outputs, core.synapse.rows * core.neuron.entries),
        ("words of synapse memory", words, core.memories()["synapse"].words),
    ]


def programmed(chip: SequencedChip, overrides: Iterable[str] = ()) -> SequencedChip:
    """The chip with the registers that a layer needs, whatever its file says.

    overrides: the `key=value` texts that were applied to it. Raises ConfigError for one that asks for another value.
    """
    for key in (text.partition("=")[0].strip() for text in overrides):
        section, _, name = key.rpartition(".")
        if section == "core.registers" and name in _REGISTERS:
            _require(chip, name, f"--set chip.{key}")
    registers = chip.core.registers.model_copy(update=_REGISTERS)
    return chip.model_copy(update={"core": chip.core.model_copy(update={"registers": registers})})


def require_registers(chip: SequencedChip) -> None:
    """Raise ConfigError unless the registers are those that a layer needs."""
    for name in _REGISTERS:
        _require(chip, name, f"{chip.name}: core.registers.{name}")


def _require(chip: SequencedChip, name: str, where: str) -> None:
    needed, found = _REGISTERS[name], getattr(chip.core.registers, name)
    if found != needed:
        raise ConfigError(
            f"{where}: expected {json.dumps(needed)}, as a layer needs it (spikes leave, and none is queued), "
            f"got {json.dumps(found)}: leave it out"
        )
