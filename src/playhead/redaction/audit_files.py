"""Auditing files: a pair that the user names, or every output of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from playhead.config import validate
from playhead.events.formats.tracks import SUFFIX, TrackFile, read_tracks
from playhead.inference.batch import FileOutcome, output_path
from playhead.media.source import require_file
from playhead.progress import Progress, progress
from playhead.redaction.apply import config_of
from playhead.redaction.audit import AuditConfig, Auditor
from playhead.redaction.config import RedactionConfig, parse_labels
from playhead.redaction.pages import AuditReport, write_audit_page
from playhead.redaction.run import is_picture

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
) -> tuple[AuditReport, Path]:
    """Audit one copy and write its page.

    tracks: the track file that says which network hid; the one beside the original where None, and
    where there is none either, the default's network is taken to have hidden.
    """
    for path in (original, redacted):
        require_file(path)
    beside = tracks or output_path(original.with_suffix(""), SUFFIX)
    config, file = RedactionConfig(), None
    if tracks is not None or beside.is_file():
        file = read_tracks(beside)
        config = config_of(file, beside)
    changes = {"threads": threads} | ({} if hide is None else {"hide": tuple(parse_labels(hide))})
    config = config.model_copy(update=changes)
    given = {name: value for name, value in settings.items() if value is not None}
    auditor = Auditor(config, validate(AuditConfig, given, source="audit"))
    with progress("auditing", 1) as live:
        report = _audit(auditor, original, redacted, file, live)
    return report, write_audit_page(report, out or _page(redacted))


def audit_outcomes(files: Sequence[FileOutcome], auditor: Auditor) -> dict[Path, AuditReport]:
    """Audit every output of a run, each with its page beside it; what failed has none."""
    reports = {}
    written = [file for file in files if file.status != "failed"]
    with progress("auditing", len(written)) as live:
        for file in written:
            redacted, *tracks = file.outputs
            known = read_tracks(tracks[0]) if tracks else None
            reports[file.path] = _audit(auditor, file.path, redacted, known, live)
            write_audit_page(reports[file.path], _page(redacted))
    return reports


def _audit(
    auditor: Auditor, original: Path, redacted: Path, tracks: TrackFile | None, live: Progress
) -> AuditReport:
    if is_picture(original):
        return auditor.picture(original, redacted)
    return auditor.video(original, redacted, tracks, live)


def _page(redacted: Path) -> Path:
    return output_path(redacted.with_suffix(""), ".audit.html")
