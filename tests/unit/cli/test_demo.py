from pathlib import Path

import pytest

from headgate.domain.names import Project
from headgate_cli import demo, local_cloud
from headgate_cli.connection import Cloud
from headgate_cli.errors import UnreachableError
from headgate_cli.output import Output
from headgate_cli.rows import read_rows


class Switch:
    """A local cloud that only remembers whether it runs."""

    def __init__(self, *, runs: bool) -> None:
        self.runs = runs

    def connect(self, _: str | None) -> Cloud:
        if not self.runs:
            raise UnreachableError("None runs.")
        return Cloud(None, "headgate", "http://127.0.0.1:4566", {})

    def start(self) -> None:
        self.runs = True

    def stop(self, *, purge: bool) -> None:
        assert not purge
        self.runs = False


@pytest.fixture
def make_switch(monkeypatch: pytest.MonkeyPatch) -> type[Switch]:
    class Installed(Switch):
        def __init__(self, *, runs: bool) -> None:
            super().__init__(runs=runs)
            monkeypatch.setattr(demo, "connect", self.connect)
            monkeypatch.setattr(local_cloud, "start", self.start)
            monkeypatch.setattr(local_cloud, "stop", self.stop)

    return Installed


@pytest.mark.parametrize(
    ("ran", "keep", "runs_after"), [(True, False, True), (False, False, False), (False, True, True)]
)
def test_a_cloud_is_stopped_only_by_whom_it_was_started(
    make_switch: type[Switch], ran: bool, keep: bool, runs_after: bool
) -> None:
    switch = make_switch(runs=ran)
    with demo.some_cloud(keep=keep, out=Output(as_json=True)) as (_, started):
        assert switch.runs
        assert started is not ran
    assert switch.runs is runs_after


def test_a_cloud_is_stopped_after_a_mishap_too(make_switch: type[Switch]) -> None:
    switch = make_switch(runs=False)
    with pytest.raises(KeyError), demo.some_cloud(keep=False, out=Output(as_json=True)):
        raise KeyError
    assert not switch.runs


def test_every_example_is_there_under_a_name_that_can_be() -> None:
    folder = demo.examples()
    for project, file in demo.SAMPLES.items():
        assert Project(demo.TENANT, project)
        assert (folder / file).stat().st_size


def test_rows_are_taken_from_all_over_the_file() -> None:
    path = demo.examples() / "healthcare_wdbc.csv"
    rows = demo._some_rows(path)
    everything = list(read_rows(path))
    positions = [everything.index(row) for row in rows]
    assert len(rows) == 5
    assert positions == sorted(positions)
    assert positions[-1] > len(everything) / 2


def test_a_file_of_few_rows_gives_those_it_has(tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("x\n1\n2\n")
    assert demo._some_rows(tmp_path / "few.csv") == [{"x": "1"}, {"x": "2"}]
