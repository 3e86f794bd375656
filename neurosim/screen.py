"""Print a table where the command line prints: as wide as the terminal, or wide enough that nothing is cut."""

import sys
from typing import Any

__all__ = ["show"]


def show(renderable: Any) -> None:
    """Print tables and texts of rich on stdout."""
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=150)
    console.print(renderable)
