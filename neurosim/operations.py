"""Operations of a sequenced core: what the controller can do, which words start it, and what it prefers."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from neurosim.complaint import Path
from neurosim.section import Natural, Positive, Section, require

__all__ = ["ACTIONS", "DOES", "GUARDS", "TARGETS", "Arbiter", "Bits", "Choice", "Move", "Operation", "Word",
           "demands_of", "overlap"]  # fmt: skip

Does = Literal["push", "integrate", "time_reference", "bistability"]
Targets = Literal["none", "one", "all", "row", "memory"]
Guard = Literal["output_busy", "queue_full", "urgent_input", "input", "queue"]
Action = Literal["wait", "pop", "serve"]
DOES, TARGETS, GUARDS, ACTIONS = get_args(Does), get_args(Targets), get_args(Guard), get_args(Action)

Bits = Annotated[tuple[Natural, Positive], Field(strict=False)]  # lowest bit, number of bits
Word = Annotated[int, Field(ge=0, lt=2**62)]


class Move(Section):
    """Bits of an input word that go to an entry of the queue."""

    take: Bits
    to: Natural


class Operation(Section):
    """One operation of the controller, and where its operands stand in the word (or entry) that started it.

    push: an entry into the queue, in `cycles` cycles. integrate: a weight (from the word, or of the synapses of
    `row`) into one neuron or all. time_reference: one neuron or all. bistability: the synapses of a row or all.
    """

    state: str
    does: Does
    targets: Targets
    cycles: Positive | None = None
    patient: bool = False  # only served under the guard `input`
    push: Annotated[tuple[Move, ...], Field(strict=False)] = ()
    row: Bits | None = None
    neuron: Bits | None = None
    weight: Bits | None = None
    inhibitory: Bits | None = None
    time_reference: Bits | None = None
    learns: Literal["never", "always", "enabled"] = "never"
    pop_state: str | None = None  # a state of its own in which the entry is popped once the output is free

    @model_validator(mode="after")
    def _operands_are_there(self) -> Self:
        does, targets = self.does, self.targets
        allowed = {"push": ("none",), "integrate": ("one", "all"), "time_reference": ("one", "all"),
                   "bistability": ("row", "memory")}[does]  # fmt: skip
        needs_row = targets == "row" or (does == "integrate" and self.weight is None)
        require(
            (targets in allowed, ("targets",), f"expected {' or '.join(allowed)} with does: {does}, got {targets}"),
            ((does == "push") == (self.cycles is not None), ("cycles",),
             f"expected {'a number' if does == 'push' else 'none (the targets take the cycles)'} with does: {does}"),
            ((does == "push") == bool(self.push), ("push",),
             f"expected {'bits to move' if does == 'push' else 'nothing'} with does: {does}"),
            ((targets == "one") == (self.neuron is not None), ("neuron",),
             f"expected {'its bits' if targets == 'one' else 'nothing'} with targets: {targets}"),
            (needs_row == (self.row is not None), ("row",),
             f"expected {'its bits' if needs_row else 'nothing'} here"),
            (self.weight is None or (does == "integrate" and targets == "one"), ("weight",),
             "expected it with does: integrate and targets: one only"),
            (self.weight is not None or (self.inhibitory is None and self.time_reference is None), ("weight",),
             "expected its bits beside those of inhibitory or time_reference"),
            (not overlap((move.to, move.take[1]) for move in self.push), ("push",),
             "expected bits of the entry of its own for each move, got some twice"),
            (self.learns == "never" or (does == "integrate" and self.weight is None), ("learns",),
             f"expected never where no synapse is read, got {self.learns}"),
        )  # fmt: skip
        return self


class Choice(Section):
    """Words whose masked bits match start an operation; the first that matches counts."""

    mask: Word
    match: Word
    operation: str

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        mask, match = self.mask, self.match
        require((match & ~mask == 0, ("match",), f"expected bits of the mask {mask:#x} only, got {match:#x}"))
        return self


class Arbiter(Section):
    """One line of the arbiter: the first guard that holds decides what the controller does in this cycle."""

    when: Guard
    do: Action

    @model_validator(mode="after")
    def _can_be_done(self) -> Self:
        action = {"queue_full": "pop", "queue": "pop", "urgent_input": "serve", "input": "serve"}.get(self.when, "wait")
        allowed = dict.fromkeys((action, "wait"))
        require((self.do in allowed, ("do",), f"expected {' or '.join(allowed)} when {self.when}, got {self.do}"))
        return self


def overlap(places: Iterable[Bits]) -> bool:
    """Whether two of some fields share a bit."""
    end = 0
    for low, bits in sorted(places):
        if low < end:
            return True
        end = low + bits
    return False


def demands_of(operation: Operation, here: Path, width: int, queued: bool) -> list[tuple[bool, Path, str]]:
    """What must hold for an operation that a word of `width` bits starts."""
    fields = [operation.row, operation.neuron, operation.weight, operation.inhibitory, operation.time_reference]
    fields += [move.take for move in operation.push]
    high = max((low + bits for low, bits in (f for f in fields if f)), default=0)
    return [
        (high <= width, here, f"expected operands within {width} bits, got up to bit {high - 1}"),
        (not queued or operation.does in ("integrate", "time_reference"), here,
         f"expected an entry of the queue to integrate or to be a time reference, got {operation.does}"),
        (queued or operation.pop_state is None, here, "expected no pop_state for a word of the input port"),
    ]  # fmt: skip
