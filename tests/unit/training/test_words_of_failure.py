"""What an evaluation says of its failure goes into the ledger and into mails, so it quotes nobody's rows."""

from pathlib import Path

import pytest

import evaluate
from headgate_training import evaluation
from headgate_training.contenders import EvaluationError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (EvaluationError("There are no rows."), "EvaluationError: There are no rows."),
        (ImportError("No module named x"), "ImportError: No module named x"),
        (ValueError("could not convert string to float: 'Mrs Smith'"), "ValueError"),
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
