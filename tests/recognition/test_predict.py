"""Prediction of files that cannot be predicted: each is named with its true reason."""

from types import SimpleNamespace

import pytest

from playhead.errors import MediaError, PlayheadError
from playhead.recognition.predict import PredictOptions, _Predictor, predict_clips


def test_a_video_that_is_not_there_is_not_said_to_lack_keypoints(tmp_path):
    networks = SimpleNamespace(needs_keypoints=True, estimator={})
    predictor = _Predictor(networks, PredictOptions())
    with pytest.raises(MediaError, match=r"nobody\.mp4: .*no such file"):
        predictor.predict(tmp_path / "nobody.mp4", tmp_path / "out" / "nobody", progress=None)


def test_a_folder_of_keypoints_that_is_not_there_is_refused_at_once(tmp_path):
    options = PredictOptions(keypoints=tmp_path / "nowhere")
    with pytest.raises(PlayheadError, match=r"--keypoints .*nowhere: is not a folder"):
        predict_clips(tmp_path / "bundle", [tmp_path], tmp_path / "out", options)
