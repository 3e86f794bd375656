"""Jobs of sequenced chips: a network of one layer, learnt and tested event by event through the input port.

Before the run, memories and registers are written over the chip's programming port, and between training and test
the neuron words once more (SPI on ODIN); that is neither timed nor counted. From then on there is nothing but words
at the input port and spikes at the output port.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurosim.account.learning import LearningMemory
from neurosim.account.sequenced import causes, tally
from neurosim.assembler import neuron_word
from neurosim.config import SequencedConfig, rule_part
from neurosim.data.datasets import Dataset
from neurosim.data.encoders import random_bytes
from neurosim.data.order import presentations
from neurosim.engine.run import Run
from neurosim.engine.sequence import Sequence, play
from neurosim.engine.verify import Difference, verify_sequence
from neurosim.errors import SimulationError
from neurosim.image import Ints, Quantisation
from neurosim.layer import require_layer, require_registers
from neurosim.learning import load_rule
from neurosim.lesson import Lesson, lesson_for
from neurosim.microcode import CLOCK
from neurosim.ops import PHASES, Phase
from neurosim.readout import marks
from neurosim.sequenced import SequencedChip
from neurosim.sequencer import Sequencer, SequencerState, build_sequencer, sequenced_formats
from neurosim.stimulus import Events

__all__ = ["SequencedJob", "build_job", "code_of", "initial_weights", "quantise"]

_DRAWS = 1 << 60  # of the initial weights: no presentation has this number
_WORDS = 64  # random ones, to verify


@dataclass(frozen=True)
class SequencedJob:
    """A configuration with everything loaded and programmed: ready to run."""

    config: SequencedConfig
    data: Dataset
    sequencer: Sequencer
    lesson: Lesson
    initial: SequencerState  # learning on, unless the network is frozen
    deaf: SequencerState  # the same neurons with learning off; its synapses are not used
    quantisation: tuple[Quantisation, ...]
    digest: str
    readout: str

    @property
    def name(self) -> str:
        """Network and chip, in words."""
        return f"{self.config.network} on {self.config.chip.name}"

    @property
    def totals(self) -> dict[str, int]:
        """Samples of each stage."""
        return {"train": self.config.presentations, "test": self.config.test}

    def present(self, state: SequencerState, stage: str, start: int, stop: int) -> tuple[Run, NDArray[np.int64]]:
        """Show the samples start .. stop - 1 of a stage to the chip; their run, and their labels."""
        config, data, learn = self.config, self.data, stage == "train"
        if learn:
            shown = presentations(config.train, config.presentations, config.seed, start, stop)
            images, labels = data.train_images[shown], data.train_labels[shown]
            teaching = config.learning_rates(start, stop - start)
        else:
            images, labels = data.test_images[start:stop], data.test_labels[start:stop]
            teaching = np.zeros(stop - start)
        whole: Run | None = None
        for k, number in enumerate(range(start, stop)):
            one = self.sample(state, images[k], int(labels[k]) if learn else None, number, float(teaching[k]))
            whole = one if whole is None else whole + one
        assert whole is not None
        return whole, labels

    def sample(
        self, state: SequencerState, pixels: NDArray[np.uint8], label: int | None, number: int, teaching: float
    ) -> Run:
        """One sample, with a lesson if it has a label."""
        parts = self.parts(pixels, label, number, teaching)
        runs = [(phase, self.played(state, events)) for phase, events in parts]
        return self._run(runs, len(parts[0][1].word))

    def played(self, state: SequencerState, events: Events) -> Sequence:
        """Send events and wait until nothing moves. Raises SimulationError if the chip leaves one of them undone."""
        run = play(self.sequencer, state, events, engine=self.config.engine)
        served, waiting = int(state.clock[CLOCK.event]), int(state.clock[CLOCK.level])
        if served < len(events.word) or waiting or run.count("dropped"):
            raise SimulationError(
                f"{self.config.chip.name}: of {len(events.word)} words the input port served {served}, {waiting} "
                f"entries stay in the queue, {run.count('dropped')} were dropped: expected all to be served and none "
                "to stay; see core.arbiter (`do: serve` for every kind of word, one `do: pop`) and core.queue.depth"
            )
        return run

    def parts(
        self, pixels: NDArray[np.uint8], label: int | None, number: int, teaching: float
    ) -> list[tuple[Phase, Events]]:
        """What is sent for a sample, part by part: the question first."""
        lesson, learn = self.lesson, label is not None
        asked = lesson.question(pixels, number if learn else 0)
        parts = [(Phase.FORWARD, asked)]
        if label is not None:
            parts.append((Phase.UPDATE, lesson.teaching(asked, label, number, teaching)))
        parts.append((Phase.UPDATE if learn else Phase.FORWARD, lesson.closing(learn)))
        return [(phase, Events(np.zeros(len(words), np.int64), words)) for phase, words in parts]

    def first_difference(self, samples: int) -> Difference | None:
        """Do both engines agree? None, or where they do not.

        Training samples, if the chip learns; test samples, with learning off; random words on random synapses.
        """
        data, teaching, state = self.data, min(4.0, self.lesson.spikes), self.initial.copy()
        for number in range(0 if self.config.freeze else samples):
            label = int(data.train_labels[number])
            found = self._difference(state, self.parts(data.train_images[number], label, number, teaching))
            if found is not None:
                return found
        for pixels in data.test_images[:samples]:
            tested = self.evaluation_state(state)
            found = self._difference(tested, self.parts(pixels, None, 0, 0.0))
            if found is not None:
                return found
        rng, core = np.random.default_rng(self.config.seed), self.config.chip.core
        wild = self.initial.copy()
        wild.code[:] = rng.integers(0, 1 << core.synapse.synapse_bits, wild.code.shape)
        words = rng.integers(0, 1 << core.input.word_bits, _WORDS)
        return verify_sequence(self.sequencer, wild, Events(np.zeros(_WORDS, np.int64), words))

    def _difference(self, state: SequencerState, parts: list[tuple[Phase, Events]]) -> Difference | None:
        found = (verify_sequence(self.sequencer, state, events) for _, events in parts)
        return next((difference for difference in found if difference is not None), None)

    def _run(self, runs: list[tuple[Phase, Sequence]], asked: int) -> Run:
        phase_cycles = np.zeros(len(PHASES), np.int64)
        for phase, part in runs:
            phase_cycles[phase] += part.cycles
        counts, first = self._answer(runs[0][1])
        fired = sum(part.count("spikes") for _, part in runs)
        return Run(
            samples=1,
            counts=sum((tally(part, phase) for phase, part in runs[1:]), tally(runs[0][1], runs[0][0])),
            cycles=sum((causes(part, phase) for phase, part in runs[1:]), causes(runs[0][1], runs[0][0])),
            phase_cycles=phase_cycles,
            steps=np.zeros(len(PHASES), np.int64),
            overruns=0,
            output_counts=counts[None],
            output_membrane=first[None],
            spikes=np.array([asked, fired], np.int64),
            sample_cycles=np.array([phase_cycles.sum()], np.int64),
            links=np.zeros((1, 5), np.int64),
        )

    def _answer(self, question: Sequence) -> tuple[Ints, Ints]:
        """Spikes by class, and how early the first came (0: none): what decides ties."""
        classes = self.lesson.classes
        cycle, word = question.outputs[:, 0], question.outputs[:, 1] % classes
        counts = np.bincount(word, minlength=classes).astype(np.int64)
        early = np.zeros(classes, np.int64)
        np.maximum.at(early, word, question.end - cycle)
        return counts, early

    def evaluation_state(self, trained: SequencerState) -> SequencerState:
        """A chip fresh from programming, learning off, that holds the trained synapses."""
        state = self.deaf.copy()
        state.code[:] = trained.code
        return state

    def marks(self, run: Run, labels: NDArray[np.int64]) -> NDArray[np.uint8]:
        """What is right about each sample (`readout.marks`)."""
        return marks(run.output_counts, run.output_membrane, labels)

    def weights(self, state: SequencerState) -> dict[str, NDArray[np.float64]]:
        """W1 [outputs, inputs] in LSBs."""
        low, bits = self.config.chip.core.synapse.weight
        inputs, outputs = self.config.sizes
        found = (state.code[:inputs, :outputs].astype(np.int64) >> low) & (1 << bits) - 1
        if self.config.chip.core.synapse.signed:
            found = (found ^ 1 << bits - 1) - (1 << bits - 1)
        return {"W1": found.T.astype(np.float64)}

    def programmed(self) -> dict[str, int | str]:
        """Words written over the programming port, which are neither timed nor priced."""
        memories = self.config.chip.core.memories()
        neurons, when = memories["neuron"].words, "the test"
        if not self.config.freeze:  # and once more, to switch learning off
            neurons, when = 2 * neurons, "training and before the test"
        return {"synapse_words": memories["synapse"].words, "neuron_words": neurons, "when": when}

    def learning_memory(self) -> LearningMemory:
        """Bits that learning takes for the neurons of the network, besides what inference needs."""
        rule = load_rule(self.config.rule)
        card = rule.card(sequenced_formats(self.config.chip), rule_part(self.config.settings, rule))
        inputs, outputs = self.config.sizes
        neurons = (card.extra_bits("neuron") + card.extra_bits("neuron register")) * outputs
        if not self.config.chip.core.learning.circuits:
            return LearningMemory(0, 0, 0, 0, 0)
        synapses = card.extra_bits("synapse") * inputs * outputs
        return LearningMemory(synapses, neurons, 0, 0, synapses + neurons)


def build_job(config: SequencedConfig, data: Dataset, loaded: NDArray[np.float64] | None) -> SequencedJob:
    """Program the chip; the digest is left empty. loaded: W1 [outputs, inputs] in LSBs, or None for random weights.

    Raises PlacementError or ConfigError with what does not fit.
    """
    chip, training, rule = config.chip, config.training(), load_rule(config.rule)
    require_layer(chip, config.sizes)
    require_registers(chip)
    inputs, outputs = config.sizes
    settings = rule_part(config.settings, rule)
    sequencer = build_sequencer(chip, rule=rule)
    lesson = lesson_for(
        chip, outputs, len(data.classes), config.seed, inputs=inputs, spikes=training.spikes,
        threshold=training.threshold, leak=training.leak, shares=(training.label_share, training.other_share),
        theta_membrane=settings.theta_membrane, calcium_leak=settings.calcium_leak,
        teaching=max(training.teaching_first, training.teaching_last),
    )  # fmt: skip
    quantisation: tuple[Quantisation, ...] = ()
    if loaded is None:
        weights = initial_weights(chip, config.seed, outputs, inputs)
    else:
        weights, found = quantise(chip, loaded)
        quantisation = (found,)
    code = np.zeros((chip.core.synapse.rows, chip.core.neuron.entries), np.uint16)
    code[:inputs, :outputs] = code_of(chip, weights).T
    states = []
    for learn in (True, False):
        fields = {"threshold": training.threshold, "leak": training.leak}
        if "leak_enabled" in chip.core.neuron.fields:
            fields["leak_enabled"] = 1
        idle = dict(fields)
        if "disabled" in chip.core.neuron.fields:
            idle["disabled"] = 1
        if learn and not config.freeze:
            fields |= {"learns": 1, **vars(settings)}
        used, unused = neuron_word(chip, **fields), neuron_word(chip, **idle)
        words = [used] * outputs + [unused] * (chip.core.neuron.entries - outputs)
        states.append(sequencer.new_state(words, code))
    return SequencedJob(config, data, sequencer, lesson, states[0], states[1], quantisation, "", rule.READOUT)


def initial_weights(chip: SequencedChip, seed: int, outputs: int, inputs: int) -> NDArray[np.int64]:
    """Drawn around the middle of the range: int64[outputs, inputs], one of three neighbouring values each."""
    middle = 0 if chip.core.synapse.signed else (1 << chip.core.synapse.weight[1]) // 2 - 1
    drawn = random_bytes(seed, _DRAWS, 1, outputs, inputs)[0].astype(np.int64)
    return np.asarray(middle - 1 + drawn * 3 // 256, np.int64)


def quantise(chip: SequencedChip, weights: NDArray[np.float64]) -> tuple[NDArray[np.int64], Quantisation]:
    """Weights in LSBs, rounded to nearest and clipped to the synapse's range."""
    bits, signed = chip.core.synapse.weight[1], chip.core.synapse.signed
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    rounded = np.floor(weights + 0.5)
    stored = np.clip(rounded, low, high)
    largest = float(np.abs(stored - weights).max(initial=0.0))
    return stored.astype(np.int64), Quantisation("input-output", largest, int(np.sum(rounded != stored)), weights.size)


def code_of(chip: SequencedChip, weights: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Synapses of these weights: mapped, where the chip knows that."""
    synapse = chip.core.synapse
    low, bits = synapse.weight
    mapped = 0 if synapse.mapped is None else 1 << synapse.mapped
    return np.asarray(((weights & (1 << bits) - 1) << low) | mapped, np.uint16)
