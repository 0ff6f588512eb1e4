"""What a job says of its failure goes into logs, the ledger and mails, so it quotes nobody's rows."""

import re
import runpy
import sys
from pathlib import Path

import pytest

import evaluate
from headgate_training import evaluation
from headgate_training.contenders import EvaluationError
from headgate_training.words import TrainingError

EVALUATE_PY = Path(evaluate.__file__)
SECRET = "Mrs Smith"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (EvaluationError("There are no rows."), "EvaluationError: There are no rows."),
        (TrainingError("Try a lower learning_rate."), "TrainingError: Try a lower learning_rate."),
        (ImportError("No module named x"), "ImportError: No module named x"),
        (ValueError(f"could not convert string to float: '{SECRET}'"), "ValueError"),
    ],
)
def test_only_errors_of_our_own_are_told_in_words(
    error: Exception, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_root: Path) -> None:
        raise error

    monkeypatch.setattr(evaluation, "evaluate", fail)
    with pytest.raises(type(error)):
        evaluate.main(["--root", str(tmp_path / "processing")])
    assert (tmp_path / "output" / "message").read_text() == told


def test_the_log_of_a_job_tells_where_it_failed_and_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_root: Path) -> None:
        float(SECRET)

    monkeypatch.setattr(evaluation, "evaluate", fail)
    monkeypatch.setattr(sys, "argv", ["evaluate.py", "--root", str(tmp_path / "processing")])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises(ValueError, match=SECRET) as failed:
        runpy.run_path(str(EVALUATE_PY), run_name="__main__")
    sys.excepthook(failed.type, failed.value, failed.tb)
    printed = capsys.readouterr().err
    assert "in fail" in printed
    assert printed.endswith("\nValueError\n")
    assert SECRET not in printed.replace("float(SECRET)", "")


def test_what_is_written_for_people_is_raised_as_an_error_of_our_own() -> None:
    """The words of Python's own errors reach nobody, for those may quote rows."""
    wordy = re.compile(r"raise \(?(Exception|ValueError|TypeError|KeyError|LookupError|RuntimeError|OSError)\(")
    sources = sorted(EVALUATE_PY.parent.rglob("*.py"))
    assert len(sources) > 50
    assert [path.name for path in sources if wordy.search(path.read_text(encoding="utf-8"))] == []
