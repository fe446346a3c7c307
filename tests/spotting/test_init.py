"""`spotting init` writes a set that `train` takes, and says what it left out and why."""

import json
import shutil
from pathlib import Path

import pytest

from playhead.errors import LabelError, PlayheadError
from playhead.events.formats import read_events
from playhead.events.manifest import read_manifest
from playhead.spotting import init
from playhead.spotting.config import load_spotting_config
from playhead.spotting.init import init_set
from tests.command import run
from tests.spotting.conftest import Tiny


@pytest.fixture
def videos(tiny: Tiny, tmp_path: Path) -> Path:
    """Four videos below a folder of their own, with their labels beside it as one table."""
    folder = tmp_path / "my videos"
    folder.mkdir()
    lines = ["video,label,time"]
    for source in sorted(tiny.manifest.parent.glob("*.mp4")):
        shutil.copyfile(source, folder / source.name)
        [labels] = read_events(source.with_suffix(".events.json"))
        lines += [f"{source.name},{event.label},{event.start}" for event in labels.events]
    (tmp_path / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_a_set_is_written_whose_labels_and_videos_are_those_given(
    videos: Path, tmp_path: Path
) -> None:
    new = init_set(videos, [tmp_path / "labels.csv"], tmp_path / "my")
    config = load_spotting_config(new.config)
    rows = read_manifest(config.data.manifest, videos=config.data.videos)
    assert [row.video.name for row in rows] == [f"match-{n:03d}.mp4" for n in range(4)]
    assert {row.split for row in rows} == {"train", "valid"}
    given = {video.video: video.events for video in read_events(tmp_path / "labels.csv")}
    for video in read_events(new.labels):
        times = [(event.label, event.start) for event in video.events]
        assert times == [(event.label, event.start) for event in given[video.video]]
    assert sum(new.events.values()) == sum(len(events) for events in given.values())
    assert config.data.size == (160, 96)
    assert config.data.classes == ("drive", "pass")


def test_every_derived_setting_stands_below_its_reason(videos: Path, tmp_path: Path) -> None:
    new = init_set(videos, [tmp_path / "labels.csv"], tmp_path / "my")
    lines = new.config.read_text(encoding="utf-8").splitlines()
    for choice in new.choices:
        key = choice.key.rsplit(".", 1)[-1]
        [line] = [n for n, text in enumerate(lines) if text.strip().startswith(f"{key}: ")]
        assert lines[line - 1].strip().startswith("#"), choice.key
    assert new.to_json()["choices"]["data.rate"]["value"] == "25"


def test_labels_of_several_files_are_joined_and_equal_ones_kept_once(
    videos: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    header, *rows = labels.read_text().splitlines()
    for label in ("pass", "drive"):
        own = [row for row in rows if f",{label}," in row]
        (tmp_path / f"{label}.csv").write_text("\n".join([header, *own]))
    whole = init_set(videos, [labels], tmp_path / "a")
    joined = init_set(
        videos, [tmp_path / "pass.csv", tmp_path / "drive.csv", labels], tmp_path / "b"
    )
    assert joined.labels.read_text() == whole.labels.read_text()


def test_what_cannot_be_used_is_left_out_and_named(videos: Path, tmp_path: Path) -> None:
    (videos / "broken.mp4").write_bytes(b"not a video")
    shutil.copyfile(videos / "match-000.mp4", videos / "unlabelled.mp4")
    by_frame = tmp_path / "frames.csv"
    by_frame.write_text("video,label,frame\nelsewhere.mp4,pass,3\nbroken.mp4,pass,7\n")
    new = init_set(videos, [tmp_path / "labels.csv", by_frame], tmp_path / "my")
    said = "\n".join(new.notes)
    assert "left out: labels of elsewhere.mp4" in said
    assert "left out: unlabelled.mp4, without labels" in said
    assert "broken.mp4: is not a media file" in said
    assert len(read_manifest(new.manifest, videos=videos)) == 4


def test_a_label_past_the_end_is_left_to_check_which_names_its_video(
    videos: Path, tmp_path: Path
) -> None:
    with (tmp_path / "labels.csv").open("a", encoding="utf-8") as labels:
        labels.write("\nmatch-002.mp4,pass,4000.5")
    new = init_set(videos, [tmp_path / "labels.csv"], tmp_path / "my")
    done = run("spotting", "check", new.config)
    assert done.code == 2
    assert "1 video cannot be used: match-002.mp4" in done.out
    assert "--skip-bad" in done.out
    assert run("spotting", "check", new.config, "--skip-bad").code == 0


def test_columns_of_other_names_are_given_to_the_command(videos: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    text = labels.read_text(encoding="utf-8").replace("video,label,time", "Film,Aktion,Zeit")
    labels.write_text(text.replace(",", ";"), encoding="utf-16")
    named = ("--columns", "video=Film,label=Aktion,time=Zeit")
    done = run("spotting", "init", videos, labels, *named, "--out", tmp_path / "my", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["videos"] == {"train": 3, "valid": 1}


def test_labels_of_no_video_a_single_video_and_a_set_that_is_there_are_refused(
    videos: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "other.csv"
    labels.write_text("video,label,time\nelsewhere.mp4,pass,3\n")
    with pytest.raises(LabelError, match="no label is of a video in .*: elsewhere.mp4"):
        init_set(videos, [labels], tmp_path / "my")
    labels.write_text("video,label,time\nmatch-000.mp4,pass,3\n")
    with pytest.raises(LabelError, match="only video with events"):
        init_set(videos, [labels], tmp_path / "my")
    assert not (tmp_path / "my").exists()
    init_set(videos, [tmp_path / "labels.csv"], tmp_path / "my")
    with pytest.raises(PlayheadError, match="config.yaml: is there already; train it with"):
        init_set(videos, [tmp_path / "labels.csv"], tmp_path / "my")


def test_without_the_encoders_weights_the_small_network_is_chosen_and_the_command_named(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fetched, encoder in ((True, "mobilenetv2_100"), (False, "small")):
        monkeypatch.setattr(init, "is_fetched", lambda _, fetched=fetched: fetched)
        new = init_set(videos, [tmp_path / "labels.csv"], tmp_path / encoder)
        assert load_spotting_config(new.config).model.encoder == encoder
        named = any("playhead weights get mobilenet-v2" in note for note in new.notes)
        assert named is not fetched


@pytest.mark.slow
def test_one_command_goes_from_videos_to_a_report(videos: Path, tmp_path: Path) -> None:
    changes = (
        "samples_per_epoch=16",
        "training={epochs: 1, batch_size: 8, threads: 1, precision: fp32}",
        "model={kind: slow_fusion, encoder: small, encoder_channels: 8, channels: 8, pixels: rgb}",
        "data.fit=letterbox",
        "data.size=[32, 32]",
    )
    settings = [word for change in changes for word in ("--set", change)]
    done = run(
        "spotting", "train", videos, tmp_path / "labels.csv", *settings, "--out", tmp_path / "my",
        "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert json.loads(done.out)["run"] == str(tmp_path / "my" / "run")
    assert (tmp_path / "my" / "run" / "report.html").is_file()
    bundle = json.loads((tmp_path / "my" / "run" / "bundle" / "bundle.json").read_text())
    assert (bundle["input"]["pixels"], bundle["input"]["fit"]) == ("rgb", "letterbox")
    again = run("spotting", "train", videos, tmp_path / "labels.csv", "--out", tmp_path / "my")
    assert again.code == 2
    assert "is there already" in again.err


def test_the_folder_of_a_set_is_a_configuration_and_its_manifest_alone_says_so(
    videos: Path, tmp_path: Path
) -> None:
    my = tmp_path / "my"
    init_set(videos, [tmp_path / "labels.csv"], my)
    assert run("spotting", "check", my).code == 0
    done = run("spotting", "evaluate", "--truth", my / "manifest.csv", "--predictions", my)
    assert done.code == 2
    assert f"name the folder {my}, not its manifest" in done.err
