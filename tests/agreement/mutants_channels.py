"""Mutants of the virtual channels, in both engines. They fall to recorded traffic on a torus (traces/noc), or else to
scripts on random networks.
"""

from .mutant import Mutant

__all__ = ["CHANNELS"]

SLOW, TERMINAL, FAST, TORUS = "reference/channels.py", "reference/terminal.py", "channels.py", "../routing/torus.py"

CHANNELS = (
    # The four arbiters
    Mutant("channels: a channel's turn stays", "an input begins behind the channel that has won", SLOW,
           "gate.channel_turn = (channel + 1) % self.channels", "gate.channel_turn = channel"),
    Mutant("channels: lowest channel first", "an input begins behind the channel that has won", SLOW,
           "(r.channel - turn[r.input]) % count", "r.channel"),
    Mutant("channels: an output's turn stays", "an input begins behind the output that it has won", SLOW,
           "gate.output_turn, output.pointer = (o + 1)", "gate.output_turn, output.pointer = o"),
    Mutant("channels: an input's turn stays", "an output begins behind the input that has won", SLOW,
           "(i + 1) % self.radix\n", "i\n"),
    Mutant("channels: lowest input first", "an output begins behind the input that has won", SLOW,
           "(r.input - turn[r.output]) % self.radix", "r.input"),
    Mutant("channels: heads take the same channel", "a head begins behind the channel taken last", SLOW,
           "output.channel_turn = (c + 1) % self.channels", "output.channel_turn = c"),
    Mutant("channels: heads begin with channel 1", "the first head takes channel 0", SLOW,
           "channel_turn=count - 1", "channel_turn=0"),
    # Priority
    Mutant("channels: heads are equal at an input's channels", "who holds a channel goes first", SLOW,
           "(not r.held, (r.channel", "(False, (r.channel"),
    Mutant("channels: heads are equal at an input", "who holds a channel goes first", SLOW,
           "(not r.held, (r.output", "(False, (r.output"),
    Mutant("channels: heads are equal at an output", "who holds a channel goes first", SLOW,
           "(not r.held, (r.input", "(False, (r.input"),
    # Credits, owners, sources
    Mutant("channels: heads need no credit", "a head takes a channel with a credit", SLOW,
           "not output.owned[c] and output.rooms[c] > 0", "not output.owned[c]"),
    Mutant("channels: packets share a channel", "a channel belongs to one packet", SLOW,
           "not output.owned[c] and output.rooms[c] > 0", "output.rooms[c] > 0"),
    Mutant("channels: sources begin with channel 0", "a source begins behind the channel used last", TERMINAL,
           "self.turn = (self.channel + 1) % count", "self.turn = 0"),
    # Classes
    Mutant("torus: classes swapped", "class 1 enters a dimension above its goal", TORUS,
           "(half, count) if upper else (0, half)", "(0, half) if upper else (half, count)"),
    Mutant("torus: classes chosen anew", "the class is kept within a dimension", TORUS,
           "if port >= LOCAL or port >> 1 != output >> 1:", "if True:"),
    Mutant("torus: all channels for all", "each class has half of the channels", TORUS,
           "(half, count) if upper else (0, half)", "(0, count)"),
    Mutant("torus: the terminal has classes", "the ejection port may use all channels", TORUS,
           "    low, high = 0, count\n", "    low, high = (half, count) if channel >= half else (0, half)\n"),
    # The compiled engine
    Mutant("compiled channels: a channel's turn stays", "an input begins behind the channel that has won", FAST,
           "m.turn[index(q)].channel = v + 1 if v + 1 < hw.channels else 0", "m.turn[index(q)].channel = v"),
    Mutant("compiled channels: an output's turn stays", "an input begins behind the output that it has won", FAST,
           "m.turn[index(q)].choice = behind(m, o % PORTS)", "m.turn[index(q)].choice = o % PORTS"),
    Mutant("compiled channels: an input's turn stays", "an output begins behind the input that has won", FAST,
           "output.pointer = behind(m, q % PORTS)", "output.pointer = q % PORTS"),
    Mutant("compiled channels: heads take the same channel", "a head begins behind the channel taken last", FAST,
           "m.turn[index(o)].owned = c + 1 if c + 1 < hw.channels else 0", "m.turn[index(o)].owned = c"),
    Mutant("compiled channels: heads are equal at an input", "who holds a channel goes first", FAST,
           "key = (head * PORTS + after(turn.choice", "key = (after(turn.choice"),
    Mutant("compiled channels: heads are equal at an output", "who holds a channel goes first", FAST,
           "key = head * PORTS + after(m.output", "key = after(m.output"),
    Mutant("compiled channels: packets share a channel", "a channel belongs to one packet", FAST,
           "and m.lane[index(o * hw.channels + c)].owned == 0:", "and True:"),
    Mutant("compiled channels: feeder not called", "a freed slot is visible when its credit is home", FAST,
           "    if full:\n", "    if full and feeder < 0:\n"),
    Mutant("compiled channels: source credit a cycle late", "credit of a source after 2 cycles", FAST,
           "slot_ready(m, q * hw.channels + c, np.int64(2))", "slot_ready(m, q * hw.channels + c, np.int64(3))"),
    Mutant("compiled channels: sources begin with channel 0", "a source begins behind the channel used last", FAST,
           "turn.sending, turn.source = c, c + 1 if c + 1 < hw.channels else 0", "turn.sending, turn.source = c, 0"),
)  # fmt: skip
