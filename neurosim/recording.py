"""The golden format of a chip's RTL runs, checked: what was loaded, sent and measured (odin.md section 7)."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["NEEDED", "Config", "Expected", "Handshake", "Part", "Recording", "Scheduler", "Strobes"]

# What a case of each format must have measured at the end, beside the neuron words.
NEEDED = {
    "odin-golden-1": ("final_calcium", "final_caleak_cnt", "final_synapse_words_hex", "final_v_up_hex",
                      "final_v_down_hex"),
    "tinyodin-golden-1": (),
}  # fmt: skip


def _operation(row: list[Any]) -> list[Any]:
    if not isinstance(row[0], str) or any(type(value) is not int for value in row[1:]):
        raise ValueError(f"expected a state and seven whole numbers, got {row}")
    return row


Row = Annotated[list[int], Field(min_length=2, max_length=2)]
Delays = Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1)]


class Part(BaseModel):
    """Unknown names are kept: a measured quantity that is not known must not be overlooked."""

    model_config = ConfigDict(extra="allow", strict=True)


class Handshake(Part):
    """Delays in cycles, in turn: ACK up (a) and down (r) of the receiver, REQ down (d) and up (e) of the sender."""

    a: Delays
    r: Delays
    d: Delays
    e: Delays


class Config(Part):
    """What the chip holds before the run, and when it is cut."""

    registers: dict[str, int]
    syn_sign_hex: str | None = None
    v_up_hex: str | None = None
    v_down_hex: str | None = None
    neuron_words_hex: list[str]
    synapse_words_hex: str
    handshake: Handshake
    max_cycles: Annotated[int, Field(ge=0, lt=2**58)]


class Strobes(Part):
    """Cycles in which each memory was read and written."""

    neuron_reads: int
    neuron_writes: int
    synapse_reads: int
    synapse_writes: int


class Scheduler(Part):
    """The event queue."""

    pushed: int
    dropped: int
    popped: int
    max_fill: int
    final_fifo: list[int]


class Expected(Part):
    """What was measured."""

    input_handshakes: list[Row]
    output_events: list[Row]
    operations: list[Annotated[list[Any], Field(min_length=8, max_length=8), AfterValidator(_operation)]]
    memory_strobes: Strobes
    scheduler: Scheduler
    aer_out_busy_cycles: int
    last_active_cycle: int
    final_neuron_words_hex: list[str]


class Recording(Part):
    """A whole file."""

    format: str
    title: str = ""
    config: Config
    stimulus: list[Row]
    expected: Expected
