"""Time in the reference engine: SimPy with the three phases of a cycle, and a bell that wakes waiting units."""

from collections import deque
from collections.abc import Callable, Generator
from typing import Any, cast

import simpy

__all__ = ["ARBITRATE", "At", "Bell", "Buffer", "DELIVER", "FINISH", "Process", "later", "wait"]

# Priorities of SimPy events within one cycle. 0 and 1 are SimPy's own: a process that is woken runs at once.
FINISH, DELIVER, ARBITRATE = 2, 3, 4

Process = Generator[simpy.Event, Any, None]


class At(simpy.Event):
    """An event in a given phase, `delay` cycles from now."""

    def __init__(self, env: simpy.Environment, delay: int, phase: int) -> None:
        super().__init__(env)
        self._ok, self._value = True, None
        env.schedule(self, priority=cast(Any, phase), delay=delay)


def later(env: simpy.Environment, delay: int, phase: int, action: Callable[[], None]) -> None:
    """Call `action` in `phase`, `delay` cycles from now."""
    callbacks = At(env, delay, phase).callbacks
    assert callbacks is not None
    callbacks.append(lambda event: action())


class Bell:
    """Rung whenever something changes that a waiting unit may look at."""

    def __init__(self, env: simpy.Environment) -> None:
        self.env = env
        self.next = simpy.Event(env)

    def ring(self) -> None:
        """Wake all who wait."""
        rung, self.next = self.next, simpy.Event(self.env)
        rung.succeed()


def wait(bell: Bell, ready: Callable[[], bool]) -> Process:
    """Return in the arbitrate phase of the first cycle in which `ready()` holds."""
    while True:
        yield At(bell.env, 0, ARBITRATE)
        if ready():
            return
        yield bell.next


class Buffer:
    """A bounded FIFO with one writer and one reader. The writer reserves a slot before it starts the service
    that fills it; a slot that the reader frees is visible to the writer in the next cycle."""

    def __init__(self, bell: Bell, depth: int) -> None:
        self.bell = bell
        self.items: deque[Any] = deque()
        self.slots = depth

    def reserve(self) -> None:
        """Hold one slot."""
        assert self.slots > 0
        self.slots -= 1

    def put(self, item: Any) -> None:
        """Fill a slot that was reserved."""
        self.items.append(item)
        self.bell.ring()

    def take(self) -> Any:
        """Remove the front; its slot is free from the next cycle on."""
        later(self.bell.env, 1, DELIVER, self._free)
        return self.items.popleft()

    def _free(self) -> None:
        self.slots += 1
        self.bell.ring()
