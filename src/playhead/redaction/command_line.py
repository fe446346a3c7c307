"""What the commands of redaction share: options into a configuration, and how they end."""

import json
from pathlib import Path
from typing import Any

import typer

from playhead.errors import PlayheadError
from playhead.inference.batch import BatchResult, exit_code
from playhead.output import print_json
from playhead.redaction.audit import Auditor
from playhead.redaction.audit_files import audit_outcomes
from playhead.redaction.config import LABELS, RedactionConfig, load_redaction_config, parse_labels
from playhead.redaction.pages import AuditReport
from playhead.redaction.run import audit_page

__all__ = ["as_settings", "finish", "make_config"]


def make_config(
    preset: str,
    settings: list[str] | None,
    *,
    hide: str | None,
    threshold: float | None,
    threads: int | None,
    said: dict[str, Any],
) -> RedactionConfig:
    """A preset with the options of the command line over it, `--set` below those with a name."""
    labels = None if hide is None else parse_labels(hide)
    said = said | {"hide": labels, "threads": threads}
    said |= {f"detection.thresholds.{label}": threshold for label in LABELS}
    return load_redaction_config(preset, [*(settings or []), *as_settings(said)])


def as_settings(said: dict[str, Any]) -> list[str]:
    """Options that were given, as settings."""
    return [f"{key}={json.dumps(value)}" for key, value in said.items() if value is not None]


def finish(result: BatchResult, auditor: Auditor | None, *, as_json: bool) -> None:
    """Print what was done, audit it where that was asked for, and end with the code that tells it.

    An exposure (4) comes before a file that is partial or failed (3).
    """
    if not as_json:
        typer.echo(result.describe())
    audits: dict[Path, AuditReport | PlayheadError] = {}
    if auditor is not None:
        audits = audit_outcomes(result.files, auditor)
    reports = {path: one for path, one in audits.items() if not isinstance(one, PlayheadError)}
    pages = {file.path: audit_page(file.outputs[0]) for file in result.files if file.outputs}
    broken = {path: str(one) for path, one in audits.items() if isinstance(one, PlayheadError)}
    if as_json:
        document = result.to_json()
        if auditor is not None:
            document["exposed_track_frames"] = sum(len(one.exposures) for one in reports.values())
            document["audits"] = {
                str(path): {**one.to_json(), "page": str(pages[path])}
                for path, one in reports.items()
            }
            document["not_audited"] = {str(path): reason for path, reason in broken.items()}
        print_json(document)
    else:
        for path, report in reports.items():
            typer.echo(report.describe())
            typer.echo(pages[path])
        for path, reason in broken.items():
            typer.echo(f"{path}: not audited: {reason}")
    passed = all(report.passed for report in reports.values())
    raise typer.Exit((3 if broken else exit_code(result.files)) if passed else 4)
