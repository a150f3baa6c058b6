"""The commands are thin; what they call is tested in tests/evaluation/study."""

import json

from imagineid_core.cli import main
from imagineid_core.evaluation.study.key import load_key
from tests.evaluation.study.study_clips import write_clip, write_methods


def test_a_study_from_folders_to_its_table(tmp_path, capsys):
    write_methods(tmp_path, ("a", "b"), ("one",))
    out = tmp_path / "study"
    assert main(["study", "make", f"{tmp_path / 'a'}", f"{tmp_path / 'b'}", "--out", f"{out}"]) == 0
    told = capsys.readouterr().out
    assert "Clips: 1, each by 2 methods" in told
    assert str(out / "page") in told
    key = load_key(out)
    files = []
    for rater in ("r", "s"):
        scores = [
            {"clip": clip, "scores": {"synchronization": 4 if method == "a" else 2}}
            for clip, (method, _) in key.behind.items()
        ]
        files.append(tmp_path / f"scores_{rater}.json")
        files[-1].write_text(
            json.dumps(
                {
                    "format": "imagineid study scores",
                    "version": 1,
                    "study": key.study,
                    "rater": rater,
                    "clips": scores,
                }
            ),
            encoding="utf-8",
        )
    asked = ["study", "tabulate", *map(str, files), "--study", str(out)]
    assert main(asked) == 0
    told = capsys.readouterr().out
    assert "4.00 (no interval), n 2" in told
    assert "minus a, same rater and clip" in told
    table = json.loads((out / "table.json").read_text(encoding="utf-8"))
    assert {one["mean"] for one in table["means"]} == {4.0, 2.0, None}
    assert main(asked) == 2
    assert "holds table.json already" in capsys.readouterr().err
    assert main([*asked, "--overwrite"]) == 0


def test_notes_and_mistakes_are_told(tmp_path, capsys):
    write_clip(tmp_path / "a" / "one.mp4")
    write_clip(tmp_path / "b" / "one.mp4", size=96)
    folders = [str(tmp_path / name) for name in "ab"]
    assert main(["study", "make", *folders, "--out", str(tmp_path / "s")]) == 0
    assert "note: sizes differ between methods (a 64 x 64; b 96 x 96)" in capsys.readouterr().out
    assert main(["study", "make", *folders, "--out", str(tmp_path / "s")]) == 2
    assert "is there already" in capsys.readouterr().err
