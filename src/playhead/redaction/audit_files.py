"""Audits of files: a given pair of original and copy, or every output of a run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from playhead.config import validate
from playhead.errors import FileFailure, PlayheadError
from playhead.events.formats.tracks import SUFFIX, TrackFile, read_tracks
from playhead.execution.items import output_path
from playhead.execution.outcomes import FileOutcome
from playhead.media.kinds import is_image
from playhead.media.source import require_file
from playhead.progress import Progress, progress
from playhead.redaction.audit import AuditConfig, Auditor
from playhead.redaction.audit_page import write_audit_page
from playhead.redaction.audit_report import AuditReport
from playhead.redaction.config import LABELS, RedactionConfig, parse_labels
from playhead.redaction.resolved import recorded_redaction, resolve
from playhead.redaction.run import REDACTED, audit_page

__all__ = ["audit_outcomes", "audit_pair"]


def audit_pair(
    original: Path,
    redacted: Path,
    *,
    tracks: Path | None = None,
    hide: str | None = None,
    settings: Mapping[str, float | None],
    out: Path | None = None,
    threads: int | None = None,
    bundles: Sequence[Path] = (),
    accept: Collection[str] = (),
) -> tuple[AuditReport, Path]:
    """Audit one copy and write its page.

    tracks: the track file, which records the networks; by default the one beside the copy or the
    original. Images have none, so the default networks are assumed.
    hide: the classes to audit; other hidden classes are reported as unaudited
    bundles: folders of the custom detectors of the redaction
    accept: classes that may stay unaudited
    Raises PlayheadError if a video has no track file.
    """
    for path in (original, redacted):
        require_file(path)
    redaction, file = resolve(RedactionConfig()), None
    if tracks is not None or not is_image(original):
        path = tracks or _tracks_of(original, redacted)
        file = read_tracks(path)
        redaction = recorded_redaction(file, path)
    config = redaction.config
    custom = (label for bundle in redaction.bundles for label in bundle.classes)
    known = list(dict.fromkeys((*LABELS, *custom)))
    hidden = config.hide if file is not None else ()
    wanted = config.hide if hide is None else tuple(parse_labels(hide, known))
    classes = tuple(dict.fromkeys((*hidden, *wanted)))
    config = config.model_copy(update={"threads": threads, "hide": classes})
    redaction = replace(redaction, config=config).located(bundles)
    changes = {name: value for name, value in settings.items() if value is not None}
    auditor = Auditor(
        redaction,
        validate(AuditConfig, changes, source="audit"),
        accept=accept,
        skip=set(hidden) - set(wanted),
    )
    with progress("auditing", 1) as live:
        report = _audit(auditor, original, redacted, file, live)
    return report, write_audit_page(report, out or audit_page(redacted))


def audit_outcomes(
    files: Sequence[FileOutcome], auditor: Auditor
) -> dict[Path, AuditReport | PlayheadError]:
    """Audit every output of a run and write its page beside it; an error if that failed.

    A failed file has no output and no entry. An output of an earlier run is audited too, unless
    that run had other settings, which is an error.
    """
    reports: dict[Path, AuditReport | PlayheadError] = {}
    written = [file for file in files if file.status != "failed"]
    with progress("auditing", len(written)) as live:
        for file in written:
            redacted, *tracks = file.outputs
            with FileFailure(redacted) as failure:
                recorded = read_tracks(tracks[0]) if tracks else None
                if recorded is not None:
                    auditor.check_settings(recorded)
                report = _audit(auditor, file.path, redacted, recorded, live)
                write_audit_page(report, audit_page(redacted))
                reports[file.path] = report
            if failure.reason:
                reports[file.path] = PlayheadError(failure.reason)
    return reports


def _tracks_of(original: Path, redacted: Path) -> Path:
    """The track file beside the copy, else beside the original."""
    stem = redacted.stem.removesuffix(REDACTED)
    beside = (redacted.with_name(stem + SUFFIX), output_path(original.with_suffix(""), SUFFIX))
    for path in beside:
        if path.is_file():
            return path
    raise PlayheadError(
        f"{redacted}: there is no track file {beside[0].name} beside it or {original}, which "
        "records the networks; give its path with --tracks"
    )


def _audit(
    auditor: Auditor, original: Path, redacted: Path, tracks: TrackFile | None, live: Progress
) -> AuditReport:
    if is_image(original):
        return auditor.image(original, redacted)
    return auditor.video(original, redacted, tracks, live)
