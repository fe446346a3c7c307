"""Bundles: a trained model on disk, read without torch and without running code from a file.

A bundle is a folder: `bundle.json` (the manifest), an ONNX graph per part, `model.safetensors`,
`README.md` (the model card) and `SHA256SUMS`. It is refused if a file is missing, changed or not
listed in `SHA256SUMS`.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import ConfigDict, Field, ValidationError

from playhead.config import Settings, validate
from playhead.errors import BundleError, ConfigError, PlayheadError
from playhead.files import inside, new_folder, sha256, write_text

__all__ = [
    "SCHEMA",
    "WEIGHTS",
    "ArraySpec",
    "Bundle",
    "BundleManifest",
    "DataSource",
    "InputPlan",
    "Part",
    "bundle_folder",
    "load_bundle",
    "new_bundle_folder",
    "note_in_bundle",
    "verify_bundle",
    "write_bundle_files",
]

SCHEMA = 2
WEIGHTS = "model.safetensors"
_MANIFEST, _CARD, _SUMS = "bundle.json", "README.md", "SHA256SUMS"
_SUM_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


class InputPlan(Settings):
    """The input format of a model; each kind of bundle has its own subclass.

    A bundle is run by its kind, not by the name of the job that trained it.
    """

    kind: ClassVar[str]
    """The name of the kind in `bundle.json`, as `windows`."""

    def describe(self) -> str:
        """The input in words, for the model card."""
        raise NotImplementedError

    def output_shape(self, classes: int) -> tuple[int | None, ...]:
        """The output shape of the last part for a number of classes; None is any size."""
        raise NotImplementedError


Plan = TypeVar("Plan", bound=InputPlan)


class ArraySpec(Settings):
    """Shape and type of an array; None is an axis of any size, such as the batch."""

    shape: tuple[int | None, ...]
    dtype: Literal["uint8", "float32"]


class Part(Settings):
    """One graph of the model."""

    file: str
    input: ArraySpec
    output: ArraySpec


class DataSource(Settings):
    """A data set that a model was trained on, for its model card."""

    name: str = Field(description="the data set, and which part of it")
    licence: str = Field(default="", description="its licence")
    attribution: str = Field(default="", description="whom the licence asks to name")
    url: str = Field(default="", description="where it comes from")

    def describe(self) -> str:
        """One line of text."""
        return ", ".join(filter(None, (self.name, self.licence, self.attribution, self.url)))


class BundleManifest(Settings):
    """The content of `bundle.json`.

    kind: selects the code that runs the bundle
    input: the input plan as plain values, validated by `plan`
    sees: the input plan in words, for the model card
    post_processing: the job's settings for decisions
    training: the configuration that the model was trained with
    sources: the data sets that it was trained on, as far as the user named them
    `post_processing` and `training` are plain mappings, since only the job knows their models.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    schema_number: int = Field(default=SCHEMA, alias="schema")
    kind: str
    job: str
    classes: tuple[str, ...] = Field(min_length=1)
    input: dict[str, Any]
    sees: str
    parts: dict[str, Part] = Field(min_length=1)
    post_processing: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    sources: tuple[DataSource, ...] = ()

    @classmethod
    def of(
        cls,
        plan: InputPlan,
        *,
        job: str,
        classes: tuple[str, ...],
        parts: dict[str, Part],
        **more: Any,
    ) -> "BundleManifest":
        """The manifest of a model with the input `plan`.

        Raises BundleError if the output shape of the last part does not match the classes.
        """
        returned, needed = list(parts.values())[-1].output.shape, plan.output_shape(len(classes))
        if returned != needed:
            raise BundleError(
                f"the output of the model is {returned}; {len(classes)} classes need {needed}"
            )
        return cls(
            kind=plan.kind,
            job=job,
            classes=classes,
            input=plan.model_dump(mode="json"),
            sees=plan.describe(),
            parts=parts,
            **more,
        )

    def plan(self, wanted: type[Plan]) -> Plan:
        """The input plan, validated. Raises BundleError if the bundle is of another kind."""
        if self.kind != wanted.kind:
            raise BundleError(
                f"a bundle of {self.job} (kind {self.kind}); needs one of the kind {wanted.kind}"
            )
        try:
            return validate(wanted, self.input, source="its input plan")
        except ConfigError as error:
            raise BundleError(f"a bundle of {self.job}: {error}") from error


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened bundle: its folder and its manifest."""

    folder: Path
    manifest: BundleManifest

    def graph(self, part: str) -> Path:
        """The ONNX file of a part. Raises BundleError if the bundle has no such part."""
        if part not in self.manifest.parts:
            known = ", ".join(self.manifest.parts)
            raise BundleError(f"{self.folder}: has no part {part!r}; its parts are {known}")
        return _inside(self.folder, self.manifest.parts[part].file)

    @property
    def has_weights(self) -> bool:
        """Whether it has weights for torch; a compact bundle has none."""
        return (self.folder / WEIGHTS).is_file()

    @property
    def weights(self) -> Path:
        """The weights for torch, in safetensors format. Raises BundleError without any."""
        if not self.has_weights:
            raise BundleError(
                f"{self.folder}: a compact bundle has no weights for torch, so it runs on the CPU "
                "only and no training can start from it; export its run without --compact"
            )
        return self.folder / WEIGHTS


def bundle_folder(path: str | Path) -> Path:
    """The folder of a bundle: `path` itself, or `path/bundle` if that is a run folder.

    Raises BundleError if there is no bundle, with what is there.
    """
    folder = Path(path)
    for place in (folder, folder / "bundle"):
        if (place / _MANIFEST).is_file():
            return place
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "there is no such folder"
        raise BundleError(f"{folder}: {what}; name the folder of a bundle or of a run")
    if (folder / "config.yaml").is_file() and (folder / "checkpoint").is_dir():
        raise BundleError(
            f"{folder}: is the folder of a run without a bundle: its training has not ended; "
            "continue it with --resume, or use `playhead bundle export`"
        )
    names = sorted(item.name for item in folder.iterdir())
    inner = [*folder.glob(f"*/{_MANIFEST}"), *folder.glob(f"*/bundle/{_MANIFEST}")]
    bundles = sorted(str(found.parent) for found in inner)
    raise BundleError(
        f"{folder}: is not a bundle nor a run with one: it has no {_MANIFEST}, but "
        f"{', '.join(names[:8]) or 'nothing'}{', ...' if len(names) > 8 else ''}"
        + (f"; its bundles are {', '.join(bundles[:8])}" if bundles else "")
    )


def load_bundle(path: str | Path, *, verify: bool = True) -> Bundle:
    """Read a bundle from its folder, or from that of its run.

    Raises BundleError if the folder is not a bundle, a file is missing, changed or not in
    SHA256SUMS (unless `verify` is False), or the manifest has another schema.

    >>> from playhead import load_bundle
    >>> load_bundle("bundle").manifest.classes
    ('pass', 'drive')
    """
    folder = bundle_folder(path)
    if verify:
        verify_bundle(folder)
    bundle = Bundle(folder, _read_manifest(folder / _MANIFEST))
    for part in bundle.manifest.parts:
        if not bundle.graph(part).is_file():
            raise BundleError(f"{bundle.graph(part)}: is missing, though {_MANIFEST} names it")
    return bundle


def verify_bundle(path: str | Path) -> list[str]:
    """Check every file against SHA256SUMS and return the names of the files.

    path: the folder of a bundle, or of its run
    Raises BundleError naming the first file that is missing, changed, not listed, or outside.
    """
    folder = bundle_folder(path)
    if not (folder / _SUMS).is_file():
        raise BundleError(f"{folder}: is not a bundle: it has no {_SUMS}")
    listed = _read_sums(folder)
    for name, expected in listed.items():
        file = _inside(folder, name)
        if not file.is_file():
            raise BundleError(f"{folder / name}: is missing, though {_SUMS} lists it")
        if sha256(file) != expected:
            raise BundleError(
                f"{folder / name}: does not match its checksum in {_SUMS}; "
                "the bundle was changed or damaged, copy it again"
            )
    for name in _files_of(folder):
        if name not in listed:
            raise BundleError(f"{folder / name}: is not listed in {_SUMS}; remove it")
    return sorted(listed)


@contextmanager
def new_bundle_folder(final: Path) -> Iterator[Path]:
    """A temporary folder beside `final`, renamed to it when the block succeeds, else removed.

    An existing bundle at `final` is replaced only then. Raises BundleError if `final` exists and is
    not a bundle.
    """
    if final.exists() and not _replaceable(final):
        raise BundleError(f"{final}: exists and is not a bundle; choose another folder")
    with new_folder(final, overwrite=True) as folder:
        yield folder


def write_bundle_files(folder: Path, manifest: BundleManifest) -> Bundle:
    """Write the manifest, the model card and the checksums of all files in `folder`."""
    text = manifest.model_dump_json(indent=2)
    write_text(folder / _MANIFEST, text + "\n")
    write_text(folder / _CARD, _card(manifest))
    sums = [f"{sha256(folder / name)}  {name}\n" for name in _files_of(folder)]
    write_text(folder / _SUMS, "".join(sums))
    return Bundle(folder, manifest)


def note_in_bundle(
    folder: Path,
    *,
    metrics: Mapping[str, Any] | None = None,
    post_processing: Mapping[str, Any] | None = None,
) -> Bundle:
    """Add metrics or decision settings to the manifest and model card of a bundle, atomically.

    folder: of the bundle, or of its run
    Raises BundleError if the folder is not a bundle.
    """
    bundle = load_bundle(folder, verify=False)
    changed = {
        "metrics": {**bundle.manifest.metrics, **(metrics or {})},
        "post_processing": {**bundle.manifest.post_processing, **(post_processing or {})},
    }
    manifest = bundle.manifest.model_copy(update=changed)
    with new_bundle_folder(bundle.folder) as temporary:
        shutil.copytree(bundle.folder, temporary, dirs_exist_ok=True)
        write_bundle_files(temporary, manifest)
    return Bundle(bundle.folder, manifest)


def _read_manifest(path: Path) -> BundleManifest:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        schema = int(values["schema"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BundleError(f"{path}: cannot be read as a manifest: {error}") from error
    if schema > SCHEMA:
        raise BundleError(
            f"{path}: has schema {schema}, but this version reads schema {SCHEMA}; update playhead"
        )
    if schema < SCHEMA:
        raise BundleError(
            f"{path}: has schema {schema} of an earlier version, but this version reads "
            f"schema {SCHEMA}; export the run again with `playhead bundle export`, or train again"
        )
    try:
        return BundleManifest.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        location = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path}: {location}: {first['msg']}") from error


def _read_sums(folder: Path) -> dict[str, str]:
    path = folder / _SUMS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: cannot be read: {error}") from error
    listed: dict[str, str] = {}
    for line in lines:
        match = _SUM_LINE.fullmatch(line)
        if match is None:
            raise BundleError(f"{path}: {line[:80]!r} is not a checksum and a name")
        listed[match[2]] = match[1]
    if _MANIFEST not in listed:
        raise BundleError(f"{path}: does not list {_MANIFEST}")
    return listed


def _files_of(folder: Path) -> list[str]:
    """Every file below `folder` except SHA256SUMS."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]
    return sorted(name for name in names if name != _SUMS)


def _inside(folder: Path, name: str) -> Path:
    try:
        return inside(folder, name)
    except PlayheadError as error:
        raise BundleError(f"{folder}: {error}") from error


def _replaceable(final: Path) -> bool:
    if not final.is_dir():
        return False
    return (final / _MANIFEST).is_file() or not any(final.iterdir())


def _card(manifest: BundleManifest) -> str:
    """The model card: classes, input, metrics, versions."""
    lines = [
        f"# A Playhead bundle: {manifest.job}",
        "",
        f"Finds: {', '.join(manifest.classes)}.",
        "",
        f"Sees: {manifest.sees}.",
        "",
        *_metrics_section(manifest),
        *_sources_section(manifest),
        f"Use: `playhead {manifest.job} predict BUNDLE INPUT --out DIR`.",
        "",
        "Made with: " + ", ".join(f"{name} {v}" for name, v in sorted(manifest.versions.items())),
    ]
    return "\n".join(lines) + "\n"


def _metrics_section(manifest: BundleManifest) -> list[str]:
    if not manifest.metrics:
        return []
    rows = (f"| {name} | {_figure(value)} |" for name, value in manifest.metrics.items())
    return ["| measure | value |", "|---|---|", *rows, ""]


def _sources_section(manifest: BundleManifest) -> list[str]:
    if not manifest.sources:
        return []
    return ["Trained on:", "", *(f"- {source.describe()}" for source in manifest.sources), ""]


def _figure(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
