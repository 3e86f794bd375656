"""Replay of what the RTL of a sequenced chip did: every event, operation, strobe and final bit (odin.md section 7).

A case is a JSON file, gzipped or not: the contents of registers and memories, what the bench sent and how its
handshakes lag, and what was measured. The chip is the shipped one that the file's format names, with these registers.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from neurosim.engine.sequence import Sequence, check_events, play
from neurosim.errors import ConfigError, ReplayError
from neurosim.microcode import CLOCK
from neurosim.sequenced import FIELDS, SequencedChip, load_sequenced
from neurosim.sequencer import Sequencer, SequencerState, build_sequencer
from neurosim.stimulus import Events
from neurosim.vectors import Verdict

__all__ = ["CHIPS", "Case", "load_case", "prepare_case", "replay_case"]

CHIPS = {"odin-golden-1": "odin", "tinyodin-golden-1": "tinyodin"}
# Registers of the RTL -> registers of core.registers; None: nothing that is modelled depends on it.
_REGISTERS = {
    "OPEN_LOOP": "open_loop", "UPDATE_UNMAPPED_SYN": "update_unmapped", "PROPAGATE_UNMAPPED_SYN": "propagate_unmapped",
    "SDSP_ON_SYN_STIM": "learn_on_events", "OUT_AER_MONITOR_EN": "watch", "MONITOR_NEUR_ADDR": "watched_neuron",
    "MONITOR_SYN_ADDR": "watched_row", "MAX_NEUR": "last_neuron", "AER_SRC_CTRL_nNEUR": "output_source",
    "BURST_TIMEREF": None,  # bursts of Izhikevich neurons
}  # fmt: skip
_FLAGS = ("open_loop", "update_unmapped", "propagate_unmapped", "learn_on_events", "watch")

# What a case of each format must have measured at the end, beside the neuron words.
_NEEDED = {
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


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Handshake(_Part):
    a: Delays
    r: Delays
    d: Delays
    e: Delays


class _Config(_Part):
    registers: dict[str, int]
    syn_sign_hex: str | None = None
    v_up_hex: str | None = None
    v_down_hex: str | None = None
    neuron_words_hex: list[str]
    synapse_words_hex: str
    handshake: _Handshake
    max_cycles: Annotated[int, Field(ge=0, lt=2**58)]


class _Strobes(_Part):
    neuron_reads: int
    neuron_writes: int
    synapse_reads: int
    synapse_writes: int


class _Scheduler(_Part):
    pushed: int
    dropped: int
    popped: int
    max_fill: int
    final_fifo: list[int]


class _Expected(_Part):
    input_handshakes: list[Row]
    output_events: list[Row]
    operations: list[Annotated[list[Any], Field(min_length=8, max_length=8), AfterValidator(_operation)]]
    memory_strobes: _Strobes
    scheduler: _Scheduler
    aer_out_busy_cycles: int
    last_active_cycle: int
    final_neuron_words_hex: list[str]


class _File(_Part):
    format: str
    title: str = ""
    config: _Config
    stimulus: list[Row]
    expected: _Expected


@dataclass(frozen=True)
class Case:
    """A recorded case, checked: what the chip holds and gets, and what was measured."""

    name: str
    title: str
    chip: SequencedChip
    inhibitory: NDArray[np.uint8]  # [rows]
    neuron_words: list[int]
    synapses: NDArray[np.uint16]  # [rows, neurons]
    flags: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None
    events: Events
    last: int
    expected: dict[str, Any]


class _Difference(NamedTuple):
    cycle: int
    what: str
    expected: object
    got: object

    def __str__(self) -> str:
        return f"cycle {self.cycle}, {self.what}: expected {self.expected}, got {self.got}"


class _Unmodelled(Exception):
    """The case needs what is not modelled."""


def replay_case(path: Path, engine: str = "compiled") -> Verdict:
    """Run one case and compare all that was measured; the message names the first difference, or what is not modelled.

    Raises ReplayError for a file that holds something else.
    """
    name = path.name.removesuffix(".gz").removesuffix(".json")
    try:
        case = load_case(path)
        sequencer, state = prepare_case(case)
    except _Unmodelled as reason:
        return Verdict(name, None, str(reason))
    try:
        check_events(sequencer, case.events)
    except ConfigError as error:
        raise ReplayError(f"{path}: {error}") from None
    run = play(sequencer, state, case.events, case.last, engine=engine, record=True)
    difference = min(_differences(case, sequencer, state, run), key=lambda found: found.cycle, default=None)
    if difference:
        return Verdict(name, False, str(difference))
    return Verdict(name, True, f"{run.cycles:,} cycles, {len(run.outputs):,} output events")


def load_case(path: Path) -> Case:
    """Read and check a case. Raises ReplayError with what is wrong with the file."""
    try:
        data = path.read_bytes()
        text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        tree = json.loads(text)
    except OSError as error:
        raise ReplayError(f"{path}: expected a recorded case, got: {error.strerror or error}") from None
    except (ValueError, EOFError, zlib.error, RecursionError) as error:
        raise ReplayError(f"{path}: expected JSON, gzipped or not, got: {error}") from None
    form = tree.get("format") if isinstance(tree, dict) else None
    if form not in CHIPS:
        raise ReplayError(f"{path}: format: expected one of {', '.join(CHIPS)}, got {form!r}")
    try:
        return _checked(path, _File.model_validate(tree))
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)[:5]]
        raise ReplayError("\n".join(f"{path}: {line}" for line in lines)) from None
    except (ConfigError, ValueError, OverflowError) as error:
        raise ReplayError(f"{path}: {error}") from None


def _checked(path: Path, file: _File) -> Case:
    chip = _chip_of(file)
    core, config = chip.core, file.config
    neurons, rows = core.neuron.entries, core.synapse.rows
    missing = ", ".join(name for name in _NEEDED[file.format] if name not in file.expected.model_dump())
    if missing:
        raise ReplayError(f"{path}: expected: a case of {CHIPS[file.format]} needs {missing}")
    flags = None
    if config.v_up_hex is not None and config.v_down_hex is not None:
        flags = _bits(config.v_up_hex, neurons, "v_up_hex"), _bits(config.v_down_hex, neurons, "v_down_hex")
    times, words = (np.array([row[k] for row in file.stimulus], np.int64) for k in range(2))
    return Case(
        path.name.removesuffix(".gz").removesuffix(".json"), file.title, chip,
        np.zeros(rows, np.uint8) if config.syn_sign_hex is None else _bits(config.syn_sign_hex, rows, "syn_sign_hex"),
        [int(word, 16) for word in config.neuron_words_hex], _codes(config.synapse_words_hex, chip), flags,
        Events(times, words), config.max_cycles, file.expected.model_dump(),
    )  # fmt: skip


def _chip_of(file: _File) -> SequencedChip:
    """The shipped chip with the registers and the handshakes of a case."""
    assignments = []
    for name, value in file.config.registers.items():
        if name not in _REGISTERS:
            if value:
                raise _Unmodelled(f"needs the register {name} = {value}, which is not modelled")
            continue
        own = _REGISTERS[name]
        text = str(value)
        if own in (*_FLAGS, "output_source") and value not in (0, 1):
            raise ReplayError(f"registers.{name}: expected 0 or 1, got {value}")
        if own in _FLAGS:
            text = "true" if value else "false"
        elif own == "output_source":
            text = "controller" if value else "neuron"
        if own:
            assignments.append(f"core.registers.{own}={text}")
    delays = file.config.handshake
    for own, cycles in (("acknowledge", delays.a), ("release", delays.r), ("drop", delays.d), ("gap", delays.e)):
        assignments.append(f"link.{own}_cycles={cycles}")
    return load_sequenced(CHIPS[file.format], assignments)


def _bits(text: str, count: int, name: str) -> NDArray[np.uint8]:
    """Bit i of a hexadecimal number -> element i."""
    value = int(text, 16)
    if not 0 <= value < 1 << count:
        raise ReplayError(f"{name}: expected {count} bits, got {value.bit_length()}")
    return np.array([value >> i & 1 for i in range(count)], np.uint8)


def _words(text: str, chip: SequencedChip) -> list[int]:
    """The words of synapse memory, concatenated in hexadecimal."""
    memory, digits = chip.core.memories()["synapse"], -(-chip.core.synapse.word_bits // 4)
    if len(text) != memory.words * digits:
        raise ReplayError(f"synapse words: expected {memory.words} of {digits} digits, got {len(text)} digits")
    return [int(text[k : k + digits], 16) for k in range(0, len(text), digits)]


def _codes(text: str, chip: SequencedChip) -> NDArray[np.uint16]:
    """Codes of the synapses [rows, neurons]."""
    synapse, words = chip.core.synapse, np.array(_words(text, chip), np.int64)
    shifts = synapse.synapse_bits * np.arange(synapse.synapses_per_word)
    codes = words[:, None] >> shifts & ((1 << synapse.synapse_bits) - 1)
    return codes.reshape(synapse.rows, -1)[:, : chip.core.neuron.entries].astype(np.uint16)


def prepare_case(case: Case) -> tuple[Sequencer, SequencerState]:
    """The sequencer of a case, and its memories as they were loaded."""
    sequencer = build_sequencer(case.chip, case.inhibitory)
    try:
        return sequencer, sequencer.new_state(case.neuron_words, case.synapses, case.flags)
    except ConfigError as error:
        if "not modelled" in str(error):
            raise _Unmodelled(f"needs {error}") from None
        raise ReplayError(f"{case.name}: {error}") from None


def _differences(case: Case, sequencer: Sequencer, state: SequencerState, run: Sequence) -> Iterator[_Difference]:
    """The first difference in each of the quantities that were measured."""
    expected = case.expected
    operations = [[run.state_of(row[0]), *row[1:]] for row in run.operations.tolist()]
    yield from _streams("input handshake", expected["input_handshakes"], run.handshakes.tolist(), 0)
    yield from _streams("output event", expected["output_events"], run.outputs.tolist(), 0)
    yield from _streams("operation", expected["operations"], operations, 1)
    end = run.end
    found: dict[str, object] = {name: run.count(name) for name in _STROBES}
    yield from _numbers("memory_strobes", expected["memory_strobes"], found, end)
    queue: dict[str, object] = {name: run.count(name) for name in ("pushed", "dropped", "popped", "max_fill")}
    yield from _numbers("scheduler", expected["scheduler"], queue | {"final_fifo": state.entries()}, end)
    rest = {"aer_out_busy_cycles": run.count("output_busy"), "last_active_cycle": int(state.clock[CLOCK.end])}
    yield from _numbers("", expected, rest | _finals(case, sequencer, state), end)


_STROBES = ("neuron_reads", "neuron_writes", "synapse_reads", "synapse_writes")
_STREAMS = ("input_handshakes", "output_events", "operations", "memory_strobes", "scheduler")


def _streams(what: str, expected: list[list[Any]], got: list[list[Any]], at: int) -> Iterator[_Difference]:
    """The first row that differs; `at`: the column of its cycle."""
    for number, (one, other) in enumerate(zip(expected, got, strict=False)):
        if one != other:
            yield _Difference(min(one[at], other[at]), f"{what} {number}", one, other)
            return
    if len(expected) != len(got):
        number = min(len(expected), len(got))
        left = (expected if len(expected) > number else got)[number]
        sides = (left, "none") if len(expected) > number else ("none", left)
        yield _Difference(left[at], f"{what} {number}", *sides)


def _numbers(
    where: str, expected: Mapping[str, object], got: Mapping[str, object], cycle: int
) -> Iterator[_Difference]:
    """Values by name that differ; a name that was measured and is not known here is one."""
    for name, value in expected.items():
        if name in got and got[name] == value:
            continue
        if where or name not in _STREAMS:
            label = f"{where}.{name}" if where else name
            yield _difference(cycle, label, value, got.get(name, "nothing: it is not compared"))


def _difference(cycle: int, label: str, expected: object, got: object) -> _Difference:
    """A difference in a value; of a long list the first element that differs."""
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for number, (one, other) in enumerate(zip(expected, got, strict=True)):
            if one != other:
                return _Difference(cycle, f"{label}[{number}]", one, other)
    if isinstance(expected, str) and isinstance(got, str) and len(expected) == len(got) > 64:
        at = next(k for k in range(len(got)) if expected[k] != got[k]) // 8 * 8
        return _Difference(cycle, f"{label}, digits {at} on", expected[at : at + 8], got[at : at + 8])
    return _Difference(cycle, label, expected, got)


def _finals(case: Case, sequencer: Sequencer, state: SequencerState) -> dict[str, object]:
    """What memories and flags hold at the end, under the names of the format, as far as the case has them."""
    core = sequencer.chip.core
    digits = -(-core.neuron.word_bits // 4)
    synapses = _text(sequencer.synapses(state), sequencer.chip)
    before = _text(case.synapses, sequencer.chip)
    words = -(-core.synapse.word_bits // 4)
    changed = sum(before[k : k + words] != synapses[k : k + words] for k in range(0, len(before), words))
    up, down = (_hex(row) for row in (state.up, state.down))
    known = {
        "final_core": state.field[FIELDS.index("membrane")].tolist(),
        "final_calcium": state.field[FIELDS.index("calcium")].tolist(),
        "final_caleak_cnt": state.field[FIELDS.index("calcium_wait")].tolist(),
        "final_neuron_words_hex": [f"{word:0{digits}x}" for word in sequencer.pack(state)],
        "final_synapse_words_hex": synapses,
        "final_v_up_hex": up,
        "final_v_down_hex": down,
        "synapse_words_changed": changed,
    }
    return {name: value for name, value in known.items() if name in case.expected}


def _hex(bits: NDArray[np.uint8]) -> str:
    """Element i -> bit i of a hexadecimal number."""
    return f"{sum(int(bit) << i for i, bit in enumerate(bits)):0{-(-len(bits) // 4)}x}"


def _text(codes: NDArray[Any], chip: SequencedChip) -> str:
    """Codes [rows, neurons] -> the words in hexadecimal, concatenated."""
    synapse, core = chip.core.synapse, chip.core
    width = core.words_per_row * synapse.synapses_per_word
    full = np.zeros((synapse.rows, width), np.int64)
    full[:, : codes.shape[1]] = codes
    shifts = synapse.synapse_bits * np.arange(synapse.synapses_per_word)
    words = (full.reshape(-1, synapse.synapses_per_word) << shifts).sum(axis=1)
    digits = -(-synapse.word_bits // 4)
    return "".join(f"{word:0{digits}x}" for word in words.tolist())
