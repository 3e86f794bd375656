"""neurosim's compiled engine against SANA-FE: the same networks, the same stimulus, one thread each, in turn.

    python benchmarks/peer_sanafe.py [--case fc]... [--repeats 5] [--json FILE] [--ours-only] [--smoke]

Every side (our engine; each of SANA-FE's three ways to time a step) has a process of its own, sets itself up, warms up
and then takes turns with the others, so that all see the same machine. A ratio compares one turn of SANA-FE with the
turn of ours just before it; it is the median over the repeats, of CPU time a step. Spikes, synaptic events and
hops of both tools are compared with an oracle step by step, messages of SANA-FE turn by turn; a difference ends the
script.
"""

import importlib.util
import json
import statistics
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import neurosim_side
import numpy as np
import sanafe_side
from cases import NAMES, case, fan_out, spikes_of
from sanafe_side import MISSING, MODES

COUNTS = {"spikes": "fired", "synaptic_events": "spikes", "hops": "hops"}  # ours -> SANA-FE's name, per step
MULTICAST = "noc.multicast=true"

DIFFERENCES = """
Why the energies differ, where they do:
  * Both price the same counts with the same table, so synapse, soma and network agree to rounding. SANA-FE charges
    nothing for scripted neurons; ours stand in a core, are swept, and fire: the column `scripted` is only ours.
  * Energy is dynamic energy on both sides. SANA-FE's description has no static power; ours is left out here.
  * With multicast one packet serves many cores, so the network part is smaller; what arrives and is added is the same.

Why the times of a step differ:
  * Ours is every unit and every link, cycle by cycle, on a grid of 0.1 ns. In a core the axon unit (16 ns a message)
    and the synapse unit (3.8 or 4.7 ns a synapse) are two stages that overlap; SANA-FE has one server that does both,
    one after the other. In ours the soma sweep and the packetiser overlap too; SANA-FE adds 5.1 ns a message to the
    sweep. So our steps come out shorter by the overlap.
  * `simple` takes the busiest sender or the busiest receiver, whichever is longer: no message has to be sent before it
    is received, and there is no network. `detailed` estimates queues from the density of messages on the links.
    `cycle` simulates routers, but those of a fixed 8x4x4 mesh with a clock of 1 ns: 5 + 4 x hops ns a message in any
    direction, all delays rounded to whole ns (5.1 becomes 5), receivers that hold 8 messages; and once no flit is
    in flight it adds what is left of a sweep to what is left to receive, where the two would overlap.
  * Our links take a flit every 1 ns, a number that nobody has published and the chip file marks as an estimate.
  * Messages of one spike go out in ascending order of cores, ours along the rows of tiles, theirs down the columns.
"""


@dataclass(frozen=True)
class Plan:
    """Steps of one turn for each side, after `warmup` steps that are not timed.

    The rate of the fc cases is steady, so each side may take as many steps as it needs for a good clock reading. The
    sparse cases swing: all sides run exactly the same steps.
    """

    warmup: int
    steps: dict[str, int]
    repeats: int
    scale: float = 1.0

    @classmethod
    def of(cls, name: str, repeats: int, smoke: bool) -> "Plan":
        if smoke:
            longer = {"neurosim": 300} if name.startswith("fc") else {}
            return cls(15, dict.fromkeys(("neurosim", *MODES), 3) | longer, 2, 0.05)
        if name.startswith("fc"):
            return cls(20, {"neurosim": 2000, "simple": 100, "detailed": 40, "cycle": 2}, repeats)
        return cls(60, dict.fromkeys(("neurosim", *MODES), 5 if name == "sparse" else 10), repeats)

    def measured(self, mode: str) -> int:
        """Steps that a side runs in all turns together."""
        return self.steps[mode] * self.repeats


def oracle(name: str, plan: Plan, steps: int) -> dict[str, list[int]]:
    """Counts of the steps after the warm-up, in plain numpy."""
    net = case(name, plan.warmup + steps, scale=plan.scale)
    events, messages, hops = fan_out(net)
    fired = list(spikes_of(net, plan.warmup + steps))[plan.warmup :]
    per_neuron = {"spikes": np.ones(net.neurons, int), "synaptic_events": events, "messages": messages, "hops": hops}
    return {what: [int(each[f].sum()) for f in fired] for what, each in per_neuron.items()}


def must_agree(title: str, ours: dict[str, list[Any]], want: dict[str, list[int]], first: int) -> None:
    """Ends the script if a count of a step differs. Steps are numbered from `first`."""
    for what, values in want.items():
        compared = min(len(ours[what]), len(values))
        if compared == 0:
            raise click.ClickException(f"{title}: {what}: no step to compare")
        for step, (have, wanted) in enumerate(zip(ours[what][:compared], values[:compared], strict=True)):
            if have != wanted:
                raise click.ClickException(f"{title}: {what} in step {first + step}: {have}, expected {wanted}")


def means(per_step: dict[str, list[Any]], steps: int) -> dict[str, float]:
    return {key: float(np.mean(values[:steps])) for key, values in per_step.items()}


def our_figures(session: neurosim_side.Session, turns: list[dict[str, float]], checked: int) -> dict[str, Any]:
    """What is reported of our side."""
    cpu = statistics.median(turn["cpu"] for turn in turns)
    found, about = means(session.about["per_step"], checked), session.about
    energy = {part: found[part] for part in neurosim_side.PARTS}
    return {
        "steps_per_cpu_s": 1 / cpu,
        "synaptic_events_per_cpu_s": found["synaptic_events"] / cpu,
        "messages_per_cpu_s": found["messages"] / cpu,
        "step_cpu_s": cpu,
        "step_cpu_s_range": [min(turn["cpu"] for turn in turns), max(turn["cpu"] for turn in turns)],
        "step_wall_s": statistics.median(turn["wall"] for turn in turns),
        "call_cpu_s": statistics.median(turn["call"] for turn in turns),
        **{key: about[key] for key in about if key != "per_step"},
        **{key: found[key] for key in ("spikes", "synaptic_events", "messages", "packets", "hops", "time_s")},
        "energy_j": {"total": sum(energy.values()), **energy},
    }


def compare(name: str, plan: Plan, modes: tuple[str, ...]) -> dict[str, Any]:
    """One case: both sides set up, checked, and then measured in turn."""
    variants = {"neurosim": ()} if name.startswith("fc") else {"neurosim": (), "neurosim multicast": (MULTICAST,)}
    checked = max([plan.measured(mode) for mode in modes], default=min(50, plan.measured("neurosim")))
    checked = min(checked, plan.measured("neurosim"))
    want = oracle(name, plan, checked)
    with ExitStack() as stack:
        ours, theirs = {}, {}
        for variant, overrides in variants.items():
            session = neurosim_side.Session(
                name, plan.steps["neurosim"], plan.warmup, checked, plan.repeats, 0, plan.scale, overrides
            )
            ours[variant] = stack.enter_context(session)
            expected = {what: want[what] for what in want if what != "hops" or not overrides}
            must_agree(f"{name}, {variant}", session.about["per_step"], expected, plan.warmup)
        for mode in modes:
            peer = sanafe_side.Session(name, mode, plan.steps[mode], plan.warmup, plan.repeats, 0, plan.scale)
            theirs[mode] = stack.enter_context(peer)

        turns: dict[str, list[dict[str, float]]] = {variant: [] for variant in variants}
        pairs: dict[tuple[str, str], list[float]] = {(variant, mode): [] for variant in variants for mode in MODES}
        for k in range(plan.repeats):
            for mode in modes or ("",):
                now = {variant: session.turn(k) for variant, session in ours.items()}
                for variant, turn in now.items():
                    turns[variant].append(turn)
                if mode:
                    peer_cpu = theirs[mode].turn()
                    for variant, turn in now.items():
                        pairs[variant, mode].append(peer_cpu / turn["cpu"])

        sanafe = {mode: peer.result(per_step=True) for mode, peer in theirs.items()}  # which also checks its counts
        for mode, result in sanafe.items():
            counted = result.pop("per_step")
            mine = ours["neurosim"].about["per_step"]
            for what, key in COUNTS.items():
                must_agree(f"{name}, {mode} against ours", {what: mine[what]}, {what: counted[key]}, plan.warmup)
            result["neurosim_same_steps"] = means(mine, plan.measured(mode))
        report: dict[str, Any] = {}
        for variant, session in ours.items():
            suffix = variant.removeprefix("neurosim")
            ratios = {mode: statistics.median(pairs[variant, mode]) if mode in modes else None for mode in MODES}
            report[f"ratio{suffix}"] = ratios
            report[variant] = our_figures(session, turns[variant], checked)
        report["sanafe"] = sanafe
        report["steps_compared"] = {mode: plan.measured(mode) for mode in modes} or {"neurosim": checked}
        return report


def number(value: float | None) -> str:
    """Four digits at most in 11 columns."""
    if value is None:
        return f"{'-':>11}"
    return f"{value:11,.0f}" if abs(value) >= 1000 else f"{value:11.3g}"


def speed_table(results: dict[str, Any]) -> str:
    """Ratios first."""
    heads = ["ratio", "ratio mc", "steps/s", "events/s", "messages/s", "us/step"]
    heads += ["set-up s", "start s", "peak MB", "B/synapse"]
    lines = [f"{'case':13} {'tool':20}" + "".join(f"{head:>12}" for head in heads)]
    for name, result in results.items():
        sides = {key: result[key] for key in result if key.startswith("neurosim")}
        sides |= {f"sanafe {mode}": figures for mode, figures in result["sanafe"].items()}
        for title, figures in sides.items():
            mode = title.removeprefix("sanafe ")
            cells = [
                result["ratio"].get(mode),
                result.get("ratio multicast", {}).get(mode),
                figures["steps_per_cpu_s"],
                figures["synaptic_events_per_cpu_s"],
                figures["messages_per_cpu_s"],
                1e6 * figures["step_cpu_s"],
                figures["setup_wall_s"],
                figures.get("start_s"),
                figures["peak_memory_bytes"] / 1e6,
                figures["bytes_per_synapse"],
            ]
            lines.append(f"{name:13} {title:20}" + "".join(f" {number(cell)}" for cell in cells))
    lines.append("ratio: SANA-FE's CPU time a step over ours (mc: over ours with multicast packets); /s: of CPU time")
    lines.append("start: imports, compiled code from the cache, set-up, first step; peak: of the whole process")
    return "\n".join(lines)


def physics_table(results: dict[str, Any]) -> str:
    """Energy and time of a step, both tools over the same steps."""
    heads = ("total", "synapse", "soma", "network", "scripted", "us/step", "steps")
    lines = [f"{'nJ a step':13} {'tool':20}" + "".join(f"{head:>12}" for head in heads)]

    def row(name: str, title: str, energy: dict[str, float], time_s: float, steps: int) -> str:
        cells = [1e9 * energy[part] if part in energy else None for part in heads[:5]] + [1e6 * time_s]
        return f"{name:13} {title:20}" + "".join(f" {number(cell)}" for cell in cells) + f"{steps:12}"

    for name, result in results.items():
        for mode, figures in result["sanafe"].items():
            steps, same = result["steps_compared"][mode], figures["neurosim_same_steps"]
            parts = {part: same[part] for part in neurosim_side.PARTS}
            total = {"total": sum(parts.values()), **parts}
            lines.append(row(name, "neurosim", total, same["time_s"], steps))
            lines.append(row(name, f"sanafe {mode}", figures["energy_j"], figures["time_s"], steps))
        for title in ("neurosim", "neurosim multicast"):
            if title not in result or (title == "neurosim" and result["sanafe"]):
                continue
            steps = max(result["steps_compared"].values())
            lines.append(row(name, title, result[title]["energy_j"], result[title]["time_s"], steps))
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option("--case", "names", multiple=True, type=click.Choice(NAMES), help="Repeatable; all if not given.")
@click.option("--repeats", default=5, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path))
@click.option("--ours-only", is_flag=True, help="Without SANA-FE: no ratios, counts checked against the oracle only.")
@click.option("--smoke", is_flag=True, help="Small: shows that the script works, with SANA-FE or without.")
def main(names: tuple[str, ...], repeats: int, file: Path | None, ours_only: bool, smoke: bool) -> None:
    if not ours_only and importlib.util.find_spec("sanafe") is None:
        if not smoke:
            raise click.ClickException(MISSING)
        click.echo(f"{MISSING}\nOnly our side runs.")
        ours_only = True
    modes = () if ours_only else MODES
    compiled = neurosim_side.warm_cache()
    click.echo(f"engine ready after {compiled:.1f} s (compiled once, then from the cache)")
    results = {}
    for name in names or NAMES:
        try:
            results[name] = compare(name, Plan.of(name, repeats, smoke), modes)
        except RuntimeError as error:
            raise click.ClickException(str(error)) from None
        who = "both tools count" if modes else "ours counts (SANA-FE did not run)"
        click.echo(f"{name}: {who} the same spikes, synaptic events, messages and hops in every compared step")
    click.echo(f"\n{speed_table(results)}\n\n{physics_table(results)}\n{DIFFERENCES}")
    if file:
        file.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
