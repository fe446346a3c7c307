"""The recognition demo as a user runs it, timed: seconds, and macro F1 on people never seen.

    python benchmarks/recognition_demo.py [--runs 1]

Bars: at most 420 s on two cores after the install; macro F1 of the fusion at least .70. Seeds are
fixed; nothing is kept between runs. Whether the frames start from pretrained weights depends on
whether they have been fetched.
"""

from program import demo_runs


def main() -> None:
    for run, found in demo_runs(__doc__, "recognition"):
        metrics = found["metrics"]
        low, high = found["intervals"]["macro_f1"]
        print(
            f"{run}, {found['clips']} clips of {found['groups']} people; fusion: macro F1 "
            f"{metrics['macro_f1']:.3f} ({low:.3f} to {high:.3f}), top-1 {metrics['top1']:.3f}; "
            f"chance {found['chance']:.3f}"
        )
        for name, figures in found["models"].items():
            print(f"  {name}: macro F1 {figures['macro_f1']:.3f}, top-1 {figures['top1']:.3f}")
        for label, figures in found["per_class"].items():
            print(
                f"  {label}: precision {figures['precision']:.3f}, recall {figures['recall']:.3f}"
            )


if __name__ == "__main__":
    main()
