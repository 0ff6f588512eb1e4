"""A dataset examined from its bytes, as the use case does it, without S3."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from headgate.domain.errors import DatasetRefusedError
from headgate.domain.findings import Findings
from headgate.domain.project_file import parse_settings
from headgate.domain.spec import TrainingSpec
from headgate.tables.engine import Limits, opened
from headgate.tables.examine import Learned, examine
from headgate.tables.intake import save


@dataclass
class Answer:
    """What came out: `code` is FIT or the reason of the refusal."""

    code: str
    reason: str
    findings: Findings
    spec: TrainingSpec | None
    folder: Path

    def column(self, name: str):
        return next(column for column in self.findings.columns if column.name == name)

    @property
    def learned(self) -> Learned:
        assert self.spec is not None
        times = self.findings.times
        quantiles = {column.name: column.quantiles for column in self.findings.measured if column.quantiles}
        holdout = (times["test"], times["last"]) if times else None
        return Learned(self.spec, self.findings.identity, holdout, quantiles, self.findings.identified)


Examine = Callable[..., Answer]


@pytest.fixture
def examined(tmp_path_factory: pytest.TempPathFactory) -> Examine:
    """Examine parts of bytes: `examined(b"...", settings="target: x", before=answer.learned)`."""

    def run(*parts: bytes, settings: str = "", before: Learned | None = None, limits: Limits | None = None) -> Answer:
        folder = tmp_path_factory.mktemp("dataset")
        findings = Findings()
        try:
            paths = [folder / f"part-{number}" for number in range(len(parts))]
            kinds = [save([part], path) for part, path in zip(parts, paths, strict=True)]
            assert None not in kinds
            with opened(folder, limits or Limits()) as engine:
                spec = examine(engine, paths, kinds[0], parse_settings(settings.encode()), before, findings)
        except DatasetRefusedError as refusal:
            return Answer(refusal.reason_code, str(refusal), findings, None, folder)
        return Answer("FIT", "", findings, spec, folder)

    return run


@pytest.fixture
def table() -> Callable[..., bytes]:
    """A CSV table: `table(200, x=lambda rand, row: ...)` makes each value from a seeded random and the row's number."""

    def make(
        rows: int = 200, *, seed: int = 7, separator: str = ",", **columns: Callable[[random.Random, int], object]
    ):
        rand = random.Random(seed)
        lines = [separator.join(columns)]
        lines += [separator.join(str(make(rand, row)) for make in columns.values()) for row in range(rows)]
        return ("\n".join(lines) + "\n").encode()

    return make
