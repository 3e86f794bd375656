"""A section of a hardware description: frozen and strict, with the number types that sections share."""

import re
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from neurosim.complaint import Complaints, Path

__all__ = ["Head", "Memory", "Name", "Natural", "Positive", "Quality", "Section", "require"]

Quality = Literal["measured", "simulated", "estimated"]
Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Natural = Annotated[int, Field(ge=0, le=2**31 - 1)]


def _named(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) is None:
        raise ValueError(
            "expected at most 64 letters, digits, dots, hyphens and underscores, the first a letter or digit, "
            f"got {name!r}"
        )
    return name


Name = Annotated[str, AfterValidator(_named)]  # names run directories, too


def require(*demands: tuple[bool, Path, str]) -> None:
    """Raise Complaints with the path and sentence of every demand that does not hold."""
    broken = [(path, text) for holds, path, text in demands if not holds]
    if broken:
        raise Complaints(*broken)


class Section(BaseModel):
    """A section of a chip file: frozen, strict, unknown keys refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Head(Section):
    """What every chip says of itself: name, where its numbers come from, one clock, one cost table by name."""

    name: Name
    description: str
    source: str
    quality: Quality
    clock_mhz: Annotated[float, Field(ge=1e-3, le=1e6)]
    costs: str


class Memory(NamedTuple):
    """Geometry of one memory of a core; what one access costs follows from it."""

    words: int
    word_bits: int
    banks: int

    @property
    def capacity_bits(self) -> int:
        """All bits of the memory."""
        return self.words * self.word_bits
