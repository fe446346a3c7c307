"""Fusion: weights, alignment, and cross-fitting."""

from dataclasses import replace

import numpy as np
import pytest

from playhead.errors import LabelError
from playhead.recognition.answers import Answers
from playhead.recognition.fusion import aligned, cross_fitted, find_weights, fuse


def network(seed: int, noise: float, *, count: int = 600, classes: int = 4) -> Answers:
    """Log probabilities that favour the true class, disturbed by noise of the network's own."""
    targets = np.random.default_rng(0).integers(0, classes, count)
    rng = np.random.default_rng(seed)
    logits = np.eye(classes)[targets] * 2 + rng.normal(0, noise, (count, classes))
    logits -= np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return Answers(
        tuple("abcd"[:classes]),
        tuple(f"{n}.mp4" for n in range(count)),
        tuple(f"g{n % 20}" for n in range(count)),
        ((0.0, 1.0),) * count,
        targets,
        logits,
    )


def entropy(held: Answers) -> float:
    return float(-held.log_probabilities[np.arange(len(held.targets)), held.targets].mean())


def test_independent_networks_get_the_weights_of_their_inverse_variances() -> None:
    """Gaussian noise: the posterior's weight of each is proportional to 1 / its variance."""
    weights = find_weights([network(1, 1.0, count=20_000), network(2, 2.0, count=20_000)])
    assert weights[0] / weights[1] == pytest.approx(4.0, rel=0.1)


def test_a_network_that_says_nothing_gets_no_weight() -> None:
    good = network(1, 1.0)
    nothing = replace(good, log_probabilities=np.full_like(good.log_probabilities, np.log(0.25)))
    harmful = replace(good, log_probabilities=np.roll(good.log_probabilities, 1, axis=1))
    assert find_weights([good, harmful])[1] == pytest.approx(0, abs=1e-6)
    fused = fuse([good, nothing], find_weights([good, nothing]))
    assert np.array_equal(fused.log_probabilities.argmax(1), good.log_probabilities.argmax(1))


def test_a_fusion_is_better_than_its_best_network() -> None:
    parts = [network(1, 1.2), network(2, 1.2)]
    assert entropy(cross_fitted(parts)) < min(map(entropy, parts)) - 0.05


def test_cross_fitting_does_not_see_the_labels_of_a_group() -> None:
    parts = [network(1, 1.2), network(2, 1.2)]
    before = cross_fitted(parts)
    rows = [k for k, group in enumerate(parts[0].groups) if group == "g3"]
    wrong = parts[0].targets.copy()
    wrong[rows] = (wrong[rows] + 1) % 4
    after = cross_fitted([replace(part, targets=wrong) for part in parts])
    # Weights of the groups of another fold changed; those of g3's own fold could not.
    assert np.allclose(after.log_probabilities[rows], before.log_probabilities[rows])
    assert not np.allclose(after.log_probabilities, before.log_probabilities)


def test_probabilities_of_a_fusion_sum_to_one() -> None:
    fused = fuse([network(1, 1.0), network(2, 2.0)], np.array([0.3, 0.0]))
    assert np.allclose(fused.probabilities.sum(1), 1)
    assert np.allclose(fused.log_probabilities, network(1, 1.0).log_probabilities)


def test_answers_in_another_order_are_aligned_by_clip() -> None:
    first = network(1, 1.0, count=5)
    second = first.rows([4, 2, 0])
    a, b = aligned([first, second])
    assert a.clips == b.clips == ("0.mp4", "2.mp4", "4.mp4")
    assert np.array_equal(a.log_probabilities, b.log_probabilities)


def test_networks_of_other_clips_or_labels_are_not_fused() -> None:
    first = network(1, 1.0, count=5)
    with pytest.raises(LabelError, match="no validation clip in common"):
        aligned([first.rows([0, 1]), first.rows([2, 3])])
    with pytest.raises(LabelError, match="different labels"):
        aligned([first, replace(first, targets=(first.targets + 1) % 4)])
