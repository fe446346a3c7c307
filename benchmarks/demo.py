"""The demo as a user runs it, timed: seconds and mAP@1 on matches the model has never seen.

    python benchmarks/demo.py [--runs 1]

Bars: at most 360 s on two cores after the install, average mAP@1 at least .60. Seeds are fixed;
nothing is kept between runs, and the encoder packs matches a little differently each time.
"""

from program import demo_runs


def main() -> None:
    for run, found in demo_runs(__doc__):
        values = {label: values["map@1"] for label, values in found["per_class"].items()}
        print(f"{run}, mAP@1 {found['metrics']['map@1']:.3f}", end="")
        print("".join(f", {label} {value:.3f}" for label, value in values.items()), end="")
        references = {"chance": found["chance"]["map@1"], **found["references"]}
        print("".join(f", {name} {value:.3f}" for name, value in references.items()))


if __name__ == "__main__":
    main()
