"""`prepare`: from a list of videos to an index that trains. Each step can be resumed."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from playhead.execution.options import ExecutorName, Json, Workers
from playhead.output import counted, print_error, print_json, print_table

__all__ = ["app"]

app = typer.Typer(
    help="Prepare clips and keypoints: download, cut, index.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

_SHOWN = 20
"""Rows that are printed of what is missing; all are in the table that is written, or in --json."""

SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out rows with mistakes, and tell them.")
]


@app.command(
    epilog="Example: playhead recognition prepare download kinetics.csv --out videos --jobs 4"
)
def download(
    videos: Annotated[
        Path,
        typer.Argument(
            metavar="LIST",
            readable=False,
            help="A CSV: label,youtube_id,time_start,time_end[,split,url].",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", help="The folder to write into.")],
    downloader: Annotated[
        Literal["auto", "yt-dlp", "http"],
        typer.Option(help="auto: http where the list or --base-url gives addresses, else yt-dlp."),
    ] = "auto",
    base_url: Annotated[
        str | None,
        typer.Option(help="Addresses, as https://example.org/{id}.mp4; their column is not used."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Copy from a folder that has ID.mp4 instead.")
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="Of yt-dlp: which format of a site.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Downloads at a time.")] = 4,
    retries: Annotated[int, typer.Option(min=0, help="Tries after the first one.")] = 4,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds without a byte that count as stalled.")
    ] = 30.0,
    again: Annotated[
        bool, typer.Option("--again", help="Ask also for videos recorded as gone.")
    ] = False,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Download the videos of a Kinetics list, each once; can be resumed.

    What cannot be had is in OUT/missing.csv with its reason; the exit code is then 3.
    """
    from playhead.errors import PlayheadError
    from playhead.recognition.prepare.download import Retries
    from playhead.recognition.prepare.download import download as download_list
    from playhead.recognition.prepare.lists import MISSING, read_list
    from playhead.recognition.prepare.sources import (
        Downloader,
        FolderSource,
        HttpSource,
        YouTubeSource,
    )

    if base_url is not None and (folder is not None or downloader == "yt-dlp"):
        raise PlayheadError("--base-url is for plain HTTP; leave --folder and yt-dlp out")
    clips, notes = read_list(videos, skip_mistakes=skip_bad)
    by_http = base_url is not None or all(clip.url is not None for clip in clips)
    source: Downloader
    if folder is not None:
        source = FolderSource(folder)
    elif downloader == "http" or (downloader == "auto" and by_http):
        source = HttpSource(base_url, timeout=timeout)
    else:
        source = YouTubeSource(format=format_, timeout=timeout)
    result = download_list(
        clips, out, source, jobs=jobs, retries=Retries(count=retries), again=again
    )
    if as_json:
        print_json({**result.to_json(), "notes": notes})
    else:
        for note in notes:
            print_error(note)
        print_table([row.to_json() for row in result.missing[:_SHOWN]])
        typer.echo(
            f"{counted(len(result.downloaded), 'video')} downloaded, {len(result.kept)} there "
            f"already, {len(result.missing)} missing{_table_of(out / MISSING, result.missing)}"
        )
    raise typer.Exit(3 if result.missing else 0)


@app.command(
    epilog="Example: playhead recognition prepare clips kinetics.csv --videos videos --out clips"
)
def clips(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="LIST|DIR",
            readable=False,
            help="A Kinetics list, an index with start and end, or a manifest of spans.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", help="The folder to write into.")],
    videos: Annotated[
        Path | None, typer.Option(help="Of a list: the folder of the downloaded videos.")
    ] = None,
    skip_bad: SkipBad = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Cut clips again that are there.")
    ] = False,
    executor: ExecutorName = "processes",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Cut clips exactly at their times, into OUT/CLASS/NAME.mp4; can be resumed.

    They are copied without encoding where that is exact, else encoded anew; sound is left out.
    OUT/index.csv lists them, OUT/missing.csv what could not be cut; the exit code is then 3.
    """
    from playhead.recognition.prepare.cut import clip_pool, cut_clips
    from playhead.recognition.prepare.lists import MISSING

    pool = None if executor == "processes" and workers is None else (executor, workers)
    result = cut_clips(
        source,
        out,
        videos=videos,
        skip_mistakes=skip_bad,
        overwrite=overwrite,
        executor=None if pool is None else clip_pool(*pool),
    )
    if as_json:
        print_json(result.to_json())
    else:
        for note in result.notes:
            print_error(note)
        for file in result.clips.files:
            if file.outputs:
                typer.echo(f"{file.path}: {file.notes[0]}")
        print_table([row.to_json() for row in result.missing[:_SHOWN]])
        counts = result.counts()
        typer.echo(
            f"{counts['stream_copy']} copied, {counts['re_encoded']} encoded, {counts['kept']} "
            f"there already; {counts['partial']} partial, {counts['missing']} missing"
            f"{_table_of(out / MISSING, result.missing)}"
        )
        if result.index is not None:
            typer.echo(result.index)
    raise typer.Exit(3 if result.missing else 0)


@app.command(
    epilog="Example: playhead recognition prepare index clips --out clips/index.csv --min-clips 10"
)
def index(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DIR|LIST",
            readable=False,
            help="A folder of class folders, an index, a manifest, or a Kinetics list.",
        ),
    ],
    *,
    out: Annotated[
        Path, typer.Option("--out", help="The index to write; it lies above its clips.")
    ] = Path("index.csv"),
    folder: Annotated[
        Path | None, typer.Option("--clips", help="Of a list: the folder of its clips.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Tells the group of a clip from its path: what is in brackets, or the match. "
            "Default: a YouTube id, or _g07_.",
        ),
    ] = None,
    shares: Annotated[
        str | None,
        typer.Option(
            help="Divide anew into train, valid, test. Default: 70,15,15 if there are no splits."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Which groups go where.")] = 0,
    min_clips: Annotated[int, typer.Option(min=1, help="Drop classes with fewer clips.")] = 1,
    duplicates: Annotated[
        bool,
        typer.Option(
            "--duplicates/--no-duplicates",
            help="Look for the same footage across splits, which reads every clip.",
        ),
    ] = True,
    check: Annotated[
        bool,
        typer.Option("--check", help="Exit with 4 if a group or footage is in several splits."),
    ] = False,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Write the index of a data set: clips by class and split, what is missing, rare or doubled."""
    from playhead.recognition.prepare.index import build_index, parse_shares

    result = build_index(
        source,
        out,
        clips=folder,
        group=group,
        shares=None if shares is None else parse_shares(shares),
        seed=seed,
        min_clips=min_clips,
        duplicates=duplicates,
        skip_mistakes=skip_bad,
    )
    if as_json:
        print_json(result.to_json())
    else:
        for note in result.notes:
            print_error(note)
        print_table(result.rows())
        for label, count in result.dropped.items():
            typer.echo(f"dropped: {label}, with {counted(count, 'clip')}")
        lacking = (*result.missing, *result.unreadable)
        if lacking:
            typer.echo(f"missing: {counted(len(lacking), 'clip')}")
            print_table([row.to_json() for row in lacking[:_SHOWN]])
        shared = list(result.shared.items())
        if shared:
            typer.echo(f"in several splits: {counted(len(shared), 'group')}")
            print_table(
                [{"group": name, "splits": ", ".join(splits)} for name, splits in shared[:_SHOWN]]
            )
        pairs = result.duplicates or ()
        if pairs:
            typer.echo(f"near-duplicates across splits: {counted(len(pairs), 'pair')}")
            print_table(
                [
                    {
                        "first": pair.first.name,
                        "second": pair.second.name,
                        "splits": f"{pair.first.split}, {pair.second.split}",
                        "bits": pair.bits,
                    }
                    for pair in pairs[:_SHOWN]
                ]
            )
        typer.echo(out)
    if check and not result.is_clean:
        raise typer.Exit(4)
    raise typer.Exit(3 if result.unreadable else 0)


def _table_of(path: Path, rows: tuple[object, ...]) -> str:
    return f" (see {path})" if rows else ""
