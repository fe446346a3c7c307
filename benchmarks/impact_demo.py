"""The impact demo as a user runs it, timed: seconds, and F1 on plays the model has never seen.

    python benchmarks/impact_demo.py [--runs 1]

Bars: at most 480 s on two cores after the install; F1 at least .55 on at least 12 plays, .20 above
contacts guessed from exact boxes, and .08 above a 2D network that was trained as long. Seeds are
fixed; nothing is kept between runs.
"""

from program import demo_runs


def main() -> None:
    for run, found in demo_runs(__doc__, "impact"):
        metrics, interval = found["metrics"], found["intervals"]["f1"]
        print(
            f"{run}, {found['videos']} videos; F1 {metrics['f1']:.3f} ({interval['low']:.3f} to "
            f"{interval['high']:.3f}), precision {metrics['precision']:.3f}, recall "
            f"{metrics['recall']:.3f}",
            end="",
        )
        views = (f", {view} {figures['f1']:.3f}" for view, figures in found["per_view"].items())
        print("".join(views))
        for name, figures in found["references"].items():
            print(
                f"  {name}: F1 {figures['f1']:.3f}, precision {figures['precision']:.3f}, recall "
                f"{figures['recall']:.3f}; the network is {metrics['f1'] - figures['f1']:+.3f}"
            )


if __name__ == "__main__":
    main()
