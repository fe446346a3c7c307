"""Where videos come from: a port with three implementations, YouTube, plain HTTP and a folder.

A downloader fetches one video into a folder that is only its own, and says of a failure whether
trying again can help. Retries, resuming and names are the business of `download.py`.
"""

import errno
import http.client
import re
import shutil
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from playhead.errors import MediaError, PlayheadError, needs_extra
from playhead.media.kinds import VIDEO_SUFFIXES
from playhead.media.source import open_container

__all__ = [
    "DownloadError",
    "Downloader",
    "FolderSource",
    "HttpSource",
    "Video",
    "YouTubeSource",
    "check_video",
    "is_disk_full",
]

_CHUNK = 1 << 16
_GONE_STATUS = {400, 401, 402, 404, 405, 406, 410, 414, 415, 451}
"""HTTP statuses that another try does not change. 403 and 429 are also how servers slow clients."""
_GONE_WORDS = re.compile(
    r"private video|video (is )?(unavailable|private)|been (removed|terminated|deleted)|copyright|"
    r"not (made this video )?available in your country|confirm your age|no longer available|"
    r"does not exist|members-only|account .* terminated|HTTP Error (404|410)|unsupported url",
    re.IGNORECASE,
)
"""What yt-dlp says of videos that will not come back."""

_FORMAT = "b[ext=mp4]/bv*[ext=mp4]/b/bv*"
"""Of yt-dlp: one file, since joining image and sound needs the program ffmpeg."""


@dataclass(frozen=True, slots=True)
class Video:
    """A video to download: its id, and its address if the list gives one."""

    id: str
    url: str | None = None


class DownloadError(PlayheadError):
    """A video could not be downloaded.

    gone: whether trying again cannot help
    wait: seconds that the server asks to wait before the next try; None if it does not say
    """

    def __init__(self, reason: str, *, gone: bool = False, wait: float | None = None) -> None:
        super().__init__(reason)
        self.gone = gone
        self.wait = wait


class Downloader(Protocol):
    """Fetches single videos; called from several threads at once."""

    def fetch(self, video: Video, folder: Path, stop: threading.Event) -> Path:
        """Download into the empty `folder` and return the file, which has the suffix of its format.

        stop: set when the whole run ends; a long transfer then raises DownloadError
        Raises DownloadError, or OSError if writing fails.
        """


@dataclass(frozen=True, slots=True)
class HttpSource:
    """Plain HTTP: the address of the list, or a template with `{id}`.

    timeout: seconds without a byte after which a transfer has stalled
    """

    template: str | None = None
    timeout: float = 30.0

    def __post_init__(self) -> None:
        if self.template is None:
            return
        if not self.template.startswith(("http://", "https://")):
            raise PlayheadError(f"--base-url {self.template}: needs an address of http or https")
        if "{id}" not in self.template:
            raise PlayheadError(
                f"--base-url {self.template}: needs {{id}} where the id of a video goes, as in "
                f"{self.template.rstrip('/')}/{{id}}.mp4"
            )

    def fetch(self, video: Video, folder: Path, stop: threading.Event) -> Path:
        """See `Downloader`."""
        if self.template is not None:
            url = self.template.replace("{id}", urllib.parse.quote(video.id))
        elif video.url is not None:
            url = video.url
        else:
            raise DownloadError("the list has no url for it", gone=True)
        suffix = Path(urllib.parse.urlsplit(url).path).suffix.lower()
        path = folder / f"video{suffix if suffix in VIDEO_SUFFIXES else '.mp4'}"
        request = urllib.request.Request(url, headers={"User-Agent": "playhead"})
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                _receive(answer, path, stop)
        except urllib.error.HTTPError as error:
            wait = error.headers.get("Retry-After", "")
            error.close()
            raise DownloadError(
                f"HTTP {error.code} {error.reason}",
                gone=error.code in _GONE_STATUS,
                wait=float(wait) if wait.isdigit() else None,
            ) from error
        except TimeoutError as error:
            raise DownloadError(f"stalled for {self.timeout:g} s") from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise DownloadError(f"no answer for {self.timeout:g} s") from error
            raise DownloadError(f"no connection ({error.reason})") from error
        except (http.client.HTTPException, ConnectionError, ValueError) as error:
            words = str(error) or type(error).__name__
            raise DownloadError(f"the transfer broke off ({words})") from error
        return path


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A local folder that has the videos already, named by their ids; they are copied."""

    folder: Path

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise PlayheadError(f"--folder {self.folder}: there is no such folder; check the name")

    def fetch(self, video: Video, folder: Path, stop: threading.Event) -> Path:
        """See `Downloader`."""
        for suffix in sorted(VIDEO_SUFFIXES):
            source = self.folder / f"{video.id}{suffix}"
            if source.is_file():
                path = folder / f"video{suffix}"
                shutil.copyfile(source, path)
                return path
        raise DownloadError(f"is not in {self.folder}", gone=True)


class YouTubeSource:
    """YouTube, and the other sites that yt-dlp knows; needs the extra [download].

    format: which of a site's formats, in the language of yt-dlp; by default one file, MP4 if there
        is one
    Raises MissingExtraError if yt-dlp is not installed.
    """

    def __init__(self, *, format: str | None = None, timeout: float = 30.0) -> None:
        with needs_extra("downloading from YouTube", "download"):
            import yt_dlp
        self._library: Any = yt_dlp
        self._format, self._timeout = format or _FORMAT, timeout

    def fetch(self, video: Video, folder: Path, stop: threading.Event) -> Path:
        """See `Downloader`."""

        def watch(_: dict[str, Any]) -> None:
            if stop.is_set():
                raise DownloadError("stopped")

        options = {
            "format": self._format,
            "outtmpl": {"default": f"{_escaped(folder)}/video.%(ext)s"},
            "socket_timeout": self._timeout,
            "retries": 0,
            "fragment_retries": 3,
            "noplaylist": True,
            "cachedir": False,
            "nopart": True,
            "quiet": True,
            "noprogress": True,
            "progress_hooks": [watch],
            "logger": _Silent(),
        }
        url = video.url or f"https://www.youtube.com/watch?v={video.id}"
        try:
            with self._library.YoutubeDL(options) as library:
                library.download([url])
        except DownloadError:
            raise
        except Exception as error:  # extractors of sites raise anything
            if is_disk_full(error):
                raise OSError(errno.ENOSPC, "No space left on device") from error
            words = re.sub(r"\x1b\[[\d;]*m|^ERROR:\s*|\[[\w:+]+\] [\w-]+:\s*", "", str(error))
            reason = " ".join(words.split())[:200] or type(error).__name__
            raise DownloadError(reason, gone=bool(_GONE_WORDS.search(reason))) from error
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)
        if not files:
            raise DownloadError("yt-dlp left no video file")
        return files[0]


def check_video(path: Path) -> None:
    """Raise DownloadError unless a downloaded file is a video: a server may answer with a page."""
    try:
        with open_container(path) as container:
            if container.streams.video:
                return
    except MediaError:
        pass
    raise DownloadError("the answer is not a video")


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an exception, or what caused it, says that no space is left."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "No space left on device" in str(error):  # as text, where yt-dlp passes it on
            return True
        inner = getattr(error, "exc_info", None)
        error = error.__cause__ or error.__context__ or (inner[1] if inner else None)
    return False


class _Silent:
    """A logger for yt-dlp, whose errors are raised too."""

    def _ignore(self, _: str) -> None:
        return

    debug: Callable[[Any, str], None] = _ignore
    info: Callable[[Any, str], None] = _ignore
    warning: Callable[[Any, str], None] = _ignore
    error: Callable[[Any, str], None] = _ignore


def _receive(answer: Any, path: Path, stop: threading.Event) -> None:
    """Write the body of an answer. Raises DownloadError if it is shorter than announced."""
    announced = answer.headers.get("Content-Length")
    received = 0
    with path.open("wb") as file:
        while chunk := answer.read(_CHUNK):
            if stop.is_set():
                raise DownloadError("stopped")
            file.write(chunk)
            received += len(chunk)
    if announced is not None and announced.isdigit() and received < int(announced):
        raise DownloadError(f"the transfer broke off after {received} of {announced} bytes")


def _escaped(folder: Path) -> str:
    """A path in a template of yt-dlp, where % begins a field."""
    return str(folder).replace("%", "%%")
