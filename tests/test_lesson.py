"""Lessons: how many spikes for which pixels, and what each part leaves behind in the chip."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.config import resolve
from neurosim.engine.sequence import play
from neurosim.errors import ConfigError
from neurosim.lesson import question_rows, rest_references
from neurosim.sequenced import FIELDS, load_sequenced
from neurosim.sequenced_job import SequencedJob
from neurosim.sequencer import SequencerState
from neurosim.session import prepare
from neurosim.stimulus import Events

MEMBRANE, CALCIUM, WAIT = (FIELDS.index(name) for name in ("membrane", "calcium", "calcium_wait"))


def job(*overrides: str) -> SequencedJob:
    config = resolve("odin", "256-20", train=20, test=20, epochs=1, overrides=overrides)
    found = prepare(config)
    assert isinstance(found, SequencedJob)
    return found


def send(job: SequencedJob, state: SequencerState, words: np.ndarray) -> None:
    play(job.sequencer, state, Events(np.zeros(len(words), np.int64), words))


@given(st.lists(st.integers(0, 255), min_size=4, max_size=4), st.integers(1, 60), st.integers(0, 100))
def test_a_pixel_has_its_share_of_the_spikes(pixels: list[int], spikes: int, turn: int) -> None:
    values = np.array(pixels, np.uint8)
    rows = question_rows(values, spikes, turn)
    if not any(pixels):
        assert len(rows) == 0
        return
    assert len(rows) == spikes
    share = spikes * values.astype(float) / values.sum(dtype=np.int64)
    found = np.bincount(rows, minlength=4)
    assert (abs(found - share) <= 1).all() and not found[values == 0].any()
    assert sorted(rows) == sorted(question_rows(values, spikes, 0))


def test_time_references_to_rest() -> None:
    assert rest_references(load_sequenced("odin"), 250, 127) == 2
    assert rest_references(load_sequenced("odin"), 128, 127) == 1
    assert rest_references(load_sequenced("tinyodin"), 250, 127) == 17  # a membrane may be as low as -2048


def test_a_question_does_not_teach_and_a_lesson_ends_at_rest() -> None:
    one = job("settings.label_share=1", "settings.other_share=1")
    state = one.initial.copy()
    pixels, label = one.data.train_images[0], int(one.data.train_labels[0])
    question = one.lesson.question(pixels)
    assert len(question) == 128
    send(one, state, question)
    asked = state.field[CALCIUM].copy()
    assert (asked[:20] == 1).all() and not asked[20:].any()  # weights of 2 to 4: all that are in use fire once
    assert np.array_equal(state.code, one.initial.code)
    send(one, state, one.lesson.teaching(question, label, 0, 0.0))
    is_label = np.arange(20) % 10 == label
    assert state.field[CALCIUM, :20].tolist() == np.where(is_label, 3, 2).tolist()
    assert (state.field[MEMBRANE, :20] >= 100).tolist() == is_label.tolist()
    assert state.down[:20].tolist() == (~is_label).astype(int).tolist() and not state.up.any()  # the label knows it
    send(one, state, one.lesson.teaching(question, label, 0, 8.0)[-8:])
    moved = state.code.astype(int) - one.initial.code
    assert (moved[:, :20][:, ~is_label].min(), moved.max()) == (-1, 0) and not moved[:, 20:].any()
    send(one, state, one.lesson.closing(True))
    assert not state.field[[MEMBRANE, CALCIUM, WAIT]].any()


def test_a_label_that_was_silent_rises() -> None:
    one = job("settings.label_share=1", "settings.other_share=0", "settings.threshold=255", "settings.spikes=32")
    state = one.initial.copy()
    question = one.lesson.question(one.data.train_images[0])
    for part in (question, one.lesson.teaching(question, 3, 0, 6.0)):
        send(one, state, part)
    moved = state.code.astype(int) - one.initial.code
    risen = np.flatnonzero(moved.any(axis=0))
    assert risen.tolist() == [3, 13] and moved.min() == 0 and moved.max() >= 1


def test_draws_depend_on_seed_and_presentation_alone() -> None:
    one = job().lesson
    question = one.question(np.arange(256).astype(np.uint8))
    words = [one.teaching(question, 4, number, 5.0).tolist() for number in (7, 7, 8)]
    assert words[0] == words[1] != words[2] != replace(one, seed=1).teaching(question, 4, 8, 5.0).tolist()


def test_settings_that_do_not_work_are_refused() -> None:
    for override, message in (
        ("settings.calcium_leak=2", "expected more than 2, the time references"),
        ("settings.theta_membrane=250", "expected less than threshold = 250"),
        ("settings.leak=128", "leak: expected 7 bits, got 128"),
    ):
        with pytest.raises(ConfigError, match=message):
            job(override)
