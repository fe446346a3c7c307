"""Ensembles on graphs whose answer is known: what each says, fused."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.errors import BundleError, ConfigError
from playhead.inference.detectors.ensemble import joint_decisions, open_custom
from tests.detector_bundle import paint, write_detector_bundle


def scene() -> tuple[NDArray[np.uint8], tuple[float, ...], tuple[float, ...]]:
    """An image, where a car and where a plate is painted."""
    image = np.zeros((64, 160, 3), np.uint8)
    return image, paint(image, 3, 3, (204, 0, 20)), paint(image, 4, 14, (0, 153, 5))


def test_two_detectors_that_see_the_same_agree_with_either(tmp_path: Path) -> None:
    bundles = [write_detector_bundle(tmp_path / name) for name in "ab"]
    image, car, plate = scene()
    both = open_custom(bundles, threads=1)
    [found] = both.detect([image], threshold=0.5)
    assert (both.name, both.labels, both.longest) == ("a + b", ("car", "plate"), 160)
    np.testing.assert_allclose(found["car"].boxes, [car], atol=1e-3)
    np.testing.assert_allclose(found["plate"].boxes, [plate], atol=1e-3)
    assert found["car"].scores.tolist() == pytest.approx([0.8], abs=1e-5)


def test_what_one_knows_and_the_other_does_not_keeps_its_score(tmp_path: Path) -> None:
    bundles = [
        write_detector_bundle(tmp_path / "a", ("dog", "car")),
        write_detector_bundle(tmp_path / "b", ("car", "plate")),
    ]
    image, _, _ = scene()
    both = open_custom(bundles, threads=1)
    assert both.labels == ("dog", "car", "plate")
    [found] = both.detect([image], threshold=0.25)
    # Red is a dog to the first and a car to the second, green a car and a plate.
    assert found["dog"].scores.tolist() == pytest.approx([0.8], abs=1e-5)
    assert found["plate"].scores.tolist() == pytest.approx([0.6], abs=1e-5)
    assert found["car"].scores.tolist() == pytest.approx([0.4, 0.3], abs=1e-5)


def test_weights_say_whom_to_believe(tmp_path: Path) -> None:
    bundles = [
        write_detector_bundle(tmp_path / "a", ("dog", "car")),
        write_detector_bundle(tmp_path / "b", ("car", "plate")),
    ]
    image, _, _ = scene()
    for weights, score in [((1, 3), 0.6), ((3, 1), 0.45)]:
        [found] = open_custom(bundles, threads=1, weights=weights).detect([image], threshold=0.3)
        assert found["car"].scores.tolist() == pytest.approx([score], abs=1e-5)


def test_orphans_are_doubted_once_after_the_fusion(tmp_path: Path) -> None:
    said = {"parents": {"plate": "car"}, "orphan": 0.5}
    bundles = [write_detector_bundle(tmp_path / name, post_processing=said) for name in "ab"]
    image, _, _ = scene()
    [found] = open_custom(bundles, threads=1).detect([image], threshold=0.2)
    assert found["plate"].scores.tolist() == pytest.approx([0.3], abs=1e-5)
    [flat] = open_custom(bundles, threads=1, hierarchy=False).detect([image], threshold=0.2)
    assert flat["plate"].scores.tolist() == pytest.approx([0.6], abs=1e-5)
    [one] = open_custom(bundles[:1], threads=1, hierarchy=False).detect([image], threshold=0.2)
    assert one["plate"].scores.tolist() == pytest.approx([0.6], abs=1e-5)


def test_thresholds_of_several_are_the_means_of_those_that_know_the_class(tmp_path: Path) -> None:
    bundles = [
        write_detector_bundle(tmp_path / "a", post_processing={"thresholds": {"car": 0.5}}),
        write_detector_bundle(tmp_path / "b", ("car",), post_processing={"overlap": 0.4}),
    ]
    joint = joint_decisions(bundles)
    assert joint.thresholds == pytest.approx({"car": 0.4, "plate": 0.3})
    assert joint.overlap == 0.6
    image, _, _ = scene()
    [found] = open_custom(bundles, threads=1).detect([image], threshold=None)
    assert (len(found["car"]), len(found["plate"])) == (1, 1)


def test_bundles_that_contradict_each_other_or_themselves_are_refused(tmp_path: Path) -> None:
    one = write_detector_bundle(tmp_path / "a", post_processing={"parents": {"plate": "car"}})
    other = write_detector_bundle(
        tmp_path / "b", ("plate", "lorry"), post_processing={"parents": {"plate": "lorry"}}
    )
    with pytest.raises(ConfigError, match="disagree on the parent of plate: car or lorry"):
        open_custom([one, other])
    with pytest.raises(BundleError, match="is listed twice"):
        open_custom([one, one.folder])
    with pytest.raises(BundleError, match="at least one bundle"):
        open_custom([])


def test_settings_change_what_becomes_of_candidates_without_the_bundles(tmp_path: Path) -> None:
    bundles = [write_detector_bundle(tmp_path / name) for name in "ab"]
    image, _, _ = scene()
    for own in (bundles[:1], bundles):
        doubting = open_custom(own, threads=1, settings=["parents.plate=car", "orphan=0.5"])
        [found] = doubting.detect([image], threshold=0.2)
        assert found["plate"].scores.tolist() == pytest.approx([0.3], abs=1e-5)
    with pytest.raises(
        ConfigError, match="lorry is not a class of the detector; its classes are car, plate"
    ):
        open_custom(bundles, settings=["parents.plate=lorry"])
    with pytest.raises(ConfigError, match="did you mean overlap"):
        open_custom(bundles, settings=["overlaps=0.4"])
