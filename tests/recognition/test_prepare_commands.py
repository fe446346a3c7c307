"""The commands of preparation: what they print, their exit codes, and the whole way once."""

import json

import pytest
from typer.testing import CliRunner

from playhead.errors import LabelError, PlayheadError
from playhead.recognition.clips import read_clips
from playhead.recognition.prepare.commands import app
from tests.media.encode import encode
from tests.recognition.web import serving

RUNNER = CliRunner()


def run(*arguments, code=0):
    result = RUNNER.invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.fixture
def web(tmp_path):
    with serving(encode(tmp_path / "made.mp4", 60).read_bytes()) as web:
        yield web


def test_a_list_becomes_an_index_step_by_step(web, tmp_path):
    path, videos, clips = (tmp_path / name for name in ("list.csv", "videos", "clips"))
    rows = [f"jump,good-{k:06d},0.48,1.44,{split}" for k, split in enumerate(("train", "test"))]
    rows += ["Jump,good-000000,1,2,train", "run,refused-404,0,1,train", "run,good-000001,0,1,test"]
    path.write_text("label,youtube_id,time_start,time_end,split\n" + "\n".join(rows) + "\n")
    options = (path, "--out", videos, "--base-url", web.address + "/{id}", "--retries", 0)
    out = run("download", *options, code=3)
    assert "refused-404  run    gone  HTTP 404 Not Found" in out
    assert f"2 videos downloaded, 0 there already, 1 missing (see {videos / 'missing.csv'})" in out
    document = json.loads(run("download", *options, "--json", code=3))
    assert (document["videos"], document["kept"], document["downloaded"]) == (3, 2, [])
    out = run("clips", path, "--videos", videos, "--out", clips, "--executor", "serial", code=3)
    first = clips / "jump" / "good-000000_000000.480_000001.440.mp4"
    assert f"{first}: stream copy" in out
    assert "3 copied, 1 encoded, 0 there already; 0 partial, 1 missing (see " in out
    document = json.loads(run("clips", path, "--videos", videos, "--out", clips, "--json", code=3))
    assert document["counts"]["kept"] == 4
    assert document["files"][0]["notes"] == ["done by an earlier run"]
    out = run("index", clips, "--out", clips / "index.csv")
    assert out.splitlines()[:4] == [
        "class  train  test  clips",
        "jump       2     1      3",
        "run        0     1      1",
        "all        2     2      4",
    ]
    assert "missing: 1 clip" in out
    assert read_clips(clips).classes == ("jump", "run")
    out = run("index", path, "--clips", clips, "--out", tmp_path / "index.csv", "--check", code=4)
    assert "near-duplicates across splits: " in out


def test_a_folder_becomes_an_index(tmp_path):
    for name in ("a/p1_1.mp4", "a/p2_1.mp4", "b/p1_1.mp4", "b/p2_1.mp4", "c/p1.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    options = ("index", tmp_path, "--out", tmp_path / "index.csv", "--no-duplicates")
    document = json.loads(
        run(*options, "--group", "(p[12])", "--shares", "1,0,1", "--min-clips", 2, "--json")
    )
    assert (document["groups"], document["dropped"], document["duplicates"]) == (2, {"c": 1}, None)
    assert document["total"] == {"train": 2, "test": 2, "clips": 4}
    with pytest.raises(PlayheadError, match="--group"):
        run(*options, "--group", "(")


def test_mistakes_of_a_list_end_the_command_unless_they_are_skipped(web, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(
        "label,youtube_id,time_start,time_end\na,good-000001,0,1\na,bad,0,1\n,good-000002,0,1\n"
    )
    options = ("download", path, "--out", tmp_path / "out", "--base-url", web.address + "/{id}")
    with pytest.raises(LabelError, match="2 mistakes: line 3.*line 4.*--skip-bad"):
        run(*options)
    assert json.loads(run(*options, "--skip-bad", "--json"))["downloaded"] == ["good-000001"]


@pytest.mark.parametrize("command", ["download", "clips", "index"])
def test_the_help_of_each_command_has_an_example(command):
    out = run(command, "--help")
    assert f"Example: playhead recognition prepare {command} " in " ".join(out.split())
