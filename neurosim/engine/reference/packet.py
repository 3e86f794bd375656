"""Packets and flits of the reference engine."""

from dataclasses import dataclass

__all__ = ["Emission", "Flit", "Packet"]


@dataclass
class Packet:
    """One packet: where it goes, what it is, and what it carries."""

    target: int  # destination set
    kind: int
    flits: int
    payload: tuple[int, ...] = ()
    origin: int = -1  # node, and the number of the packet there in this step
    number: int = -1


@dataclass(frozen=True)
class Flit:
    """One flit of a packet."""

    packet: Packet
    number: int

    @property
    def head(self) -> bool:
        """First flit of its packet."""
        return self.number == 0

    @property
    def tail(self) -> bool:
        """Last flit of its packet."""
        return self.number == self.packet.flits - 1


@dataclass(frozen=True)
class Emission:
    """What one item of a sweep sends: one packet per destination set."""

    position: int
    packets: tuple[Packet, ...]
