"""The six real sets of frame-level labels, read whole: the counts are those of their README."""

from pathlib import Path

import pytest

from playhead.errors import LabelError
from playhead.events.formats import read_events, write_events

# set: clips, frames, events of train, val and test, then the number of classes
SETS = {
    "spot_tennis": ((1368, 483_071, 10_976), (455, 161_568, 3_642), (1622, 660_679, 19_173), 6),
    "spot_fs_comp": ((178, 759_400, 1_764), (59, 251_925, 584), (134, 571_500, 1_326), 4),
    "spot_fs_perf": ((183, 780_950, 1_812), (94, 401_450, 932), (94, 400_425, 930), 4),
    "spot_finediving": ((1801, 187_591, 4_182), (450, 46_820, 1_063), (749, 77_845, 1_765), 4),
    "umeg_soccernet_ball": ((598, 286_381, 6_378), (200, 89_600, 2_017), (284, 167_847, 3_962), 12),
    "umeg_shuttleset": ((1441, 397_883, 15_146), (361, 95_695, 3_702), (502, 136_726, 5_224), 36),
}

pytestmark = [pytest.mark.data, pytest.mark.slow]


def rate_of(name):
    return 25 if name == "spot_finediving" else None  # the only set that declares none


@pytest.mark.parametrize("name", SETS)
def test_the_counts_of_a_real_set_are_those_of_its_readme(real_data, name):
    *splits, count = SETS[name]
    seen = set()
    for split, expected in zip(("train", "val", "test"), splits, strict=True):
        clips = read_events(real_data / "event_labels" / name / f"{split}.json", rate=rate_of(name))
        found = (
            len(clips),
            sum(clip.frames or 0 for clip in clips),
            sum(len(clip.events) for clip in clips),
        )
        assert found == expected
        seen |= {event.label for clip in clips for event in clip.events}
        assert all(
            event.start == event.frame * clip.rate.denominator / clip.rate.numerator
            for clip in clips
            for event in clip.events
        )
    assert len(seen) == count


@pytest.mark.parametrize("name", SETS)
def test_a_real_set_is_written_and_read_again_unchanged(real_data, name, tmp_path):
    source = real_data / "event_labels" / name / "val.json"
    clips = read_events(source, rate=rate_of(name))
    write_events(clips, tmp_path / "val.json", format="e2espot")
    assert read_events(tmp_path / "val.json", classes=clips[0].classes) == clips
    write_events(clips, tmp_path / "native")
    again = read_events(tmp_path / "native")
    assert sorted(again, key=lambda clip: clip.video) == sorted(clips, key=lambda clip: clip.video)


def test_a_real_set_without_a_rate_asks_for_one(real_data):
    with pytest.raises(LabelError, match="--rate 25"):
        read_events(real_data / "event_labels" / "spot_finediving" / "val.json")


def test_two_strokes_on_one_frame_both_survive_in_a_real_set(real_data):
    clips = read_events(real_data / "event_labels" / "umeg_shuttleset" / "train.json")
    shared = [
        frame
        for clip in clips
        for frame in {event.frame for event in clip.events}
        if sum(event.frame == frame for event in clip.events) > 1
    ]
    assert len(shared) == 13  # counted with plain Python on the file


def test_classes_stand_in_the_order_of_class_txt(real_data):
    folder: Path = real_data / "event_labels" / "spot_tennis"
    names = tuple((folder / "class.txt").read_text().split())
    assert read_events(folder / "val.json")[0].classes == names
