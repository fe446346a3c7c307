"""Real keypoints and sensors: files of other programs as they are published."""

import numpy as np
import pytest

from playhead.events.convert import convert
from playhead.events.formats.keypoints import read_keypoints


@pytest.mark.data
@pytest.mark.parametrize("part", ["TRAIN", "TEST"])
def test_natops_becomes_180_recordings_of_eight_sensors(real_data, tmp_path, part):
    source = real_data / "natops" / f"NATOPS_{part}.ts"
    assert convert(source, tmp_path, rate=20).count == 180
    files = sorted(tmp_path.rglob("*.keypoints.npz"))
    classes = {path.parent.name for path in files}
    assert classes == {
        "I have command", "All clear", "Not clear", "Spread wings", "Fold wings", "Lock wings",
    }  # fmt: skip
    assert all(len(list((tmp_path / name).iterdir())) == 30 for name in classes)
    # The first line of the data, read by hand: the channel of the left hand tip's x.
    lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
    row = lines[lines.index("@data") + 1].split(":")
    [path] = tmp_path.rglob(f"NATOPS_{part}_0001.keypoints.npz")
    file = read_keypoints(path)
    assert file.skeleton.joints[:3] == ("left_hand_tip", "right_hand_tip", "left_elbow")
    points = file.people[0].points
    assert points.shape == (51, 8, 4)
    for channel in (0, 7, 23):
        values = np.array(row[channel].split(","), np.float32)
        assert np.array_equal(points[:, channel // 3, channel % 3], values)
