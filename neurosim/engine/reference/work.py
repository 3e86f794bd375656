"""When a step is over: nothing is swept, travels or is served any more."""

import simpy

__all__ = ["Work"]


class Work:
    """Counts what is still going on in a step; the last to leave ends it."""

    def __init__(self, env: simpy.Environment) -> None:
        self.env, self.open, self.done = env, 0, simpy.Event(env)

    def enter(self, number: int = 1) -> None:
        """Something begins."""
        self.open += number

    def leave(self) -> None:
        """Something has ended."""
        self.open -= 1
        if self.open == 0:
            self.done.succeed()
