"""Answers: files, temperature, the threshold of unknown."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.errors import LabelError, PlayheadError
from playhead.recognition.answers import (
    Answers,
    calibrate,
    joined,
    probabilities_of,
    read_answers,
    unknown_threshold,
    write_answers,
)
from playhead.recognition.evaluate import evaluate_answers


def answers(
    probabilities: np.ndarray, targets: np.ndarray, prefix: str = "c", groups: int = 5
) -> Answers:
    count, classes = probabilities.shape
    return Answers(
        classes=tuple(f"k{n}" for n in range(classes)),
        clips=tuple(f"{prefix}{n}.mp4" for n in range(count)),
        groups=tuple(f"g{n % groups}" for n in range(count)),
        spans=((0.0, 2.0),) * count,
        targets=targets.astype(np.int64),
        log_probabilities=np.log(probabilities),
    )


def drawn(seed: int, count: int, classes: int, sharpness: float = 1.0) -> Answers:
    """Answers whose probabilities are exactly the chances of the classes, then sharpened."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.ones(classes), count)
    targets = np.array([rng.choice(classes, p=row) for row in honest])
    sharpened = honest**sharpness
    return answers(sharpened / sharpened.sum(1, keepdims=True), targets)


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    before = drawn(0, 7, 3)
    write_answers(before, tmp_path / "answers.npz")
    after = read_answers(tmp_path / "answers.npz")
    assert after.classes == before.classes
    assert (after.clips, after.groups, after.spans) == (before.clips, before.groups, before.spans)
    assert np.array_equal(after.targets, before.targets)
    assert np.array_equal(after.log_probabilities, before.log_probabilities)


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "answers.npz"
    path.write_bytes(content)
    with pytest.raises(PlayheadError, match="is not a file of answers"):
        read_answers(path)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.5])
def test_the_temperature_undoes_what_made_the_probabilities_too_sharp(sharpness: float) -> None:
    found = calibrate(drawn(1, 4000, 4, sharpness))
    assert found["temperature"] == pytest.approx(sharpness, rel=0.08)


def test_a_temperature_does_not_change_the_order() -> None:
    logs = drawn(2, 50, 5).log_probabilities
    assert np.array_equal(
        probabilities_of(logs, 3.0).argsort(1), probabilities_of(logs, 0.4).argsort(1)
    )
    assert np.allclose(probabilities_of(logs, 3.0).sum(1), 1)


def test_honest_probabilities_are_unknown_below_a_half() -> None:
    """More wrong than right answers means less than a half of two outcomes."""
    rng = np.random.default_rng(3)
    confidence = rng.uniform(0, 1, 20_000)
    right = rng.random(20_000) < confidence
    others = (1 - confidence) / 9  # ten classes, so that the first is nearly always the largest
    probabilities = np.column_stack([confidence, *[others] * 9])
    kept = confidence > 0.12
    threshold = unknown_threshold(np.where(right, 0, 1)[kept], probabilities[kept])
    assert threshold == pytest.approx(0.5, abs=0.04)


@given(st.integers(0, 999), st.integers(1, 30))
def test_no_other_threshold_gains_more(seed: int, count: int) -> None:
    held = drawn(seed, count, 3)
    probabilities = held.probabilities
    confidence = probabilities.max(1)
    gains = np.where(probabilities.argmax(1) == held.targets, 1, -1)

    def gain(threshold: float) -> int:
        return int(gains[confidence >= threshold].sum())

    found = unknown_threshold(held.targets, probabilities)
    assert gain(found) == max(gain(t) for t in (0.0, 1.0, *(confidence + 1e-9), *confidence))


def test_a_model_without_mistakes_answers_everything() -> None:
    assert unknown_threshold(np.array([0, 1]), np.array([[0.6, 0.4], [0.1, 0.9]])) == 0.0


def test_a_model_without_a_right_answer_answers_nothing() -> None:
    assert unknown_threshold(np.array([1, 0]), np.array([[0.6, 0.4], [0.1, 0.9]])) == 1.0


def test_folds_are_joined_and_a_clip_that_is_in_two_is_refused() -> None:
    first = drawn(0, 4, 3)
    second = answers(first.probabilities, first.targets, prefix="d")
    assert joined([first, second]).clips == first.clips + second.clips
    with pytest.raises(LabelError, match=r"c0\.mp4: is answered in two folds"):
        joined([first, first])


def test_the_line_of_unknown_answers_counts_those_that_would_have_been_right() -> None:
    sure_and_right, unsure_and_right, unsure_and_wrong = [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]
    held = answers(np.array([sure_and_right, unsure_and_right, unsure_and_wrong]), np.zeros(3))
    evaluation = evaluate_answers(held, unknown_below=0.7)
    assert evaluation.lines()[-1] == "answered unknown: 2, of which 1 would have been right"
