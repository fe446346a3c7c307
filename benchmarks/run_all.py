"""Run every benchmark, one after the other, and keep what each printed in build/benchmarks.

    python benchmarks/run_all.py [NAME...]

Some need PLAYHEAD_DATA, and the weights that CONTRIBUTING.md names; without the data they are left
out and said so. cuda_spotting measures nothing without a GPU. All of them take many hours on two
cores, most of them for detectors.
"""

import os
import subprocess
import sys
from pathlib import Path

SCRIPTS = (
    "reading",
    "metric_agreement",
    "loader",
    "memory",
    "freed_memory",
    "dense_prediction",
    "cuda_spotting",
    "impact_speed",
    "fusion_arms",
    "spotting_ablation",
    "ball_recipe",
    "demo",
    "impact_demo",
    "impact_arms",
    "episodes_calibration",
    "episodes_matching",
    "episodes_demo",
    "recognition_demo",
    "episodes_networks",
    "episodes_labels",
    "recognition_keypoints",
    "recognition_interactions",
    "pose_speed",
    "real_falls",
    "packaged_detectors",
    "plates",
    "plates_in_videos",
    "weak_styles",
    "executors",
    "redaction_memory",
    "redaction_deface",
    "redaction_presets",
    "redaction_people",
    "inpainting",
    "image_metrics",
    "detector_arms",
    "detector_street",
    "detector_speed",
    "precision",
)
ON_REAL_DATA = (
    "episodes_labels",
    "recognition_keypoints",
    "recognition_interactions",
    "pose_speed",
    "real_falls",
    "packaged_detectors",
    "weak_styles",
    "redaction_deface",
    "redaction_presets",
    "inpainting",
    "detector_arms",
)


def main() -> int:
    wanted = sys.argv[1:] or SCRIPTS
    unknown = [name for name in wanted if name not in SCRIPTS]
    if unknown:
        sys.exit(f"{', '.join(unknown)}: no such benchmark; there are {', '.join(SCRIPTS)}")
    failed = []
    for name in wanted:
        if name in ON_REAL_DATA and not os.environ.get("PLAYHEAD_DATA"):
            print(f"{name}: left out, PLAYHEAD_DATA does not name the folder of real data")
            continue
        print(f"== {name}", flush=True)
        if run(name) != 0:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return len(failed)


def run(name: str) -> int:
    """Run one script, showing its output and keeping it; its exit code."""
    folder = Path(__file__).parent
    kept = folder.parent / "build" / "benchmarks" / f"{name}.txt"
    kept.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(folder / f"{name}.py")]
    with (
        kept.open("w", encoding="utf-8") as file,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
    ):
        for line in process.stdout or ():
            sys.stdout.write(line)
            file.write(line)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
