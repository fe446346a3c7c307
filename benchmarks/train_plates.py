"""Reproduces the plate detector that the package contains, from two public data sets.

Romanian dashcam frames (MIT licence) and Open Images photographs (CC BY), both in the folder that
PLAYHEAD_DATA names, and generated streets with the plates of many regions. Each step is a command
of playhead, printed before it runs.

    PLAYHEAD_DATA=... python benchmarks/train_plates.py --out FOLDER [--set KEY=VALUE]

The run, its report and its bundle are in FOLDER/run afterwards, the bundle for the package in
FOLDER/playhead-plates.
"""

import argparse
import csv
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from packaged_detectors import data_folder

SOURCES = (
    {
        "name": "License plates in Romanian dashcam frames (378 of 534 images)",
        "licence": "MIT",
        "attribution": "Copyright (c) 2020 Robert Lucian Chiriac; the permission notice is that of "
        "Playhead's own LICENSE",
        "url": "github.com/RobertLucian/license-plate-dataset",
    },
    {
        "name": "Open Images, vehicles with plates (245 of 350 images)",
        "licence": "annotations CC BY 4.0, images CC BY 2.0",
        "attribution": "Google LLC; Open Images lists the photographer of each image by its name",
        "url": "storage.googleapis.com/openimages",
    },
    {"name": "generated streets with plates of many regions", "licence": "MIT"},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="a folder for everything")
    parser.add_argument("--streets", type=int, default=160, help="number of generated images")
    parser.add_argument("--set", action="append", default=[], help="key=value, for the training")
    chosen = parser.parse_args()
    out = chosen.out
    real, streets = out / "real", out / "streets"
    if not real.exists():
        prepare_real(out)
    if not streets.exists():
        settings = ["kind=images", "width=960", "height=540", "people=4", "plates=worldwide"]
        playhead(
            *("world", "street", "--out", streets, "--count", chosen.streets, "--seed", 7),
            *(part for setting in (*settings, "train=1", "valid=0") for part in ("--set", setting)),
        )
    run = out / "run"
    playhead(
        *("detection", "train", "plates", "--out", run),
        *(["--resume"] if run.exists() else []),
        *("--set", f"data.manifest={real / 'manifest.csv'}"),
        *("--set", f"data.more=[{streets / 'manifest.csv'}]"),
        *("--set", "data.classes=[plate]", "--set", f"data.sources={json.dumps(SOURCES)}"),
        *(part for setting in chosen.set for part in ("--set", setting)),
    )
    playhead("bundle", "export", run, "--out", out / "playhead-plates", "--compact", "--overwrite")


def prepare_real(out: Path) -> None:
    """Merge both data sets into one, with their own splits."""
    romania, photographs = (
        data_folder() / name for name in ("plate_romania534", "plate_vehicle_openimages350")
    )
    staged = out / "romania"
    for folder in ("images", "labels_voc"):
        shutil.copytree(romania / folder, staged / folder, dirs_exist_ok=True)
    columns = ("labels", "group", "split")
    with (romania / "manifest.csv").open(newline="") as source:
        rows = [[row["image"], *(row[name] for name in columns)] for row in csv.DictReader(source)]
    with (staged / "manifest.csv").open("w", newline="") as target:
        csv.writer(target).writerows([("video", *columns), *rows])
    config = out / "normalise.yaml"
    config.write_text(
        f"sources:\n  - {{path: {staged.resolve() / 'manifest.csv'}, first_pixel: 0}}\n"
        f"  - {{path: {photographs.resolve()}}}\n"
        "map: {license-plate: plate, vehicle: null}\nclasses: [plate]\nunlabelled: empty\n"
    )
    playhead("detection", "normalise", config, "--out", out / "real")


def playhead(*arguments: object) -> None:
    command = ["playhead", *map(str, arguments)]
    print(shlex.join(command), flush=True)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("playhead")), *command[1:]], check=False
    )
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
