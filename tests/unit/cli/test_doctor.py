import sys
from pathlib import Path

import pytest

from headgate_cli import connection, doctor, local_cloud
from headgate_cli.doctor import Finding, examine, healthy, missing_packages
from headgate_cli.errors import UnreachableError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADGATE_HOME", str(tmp_path))
    monkeypatch.setattr(local_cloud, "listens", lambda _: False)
    return tmp_path


def test_only_what_is_needed_makes_ill() -> None:
    assert healthy([Finding("a", ok=True, found=""), Finding("b", ok=False, found="", needed=False)])
    assert not healthy([Finding("a", ok=False, found="")])


def test_requirements_that_are_not_met_are_named() -> None:
    requirements = ["pytest>=1", "pytest<1", "no-such-package-at-all", "other; sys_platform == 'nowhere'"]
    assert list(missing_packages(requirements)) == ["pytest", "no-such-package-at-all"]


def test_another_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 0))
    finding = next(finding for finding in examine(None) if finding.what == "Python")
    assert not finding.ok
    assert "3.9" in finding.found


def test_a_full_disk_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_DISK_NEEDED", 2**80)
    assert not next(finding for finding in examine(None) if finding.what == "disk").ok


def test_a_cloud_that_does_not_run_is_no_illness() -> None:
    finding = examine(None)[-1]
    assert (finding.what, finding.ok, finding.needed) == ("cloud", False, False)
    assert "headgate up" in finding.mend


def test_a_card_whose_cloud_is_gone_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: str | None) -> None:
        raise UnreachableError("It does not answer.")

    monkeypatch.setattr(local_cloud, "read_card", lambda: {"endpoint_url": "http://127.0.0.1:9"})
    monkeypatch.setattr(connection, "connect", gone)
    finding = examine(None)[-1]
    assert (finding.ok, finding.needed, finding.found) == (False, True, "It does not answer.")
