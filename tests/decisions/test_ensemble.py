"""Ensembles: means over what was seen, and mismatches that are refused."""

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.decisions.ensemble import mean_scores
from playhead.errors import PlayheadError


def _scores(*rows: list[float]) -> NDArray[np.float32]:
    return np.array(rows, np.float32)


def test_the_mean_weighs_each_model_by_its_share() -> None:
    one, other = _scores([0.0, 1.0]), _scores([1.0, 0.5])
    assert mean_scores([one, other]).tolist() == [[0.5, 0.75]]
    assert mean_scores([one, other], [3, 1]).tolist() == [[0.25, 0.875]]
    assert mean_scores([one, other], [0, 2]).tolist() == other.tolist()
    assert mean_scores([one]).dtype == np.float32


def test_where_some_models_saw_nothing_the_others_decide() -> None:
    one, other = _scores([np.nan, np.nan]), _scores([0.25, np.nan])
    mean = mean_scores([one, other], [9, 1])
    assert mean[0, 0] == 0.25
    assert np.isnan(mean[0, 1])


def test_a_model_of_weight_0_does_not_fill_gaps() -> None:
    assert np.isnan(mean_scores([_scores([np.nan]), _scores([0.5])], [1, 0])[0, 0])


@pytest.mark.parametrize("weights", [[1], [1, -1], [0, 0], [1, np.nan], [1, 2, 3]])
def test_weights_that_do_not_fit_are_refused(weights: list[float]) -> None:
    with pytest.raises(PlayheadError, match="2 models need as many weights"):
        mean_scores([_scores([0.5]), _scores([0.5])], weights)


def test_scores_of_other_shapes_grids_or_classes_are_refused() -> None:
    one, longer = _scores([0.5]), _scores([0.5], [0.5])
    with pytest.raises(PlayheadError, match=r"model 1 have shape \(2, 1\)"):
        mean_scores([one, longer])
    with pytest.raises(PlayheadError, match="another time grid"):
        mean_scores([longer, longer], times=[np.array([0, 0.04]), np.array([0, 0.05])])
    with pytest.raises(PlayheadError, match="another time grid"):
        mean_scores([one, one], times=[np.array([0, 0.04]), np.array([0, 0.04])])
    with pytest.raises(PlayheadError, match="model 1 scores the classes drive, model 0 pass"):
        mean_scores([one, one], classes=[["pass"], ["drive"]])
    with pytest.raises(PlayheadError, match="2 models need as many time grids"):
        mean_scores([one, one], times=[np.zeros(1)])
    with pytest.raises(PlayheadError, match="at least one model"):
        mean_scores([])
