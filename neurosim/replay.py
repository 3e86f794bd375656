"""Replay of recorded ground truth: what other people's hardware did, packet by packet, against this machine.

Here: scripted network cases (a folder with scripted_cases.json and scripted_packets.csv, specs/router.md
section 5; with scripted_hops.csv, for some cases, each flit at each router is compared, too). Recorded learning (npz
files) is replayed by vectors.py, what the RTL of a chip did (json files, gzipped or not) by silicon.py. A case that
asks for a mechanism that is not modelled says so and does not count as identical.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neurosim.engine.traffic import Traffic, bare_hardware, run_traffic
from neurosim.errors import ReplayError
from neurosim.image import Ints
from neurosim.silicon import replay_case
from neurosim.vectors import Verdict, replay_vectors

__all__ = ["Verdict", "replay_paths"]

CASES = "scripted_cases.json"
_STAMPS = ("inject_head", "inject_tail", "eject_head", "eject_tail", "routers")
_COLUMNS = (
    "inject_head_cycle",
    "inject_tail_cycle",
    "eject_head_cycle",
    "eject_tail_cycle",
    "routers_visited",
)
_HOP = ("cycle", "router", "input_port", "vc", "packet", "is_head")
# What every case must ask for, because the router is built that way.
_FIXED = {"n": 2, "routing_function": "dim_order", "alloc_iters": 1, "arb_type": "round_robin",
          "wait_for_tail_credit": 0, "hold_switch_for_packet": 0, "vc_alloc_delay": 1, "sw_alloc_delay": 1,
          "st_prepare_delay": 0, "input_speedup": 1, "output_speedup": 1, "internal_speedup": 1.0,
          "injection_and_ejection_channel_latency": 1}  # fmt: skip


def replay_paths(paths: list[Path], engine: str = "compiled") -> Iterator[Verdict]:
    """Replay every case of every path (a folder, or a file of one), in order.

    Raises ReplayError for a path that holds no recorded cases, or damaged ones.
    """
    for path in paths:
        files = _files(path)
        if files:
            for file in files:
                yield replay_vectors(file, engine) if file.suffix == ".npz" else replay_case(file, engine)
            continue
        folder = path.parent if path.name == CASES else path
        cases, packets = _read(folder)
        hops = _read_hops(folder / "scripted_hops.csv")
        for case in cases:
            name = case["case"]
            yield _replay(case, packets[packets["case"] == name], hops[hops["case"] == name], engine)


def _files(path: Path) -> list[Path]:
    """The files of a path that hold one case each: npz of learning, json of a chip's RTL. Empty: network traffic."""
    if not path.is_dir():
        return [path] if path.name != CASES and path.suffix in (".npz", ".json", ".gz") else []
    if (path / CASES).is_file():
        return []
    return sorted(file for pattern in ("*.npz", "*.json", "*.json.gz") for file in path.glob(pattern))


def _read(folder: Path) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    files = folder / CASES, folder / "scripted_packets.csv"
    for file in files:
        if not file.is_file():
            inside = sorted(str(part) for part in folder.glob("*/") if part.is_dir()) if folder.is_dir() else []
            hint = f"; a folder of folders? name those: {' '.join(inside)}" if inside else ""
            raise ReplayError(f"{folder}: expected recorded cases, found no {file.name}, npz or json file{hint}")
    try:
        cases = json.loads(files[0].read_text())
        packets = pd.read_csv(files[1])
    except (ValueError, UnicodeDecodeError) as error:
        raise ReplayError(f"{folder}: not readable: {error}") from error
    if not isinstance(cases, list) or not all(isinstance(c, dict) and _REQUIRED <= c.keys() for c in cases):
        raise ReplayError(f"{files[0]}: expected a list of cases with {', '.join(sorted(_REQUIRED))}")
    wanted = ["case", "create_cycle", "src", "dst", "flits", *_COLUMNS]
    missing = [column for column in wanted if column not in packets.columns]
    if missing:
        raise ReplayError(f"{files[1]}: expected columns {', '.join(wanted)}; missing: {', '.join(missing)}")
    numbers = packets[wanted[1:]]
    if not all(pd.api.types.is_integer_dtype(kind) for kind in numbers.dtypes):
        raise ReplayError(f"{files[1]}: expected whole numbers in all columns but `case`")
    return cases, packets


def _read_hops(file: Path) -> pd.DataFrame:
    """Flits at routers, of the cases that have them; none without a file."""
    wanted = ["case", *_HOP]
    if not file.is_file():
        return pd.DataFrame(columns=wanted)
    try:
        table = pd.read_csv(file)
    except (ValueError, UnicodeDecodeError) as error:
        raise ReplayError(f"{file}: not readable: {error}") from error
    if not set(wanted) <= set(table.columns) or not all(
        pd.api.types.is_integer_dtype(kind) for kind in table[list(_HOP)].dtypes
    ):
        raise ReplayError(f"{file}: expected columns {', '.join(wanted)}, whole numbers in all but `case`")
    return table


_REQUIRED = {"case", "packets", "router_mode", "reference_parameters"}


def _unsupported(case: dict[str, Any]) -> str | None:
    p = case["reference_parameters"]
    channels, torus = p["num_vcs"], p["topology"] == "torus"
    if p["topology"] not in ("mesh", "torus") or not 1 <= channels <= 8 or (torus and channels % 2):
        return f"needs a {p['topology']} with {channels} virtual channel(s), which is not modelled"
    if channels > 1 and case["router_mode"] == "T":
        return f"needs two stages with {channels} virtual channels, which is not modelled"
    if p["st_final_delay"] != 1:
        return f"needs st_final_delay = {p['st_final_delay']} (an unpipelined stage), which is not modelled"
    if p["routing_delay"] > 1:
        return f"needs routing_delay = {p['routing_delay']} (an unpipelined stage), which is not modelled"
    if case["router_mode"] not in ("A", "T"):
        return f"needs router arrangement {case['router_mode']}, which is not modelled"
    for key, value in _FIXED.items():
        if p.get(key, value) != value:
            return f"needs {key} = {p[key]}, which is not modelled"
    return None


def _replay(case: dict[str, Any], rows: pd.DataFrame, hops: pd.DataFrame, engine: str) -> Verdict:
    name, p = str(case["case"]), case["reference_parameters"]
    try:
        reason = _unsupported(case)
        if reason:
            return Verdict(name, None, reason)
        hardware = bare_hardware(
            p["k"], p["k"], p["vc_buf_size"], link_cycles=p["channel_latency"], routing_cycles=p["routing_delay"],
            credit_cycles=p["credit_delay"], two_stage=case["router_mode"] == "T", channels=p["num_vcs"],
            rings=p["topology"] == "torus",
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise ReplayError(f"case {name}: expected the key {error} among its reference parameters") from error
    if len(rows) != case["packets"]:
        raise ReplayError(f"case {name}: expected {case['packets']} packets, found {len(rows)}")
    columns = [rows[c].to_numpy(np.int64) for c in ("create_cycle", "src", "dst", "flits")]
    if not len(rows) or (columns[3] < 1).any():
        raise ReplayError(f"case {name}: expected one or more packets of one or more flits")
    if any((np.diff(columns[0][columns[1] == node]) < 0).any() for node in range(hardware.cores)):
        raise ReplayError(f"case {name}: expected the packets of each source in the order of their creation")
    if any((c < 0).any() for c in columns) or max(columns[1].max(), columns[2].max()) >= hardware.cores:
        raise ReplayError(
            f"case {name}: nodes must lie in 0..{hardware.cores - 1} and cycles must not be negative"
        )
    stamps = run_traffic(hardware, Traffic(*columns), engine, arrivals=len(hops) > 0)
    for packet in range(len(rows)):
        for field, column in zip(_STAMPS, _COLUMNS, strict=True):
            got, expected = int(getattr(stamps, field)[packet]), int(rows[column].iloc[packet])
            if got != expected:
                return Verdict(name, False, f"packet {packet}, {column}: expected {expected}, got {got}")
    if len(hops):
        difference = _first_hop(stamps.arrivals, hops[list(_HOP)].to_numpy(np.int64))
        if difference:
            return Verdict(name, False, difference)
        return Verdict(name, True, f"{len(rows)} packets, {len(hops)} flits at routers")
    return Verdict(name, True, f"{len(rows)} packets")


def _first_hop(got: Ints, expected: Ints) -> str:
    """The first flit at a router that is not as recorded; empty: none. Rows of _HOP, int64[flits, 6]."""
    expected = expected[np.lexsort(expected.T[::-1])]
    length = min(len(got), len(expected))
    differ = np.flatnonzero((got[:length] != expected[:length]).any(axis=1))
    if not len(differ) and len(got) == len(expected):
        return ""
    at = int(differ[0]) if len(differ) else length
    names = [
        ", ".join(f"{name} {value}" for name, value in zip(_HOP, table[at].tolist(), strict=True))
        if at < len(table)
        else "no more flits"
        for table in (expected, got)
    ]
    return f"flits at routers: expected {names[0]}; got {names[1]}"
