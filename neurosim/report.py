"""The report: a run's counts as tidy tables, priced, and a summary of them. Tables are pandas from here up.

`mode` is `train` or `test` in tables; the summary calls the second one `inference`. Counts and cycles in the
ledger are whole numbers without times or dates in them: equal runs give equal bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, log10
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurosim.account.bottleneck import bottleneck
from neurosim.account.costs import CostTable
from neurosim.account.energy import BAND, price
from neurosim.account.latency import latency
from neurosim.account.memory import accesses
from neurosim.account.sequenced import UNIT_NAMES, limit
from neurosim.engine.run import Run
from neurosim.errors import ConfigError
from neurosim.machine import Machine
from neurosim.ops import CAUSES, FLIT_OPS, OPS, PHASES, UNITS, Op, Phase, Unit, describe, unit_of
from neurosim.sequenced import SequencedChip

__all__ = ["MODES", "Report", "curve_table", "report", "three_digits"]

MODES = {"train": "train", "test": "inference"}  # mode in tables -> section of the summary

_SYNAPTIC_OPS = (Op.SYNAPSE_ADD, Op.SPARSE_ADD, Op.ERROR_MAC, Op.CREDIT_ADD, Op.WEIGHT_UPDATE)
# The community's prices of FP32 arithmetic at 45 nm in pJ (Horowitz, ISSCC 2014): addition, multiply-add.
_ADD_PJ, _MAC_PJ = 0.9, 4.6


def three_digits(value: float) -> str:
    """At most three significant digits, thousands separated: 123456 -> 123,000; 0.012345 -> 0.0123."""
    if value == 0 or value != value:
        return "0" if value == 0 else "-"
    digits = 2 - floor(log10(abs(value)))
    rounded = round(value, digits)
    if rounded and floor(log10(abs(rounded))) > floor(log10(abs(value))):
        digits -= 1
    return f"{rounded:,.{max(digits, 0)}f}"


@dataclass(frozen=True)
class Report:
    """Tables and summary of a run.

    ledger: run, seed, mode, phase, core, unit, op, count, bits.
    causes: mode, phase, core, unit, cause, cycles.
    energy: mode, phase, unit, low_nj, mid_nj, high_nj, per sample.
    memory: mode, phase, memory, access, words, bits, per_sample (words).
    """

    ledger: pd.DataFrame
    causes: pd.DataFrame
    energy: pd.DataFrame
    memory: pd.DataFrame
    summary: dict[str, Any]


def report(
    runs: Mapping[str, Run] | Run,
    chip: Machine,
    costs: CostTable,
    *,
    name: str = "run",
    seed: int = 0,
    populations: tuple[str, ...] = (),
    synapses: int = 0,
) -> Report:
    """Tables and summary of the runs of each mode (`train`, `test`); a Run alone counts as `test`.

    `populations` are names for the spike counts; `synapses`, the number of weights of the network, is what
    the dense comparison of the community's count needs.
    """
    by_mode = {"test": runs} if isinstance(runs, Run) else dict(runs)
    for run in by_mode.values():
        if run.counts.shape[1] != chip.cores + 1:
            found = run.counts.shape[1] - 1
            raise ConfigError(f"report: expected a run on {chip.name} ({chip.cores} cores), got one on {found} cores")
    by_mode = {mode: by_mode[mode] for mode in MODES if mode in by_mode and by_mode[mode].samples > 0}
    ledger = pd.concat(
        [_ledger(run, chip, name, seed, mode) for mode, run in by_mode.items()], ignore_index=True
    )
    causes = pd.concat([_causes(run, chip, mode) for mode, run in by_mode.items()], ignore_index=True)
    energy = pd.concat([_energy(run, chip, costs, mode) for mode, run in by_mode.items()], ignore_index=True)
    memory = pd.concat([_memory(run, chip, mode) for mode, run in by_mode.items()], ignore_index=True)
    summary: dict[str, Any] = {
        "name": name, "chip": chip.name, "costs": costs.name, "prices": _prices(costs), "seed": seed,
    }  # fmt: skip
    for mode, run in by_mode.items():
        of_mode = energy[energy["mode"] == mode]
        summary[MODES[mode]] = _section(
            run, chip, of_mode, memory[memory["mode"] == mode], populations, synapses
        )
    return Report(ledger, causes, energy, memory, summary)


def _prices(costs: CostTable) -> str:
    """Which prices these are, in words."""
    return f"{costs.description} ({costs.quality})"


def _core_names(cores: int) -> NDArray[np.object_]:
    return np.array([*map(str, range(cores)), "host"], dtype=object)


def _unit_names(chip: Machine) -> NDArray[np.object_]:
    """What the units of a chip are called."""
    sequenced = isinstance(chip, SequencedChip)
    return np.array([UNIT_NAMES.get(unit, unit) if sequenced else unit for unit in UNITS], dtype=object)


def _ledger(run: Run, chip: Machine, name: str, seed: int, mode: str) -> pd.DataFrame:
    phase, node, op = np.nonzero(run.counts)
    count = run.counts[phase, node, op]
    return pd.DataFrame(
        {
            "run": name,
            "seed": seed,
            "mode": mode,
            "phase": np.array(PHASES, dtype=object)[phase],
            "core": _core_names(chip.cores)[node],
            "unit": np.array([[unit_of(o, p) for o in Op] for p in Phase], dtype=object)[phase, op],
            "op": np.array(OPS, dtype=object)[op],
            "count": count,
            "bits": count * np.array([_bits(o, chip) for o in Op], np.int64)[op],
        }
    )


def _bits(op: Op, chip: Machine) -> int:
    """Bits that one event moves: a memory word, a flit, one random bit; 0 for arithmetic."""
    memory = describe(op).memory
    if memory is not None:
        memories = chip.core.memories()
        return memories[memory].word_bits if memory in memories else 0
    if op in FLIT_OPS:
        return chip.flit_bits
    return int(op == Op.RANDOM_BIT)


def _causes(run: Run, chip: Machine, mode: str) -> pd.DataFrame:
    phase, node, unit, cause = np.nonzero(run.cycles)
    return pd.DataFrame(
        {
            "mode": mode,
            "phase": np.array(PHASES, dtype=object)[phase],
            "core": _core_names(chip.cores)[node],
            "unit": _unit_names(chip)[unit],
            "cause": np.array(CAUSES, dtype=object)[cause],
            "cycles": run.cycles[phase, node, unit, cause],
        }
    )


def _energy(run: Run, chip: Machine, costs: CostTable, mode: str) -> pd.DataFrame:
    """Energy per sample by phase and unit. Rows that are zero in the whole band are left out."""
    rows: list[dict[str, Any]] = []
    for unit, bands in price(run.counts, run.phase_cycles, chip, costs).by_unit().items():
        for phase, band in zip(PHASES, bands.T / run.samples / 1000, strict=True):  # pJ -> nJ
            if band.any():
                values = {f"{end}_nj": float(value) for end, value in zip(BAND, band, strict=True)}
                rows.append({"mode": mode, "phase": phase, "unit": unit, **values})
    return pd.DataFrame(rows, columns=["mode", "phase", "unit", *(f"{end}_nj" for end in BAND)])


def _memory(run: Run, chip: Machine, mode: str) -> pd.DataFrame:
    rows = [
        (mode, phase, row.memory, row.access, int(words), int(bits), int(words) / run.samples)
        for row in accesses(run.counts, chip)
        for phase, words, bits in zip(PHASES, row.words, row.bits, strict=True)
        if words > 0
    ]
    return pd.DataFrame(rows, columns=["mode", "phase", "memory", "access", "words", "bits", "per_sample"])


def curve_table(
    marks: NDArray[np.uint8], cycles: NDArray[np.int64], rates: NDArray[np.float64]
) -> pd.DataFrame:
    """The learning curve: right answers in percent over windows of a hundredth of the run (at least 50).

    marks: uint8[n], bit 0 strictly right, bit 1 right by argmax, bit 2 with membranes, before the sample is learnt.
    cycles: int64[n].  rates: float64[n].  A row stands at the last presentation of its window.
    """
    total = len(marks)
    window = max(50, -(-total // 100))
    starts = np.arange(0, total, window)
    sizes = np.diff([*starts, total])
    columns = ["presentation", "strict", "argmax", "membrane", "learning_rate", "cycles_per_sample"]
    if total == 0:
        return pd.DataFrame(columns=columns)
    values = (
        starts + sizes,
        100 * np.add.reduceat(marks & 1, starts, dtype=np.int64) / sizes,
        100 * np.add.reduceat((marks >> 1) & 1, starts, dtype=np.int64) / sizes,
        100 * np.add.reduceat((marks >> 2) & 1, starts, dtype=np.int64) / sizes,
        rates[starts + sizes - 1],
        np.add.reduceat(cycles, starts) / sizes,
    )
    return pd.DataFrame(dict(zip(columns, values, strict=True)))


def _section(
    run: Run,
    chip: Machine,
    energy: pd.DataFrame,
    memory: pd.DataFrame,
    populations: tuple[str, ...],
    synapses: int,
) -> dict[str, Any]:
    """The summary of one mode; every number is per sample unless its key says otherwise."""
    n = run.samples
    cycles = float(run.phase_cycles.sum()) / n
    section = {
        "samples": n,
        "cycles_per_sample": cycles,
        "latency_us_per_sample": cycles / chip.clock_mhz,
        "cycles_per_sample_by_phase": _by_phase(run.phase_cycles / n),
        "steps_per_sample": float(run.steps.sum()) / n,
        "tick_overruns": run.overruns,
        "energy_nj_per_sample": _energy_summary(energy),
        "memory_accesses_per_sample": _memory_summary(memory, n),
        "spikes_per_sample": _spikes(run, populations),
        "synaptic_ops_per_sample": _synaptic_ops(run, chip),
        "flits_per_sample": float(run.links.sum()) / n,
        "bottleneck": _bottleneck(run, chip),
        "community_45nm_fp32": _community(run, chip, energy, synapses),
    }
    if len(run.sample_cycles) == n:
        found = latency(run.sample_cycles, chip)
        section["latency_us"] = {"median": found.median_us, "p99": found.p99_us, "max": found.max_us}
    return section


def _by_phase(values: NDArray[np.float64]) -> dict[str, float]:
    return {phase: float(value) for phase, value in zip(PHASES, values, strict=True) if value > 0}


def _energy_summary(energy: pd.DataFrame) -> dict[str, Any]:
    def band(rows: pd.DataFrame) -> dict[str, float]:
        return {end: float(rows[f"{end}_nj"].sum()) for end in BAND}

    def split(column: str) -> dict[str, dict[str, float]]:
        return {name: band(energy[energy[column] == name]) for name in energy[column].drop_duplicates()}

    phases = split("phase")
    by_phase = {phase: phases[phase] for phase in PHASES if phase in phases}
    return {**band(energy), "by_phase": by_phase, "by_unit": split("unit")}


def _memory_summary(memory: pd.DataFrame, samples: int) -> dict[str, dict[str, float]]:
    result: dict[str, dict[str, float]] = {}
    for name in memory["memory"].drop_duplicates():
        entry = result[name] = {}
        for access in ("read", "write"):
            rows = memory[(memory["memory"] == name) & (memory["access"] == access)]
            entry[access] = float(rows["words"].sum()) / samples
            entry[f"{access}_bits"] = float(rows["bits"].sum()) / samples
    return result


def _spikes(run: Run, populations: tuple[str, ...]) -> dict[str, float]:
    names = populations or tuple(f"population{p}" for p in range(len(run.spikes)))
    counted = {name: int(count) / run.samples for name, count in zip(names, run.spikes, strict=True)}
    return {**counted, "total": int(run.spikes.sum()) / run.samples}


def _synaptic_ops(run: Run, chip: Machine) -> dict[str, float]:
    """A SOP of a sequenced core reads, adds and moves a synapse: it is counted once."""
    ops = (Op.SYNAPSE_ADD,) if isinstance(chip, SequencedChip) else _SYNAPTIC_OPS
    counted = run.counts[:, :, list(ops)].sum(axis=(1, 2)) / run.samples
    return _by_phase(counted)


def _bottleneck(run: Run, chip: Machine) -> dict[str, Any]:
    """The limit of the phase that takes most of the time, and of each phase."""
    if isinstance(chip, SequencedChip):
        return _controller_limit(run, chip)
    found = {row.phase: row for row in bottleneck(run.cycles, run.phase_cycles, run.steps, chip)}
    longest = PHASES[int(run.phase_cycles.argmax())]
    share = float(run.phase_cycles.max()) / float(run.phase_cycles.sum())
    row = found[longest]
    return {
        "phase": longest,
        "phase_share": share,
        "unit": row.unit,
        "core": "host" if row.node == chip.cores else row.node,
        "unit_share": row.share,
        "text": row.resource,
        "by_phase": {phase: {"text": r.resource, "unit_share": r.share} for phase, r in found.items()},
    }


def _controller_limit(run: Run, chip: SequencedChip) -> dict[str, Any]:
    """The same of a sequenced chip, whose controller is the only unit that works."""
    work = run.cycles[:, 0, Unit.SOMA]
    shares = work.max(axis=1) / np.maximum(run.phase_cycles, 1)
    cycles, writes = chip.core.cycles_per_target, run.counts[:, 0, Op.NEURON_WRITE]
    texts = {phase: limit(work[phase], cycles, int(writes[phase])) for phase in Phase if run.phase_cycles[phase]}
    longest = Phase(int(run.phase_cycles.argmax()))
    return {
        "phase": PHASES[longest],
        "phase_share": float(run.phase_cycles.max()) / float(run.phase_cycles.sum()),
        "unit": "controller",
        "core": 0,
        "unit_share": float(shares[longest]),
        "text": texts[longest],
        "by_phase": {PHASES[p]: {"text": text, "unit_share": float(shares[p])} for p, text in texts.items()},
    }


def _community(run: Run, chip: Machine, energy: pd.DataFrame, synapses: int) -> dict[str, float | None]:
    """What the usual formula would say: FP32 additions and multiply-adds only, no memory, no network."""
    ops = run.counts.sum(axis=(0, 1)) / run.samples
    additions = float(ops[Op.SYNAPSE_ADD] + ops[Op.SPARSE_ADD] + ops[Op.CREDIT_ADD] + ops[Op.ERROR_ADD])
    steps = 0 if isinstance(chip, SequencedChip) else ops[Op.WEIGHT_UPDATE]  # of one LSB: nothing is multiplied
    products = float(ops[Op.ERROR_MAC] + steps)
    spiking = (additions * _ADD_PJ + products * _MAC_PJ) / 1000
    dense = synapses * _MAC_PJ / 1000
    total = float(energy["mid_nj"].sum())
    return {
        "spiking_nj": spiking,
        "dense_nj": dense if synapses else None,
        "ratio_to_spiking": total / spiking if spiking else None,
        "ratio_to_dense": total / dense if dense else None,
    }
