"""Preparation: features of clips and whole episodes, labels, groups, resuming, bad files."""

from fractions import Fraction

import av
import numpy as np
import pytest

from playhead.episodes.features.clips import Clip, boundary, clips_of, series_of
from playhead.episodes.features.mfcc import RATE, mfcc
from playhead.episodes.features.prepare import prepare
from playhead.episodes.features.table import (
    FeatureRow,
    part_of,
    read_features,
    read_table,
    write_table,
)
from playhead.errors import LabelError, PlayheadError, WeightsError
from playhead.events.formats import native
from playhead.events.formats.tracks import TrackFile, write_tracks
from playhead.events.model import Event, Track, VideoEvents
from playhead.media.write import VideoWriter
from playhead.samples.folds import grouped_folds

SIZE = (64, 48)


def colour(second):
    """A colour that tells the seconds of an episode apart."""
    return np.array([40 + 10 * second, 200 - 10 * second, 90], np.uint8)


def encode(path, seconds=6.0, *, rate=10, sound=True, size=SIZE, sound_rate=22050, channels=1):
    """A video of one colour a second, with a tone whose pitch rises."""
    time = np.arange(int(seconds * sound_rate)) / sound_rate
    tone = (0.3 * np.sin(2 * np.pi * (300 + 50 * time) * time)).astype(np.float32)
    audio = (np.stack([tone] * channels), sound_rate) if sound else None
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, *size, rate=rate, audio=audio, crf=5) as writer:
        for k in range(int(seconds * rate)):
            writer.write(np.broadcast_to(colour(k // rate), (*size[::-1], 3)))
    return path


def write_events(path, *events):
    labels = VideoEvents(video=path.name, classes=("opening", "ending", "recap"), events=events)
    native.write(labels, path.with_name(path.stem + ".events.json"))


def write_boxes(path, frames, label="text"):
    """A box over the upper half of the image in these frames."""
    count = len(frames)
    boxes = np.tile(np.array([[0, 0, SIZE[0], SIZE[1] / 2]], np.float32), (count, 1))
    track = Track(
        0, label, np.array(frames, np.int32), boxes, np.ones(count, "f4"), np.zeros(count, "u1")
    )
    file = TrackFile(
        video=path.name, frames=60, width=SIZE[0], height=SIZE[1], classes=(label,), tracks=(track,)
    )
    write_tracks(path.with_name(path.stem + ".tracks.npz"), file)


def span(label, start, end):
    return Event(label=label, start=start, end=end)


# --- clips, labels and groups, without files


def test_a_file_named_start_or_end_is_one_clip_and_any_other_gives_two():
    assert clips_of("a_start", 180.0) == (Clip("a_start", "start", 0.0, 180.0),)
    assert clips_of("a_end", 900.0) == (Clip("a_end", "end", 0.0, 900.0),)
    assert clips_of("S01E02", 1440.0) == (
        Clip("S01E02_start", "start", 0.0, 200.0),
        Clip("S01E02_end", "end", 1240.0, 200.0),
    )
    short = clips_of("S01E02", 150.0)
    assert [(clip.start, clip.seconds) for clip in short] == [(0.0, 150.0), (0.0, 150.0)]


def test_the_boundary_is_where_the_first_opening_ends_or_the_first_ending_starts():
    start, end = clips_of("x", 1000.0)
    events = [span("ending", 900, 990), span("opening", 60, 150), span("recap", 0, 50)]
    assert boundary(events, start) == 150
    assert boundary(events, end) == 100
    assert boundary([span("opening", 150, 240), span("ending", 700, 800)], start) is None
    assert boundary([span("opening", 150, 240), span("ending", 700, 800)], end) is None
    instants = [Event(label="opening", start=80), Event(label="ending", start=950)]
    assert [boundary(instants, clip) for clip in (start, end)] == [80, 150]


def test_credits_count_only_without_an_ending():
    _, end = clips_of("x", 1000.0)
    assert boundary([span("credits", 850, 990)], end) == 50
    assert boundary([span("credits", 850, 990), span("ending", 900, 990)], end) == 100


@pytest.mark.parametrize(
    ("stem", "series"),
    [
        ("Show/Season 01/S01E02", "Show"),
        ("Show/Specials/S00E01", "Show"),
        ("Anime/Show/S2/e", "Anime/Show"),
        ("Show/S01E02_start", "Show"),
        ("S01E02", "shelf"),
        ("Season 01/S01E02", "shelf"),
        ("abc_start", "abc"),
        ("abc_end", "abc"),
    ],
)
def test_the_series_is_named_by_the_folders_above_the_season(tmp_path, stem, series):
    (tmp_path / "shelf/Season 3").mkdir(parents=True)
    stem = type(tmp_path)(stem)
    assert series_of(stem, tmp_path / "shelf") == series
    if series == "shelf":
        assert series_of(stem, tmp_path / "shelf/Season 3") == series


def test_a_name_is_a_start_or_an_end_by_its_last_part():
    assert part_of("a/b_start") == "start"
    assert part_of("b_end") == "end"
    assert part_of("b_end/c") is None


# --- the table


def row(name="a_start", **values):
    return FeatureRow(
        **({"name": name, "file": name + ".npz", "group": "g", "seconds": 200.0} | values)
    )


def test_the_table_keeps_a_label_none_and_one_that_is_unknown_apart(tmp_path):
    rows = (
        row("a_start", label=1.25, split="train"),
        row("b_start"),
        row("c d/é_end", labelled=False),
    )
    for each in rows:
        (tmp_path / each.file).parent.mkdir(exist_ok=True)
        (tmp_path / each.file).touch()
    write_table(rows, tmp_path / "features.csv")
    assert read_table(tmp_path) == rows
    lines = (tmp_path / "features.csv").read_text().splitlines()
    assert lines[0] == "name,file,group,seconds,label,split"
    assert [line.split(",")[4] for line in lines[1:]] == ["1.25", "none", ""]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a_start,a_start.npz,g,200.0,201,", "only 200.0 s"),
        ("a_start,b.npz,g,200.0,1,", "no such file"),
        ("a_start,a_start.npz,g,long,1,", "needs seconds"),
        ("a_start,a_start.npz,g,200.0,-1,", "needs seconds"),
        ("a_start,a_start.npz,g,200.0,nan,", "needs seconds"),
        ("a_start,a_start.npz,g,9,1,\na_start,a_start.npz,g,9,1,", "listed twice"),
    ],
)
def test_a_wrong_row_of_the_table_is_refused_by_its_line(tmp_path, line, message):
    (tmp_path / "a_start.npz").touch()
    (tmp_path / "features.csv").write_text(f"name,file,group,seconds,label,split\n{line}\n")
    with pytest.raises(LabelError, match=rf"line \d.*{message}"):
        read_table(tmp_path)


# --- whole runs


def only(result):
    [outcome] = result.files
    return outcome


def test_a_clip_has_its_sound_a_frame_a_second_and_no_text(tmp_path):
    encode(tmp_path / "clips/a_start.mkv")
    assert only(prepare(tmp_path / "clips", tmp_path / "out", text="none")).status == "ok"
    features = read_features(tmp_path / "out/a_start.npz")
    columns = 1 + round(features.seconds * RATE) // 512
    assert features.seconds == pytest.approx(6.0, abs=0.01)
    assert features.mfcc.shape == (20, -(-columns // 8) * 8)
    assert not features.mfcc[:, columns:].any()
    assert features.frames.shape == (6, 66, 88, 3)
    assert not features.text.any()
    middle = features.frames[:, 33, 44].astype(int)
    assert np.abs(middle - [colour(k) for k in range(6)]).max() <= 6


def tone(pitch, seconds, rate=RATE):
    time = np.arange(int(seconds * rate)) / rate
    return 0.3 * np.sin(2 * np.pi * (pitch + 60 * time) * time)


def write_pcm(path, channels, *, layout="stereo", rate=RATE, start=0.0, video_seconds=6):
    """A video with 16-bit samples (channels, N) that begin at `start` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.rint(channels * 32767).astype(np.int16).T.reshape(1, -1)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10, options={"bf": "0"})
        video.width, video.height = SIZE
        audio = container.add_stream("pcm_s16le", rate=rate)
        audio.layout = layout
        for k in range(10 * video_seconds):
            image = np.broadcast_to(colour(k // 10), (*SIZE[::-1], 3))
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image))))
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = round(start * rate)
        container.mux(audio.encode(frame))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return path


def mfcc_of(path, out):
    [outcome] = prepare(path, out, text="none").files
    features = read_features(outcome.outputs[0])
    return features.mfcc[:, : 1 + round(features.seconds * RATE) // 512]


def test_the_mfcc_of_a_clip_are_those_of_the_mean_of_its_channels(tmp_path):
    channels = np.stack([tone(300, 6), tone(2000, 6)])
    path = write_pcm(tmp_path / "a_start.mkv", channels)
    np.testing.assert_allclose(mfcc_of(path, tmp_path / "out"), mfcc(channels.mean(0)), atol=0.5)


def test_surround_sound_is_averaged_too(tmp_path):
    channels = np.stack([tone(200 * k, 6) for k in range(1, 7)])
    path = write_pcm(tmp_path / "a_start.mkv", channels, layout="5.1")
    np.testing.assert_allclose(mfcc_of(path, tmp_path / "out"), mfcc(channels.mean(0)), atol=0.5)


def test_sound_that_begins_late_or_ends_early_is_surrounded_by_silence(tmp_path):
    heard = np.zeros(6 * RATE)
    heard[RATE // 2 : RATE // 2 + 4 * RATE] = tone(300, 4)
    path = write_pcm(tmp_path / "a_start.mkv", tone(300, 4)[None], layout="mono", start=0.5)
    np.testing.assert_allclose(mfcc_of(path, tmp_path / "out"), mfcc(heard), atol=0.5)


def test_sound_of_another_rate_is_resampled(tmp_path):
    path = write_pcm(tmp_path / "a_start.mkv", tone(300, 6, 48000)[None], layout="mono", rate=48000)
    difference = np.abs(mfcc_of(path, tmp_path / "out") - mfcc(tone(300, 6)))[:, 4:-4]
    assert difference.mean() < 2  # the bands that only rounding fills differ


def test_a_wide_frame_is_letterboxed_with_black(tmp_path):
    encode(tmp_path / "a_start.mkv", 2, size=(160, 60), sound=False)
    outcome = only(prepare(tmp_path / "a_start.mkv", tmp_path / "out", text="none"))
    assert outcome.notes == ("has no sound, which is taken as silence",)
    features = read_features(tmp_path / "out/a_start.npz")
    filled = features.frames[0].any(axis=(1, 2))
    np.testing.assert_array_equal(filled, [16 <= r < 49 for r in range(66)])
    silence = mfcc(np.zeros(2 * RATE, np.float32))
    np.testing.assert_array_equal(features.mfcc[:, : silence.shape[1]], silence)


def test_an_episode_gives_its_first_and_its_last_seconds(tmp_path):
    path = encode(tmp_path / "tv/Show/Season 1/S01E01.mkv", 9)
    write_events(path, span("opening", 1, 2.5), span("ending", 7, 9))
    outcome = only(prepare(tmp_path / "tv", tmp_path / "out", text="none", seconds=4))
    assert [path.name for path in outcome.outputs] == ["S01E01_start.npz", "S01E01_end.npz"]
    first, last = (read_features(path) for path in outcome.outputs)
    assert (first.start, first.seconds) == (0, 4)
    assert last.start == pytest.approx(5, abs=0.01)
    for features, seconds in ((first, range(4)), (last, range(5, 9))):
        middle = features.frames[:, 33, 44].astype(int)
        assert np.abs(middle - [colour(k) for k in seconds]).max() <= 6
    # The pitch rises, so the sound of the two differs, and each is that of its place.
    whole = only(prepare(encode(tmp_path / "w_start.mkv", 9), tmp_path / "out", text="none"))
    whole = read_features(whole.outputs[0]).mfcc
    hop = 5 * RATE / 512
    assert np.abs(first.mfcc[:8, 5:160] - whole[:8, 5:160]).mean() < 5
    later = whole[:8, round(hop) + 5 : round(hop) + 160]
    assert (
        np.abs(last.mfcc[:8, 5:160] - later).mean()
        < np.abs(last.mfcc[:8, 5:160] - whole[:8, 5:160]).mean() / 2
    )
    rows = {row.name: row for row in read_table(tmp_path / "out")}
    start, end = (rows[f"Show/Season 1/S01E01_{part}"] for part in ("start", "end"))
    assert (start.group, end.group) == ("Show", "Show")
    assert start.label == 2.5
    assert end.label == pytest.approx(2, abs=0.01)


def test_labels_of_the_contest_are_found_by_name(tmp_path):
    for name in ("a_start", "b_start", "c_end"):
        encode(tmp_path / f"clips/{name}.mkv", 2, sound=False)
    (tmp_path / "labels.txt").write_text("a_start 1.5\nb_start none\nother_end 3\n")
    result = prepare(
        tmp_path / "clips", tmp_path / "out", labels=tmp_path / "labels.txt", text="none"
    )
    unnamed = [[note for note in file.notes if "has no row for" in note] for file in result.files]
    assert unnamed == [[], [], [f"{tmp_path / 'labels.txt'} has no row for c_end"]]
    rows = {row.name: (row.label, row.labelled, row.group) for row in read_table(tmp_path / "out")}
    assert rows == {
        "a_start": (1.5, True, "a"),
        "b_start": (None, True, "b"),
        "c_end": (None, False, "c"),
    }


def test_labels_of_other_videos_are_refused_before_the_work(tmp_path):
    encode(tmp_path / "clips/a_start.mkv", 1, sound=False)
    (tmp_path / "labels.txt").write_text("b_start 1.5\n")
    with pytest.raises(LabelError, match="has none of the 1 videos"):
        prepare(tmp_path / "clips", tmp_path / "out", labels=tmp_path / "labels.txt", text="none")
    assert not (tmp_path / "out").exists()


def test_a_label_past_the_end_fails_its_clip_alone(tmp_path):
    for name in ("a_start", "b_start"):
        encode(tmp_path / f"clips/{name}.mkv", 2, sound=False)
    (tmp_path / "labels.txt").write_text("a_start 1.5\nb_start 7\n")
    result = prepare(
        tmp_path / "clips", tmp_path / "out", labels=tmp_path / "labels.txt", text="none"
    )
    assert [outcome.status for outcome in result.files] == ["ok", "failed"]
    assert "another cut" in result.files[1].reason
    assert [row.name for row in read_table(tmp_path / "out")] == ["a_start"]


def test_a_manifest_gives_labels_groups_and_splits(tmp_path):
    for name in ("a", "b"):
        path = encode(tmp_path / f"set/{name}.mkv", 3, sound=False)
        write_events(path, span("opening", 0, 1.5))
    (tmp_path / "set/manifest.csv").write_text(
        "video,labels,group,split,offset\na.mkv,a.events.json,Show,train,0.5\nb.mkv,,,valid,\n"
    )
    prepare(tmp_path / "set", tmp_path / "out", labels=tmp_path / "set/manifest.csv", text="none")
    rows = [(r.name, r.group, r.split, r.label, r.labelled) for r in read_table(tmp_path / "out")]
    assert rows == [
        ("a_end", "Show", "train", None, True),
        ("a_start", "Show", "train", 2.0, True),
        ("b_end", "set", "valid", None, False),
        ("b_start", "set", "valid", None, False),
    ]


def test_text_boxes_beside_a_video_take_the_place_of_the_detector(tmp_path):
    path = encode(tmp_path / "a_start.mkv", 4, sound=False)
    write_boxes(path, range(10, 30))
    prepare(path, tmp_path / "out")
    text = read_features(tmp_path / "out/a_start.npz").text
    assert text.any(axis=(1, 2)).tolist() == [False, True, True, False]
    assert text[1, :13].all()
    assert not text[1, 14:].any()


def test_boxes_that_are_asked_for_and_missing_fail_the_file(tmp_path):
    outcome = only(prepare(encode(tmp_path / "a_start.mkv", 1), tmp_path / "out", text="boxes"))
    assert outcome.status == "failed"
    assert "a_start.tracks.npz" in outcome.reason


def test_a_broken_track_file_fails_its_video_alone(tmp_path):
    (encode(tmp_path / "clips/a_start.mkv", 1).with_suffix(".tracks.npz")).write_bytes(b"broken")
    write_boxes(encode(tmp_path / "clips/b_start.mkv", 1), range(10))
    result = prepare(tmp_path / "clips", tmp_path / "out")
    assert [outcome.status for outcome in result.files] == ["failed", "ok"]


def test_without_weights_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PLAYHEAD_HOME", str(tmp_path / "home"))
    path = encode(tmp_path / "a_start.mkv", 1)
    with pytest.raises(WeightsError, match=r"playhead weights get text.*--text none"):
        prepare(path, tmp_path / "out")
    write_boxes(path, range(10))
    assert only(prepare(path, tmp_path / "out")).status == "ok"


@pytest.mark.weights
@pytest.mark.slow
def test_the_detector_is_used_where_there_are_no_boxes(tmp_path, packaged_weights):
    packaged_weights("text")
    path = encode(tmp_path / "a_start.mkv", 2)
    write_boxes(path, range(10), label="face")
    prepare(path, tmp_path / "out")
    assert not read_features(tmp_path / "out/a_start.npz").text.any()


def test_a_second_run_keeps_what_is_done_and_prepares_what_changed(tmp_path):
    clips, out = tmp_path / "clips", tmp_path / "out"
    encode(clips / "a_start.mkv", 1)
    encode(clips / "b_start.mkv", 1)
    prepare(clips, out, text="none")
    encode(clips / "b_start.mkv", 2)
    encode(clips / "c_start.mkv", 1)
    kept = (out / "a_start.npz").stat().st_mtime_ns
    result = prepare(clips, out, text="none")
    notes = ["done by an earlier run" in outcome.notes for outcome in result.files]
    assert notes == [True, False, False]
    assert (out / "a_start.npz").stat().st_mtime_ns == kept
    assert [row.seconds for row in read_table(out)] == pytest.approx([1, 2, 1], abs=0.01)
    assert not any(o.notes for o in prepare(clips, out, text="none", overwrite=True).files)


def test_other_boxes_or_another_length_are_not_done(tmp_path):
    path, out = encode(tmp_path / "a.mkv", 3, sound=False), tmp_path / "out"
    prepare(path, out, text="none", seconds=2)
    assert (
        read_features(prepare(path, out, text="none", seconds=1).files[0].outputs[0]).seconds == 1
    )
    write_boxes(path, range(30))
    outcome = only(prepare(path, out, seconds=1))
    assert read_features(outcome.outputs[0]).text.any()


def test_rows_of_another_folder_stay_in_the_table(tmp_path):
    prepare(encode(tmp_path / "one/a_start.mkv", 1), tmp_path / "out", text="none")
    prepare(encode(tmp_path / "two/b_start.mkv", 1), tmp_path / "out", text="none")
    assert [row.name for row in read_table(tmp_path / "out")] == ["a_start", "b_start"]


def test_a_truncated_file_ends_partial_and_a_second_run_says_so_again(tmp_path):
    path = encode(tmp_path / "a_start.mkv", 20)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])
    first = only(prepare(path, tmp_path / "out", text="none"))
    assert first.status == "partial"
    assert len(read_features(first.outputs[0]).frames) < 20
    second = only(prepare(path, tmp_path / "out", text="none"))
    assert second.status == "partial"
    assert first.reason in second.reason


def test_a_bad_file_fails_alone(tmp_path):
    encode(tmp_path / "clips/a_start.mkv", 1)
    (tmp_path / "clips/b_start.mp4").write_bytes(b"no video")
    result = prepare(tmp_path / "clips", tmp_path / "out", text="none")
    assert [outcome.status for outcome in result.files] == ["ok", "failed"]
    assert [row.name for row in read_table(tmp_path / "out")] == ["a_start"]


def test_a_file_that_breaks_after_it_was_prepared_leaves_the_table(tmp_path):
    path = encode(tmp_path / "a_start.mkv", 1)
    encode(tmp_path / "b_start.mkv", 1)
    prepare(tmp_path, tmp_path / "out", text="none")
    path.write_bytes(b"no video")
    prepare(tmp_path, tmp_path / "out", text="none")
    assert not (tmp_path / "out/a_start.npz").exists()
    assert [row.name for row in read_table(tmp_path / "out")] == ["b_start"]


def test_folds_keep_a_series_on_one_side(tmp_path):
    for show in ("A", "B", "C"):
        for number in (1, 2):
            encode(tmp_path / f"tv/{show}/Season 0{number}/e{number}.mkv", 1, sound=False)
    prepare(tmp_path / "tv", tmp_path / "out", text="none")
    groups = [row.group for row in read_table(tmp_path / "out")]
    assert groups == [show for show in "ABC" for _ in range(4)]
    for fold in grouped_folds(groups, 3):
        assert len({groups[k] for k in fold.validation}) == 1


def test_a_clip_and_an_episode_of_the_same_name_are_refused(tmp_path):
    encode(tmp_path / "clips/a_start.mkv", 1)
    encode(tmp_path / "clips/a.mkv", 1)
    with pytest.raises(PlayheadError, match=r"both write a_start\.npz"):
        prepare(tmp_path / "clips", tmp_path / "out", text="none")


def test_a_slow_video_repeats_its_frames(tmp_path):
    path = tmp_path / "a_start.mkv"
    with VideoWriter(path, *SIZE, times=[0, 4, 8], crf=5) as writer:
        for k in range(3):
            writer.write(np.broadcast_to(colour(k), (*SIZE[::-1], 3)))
    prepare(path, tmp_path / "out", text="none")
    middle = read_features(tmp_path / "out/a_start.npz").frames[:, 33, 44].astype(int)
    shown = np.argmin(np.abs(middle[:, None, 0] - [colour(k)[0] for k in range(3)]), axis=1)
    assert shown[:8].tolist() == [0, 0, 0, 1, 1, 1, 1, 2]  # in a tie the earlier
