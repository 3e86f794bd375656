"""The mesh alone, cycle by cycle, from the text of specs/router.md section 3: plain queues, nothing clever.

It knows neither engine. Terminals take every flit at once and have as many credits as a router input.
"""

from collections import defaultdict, deque
from collections.abc import Sequence

__all__ = ["stamps"]

EAST, WEST, NORTH, SOUTH, LOCAL = range(5)
BACK = {EAST: WEST, WEST: EAST, NORTH: SOUTH, SOUTH: NORTH}


def stamps(
    columns: int, rows: int, depth: int, link: int, vertical: int, interval: int, routing: int, credit: int,
    two_stage: bool, packets: Sequence[tuple[int, int, int, int]],
) -> list[list[int]]:  # fmt: skip
    """Cycles in which head and tail of every packet (create, source, target, flits) are sent and ejected.

    `link` and `vertical`: latency of links, a flit every `interval` cycles on each.
    """
    nodes, ports = range(columns * rows), range(5)
    keys = [(r, port) for r in nodes for port in ports]
    fifo = {key: deque() for key in keys}  # inputs: (packet, flit, arrival)
    front_from, held, claimed = dict.fromkeys(keys, 0), dict.fromkeys(keys), dict.fromkeys(keys, -1)
    owner, credits, pointer = dict.fromkeys(keys), dict.fromkeys(keys, depth), dict.fromkeys(keys, 0)
    free = dict.fromkeys(keys, 0)
    wire = {EAST: link, WEST: link, NORTH: vertical, SOUTH: vertical}
    flits, returns = defaultdict(list), defaultdict(list)  # by cycle: (input, flit) and outputs or terminals
    sources, room = {n: deque() for n in nodes}, dict.fromkeys(nodes, depth)
    for k, (_, source, _, length) in enumerate(packets):
        sources[source].extend((k, flit) for flit in range(length))
    result = [[-1] * 4 for _ in packets]
    waiting, t = sum(length for *_, length in packets), 0

    def step_to(r: int, port: int) -> int:
        return r + {EAST: 1, WEST: -1, NORTH: columns, SOUTH: -columns}[port]

    def route(r: int, target: int) -> int:
        dx, dy = target % columns - r % columns, target // columns - r // columns
        return (EAST if dx > 0 else WEST) if dx else (NORTH if dy > 0 else SOUTH) if dy else LOCAL

    def stamp(k: int, flit: int, first: int) -> None:
        if flit == 0:
            result[k][first] = t
        if flit == packets[k][3] - 1:
            result[k][first + 1] = t

    while waiting:
        for place, (k, flit) in flits.pop(t, ()):  # 1 arrivals, 2 ejection
            if isinstance(place, int):
                stamp(k, flit, 2)
                waiting -= 1
                returns[t + 2 + credit].append((place, LOCAL))
            else:
                fifo[place].append((k, flit, t))
        for place in returns.pop(t, ()):
            if isinstance(place, int):
                room[place] += 1
            else:
                credits[place] += 1
        for n in nodes:  # 3 sources
            if sources[n] and packets[sources[n][0][0]][0] <= t and room[n]:
                k, flit = sources[n].popleft()
                room[n] -= 1
                stamp(k, flit, 0)
                flits[t + 2].append(((n, LOCAL), (k, flit)))
        requests, claims = defaultdict(list), defaultdict(list)  # 4 requests
        for r, i in keys:
            if not fifo[r, i]:
                continue
            k, flit, arrival = fifo[r, i][0]
            if t < max(arrival, front_from[r, i]) + (routing if flit == 0 else 0):
                continue
            o = held[r, i]
            if o is None:
                o = route(r, packets[k][2])
                if owner[r, o] is None and (two_stage or credits[r, o] and free[r, o] <= t):
                    (claims if two_stage else requests)[r, o].append(i)
            elif credits[r, o] and claimed[r, i] < t and free[r, o] <= t:
                requests[r, o].append(i)
        for (r, o), candidates in (*requests.items(), *claims.items()):  # 5 grants
            held_now = two_stage and owner[r, o] is not None
            i = min(candidates, key=lambda i: 0 if held_now else (i - pointer[r, o]) % 5)  # noqa: B023
            if not held_now:
                pointer[r, o] = (i + 1) % 5
            if (r, o) in claims:
                owner[r, o], held[r, i], claimed[r, i] = i, o, t
                continue
            k, flit, _ = fifo[r, i].popleft()  # 6 traversal
            front_from[r, i], credits[r, o] = t + 1, credits[r, o] - 1
            free[r, o] = t + (1 if o == LOCAL else interval)
            last = flit == packets[k][3] - 1
            owner[r, o], held[r, i] = (None, None) if last else (i, o)
            if i == LOCAL:
                returns[t + 2].append(r)
            else:
                returns[t + wire[i] + 1 + credit].append((step_to(r, i), BACK[i]))
            if o == LOCAL:
                flits[t + 3].append((r, (k, flit)))
            else:
                flits[t + wire[o] + 2].append(((step_to(r, o), BACK[o]), (k, flit)))
        t += 1
    return result
