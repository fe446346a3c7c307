"""Running a redaction: look, track, hide, write; and rendering an edited track file.

`run` writes `X_redacted.mp4` and `X.tracks.npz`; `apply` renders a track file, without networks.
Whatever goes wrong, more is hidden, not less: see `Masks.whole` and `media.rewrite`.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from playhead import __version__
from playhead.decisions.boxes import Boxes, nms
from playhead.errors import LabelError, MediaError, PlayheadError
from playhead.events.formats.tracks import SUFFIX, TrackFile, pack_tracks, write_tracks
from playhead.execution.batch import (
    BatchResult,
    FileOutcome,
    Item,
    check_folder,
    find_items,
    output_path,
    run_items,
)
from playhead.files import atomic_path, fingerprint, remove_leftovers
from playhead.media import Damage, Video, open_video
from playhead.media.kinds import image_format, kind_of
from playhead.media.planes import Picture
from playhead.media.rewrite import RewriteOptions, Rewritten, output_suffix, rewrite
from playhead.media.source import require_file
from playhead.progress import Progress
from playhead.redaction.bundles import resolve
from playhead.redaction.config import RedactionConfig
from playhead.redaction.detect import Networks, Sightings, look_at_video, tracks_of
from playhead.redaction.hide import Hider, Region
from playhead.redaction.images import (
    copy_suffix,
    hide_image,
    read_image,
    views_of,
    write_image,
)
from playhead.redaction.outcome import SAID, outcome_of, ranges, words
from playhead.redaction.regions import Masks, covers_frame, scaled_boxes
from playhead.redaction.resume import (
    earlier_outcome,
    is_cut_short,
    is_done,
    is_left_out,
    made_into,
    refuse_foreign_tracks,
)

__all__ = [
    "REDACTED",
    "audit_page",
    "check_out",
    "check_outputs",
    "check_same",
    "is_picture",
    "output_of",
    "redact_files",
    "redact_items",
    "remove_stale",
    "render",
]

REDACTED = "_redacted"
RESUME = "--overwrite replaces it, --skip-existing goes on with a batch that was stopped"
LOOKING = 0.7
"""The part of a video's work that looking takes, for its progress; rendering is the rest."""

SAME_OBJECT = 0.55
"""IoU from which what was found in two views of an image is one object."""


def redact_files(
    paths: Sequence[Path],
    config: RedactionConfig,
    *,
    out: Path | None = None,
    overwrite: bool = False,
    skip_existing: bool = False,
    only_tracks: bool = False,
) -> BatchResult:
    """Redact every video and picture that `paths` name; folders are searched.

    What a file is its content says (see `media.kinds`). One in a folder that is a video or a
    picture and cannot be redacted ends as failed; what is neither, and what was written here, is
    passed over.
    out: the folder to write into, mirroring the inputs; None writes beside each input
    skip_existing: leave the outputs that are there, to go on with a stopped batch: their inputs end
        `ok` with a note; those of which only a part is there, or parts that do not belong
        together, end `failed`
    only_tracks: stop at the track files, to be reviewed before anything is rendered
    Raises PlayheadError before any work where outputs exist and `overwrite` is not said, or where
    an input is no file (a camera, a pipe), since it is read twice.
    """
    for path in paths:
        if not path.is_dir():
            require_file(path)
    if out is not None:
        check_out(out)
    accept, wanted = (_is_our_video, "video") if only_tracks else (_is_ours, "video or picture")
    items = find_items(paths, accept=accept, wanted=wanted, key=_key)
    if only_tracks and any(is_picture(item.path) for item in items):
        raise PlayheadError("tracks are of videos: a still picture is redacted by `redaction run`")
    inputs = [item.path for item in items]
    outputs = {
        item.path: _outputs(item.path, item.target(out), only_tracks=only_tracks) for item in items
    }
    done: list[Item] = []
    if skip_existing:
        for places in outputs.values():
            if is_cut_short(places):
                check_outputs(inputs, places, overwrite=True)
                remove_stale(places, places[0])
        done = [item for item in items if is_left_out(item.path, outputs[item.path])]
        items = [item for item in items if item not in done]
    else:
        for places in outputs.values():
            refuse_foreign_tracks(places[-1])
            if not overwrite:
                check_outputs(inputs, places, overwrite=False, remedy=RESUME)
    for folder in {places[0].parent for places in outputs.values()}:
        remove_leftovers(folder)
    result = redact_items(
        items,
        config,
        out,
        overwrite=overwrite,
        skip_existing=skip_existing,
        only_tracks=only_tracks,
    )
    ended = {file.path: file for file in result.files}
    ended |= {item.path: earlier_outcome(item.path, outputs[item.path]) for item in done}
    return replace(result, files=tuple(ended[path] for path in inputs))


def redact_items(
    items: Sequence[Item],
    config: RedactionConfig,
    out: Path | None,
    *,
    overwrite: bool,
    skip_existing: bool = False,
    only_tracks: bool,
) -> BatchResult:
    """Redact these inputs, or only find their tracks; see `redact_files`."""
    config = resolve(config)
    inputs = [item.path for item in items]
    for item in items:
        outputs = _outputs(item.path, item.target(out), only_tracks=only_tracks)
        check_outputs(inputs, outputs, overwrite=overwrite or skip_existing)
    work = _Redaction(
        config, Networks(config), Hider(config.style), only_tracks, overwrite, skip_existing
    )
    return run_items(items, out, work.redact, task="looking" if only_tracks else "redacting")


def render(
    video: Video, tracks: TrackFile, config: RedactionConfig, target: Path, progress: Progress
) -> Rewritten:
    """Write the redacted video of a track file; no network looks at it.

    Raises LabelError where the tracks are of another video, MediaError where the file changed.
    """
    video.require_unchanged()
    check_same(video, tracks)
    masks = Masks(tracks, video.times, video.duration, config.mask, config.style.shape)
    hider = Hider(config.style)
    size = video.width, video.height
    filled: list[Damage] = []  # runs of frames that one mask covers from corner to corner

    def change(frame: int, picture: Picture) -> None:
        if masks.whole(frame):
            hider.hide_whole(picture)
            return
        regions = masks.regions(frame)
        hider.hide(picture, regions)
        if any(covers_frame(region, size) for region in regions):
            start = filled.pop().start if filled and filled[-1].stop == frame else frame
            filled.append(Damage(start, frame + 1, ""))

    options = RewriteOptions(
        codec=config.write.codec,
        crf=config.write.crf,
        preset=config.write.speed,
        audio=config.write.audio,
        keep_metadata=config.write.keep_metadata,
        keep_subtitles=config.write.keep_subtitles,
        threads=config.threads or 0,
    )
    part = _Part(progress, 1 / video.frames)
    written = rewrite(video.path, target, change, options, part, opened=video)
    if not filled:
        return written
    count = sum(one.stop - one.start for one in filled)
    said = ranges(filled[:SAID]) + (" and more" if len(filled) > SAID else "")
    note = f"{count} of {video.frames} frames are covered whole by one mask: {said}"
    return replace(written, notes=(*written.notes, note))


def output_of(path: Path, target: Path) -> Path:
    """Where the redacted copy of `path` goes: `target` with `_redacted`, of a fitting format."""
    suffix = copy_suffix(path) if is_picture(path) else output_suffix(path)
    return output_path(target, REDACTED + suffix)


def audit_page(redacted: Path) -> Path:
    """Where the page of a copy's audit goes."""
    return output_path(redacted.with_suffix(""), ".audit.html")


def is_picture(path: Path) -> bool:
    """Whether a file is a still picture, by its content."""
    return kind_of(path) == "image"


def check_out(out: Path) -> None:
    """Raise PlayheadError where `out` is a file, or would be taken for one."""
    check_folder(out)
    if kind_of(out) is not None:
        raise PlayheadError(f"--out {out}: names a file; it is the folder to write into")


def check_outputs(
    inputs: Sequence[Path],
    outputs: Sequence[Path],
    *,
    overwrite: bool,
    remedy: str = "--overwrite replaces it",
) -> None:
    """Refuse outputs that are an input, always, or that exist, unless `overwrite` is said."""
    for place in outputs:
        if not place.exists():
            continue
        for path in inputs:
            if place.samefile(path):
                raise MediaError(f"{path}: an output would replace this input; name another --out")
        if not overwrite:
            raise PlayheadError(f"{place}: exists already; {remedy}")


def remove_stale(outputs: Sequence[Path], redacted: Path) -> None:
    """What fails now must not pass by what it once gave, nor a new copy by an old audit."""
    for stale in (*outputs, audit_page(redacted)):
        stale.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Redaction:
    """Redaction of one file after the other with the same networks."""

    config: RedactionConfig
    networks: Networks
    hider: Hider
    only_tracks: bool
    overwrite: bool
    skip_existing: bool

    def redact(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        outputs = _outputs(path, target, only_tracks=self.only_tracks)
        if self.skip_existing and not self.overwrite:
            is_done(path, outputs)  # raises for a part, which is not replaced unasked
        check_outputs([path], outputs, overwrite=self.overwrite)
        remove_stale(outputs, output_of(path, target))
        if is_picture(path):
            return self._picture(path, outputs)
        return self._video(path, outputs, progress)

    def _video(self, path: Path, outputs: tuple[Path, ...], progress: Progress) -> FileOutcome:
        with open_video(path, threads=self.config.threads or 0) as video:
            looking = _Part(progress, 1.0 if self.only_tracks else LOOKING)
            sightings = look_at_video(video, self.networks, self.config, looking)
            tracks = _track_file(video, sightings, self.config)
            video.require_unchanged()
            trouble = sightings.trouble
            dropped = sightings.dropped.tolist()
            if self.only_tracks:
                outcome = outcome_of(video, outputs, tracks, trouble=trouble, dropped=dropped)
                partial = outcome.status == "partial"
                write_tracks(outputs[0], made_into(tracks, None, partial=partial))
                return outcome
            copy, track_path = outputs
            with ExitStack() as undo:  # where rendering or writing fails there is no output at all
                undo.callback(copy.unlink, missing_ok=True)
                with atomic_path(track_path) as temporary:  # killed, a run leaves no half of a pair
                    rendering = _Part(progress, 1 - LOOKING)
                    written = render(video, tracks, self.config, copy, rendering)
                    outcome = outcome_of(
                        video, outputs, tracks, written=written, trouble=trouble, dropped=dropped
                    )
                    partial = outcome.status == "partial"
                    pack_tracks(temporary, made_into(tracks, copy, partial=partial))
                undo.pop_all()
            return outcome

    def _picture(self, path: Path, outputs: tuple[Path, ...]) -> FileOutcome:
        pixels, info = read_image(path)
        found = [self.networks.look_closely(view) for view in views_of(pixels, info)]
        regions, count = [], Counter[str]()
        for label in self.config.hide:
            boxes = nms(Boxes.joined([one[label] for one in found]), SAME_OBJECT)
            sure = boxes.above(self.config.threshold(label))
            count[label] = len(sure)
            for x1, y1, x2, y2 in scaled_boxes(sure.boxes, self.config.mask.scale).tolist():
                regions.append(Region((x1, y1, x2, y2), self.config.style.shape))
        hide_image(self.hider, pixels, info, regions)
        write_image(outputs[0], pixels, info)
        notes = [f"hidden: {words(count)}", *info.notes]
        if outputs[0].suffix != path.suffix:
            held = f"by its content it is a {image_format(path)}"
            notes.append(f"{held}: the copy is a {info.format}, {outputs[0].name}")
        return FileOutcome(path, "ok", outputs, notes=tuple(notes))


def check_same(video: Video, tracks: TrackFile) -> None:
    """Raise LabelError where tracks are of another video, by its frames and by the file itself."""
    if (tracks.frames, tracks.width, tracks.height) != (video.frames, video.width, video.height):
        raise LabelError(
            f"{video.path}: has {video.frames} frames of {video.width}x{video.height}, its tracks "
            f"{tracks.frames} of {tracks.width}x{tracks.height}; they are of another video"
        )
    made_from = tracks.settings.get("fingerprint")
    if made_from is not None and made_from != fingerprint(video.path):
        raise LabelError(
            f"{video.path}: is another file than {tracks.video}, which its tracks were made from; "
            "detect again"
        )


@dataclass(slots=True)
class _Part:
    """The progress of a part of a file's work."""

    whole: Progress
    share: float

    def advance(self, steps: float = 1, note: str = "") -> None:
        self.whole.advance(steps * self.share, note)


def _track_file(video: Video, sightings: Sightings, config: RedactionConfig) -> TrackFile:
    return TrackFile(
        video=video.path.name,
        frames=video.frames,
        width=video.width,
        height=video.height,
        classes=config.hide,
        tracks=tracks_of(sightings, video, config),
        unseen=sightings.unseen,
        settings={
            "playhead": __version__,
            "config": config.published(),
            "fingerprint": fingerprint(video.path),
        },
    )


def _outputs(path: Path, target: Path, *, only_tracks: bool) -> tuple[Path, ...]:
    if is_picture(path):
        return (output_of(path, target),)
    tracks = output_path(target, SUFFIX)
    return (tracks,) if only_tracks else (output_of(path, target), tracks)


def _is_ours(path: Path) -> bool:
    """Whether a file of a folder is worked on: pictures and videos, but not what we wrote."""
    partial = path.name.startswith(".") and ".partial" in path.suffixes
    return not partial and not path.stem.endswith(REDACTED) and kind_of(path) is not None


def _is_our_video(path: Path) -> bool:
    return _is_ours(path) and not is_picture(path)


def _key(place: Path) -> Path:
    """What two inputs may not share: a picture has one output, with a suffix."""
    return place.with_suffix(copy_suffix(place) if is_picture(place) else "")
