"""A data set as a CSV: what a row means, and every way in which it can be wrong."""

import numpy as np
import pytest

from playhead.errors import LabelError
from playhead.events.formats import read_events, read_row, write_events
from playhead.events.manifest import ManifestRow, read_manifest, write_manifest
from playhead.events.model import Event, VideoEvents


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "videos").mkdir()
    for name in ("videos/a.mp4", "videos/b c.mp4", "videos/é.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "labels.csv").write_text(
        "video,label,time\nvideos/a.mp4,hit,1.5\nb c.mp4,miss,2\né,hit,0\n"
    )
    return tmp_path


def manifest(folder, *rows, header="video,labels,group,view,split,offset"):
    path = folder / "manifest.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def refused(folder, *rows, match, **header):
    with pytest.raises(LabelError, match=match) as caught:
        read_manifest(manifest(folder, *rows, **header))
    assert "\n" not in str(caught.value)
    assert "manifest.csv" in str(caught.value)


def test_paths_are_relative_to_the_manifest_and_what_is_left_out_is_none(folder):
    rows = read_manifest(
        manifest(
            folder,
            "videos/a.mp4,labels.csv,match 1,left,train,-0.5",
            "videos/b c.mp4,labels.csv,,,,",
            "videos/é.mp4,,,,test,",
        )
    )
    root = folder.resolve()
    assert rows[0] == ManifestRow(
        root / "videos/a.mp4", root / "labels.csv", "match 1", "left", "train", -0.5, "videos/a.mp4"
    )
    assert (rows[1].group, rows[1].view, rows[1].split, rows[1].offset) == (
        "videos/b c.mp4",
        None,
        None,
        0.0,
    )
    assert (rows[2].labels, rows[2].split) == (None, "test")


def test_videos_may_lie_in_another_folder_which_their_paths_do_not_leave(folder, tmp_path_factory):
    set_ = tmp_path_factory.mktemp("set")
    (set_ / "labels.csv").write_text("video,label,time\n")
    path = manifest(set_, "videos/a.mp4,labels.csv,,,,")
    (row,) = read_manifest(path, videos=folder)
    assert row.video == (folder / "videos/a.mp4").resolve()
    assert (row.labels, row.name) == ((set_ / "labels.csv").resolve(), "videos/a.mp4")
    again = set_ / "again.csv"
    write_manifest([row], again, videos=folder)
    assert read_manifest(again, videos=folder) == (row,)
    with pytest.raises(LabelError, match="videos/a.mp4': there is no such file"):
        read_manifest(path)
    with pytest.raises(LabelError, match="is outside of"):
        read_manifest(manifest(set_, "../manifest.csv,,,,,"), videos=folder / "videos")
    with pytest.raises(LabelError, match="missing: is not a folder.*videos of"):
        read_manifest(path, videos=folder / "missing")


def test_the_last_four_columns_may_be_missing_and_bom_and_crlf_are_fine(folder):
    path = folder / "manifest.csv"
    path.write_bytes("\ufeffvideo,labels\r\nvideos/a.mp4,labels.csv\r\n".encode())
    assert [row.name for row in read_manifest(path)] == ["videos/a.mp4"]


def test_what_is_wrong_with_a_manifest_is_named_with_its_line(folder):
    good = "videos/a.mp4,labels.csv,,,,"
    refused(folder, "videos/a.mp4", match="'labels' is missing", header="video")
    refused(
        folder,
        "a,b,c",
        match="'fps'.*the known columns are video, labels",
        header="video,labels,fps",
    )
    refused(folder, match="only a header")
    refused(
        folder,
        good,
        "videos/none.mp4,,,,,",
        match="line 3.*'videos/none.mp4': there is no such file",
    )
    refused(
        folder,
        "videos/a.mp4,none.csv,,,,",
        match="line 2.*labels 'none.csv': there is no such file",
    )
    refused(folder, good, good, match="line 3.*twice.*line 2")
    refused(folder, good, "./videos/../videos/a.mp4,,,,,", match="line 3.*twice.*line 2")
    refused(folder, ",labels.csv,,,,", match="line 2.*no video")
    refused(folder, "videos/a.mp4,,,,,soon", match="line 2.*offset.*'soon'")
    refused(folder, "videos/a.mp4,,,,,nan", match="line 2.*finite.*'nan'")
    refused(folder, "videos/a.mp4,,,,", match="line 2.*5 cells.*6")
    refused(folder, "videos,,,,,", match="line 2.*there is no such file")


@pytest.mark.parametrize("column", ["video", "labels"])
def test_a_path_that_leaves_the_folder_is_refused(folder, column):
    inner = folder / "inner"
    inner.mkdir()
    (inner / "a.mp4").touch()
    (inner / "link.csv").symlink_to(folder / "labels.csv")
    for path in ("../labels.csv", str(folder.resolve() / "labels.csv"), "link.csv", "../../../x"):
        row = f"{path},,,,," if column == "video" else f"a.mp4,{path},,,,"
        with pytest.raises(LabelError, match="line 2.*is outside of"):
            read_manifest(manifest(inner, row))
    named = manifest(inner, "a.mp4,../labels.csv,,,,")
    assert read_manifest(named, root=folder)[0].labels == folder.resolve() / "labels.csv"


def test_a_manifest_is_not_written_where_it_could_not_be_read(tmp_path):
    with pytest.raises(LabelError, match="at least one video"):
        write_manifest([], tmp_path / "manifest.csv")
    with pytest.raises(LabelError, match="is outside of"):
        write_manifest([ManifestRow(tmp_path / "a.mp4")], tmp_path / "inner" / "manifest.csv")
    with pytest.raises(LabelError, match="finite"):
        ManifestRow(tmp_path / "a.mp4", offset=float("inf"))


def test_labels_of_many_videos_are_found_by_path_by_name_or_by_stem(folder):
    rows = read_manifest(
        manifest(folder, *(f"videos/{name}.mp4,labels.csv,,,," for name in ("a", "b c", "é")))
    )
    found = [read_row(row) for row in rows]
    assert [[event.label for event in video.events] for video in found] == [
        ["hit"],
        ["miss"],
        ["hit"],
    ]
    assert [video.video for video in found] == [row.name for row in rows]
    assert {video.classes for video in found} == {("hit", "miss")}


def test_labels_that_do_not_speak_of_the_video_are_refused(folder):
    (folder / "videos/other.mp4").touch()
    (row,) = read_manifest(manifest(folder, "videos/other.mp4,labels.csv,,,,"))
    with pytest.raises(LabelError, match=r"labels\.csv.*'videos/other.mp4'.*videos/a.mp4, b c.mp4"):
        read_row(row)
    (folder / "labels.csv").write_text("video,label,time\nother.mp4,,\n")
    assert read_row(row).events == ()


def test_changed_labels_are_read_again(folder):
    (row,) = read_manifest(manifest(folder, "videos/a.mp4,labels.csv,,,,"))
    before = read_row(row)
    (folder / "labels.csv").write_text("video,label,time\na.mp4,hit,1\na.mp4,hit,2\n")
    assert (len(before.events), len(read_row(row).events)) == (1, 2)


def test_the_offset_moves_labels_to_the_clock_of_the_video(folder):
    times = np.arange(100) / 25
    for offset, start, frame in ((0.0, 1.5, 37), (0.25, 1.75, 44), (-1.5, 0.0, 0)):
        (row,) = read_manifest(manifest(folder, f"videos/a.mp4,labels.csv,,,,{offset}"))
        assert read_row(row).events[0].start == start
        assert read_row(row, times=times).events[0].frame == frame
    (row,) = read_manifest(manifest(folder, "videos/a.mp4,labels.csv,,,,-2"))
    with pytest.raises(LabelError, match="line 2.*0 s or later"):
        read_row(row)
    (row,) = read_manifest(manifest(folder, "videos/a.mp4,labels.csv,,,,3"))
    with pytest.raises(LabelError, match="line 2.*past the last frame"):
        read_row(row, times=times)


def test_a_label_by_its_frame_is_not_moved_by_an_offset(folder):
    (folder / "labels.csv").write_text("video,label,frame\na.mp4,hit,3\n")
    (row,) = read_manifest(manifest(folder, "videos/a.mp4,labels.csv,,,,0.5"))
    with pytest.raises(LabelError, match="line 2.*offset of 0.5 s"):
        read_row(row, times=np.arange(100) / 25)


def test_the_labels_of_a_manifest_share_their_classes(folder):
    for name, label in (("a", "hit"), ("b c", "miss")):
        event = Event(label=label, start=1.0)
        write_events(
            VideoEvents(video=f"{name}.mp4", classes=(label,), events=(event,)),
            folder / "videos" / f"{name}.events.json",
        )
    path = manifest(
        folder,
        "videos/a.mp4,videos/a.events.json,,,,",
        "videos/b c.mp4,videos/b c.events.json,,,,",
        "videos/é.mp4,,,,,",
    )
    found = read_events(path)
    assert [video.video for video in found] == ["videos/a.mp4", "videos/b c.mp4"]
    assert {video.classes for video in found} == {("hit", "miss")}
    assert [video.classes for video in read_events(path, classes=["miss", "hit", "x"])] == [
        ("miss", "hit", "x")
    ] * 2


def test_a_manifest_without_labels_has_no_events(folder):
    with pytest.raises(LabelError, match="no row of the manifest has labels"):
        read_events(manifest(folder, "videos/a.mp4,,,,,"))
    with pytest.raises(LabelError, match="has no labels"):
        read_row(ManifestRow(folder / "videos/a.mp4"))
    with pytest.raises(LabelError, match="there is no such file"):
        read_row(ManifestRow(folder / "videos/a.mp4", folder / "gone.csv"))
