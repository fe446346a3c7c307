"""The episodes demo as a user runs it, timed: seconds, segments found, and both networks' scores.

    python benchmarks/episodes_demo.py [--runs 1]

Bars: at most 480 s on two cores after the install; all openings and endings of four series that
nothing was tuned on found, none false, median boundary error at most .03 s; the contest's score of
the network that scores moments at most a third of the constant's, for openings and for endings.
Seeds are fixed; nothing is kept between runs.
"""

from program import demo_runs


def main() -> None:
    for run, found in demo_runs(__doc__, "episodes"):
        metrics = found["metrics"]
        print(
            f"{run}, {found['videos']} episodes; precision {metrics['precision']:.3f}, recall "
            f"{metrics['recall']:.3f}, median error {metrics['median_error']:.3f} s, "
            f"{metrics['false_skip_seconds_per_hour']:.1f} s an hour skipped by mistake"
        )
        for kind, figures in found["per_class"].items():
            print(
                f"  {kind}: {figures['truths']} true, {figures['predictions']} predicted, "
                f"precision {_figure(figures['precision'])}, recall {_figure(figures['recall'])}, "
                f"errors {_figure(figures['median_error'])} s median, "
                f"{_figure(figures['max_error'])} s at most"
            )
        for name, scores in found["networks"].items():
            print(
                f"  {name}: openings {scores['opening_score']:.2f} s, endings "
                f"{scores['ending_score']:.2f} s (constants {scores['opening_constant']:.2f}, "
                f"{scores['ending_constant']:.2f})"
            )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
