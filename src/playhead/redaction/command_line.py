"""What the commands of redaction share: options into a configuration, and how they end."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from playhead.errors import ConfigError, PlayheadError
from playhead.execution.batch import BatchResult, exit_code
from playhead.output import print_json
from playhead.redaction.audit import Auditor
from playhead.redaction.audit_files import audit_outcomes
from playhead.redaction.audit_report import AuditReport
from playhead.redaction.bundles import known_classes, resolve
from playhead.redaction.config import LABELS, RedactionConfig, load_redaction_config, parse_labels
from playhead.redaction.run import audit_page

__all__ = ["as_settings", "auditor_for", "finish", "make_config"]


def make_config(
    preset: str,
    settings: list[str] | None,
    *,
    hide: str | None,
    threshold: float | None,
    threads: int | None,
    said: dict[str, Any],
    bundles: Sequence[Path] | None = None,
) -> RedactionConfig:
    """A preset with the options of the command line over it, `--set` below those with a name.

    bundles: own detectors, whose classes can be hidden too; their thresholds count where none is
    said.
    """
    folders = [str(one) for one in bundles or ()] or None
    said = said | {"detection.bundles": folders, "threads": threads}
    below = [*(settings or []), *as_settings(said)]
    config = load_redaction_config(preset, below)
    known = known_classes(config)
    labels = list(config.hide) if hide is None else parse_labels(hide, known)
    said = {"hide": labels}
    said |= {f"detection.thresholds.{label}": threshold for label in (*LABELS, *labels)}
    return resolve(load_redaction_config(preset, [*below, *as_settings(said)]))


def as_settings(said: dict[str, Any]) -> list[str]:
    """Options that were given, as settings."""
    return [f"{key}={json.dumps(value)}" for key, value in said.items() if value is not None]


def auditor_for(
    config: RedactionConfig, *, audit: bool, accept: Sequence[str] | None
) -> Auditor | None:
    """The auditor of `--audit`, which accepts that these classes stay unaudited."""
    if accept and not audit:
        raise ConfigError("--accept-unaudited is about an audit; add --audit")
    return Auditor(config, accept=accept or ()) if audit else None


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
