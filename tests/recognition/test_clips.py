"""The data set: class folders, an index, a manifest; whatever they hold has a defined answer."""

import numpy as np
import pytest

from playhead.errors import LabelError, PlayheadError
from playhead.media import VideoWriter
from playhead.recognition.clips import (
    Clip,
    read_class_folders,
    read_clips,
    write_index,
)
from playhead.recognition.tables import merged_labels
from playhead.samples.groups import find_groups


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def brief(clips):
    return [(clip.name, clip.label, clip.group, clip.split) for clip in clips]


def test_each_class_folder_names_the_class_of_its_clips(tmp_path):
    touch(tmp_path, "jump/b/two.MP4", "jump/one.avi", "run/one.mkv", "run/.hidden.mp4",
          "run/notes.txt", ".git/x.mp4", "empty/readme.md")  # fmt: skip
    found = read_clips(tmp_path)
    assert [(clip.name, clip.label) for clip in found.clips] == [
        ("jump/b/two.MP4", "jump"),
        ("jump/one.avi", "jump"),
        ("run/one.mkv", "run"),
    ]
    assert found.classes == ("jump", "run")
    assert found.skipped == 3
    assert "folders without clips: empty" in found.notes
    assert "classes with one clip, which can be on only one side of a split: run" in found.notes


def test_folders_of_splits_hold_the_class_folders(tmp_path):
    touch(tmp_path, "train/a/1.mp4", "val/a/2.mp4", "test/b/3.mp4")
    assert [(clip.label, clip.split) for clip in read_clips(tmp_path).clips] == [
        ("a", "train"),
        ("a", "valid"),
        ("b", "test"),
    ]


def test_keypoints_are_a_clip_only_where_their_video_is_missing(tmp_path):
    touch(tmp_path, "a/1.mp4", "a/1.keypoints.npz", "a/2.keypoints.npz")
    clips = read_clips(tmp_path).clips
    assert [clip.name for clip in clips] == ["a/1.mp4", "a/2.keypoints.npz"]
    assert [clip.has_video for clip in clips] == [True, False]


def test_labels_that_differ_in_case_or_spaces_are_one_and_named(tmp_path):
    touch(tmp_path, "Jump/1.mp4", "jump/2.mp4", "jump/3.mp4", "high  jump/4.mp4", "high jump/5.mp4")
    found = read_clips(tmp_path)
    assert found.classes == ("high jump", "jump")
    assert any("'jump', 'Jump' count as 'jump'" in note for note in found.notes)


@pytest.mark.parametrize("names", [(), ("loose.mp4",), ("a/x.txt",), ("a/.x.mp4",)])
def test_a_folder_without_clips_in_class_folders_is_refused(tmp_path, names):
    touch(tmp_path, *names)
    with pytest.raises(LabelError, match="has no class folders with clips"):
        read_clips(tmp_path)


def test_one_class_is_read_with_a_note_but_cannot_train(tmp_path):
    touch(tmp_path, "jump/1.mp4", "jump/2.mp4", "loose.mp4")
    found = read_clips(tmp_path)
    assert any("all clips are of one class (jump)" in note for note in found.notes)
    assert any("1 video directly in" in note for note in found.notes)
    with pytest.raises(LabelError, match=r"all 2 clips are of one class \(jump\)"):
        found.require_classes()


def test_an_index_is_read_in_any_order_of_columns_with_a_byte_order_mark(tmp_path):
    touch(tmp_path, "a b/1.mp4", "c/2.keypoints.npz")
    (tmp_path / "index.csv").write_text(
        "\ufeffsplit,label,video,end,start\nval,jump,a b/1.mp4,4.5,1\n,run,c/2.mp4,,\n"
    )
    one, two = read_clips(tmp_path / "index.csv").clips
    assert (one.label, one.split, one.start, one.end) == ("jump", "valid", 1.0, 4.5)
    assert (two.path.name, two.split, two.start, two.has_video) == (
        "2.keypoints.npz", None, None, False,
    )  # fmt: skip


def test_all_mistakes_of_an_index_are_told_at_once(tmp_path):
    touch(tmp_path, "1.mp4")
    (tmp_path / "index.csv").write_text(
        "video,label,start,end\n1.mp4,a,,\n1.mp4,a,,\n2.mp4,a,,\n../x.mp4,a,,\n1.mp4,,,\n"
        "1.mp4,a,5,4\n1.mp4,a,nan,\n"
    )
    with pytest.raises(LabelError) as error:
        read_clips(tmp_path / "index.csv")
    assert "6 mistakes: " in str(error.value)
    for part in (
        "line 3: 1.mp4 is listed twice (first: line 2)",
        "line 4: 2.mp4: there is no such file",
        "line 5: ../x.mp4 is outside of the folder",
        "line 6: a clip needs a video and a label",
        "line 7: the clip ends at 4 s, but starts at 5 s",
        "line 8: start needs seconds from 0, got 'nan'",
    ):
        assert part in str(error.value)


def test_a_folder_with_an_index_is_read_from_it_and_new_files_are_counted(tmp_path):
    touch(tmp_path, "a/1.mp4", "a/2.mp4", "b/3.mp4")
    write_index(read_class_folders(tmp_path).clips[:2], tmp_path / "index.csv")
    found = read_clips(tmp_path)
    assert [clip.name for clip in found.clips] == ["a/1.mp4", "a/2.mp4"]
    assert any("does not list 1 clip of" in note for note in found.notes)


def test_what_is_written_as_an_index_is_read_back(tmp_path):
    touch(tmp_path, "a/1.mp4", "b/2.mp4")
    clips = [
        Clip(path=tmp_path / "a/1.mp4", label="a", group="p1", split="train", name="a/1.mp4"),
        Clip(path=tmp_path / "b/2.mp4", label="b, c", group="p2", start=0.1, end=2, name="b/2.mp4"),
    ]
    write_index(clips, tmp_path / "index.csv")
    assert read_clips(tmp_path / "index.csv").clips == tuple(clips)
    with pytest.raises(LabelError, match="is outside of"):
        write_index(clips, tmp_path / "a" / "index.csv")


def test_the_spans_of_a_manifest_are_clips(tmp_path):
    for name in ("match 1.mp4", "match 2.mp4"):
        with VideoWriter(tmp_path / name, 32, 32, 25) as writer:
            for _ in range(50):
                writer.write(np.zeros((32, 32), np.uint8))
    (tmp_path / "labels.csv").write_text(
        "video,label,time,end\nmatch 1.mp4,serve,0.2,0.8\nmatch 1.mp4,rally,0.8,1.6\n"
        "match 2.mp4,serve,0,1\n"
    )
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(
        "video,labels,group,split\nmatch 1.mp4,labels.csv,derby,val\nmatch 2.mp4,labels.csv,,\n"
    )
    clips = read_clips(manifest).clips
    assert [(clip.label, clip.start, clip.end) for clip in clips] == [
        ("rally", 0.8, 1.6),
        ("serve", 0.2, 0.8),
        ("serve", 0.0, 1.0),
    ]
    assert [(clip.group, clip.split) for clip in clips] == [
        ("derby", "valid"), ("derby", "valid"), ("match 2.mp4", None),
    ]  # fmt: skip
    (tmp_path / "labels.csv").write_text(
        "video,label,time,end\nmatch 1.mp4,serve,0.2,\nmatch 2.mp4,serve,0,1\n"
    )
    with pytest.raises(LabelError, match="'serve' at 0.2 s is an instant; clips need spans"):
        read_clips(manifest)


def test_a_list_to_download_is_not_taken_for_an_index(tmp_path):
    (tmp_path / "list.csv").write_text("label,youtube_id,time_start,time_end,split\n")
    with pytest.raises(LabelError, match="list of videos to download"):
        read_clips(tmp_path / "list.csv")


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("jump/-nabcdefgh__000012_000022.mp4", "-nabcdefgh_"),
        ("jump/abcdefghijk_000012.480_000014.000.mp4", "abcdefghijk"),
        ("jump/v_Basketball_g07_c01.avi", "g07"),
        ("jump/abcdefghijk_000012_000022.keypoints.npz", "abcdefghijk"),
        ("jump/short_000012_000022.mp4", "jump/short_000012_000022.mp4"),
        ("jump/holiday.mp4", "jump/holiday.mp4"),
    ],
)
def test_the_source_is_read_from_the_name_of_a_file(name, group):
    groups, notes = find_groups([name])
    assert groups == [group]
    assert bool(notes) == (group == name)


def test_a_pattern_names_the_groups_and_one_that_matches_nothing_is_refused():
    names = ["box/person01_d1.avi", "run/person01_d2.avi", "run/other.avi"]
    groups, notes = find_groups(names, r"person(?P<who>\d+)")
    assert groups == ["01", "01", "run/other.avi"]
    assert notes[0].startswith("1 of 3 files are groups of their own")
    assert find_groups(names, r"person\d+")[0][0] == "person01"
    for wrong, reason in (("x{9}", "matches no clip"), ("(", "is not"), ("(a)(b)", "2 groups")):
        with pytest.raises(PlayheadError, match=reason):
            find_groups(names, wrong)


def test_labels_are_spelled_as_most_clips_spell_them():
    mapping, notes = merged_labels(["Run", "run ", "run ", " RUN", "walk"])
    assert mapping == {"Run": "run", "run ": "run", " RUN": "run", "walk": "walk"}
    assert len(notes) == 1
