"""Arrays of virtual channels in the compiled engine: lanes and their pointers.

Lane `channels * port + c` is channel c of an input (its FIFO) and of the output with the same number (who holds it).
With one channel a port all of these are empty.
"""

from typing import Any

import numpy as np

from neurosim.image import Hardware, Ints

__all__ = ["LANE", "TURN", "load_pointers", "save_pointers"]

LANE = (
    ("front_from", np.int64),  # first cycle in which the present front may be considered
    ("pushed", np.int32),  # flits that entered in this step, the wire included
    ("popped", np.int32),  # flits that left
    ("held", np.int32),  # channels * output + channel that the packet at the front holds, or -1
    ("owned", np.int32),  # output side: 1 if a packet holds this channel
    ("sent", np.int32),  # output side: flits to the terminal in this step
)
TURN = (  # pointers of a port; that of an output over inputs lies in the output itself
    ("channel", np.int32),  # of an input over its channels
    ("choice", np.int32),  # of an input over outputs
    ("owned", np.int32),  # of an output over its channels
    ("source", np.int32),  # of the terminal that feeds an input over channels
    ("sending", np.int32),  # the channel of the packet that this terminal sends
)


def load_pointers(hw: Hardware, pointers: Ints, outputs: Any, turns: Any) -> None:
    """Round-robin pointers of a state (Hardware.pointers) into the records of outputs and ports."""
    table = pointers.reshape(hw.routers, -1, hw.radix)
    ports = len(outputs) // hw.routers
    for block, column in enumerate(_columns(outputs, turns)[: table.shape[1]]):
        column.reshape(-1, ports)[:, : hw.radix] = table[:, block]


def save_pointers(hw: Hardware, pointers: Ints, outputs: Any, turns: Any) -> None:
    """The inverse of `load_pointers`."""
    table = pointers.reshape(hw.routers, -1, hw.radix)
    ports = len(outputs) // hw.routers
    for block, column in enumerate(_columns(outputs, turns)[: table.shape[1]]):
        table[:, block] = column.reshape(-1, ports)[:, : hw.radix]


def _columns(outputs: Any, turns: Any) -> list[Any]:
    """The pointers in the order in which a state has them."""
    return [outputs.pointer, turns.channel, turns.choice, turns.owned, turns.source]
