from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.signal import lfilter, resample_poly

from playhead.errors import ConfigError
from playhead.events.formats import native
from playhead.events.formats.tracks import read_tracks
from playhead.events.manifest import read_manifest
from playhead.media import open_video
from playhead.media.audio import read_audio
from playhead.worlds import generate
from playhead.worlds.season import (
    CLASSES,
    CODECS,
    CONTAINERS,
    PAL,
    TEXT,
    SeasonConfig,
    Source,
    draw_season,
    generate_season,
    render,
    write_video,
)
from playhead.worlds.season.song import song_sound

SMALL = SeasonConfig(seconds=40, episodes=2, width=64, height=36, rate="5", pal=0)
SOURCES = [
    Source(codec=codec, container=container, rate=rate, start=start)
    for codec, (_, _, rates) in CODECS.items()
    for container in CONTAINERS
    for rate in rates
    for start in (0.0, 0.037)
    if (codec, container) != ("vorbis", ".mp4")
]


def _lag(first: NDArray[np.float32], second: NDArray[np.float32], rate: int) -> float:
    """Seconds by which the first sound is later, by phase-transformed cross-correlation."""
    size = next_fast_len(len(first) + len(second), real=True)
    product = np.fft.rfft(first, size) * np.conj(np.fft.rfft(second, size))
    peaks = np.fft.irfft(product / (np.abs(product) + 1e-6 * np.abs(product).max()), size)
    at = int(np.argmax(peaks))
    return (at if at < size // 2 else at - size) / rate


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(source, id=f"{source.codec}{source.container}-{source.rate}-{source.start}")
        for source in SOURCES
    ],
)
def test_decoded_sound_lies_where_it_was_put(tmp_path: Path, source: Source) -> None:
    rng = np.random.default_rng(5)
    sound = lfilter([1], [1, -0.9], rng.standard_normal(2 * source.rate)).astype(np.float32) * 0.05
    images = [np.full((32, 32, 3), shade, np.uint8) for shade in range(20)]
    path = tmp_path / f"video{source.container}"
    write_video(path, images, [sound], source, size=(32, 32), rate=Fraction(10), crf=30)
    audio = read_audio(path)
    heard = audio.samples.mean(axis=0)
    if audio.rate != source.rate:
        sound = resample_poly(sound, audio.rate // source.rate, 1).astype(np.float32)
    assert abs(audio.start + _lag(heard, sound, audio.rate)) <= 0.0005
    # At most a frame of the codec before the first sample is kept.
    assert source.start - 0.05 <= audio.start <= source.start + 0.002
    with open_video(path) as video:
        assert len(video.times) == 20


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("season")
    return generate_season(out, count=2, seed=3, config=SMALL, processes=1)


@pytest.mark.slow
def test_a_season_is_a_folder_of_episodes_with_labels(written: Path) -> None:
    rows = read_manifest(written)
    assert [row.name.rsplit(".", 1)[0] for row in rows] == [
        f"Show {show:02d}/Season 01/S01E{episode:02d}" for show in (1, 2) for episode in (1, 2)
    ]
    assert [row.group for row in rows] == ["Show 01", "Show 01", "Show 02", "Show 02"]
    assert [row.split for row in rows] == ["train", "train", "valid", "valid"]
    for index, row in enumerate(rows):
        assert row.labels is not None
        truth = native.read(row.labels)
        season = draw_season(3, index // 2, SMALL)
        assert truth.classes == CLASSES
        assert truth.events == season.events(index % 2)
        with open_video(row.video) as video:
            assert len(video.times) == truth.frames
            assert (video.width, video.height) == (64, 36)
            assert video.times[-1] < season.duration(index % 2)


@pytest.mark.slow
def test_labels_fit_the_decoded_sound_to_a_millisecond(written: Path) -> None:
    compared = 0
    for index, row in enumerate(read_manifest(written)):
        season = draw_season(3, index // 2, SMALL)
        audio = read_audio(row.video, rate=22_050)
        for event in season.events(index % 2):
            if event.note is None or not event.note.startswith("song="):
                continue
            song = song_sound(season.songs[int(event.note[5])])
            first = round((event.start - audio.start) * 22_050)
            begin = max(first, 0)
            heard = audio.samples[0, begin : first + len(song)]
            assert abs(_lag(heard, song, 22_050) + (begin - first) / 22_050) <= 0.0005
            assert event.end is not None
            assert event.end - event.start == pytest.approx(len(song) / 22_050, abs=2e-6)
            compared += 1
    assert compared >= 6


@pytest.mark.slow
def test_boxes_hold_all_of_the_text(written: Path) -> None:
    row = read_manifest(written)[0]
    file = read_tracks(row.video.with_suffix(".tracks.npz"))
    assert file.classes == (TEXT,)
    drawn = list(render(draw_season(3, 0, SMALL), 0))
    assert file.frames == len(drawn)
    expected = sorted((k, *box) for k, frame in enumerate(drawn) for _, box in frame.text)
    stored = sorted(
        (int(k), *map(float, box))
        for track in file.tracks
        for k, box in zip(track.frames, track.boxes, strict=True)
    )
    assert stored == expected
    assert len(stored) > 10


def test_an_equal_setting_gives_equal_frames_and_parts_of_text_change_only_inside_boxes() -> None:
    season = draw_season(3, 1, SMALL)
    title = next(part for part in season.episodes[0].parts if part.kind in {"ending", "credits"})
    frame = int(season.episodes[0].seconds(title.start + title.stop) / 2 * 5)
    first = next(render(season, 0, (320, 180), [frame]))
    again = next(render(draw_season(3, 1, SMALL), 0, (320, 180), [frame]))
    assert np.array_equal(first.image, again.image)
    assert first.text == again.text
    assert first.text
    ink = np.abs(first.image.astype(int) - season.look.ink).max(axis=2) < 12
    outside = ink.copy()
    for _, (x1, y1, x2, y2) in first.text:
        rows, columns = slice(int(y1), int(y2)), slice(int(x1), int(x2))
        assert ink[rows, columns].any()
        outside[rows, columns] = False
    assert not outside.any()


def test_frames_of_a_recap_are_those_of_the_episode_before() -> None:
    config = SMALL.model_copy(update={"recaps": 1.0})
    season = draw_season(8, 0, config)
    part = next(part for part in season.episodes[1].parts if part.kind == "recap")
    images = [
        next(render(season, number, frames=[int(season.episodes[0].seconds(sample) * 5)])).image
        for number, sample in ((1, part.start + 11_025), (0, part.cuts[0].start + 11_025))
    ]
    # Their frames are up to a fifth of a second apart in the story, so mouths may differ.
    assert np.mean(images[0] != images[1]) < 0.1


@pytest.mark.slow
def test_an_episode_at_pal_speed_is_shorter_in_its_file(tmp_path: Path) -> None:
    config = SMALL.model_copy(update={"pal": 1.0, "episodes": 1, "codec": "ac3"})
    manifest = generate_season(tmp_path, count=1, seed=2, config=config, processes=1)
    (row,) = read_manifest(manifest)
    season = draw_season(2, 0, config)
    audio = read_audio(row.video)
    seconds = audio.samples.shape[1] / audio.rate + audio.start
    planned = season.episodes[0].samples / 22_050
    assert seconds == pytest.approx(planned / float(PAL), abs=0.1)


def test_the_world_is_known_by_name_and_refuses_bad_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="season"):
        generate("season", tmp_path, count=1, settings=["dialogue=2"])
    with pytest.raises(ConfigError, match="frames a second"):
        generate("season", tmp_path, count=1, settings=["rate='1000'"])
