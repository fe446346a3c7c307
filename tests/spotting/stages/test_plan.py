"""The runs of a recipe, their folds, and what they start from."""

from pathlib import Path

import pytest
import yaml

from playhead.errors import ConfigError
from playhead.spotting.config import load_spotting_config
from playhead.spotting.stages.plan import Plan, load_plan, plan_of, waves

OUT = Path("out")
RECIPE = """\
job: spotting
data: {manifest: set/manifest.csv, classes: [pass, drive], size: [64, 36], folds: 3}
model: {kind: slow_fusion}
training: {epochs: 5, seed: 7}
stages:
  basic:
  other: {data: {manifest: other.csv, folds: null, classes: [shot]}, training: {epochs: 9}}
  transfer: {start_from: other, hard_scores_from: basic, training: {epochs: 2}}
  long: {start_from: transfer, window: {frames: 33}, training: {epochs: 1}}
"""


def plan_from(tmp_path: Path, text: str = RECIPE, *settings: str) -> Plan:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return load_plan(path, settings)


def names(plan: Plan, stage: str, fold: str | None) -> list[str]:
    return [run.name for run in plan.trainings(plan.stage(stage), OUT, fold)]


def test_a_stage_has_the_common_settings_and_its_own(tmp_path: Path) -> None:
    plan = plan_from(tmp_path)
    epochs = {stage.name: plan.base(stage).training.epochs for stage in plan.stages}
    assert epochs == {"basic": 5, "other": 9, "transfer": 2, "long": 1}
    assert {plan.base(stage).training.seed for stage in plan.stages} == {7}
    assert plan.base(plan.stage("other")).data.classes == ("shot",)
    assert plan.base(plan.stage("long")).window.frames == 33


def test_a_stage_whose_scores_are_needed_is_trained_on_all_folds(tmp_path: Path) -> None:
    plan = plan_from(tmp_path)
    assert names(plan, "basic", "1") == ["basic, fold 0", "basic, fold 1", "basic, fold 2"]
    assert names(plan, "other", "1") == ["other"]
    assert names(plan, "transfer", "1") == ["transfer, fold 1"]
    assert names(plan, "transfer", None) == ["transfer, fold 0"]
    assert len(names(plan, "long", "all")) == 3


def test_a_run_starts_from_its_own_fold_of_the_earlier_stage(tmp_path: Path) -> None:
    plan = plan_from(tmp_path)
    [long] = plan.trainings(plan.stage("long"), OUT, "2")
    [transfer] = plan.trainings(plan.stage("transfer"), OUT, "2")
    assert long.config.start is not None
    assert transfer.config.start is not None
    assert long.config.start.weights == OUT / "transfer/fold-2/best.safetensors"
    assert transfer.config.start.weights == OUT / "other/best.safetensors"
    assert transfer.config.hard_scores == OUT / "basic/scores"
    assert (transfer.config.data.fold, transfer.folder) == (2, OUT / "transfer/fold-2")


def test_nested_scores_need_a_model_for_each_pair_of_folds(tmp_path: Path) -> None:
    nested = RECIPE.replace("hard_scores_from: basic", "hard_scores_from: basic, nested: true")
    plan = plan_from(tmp_path, nested)
    assert names(plan, "basic", "0") == [
        "basic, fold 0",
        "basic, without folds 0 and 1",
        "basic, without folds 0 and 2",
    ]
    [transfer] = plan.trainings(plan.stage("transfer"), OUT, "0")
    assert transfer.config.hard_scores == OUT / "basic/scores-without-0"
    assert plan.nested_folds(plan.stage("basic"), "0") == (0,)


def test_stages_that_do_not_need_each_other_are_trained_together(tmp_path: Path) -> None:
    order = [[stage.name for stage in wave] for wave in waves(plan_from(tmp_path))]
    assert order == [["basic", "other"], ["transfer"], ["long"]]


def test_a_common_setting_keeps_a_stages_own(tmp_path: Path) -> None:
    plan = plan_from(tmp_path, RECIPE, "training.epochs=3", "stages.long.training.epochs=4")
    epochs = [plan.base(stage).training.epochs for stage in plan.stages]
    assert epochs == [3, 9, 2, 4]


@pytest.mark.parametrize(
    ("old", "new", "setting", "message"),
    [
        ("  basic:\n", "  basic: {training: {epochs: 1}}\n", "training.epochs=3", "every stage"),
        ("start_from: other", "start_from: later", "", "later is not a stage before it"),
        ("start_from: transfer", "start_from: long", "", "long is not a stage before it"),
        ("  basic:\n", "  basic: {nested: true}\n", "", "nested is about hard_scores_from"),
        ("  long:", "  a/b:", "", "a stage names a folder"),
        ("window: {frames: 33}", "window: {frame: 33}", "", "stage long"),
        ("start_from: other", "start_form: other", "", "did you mean start_from?"),
        ("stages:", "stages: 3\nrest:", "", "needs a section for each stage"),
        ("window: {frames: 33}", "data: {folds: 4}", "", "the same data.manifest and data.folds"),
        ("window: {frames: 33}", "data: {manifest: b.csv}", "", "the same data.manifest"),
        ("hard_scores_from: basic", "data: {folds: null}, hard_scores_from: basic", "", "needs"),
    ],
)
def test_a_recipe_that_cannot_be_trained_is_refused(
    tmp_path: Path, old: str, new: str, setting: str, message: str
) -> None:
    assert old in RECIPE
    with pytest.raises(ConfigError, match=message):
        plan_from(tmp_path, RECIPE.replace(old, new), *filter(None, [setting]))


@pytest.mark.parametrize("fold", ["3", "-1", "every"])
@pytest.mark.parametrize("stage", ["basic", "transfer"])
def test_a_fold_that_does_not_exist_is_refused(tmp_path: Path, stage: str, fold: str) -> None:
    plan = plan_from(tmp_path)
    with pytest.raises(ConfigError, match=f"--fold {fold}: needs all, or a number below 3"):
        plan.trainings(plan.stage(stage), OUT, fold)


def test_a_data_set_is_named_by_the_setting_of_its_stage(tmp_path: Path) -> None:
    assert plan_from(tmp_path).manifests() == {
        "data.manifest": Path("set/manifest.csv"),
        "stages.other.data.manifest": Path("other.csv"),
    }


def test_all_folds_of_a_plain_configuration_are_a_plan_of_one_stage(tmp_path: Path) -> None:
    values = yaml.safe_load(RECIPE)
    del values["stages"]
    path = tmp_path / "plain.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    plan = plan_of(load_spotting_config(path), "plain")
    runs = plan.trainings(plan.stages[0], OUT, "all")
    assert [run.folder for run in runs] == [OUT / f"fold-{k}" for k in range(3)]
    assert [run.config.data.fold for run in runs] == [0, 1, 2]
