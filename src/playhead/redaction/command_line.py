"""Shared code of the redaction commands: options to configuration, printing, exit codes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from playhead.errors import ConfigError, PlayheadError
from playhead.execution.outcomes import BatchResult, exit_code
from playhead.output import print_json
from playhead.redaction.audit import Auditor
from playhead.redaction.audit_files import audit_outcomes
from playhead.redaction.audit_report import AuditReport
from playhead.redaction.config import LABELS, RedactionConfig, load_redaction_config, parse_labels
from playhead.redaction.resolved import ResolvedRedaction, known_classes
from playhead.redaction.run import audit_page

__all__ = ["as_settings", "auditor_for", "finish", "make_config"]


def make_config(
    preset: str,
    settings: Sequence[str] | None,
    options: dict[str, Any],
    *,
    hide: str | None,
    threshold: float | None,
    bundles: Sequence[Path] | None,
) -> RedactionConfig:
    """A preset with the options of the command line over it; named options override `--set`.

    options: by the key of their setting; None if not given
    threshold: of every class; bundles: custom detectors, whose classes can be hidden too
    """
    folders = [str(folder) for folder in bundles or ()] or None
    changes = [*(settings or []), *as_settings(options | {"detection.bundles": folders})]
    config = load_redaction_config(preset, changes)
    labels = list(config.hide) if hide is None else parse_labels(hide, known_classes(config))
    thresholds = {f"detection.thresholds.{label}": threshold for label in (*LABELS, *labels)}
    return load_redaction_config(preset, [*changes, *as_settings({"hide": labels} | thresholds)])


def as_settings(options: dict[str, Any]) -> list[str]:
    """The given options as `key=value` settings."""
    return [f"{key}={json.dumps(value)}" for key, value in options.items() if value is not None]


def auditor_for(
    redaction: ResolvedRedaction, *, audit: bool, accept: Sequence[str] | None
) -> Auditor | None:
    """The auditor for `--audit`, None without it; accept: classes that may stay unaudited."""
    if accept and not audit:
        raise ConfigError("--accept-unaudited only applies to an audit; add --audit")
    return Auditor(redaction, accept=accept or ()) if audit else None


def finish(result: BatchResult, auditor: Auditor | None, *, as_json: bool) -> None:
    """Print the result, audit it if there is an auditor, and exit with the matching code.

    An exposure (4) takes precedence over a partial or failed file (3).
    """
    if not as_json:
        typer.echo(result.describe())
    audits: dict[Path, AuditReport | PlayheadError] = {}
    if auditor is not None:
        audits = audit_outcomes(result.files, auditor)
    pages = {file.path: audit_page(file.outputs[0]) for file in result.files if file.outputs}
    reports: dict[Path, AuditReport] = {}
    not_audited: dict[Path, str] = {}
    for path, audit in audits.items():
        if isinstance(audit, PlayheadError):
            not_audited[path] = str(audit)
        else:
            reports[path] = audit
    if as_json:
        document = result.to_json()
        if auditor is not None:
            exposed = sum(len(report.exposures) for report in reports.values())
            document["exposed_track_frames"] = exposed
            document["audits"] = {
                str(path): {**report.to_json(), "page": str(pages[path])}
                for path, report in reports.items()
            }
            document["not_audited"] = {str(path): reason for path, reason in not_audited.items()}
        print_json(document)
    else:
        for path, report in reports.items():
            typer.echo(report.describe())
            typer.echo(pages[path])
        for path, reason in not_audited.items():
            typer.echo(f"{path}: not audited: {reason}")
    passed = all(report.passed for report in reports.values())
    raise typer.Exit((3 if not_audited else exit_code(result.files)) if passed else 4)
