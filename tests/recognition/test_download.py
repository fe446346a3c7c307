"""Downloads from a server on the loopback that serves, stalls, refuses and truncates."""

import errno
import sys
import threading
from pathlib import Path

import pytest

from playhead.errors import LabelError, MissingExtraError, PlayheadError, StorageError
from playhead.recognition.prepare.download import Retries, download, find_source
from playhead.recognition.prepare.lists import ListedClip, is_list, read_list, read_missing
from playhead.recognition.prepare.sources import (
    DownloadError,
    FolderSource,
    HttpSource,
    Video,
    YouTubeSource,
    is_disk_full,
)
from tests.media.encode import encode
from tests.recognition.web import serving

AT_ONCE = Retries(count=2, first=0.01, factor=1)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return encode(tmp_path_factory.mktemp("source") / "video.mp4", 5).read_bytes()


@pytest.fixture
def web(content):
    with serving(content) as web:
        yield web


def listed(*videos, label="jump"):
    return [ListedClip(video, label, 0, 1) for video in videos]


def http(web, timeout=5.0):
    return HttpSource(web.address + "/{id}", timeout=timeout)


def held(folder):
    """All that lies in a folder, temporary files too."""
    return sorted(path.name for path in folder.iterdir())


def test_each_video_is_downloaded_once_however_often_it_is_listed(web, content, tmp_path):
    clips = [*listed("good-1", "good-2"), ListedClip("good-1", "run", 5, 9)]
    result = download(clips, tmp_path, http(web))
    assert sorted(result.downloaded) == ["good-1", "good-2"]
    assert held(tmp_path) == ["good-1.mp4", "good-2.mp4"]
    assert (tmp_path / "good-1.mp4").read_bytes() == content
    again = download([*clips, *listed("good-3")], tmp_path, http(web))
    assert (again.downloaded, sorted(again.kept)) == (("good-3",), ["good-1", "good-2"])
    assert web.requests == {"good-1": 1, "good-2": 1, "good-3": 1}


def test_several_are_downloaded_at_a_time_and_no_more_than_asked(web, tmp_path):
    download(listed(*(f"slow-{number}" for number in range(6))), tmp_path, http(web), jobs=3)
    assert web.at_once == 3


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("refused-404", ("gone", 1, "HTTP 404")),
        ("refused-410", ("gone", 1, "HTTP 410")),
        ("refused-403", ("failed", 3, "HTTP 403")),
        ("refused-429", ("failed", 3, "HTTP 429")),
        ("refused-500", ("failed", 3, "HTTP 500")),
        ("truncated-1", ("failed", 3, "the transfer broke off after")),
        ("stalled-1", ("failed", 3, "stalled for 0.2 s")),
        ("page-1", ("failed", 3, "the answer is not a video")),
    ],
)
def test_what_a_server_refuses_is_recorded_with_its_reason(web, tmp_path, path, expected):
    kind, tries, reason = expected
    result = download(listed(path, "good-1"), tmp_path, http(web, timeout=0.2), retries=AT_ONCE)
    [missing] = result.missing
    assert (missing.name, missing.label, missing.kind) == (path, "jump", kind)
    assert missing.reason.startswith(reason)
    assert web.requests[path] == tries
    assert held(tmp_path) == ["good-1.mp4", "missing.csv"]
    assert read_missing(tmp_path) == {path: missing}


def test_what_fails_for_a_while_is_there_in_the_end(web, tmp_path):
    result = download(listed("later-1"), tmp_path, http(web), retries=AT_ONCE)
    assert result.downloaded == ("later-1",)
    assert web.requests["later-1"] == 3
    assert held(tmp_path) == ["later-1.mp4"]


def test_a_server_that_is_not_there_is_a_failure(tmp_path):
    source = HttpSource("http://127.0.0.1:9/{id}", timeout=1)
    [missing] = download(listed("good-1"), tmp_path, source, retries=AT_ONCE).missing
    assert missing.kind == "failed"
    assert missing.reason.startswith("no connection")


def test_what_is_gone_is_not_asked_for_again_but_what_failed_is(web, tmp_path):
    clips = listed("refused-404", "refused-500")
    download(clips, tmp_path, http(web), retries=AT_ONCE)
    second = download(clips, tmp_path, http(web), retries=AT_ONCE)
    assert web.requests == {"refused-404": 1, "refused-500": 6}
    assert {row.name for row in second.missing} == {"refused-404", "refused-500"}
    download(clips, tmp_path, http(web), retries=AT_ONCE, again=True)
    assert web.requests["refused-404"] == 2
    # The rows of another list stay; what is there now leaves the table.
    (tmp_path / "refused-500.mp4").touch()
    download(listed("refused-410"), tmp_path, http(web))
    assert set(read_missing(tmp_path)) == {"refused-404", "refused-410"}


@pytest.mark.parametrize(
    ("attempt", "asked", "delay"),
    [(1, None, 2), (2, None, 6), (3, 5, 18), (1, 40, 40), (9, 0, 300)],
)
def test_the_time_between_tries_grows_up_to_a_limit(attempt, asked, delay):
    assert Retries().delay(attempt, asked) == delay


class Full:
    """Writes a part of the second video, and then the disk is full."""

    def __init__(self, content, error):
        self.content, self.error, self.asked = content, error, []

    def fetch(self, video, folder, stop):
        self.asked.append(video.id)
        path = folder / "video.mp4"
        path.write_bytes(self.content if video.id == "1" else self.content[:100])
        if video.id != "1":
            raise self.error
        return path


def wrapped(error):
    outer = RuntimeError("unable to write data")
    outer.__cause__ = error
    return outer


def test_a_full_disk_ends_the_run_and_leaves_nothing_half_written(content, tmp_path):
    source = Full(content, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(StorageError, match=r"no space is left on the disk; free some and run"):
        download(listed("1", "2", "3", "4"), tmp_path, source, jobs=1, retries=AT_ONCE)
    assert held(tmp_path) == ["1.mp4"]
    assert source.asked == ["1", "2"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
def test_a_transfer_says_that_the_disk_is_full(web, tmp_path):
    (tmp_path / "video.mp4").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        http(web).fetch(Video("good-1"), tmp_path, threading.Event())


def test_the_disk_is_full_also_where_a_library_only_says_so_in_words():
    assert is_disk_full(RuntimeError("unable to write: [Errno 28] No space left on device"))
    assert is_disk_full(wrapped(OSError(errno.ENOSPC, "")))
    assert not is_disk_full(wrapped(OSError(errno.EACCES, "Permission denied")))


def test_another_error_of_one_video_does_not_end_the_others(content, tmp_path):
    source = Full(content, ZeroDivisionError("a bug"))
    result = download(listed("2", "1"), tmp_path, source, jobs=1, retries=AT_ONCE)
    assert result.downloaded == ("1",)
    assert "ZeroDivisionError: a bug" in result.missing[0].reason
    assert held(tmp_path) == ["1.mp4", "missing.csv"]


def test_an_interrupt_ends_transfers_and_leaves_nothing_half_written(web, tmp_path):
    class Interrupting:
        def fetch(self, video, folder, stop):
            if video.id == "interrupt":
                raise KeyboardInterrupt
            (folder / "video.mp4").write_bytes(b"part")
            assert stop.wait(5)
            raise DownloadError("stopped")

    with pytest.raises(KeyboardInterrupt):
        download(listed("good-1", "interrupt"), tmp_path, Interrupting(), jobs=2)
    assert held(tmp_path) == []


def test_a_folder_that_has_the_videos_serves_as_well(content, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "abc.mkv").write_bytes(content)
    result = download(listed("abc", "def"), tmp_path / "out", FolderSource(tmp_path / "own"))
    assert result.downloaded == ("abc",)
    assert [(row.name, row.kind) for row in result.missing] == [("def", "gone")]
    assert find_source(tmp_path / "out", "abc") == tmp_path / "out" / "abc.mkv"


@pytest.mark.parametrize("url", ["file:///etc/{id}", "http://127.0.0.1/video.mp4"])
def test_an_address_that_cannot_serve_is_refused(url):
    with pytest.raises(PlayheadError, match="--base-url"):
        HttpSource(url)


def test_a_list_may_give_the_addresses(web, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(
        f"url,label,youtube_id,time_start,time_end\n{web.url('good-9')},jump,my video.1,0,1\n"
    )
    with pytest.raises(LabelError, match="line 2: the id 'my video.1' is malformed"):
        read_list(path)
    path.write_text(path.read_text().replace("my video", "video"))
    clips, _ = read_list(path)
    assert download(clips, tmp_path / "out", HttpSource()).downloaded == ("video.1",)


def test_without_yt_dlp_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'playhead\[download\]'"):
        YouTubeSource()


@pytest.mark.slow
@pytest.mark.parametrize(("path", "kind"), [("good-1.mp4", None), ("refused-404.mp4", "gone")])
def test_yt_dlp_downloads_what_a_server_serves(web, content, tmp_path, path, kind):
    pytest.importorskip("yt_dlp")
    clips = [ListedClip("abcdefghijk", "jump", 0, 1, url=web.url(path))]
    out = tmp_path / "100% of it"
    result = download(clips, out, YouTubeSource(timeout=5), retries=AT_ONCE)
    assert [row.kind for row in result.missing] == ([] if kind is None else [kind])
    if kind is None:
        assert (out / "abcdefghijk.mp4").read_bytes() == content


@pytest.mark.parametrize(
    ("message", "gone"),
    [
        ("ERROR: [youtube] abc: Private video. Sign in if you've been granted access", True),
        ("ERROR: [youtube] abc: Video unavailable. This video has been removed", True),
        ("ERROR: [youtube] abc: Sign in to confirm you're not a bot", False),
        ("ERROR: unable to download video data: HTTP Error 403: Forbidden", False),
        ("ERROR: [youtube] abc: Unable to download webpage: timed out", False),
    ],
)
def test_what_yt_dlp_says_tells_whether_a_video_is_gone(monkeypatch, tmp_path, message, gone):
    class Library:
        def __init__(self, options):
            self.options = options

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def download(self, urls):
            assert urls == ["https://www.youtube.com/watch?v=abcdefghijk"]
            raise RuntimeError(message)

    module = type(sys)("yt_dlp")
    module.YoutubeDL = Library
    monkeypatch.setitem(sys.modules, "yt_dlp", module)
    with pytest.raises(DownloadError) as error:
        YouTubeSource().fetch(Video("abcdefghijk"), tmp_path, threading.Event())
    assert error.value.gone == gone
    assert not str(error.value).startswith(("ERROR", "[youtube]"))


GOOD = "label,youtube_id,time_start,time_end,split,is_cc\njump,-nabcdefgh_,12,22,val,0\n"


def test_a_list_of_kinetics_is_read_and_its_clips_are_named_alike(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("\ufeff" + GOOD + "jump ,-nabcdefgh_,12.5,22,test,0\nRun,abcdefghijk,0,10,,0\n")
    assert is_list(path)
    assert not is_list(tmp_path / "other.csv")
    clips, notes = read_list(path)
    assert [(clip.name, clip.label, clip.split) for clip in clips] == [
        ("-nabcdefgh__000012_000022", "jump", "valid"),
        ("-nabcdefgh__000012.500_000022", "jump", "test"),
        ("abcdefghijk_000000_000010", "Run", None),
    ]
    assert notes == []


BAD = (
    ("jump,-nabcdefgh_,12,22,val,0", "line 3: -nabcdefgh__000012_000022 is listed twice (first: "),
    ("run,-nabcdefgh_,12,22,val,0", "is listed twice as 'jump' and 'run'"),
    ("jump,#NAME?,12,22,,0", "line 3: the id '#NAME?' is malformed; needs 11"),
    ("jump,../etc/pass,1,2,,0", "the id '../etc/pass' is malformed"),
    (",abcdefghijk,1,2,,0", "line 3: has no label"),
    ("jump,abcdefghijk,22,12,,0", "the span from 22 s to 12 s is empty"),
    ("jump,abcdefghijk,nan,12,,0", "time_start needs seconds from 0, got 'nan'"),
    ("jump,abcdefghijk,0,,,0", "needs time_start and time_end"),
    ("jump,abcdefghijk,1,2,trian,0", "the split 'trian' is not train, validate or test"),
)


@pytest.mark.parametrize(("row", "reason"), BAD)
def test_a_mistake_of_a_list_is_told_with_its_line(tmp_path, row, reason):
    path = tmp_path / "list.csv"
    path.write_text(GOOD + row + "\n")
    with pytest.raises(LabelError) as error:
        read_list(path)
    assert reason in str(error.value)
    clips, notes = read_list(path, skip_mistakes=True)
    assert len(clips) == 1
    assert notes[0].startswith("1 row left out: line 3: ")


def test_all_mistakes_of_a_list_are_told_at_once(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(GOOD + "\n".join(row for row, _ in BAD) + "\n")
    with pytest.raises(LabelError) as error:
        read_list(path)
    assert f"{len(BAD)} mistakes" in str(error.value)
    assert all(f"line {line}: " in str(error.value) for line in range(3, 3 + len(BAD)))
