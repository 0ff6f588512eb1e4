"""Archives that are no models."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from headgate_training import archive
from headgate_training.archive import ArchiveError, unpack

FILES = [
    "1/saved_model.pb",
    "1/variables/variables.index",
    "1/variables/variables.data-00000-of-00001",
    "1/assets.extra/encoding.json",
    "1/assets.extra/golden.json",
    "1/assets.extra/model.litert",
    "1/assets.extra/spec.json",
    "1/assets.extra/trivial.json",
]


@pytest.fixture
def make_tar(tmp_path: Path) -> Callable[..., Path]:
    def make(names: list[str], *members: tarfile.TarInfo) -> Path:
        path = tmp_path / "model.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size = 3
                tar.addfile(member, io.BytesIO(b"abc"))
            for member in members:
                tar.addfile(member, io.BytesIO(bytes(member.size)))
        return path

    return make


@pytest.mark.parametrize("prefix", ["", "./"])
def test_a_model_is_unpacked(make_tar: Callable[..., Path], tmp_path: Path, prefix: str) -> None:
    version = unpack(make_tar([prefix + name for name in FILES]), tmp_path / "out")
    assert version == tmp_path / "out" / "1"
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in version.rglob("*.*") if path.is_file()) == sorted(
        FILES
    )


@pytest.mark.parametrize(
    "name",
    ["../escape", "/etc/passwd", "1/../../escape", "2/saved_model.pb", "code/requirements.txt", "1/assets.extra/x"],
)
def test_files_outside_the_layout_are_refused(make_tar: Callable[..., Path], tmp_path: Path, name: str) -> None:
    with pytest.raises(ArchiveError, match="no part of a model"):
        unpack(make_tar([*FILES, name]), tmp_path / "out")
    assert not (tmp_path / "escape").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(make_tar: Callable[..., Path], tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("1/saved_model.pb")
    member.type, member.linkname = kind, "/etc/passwd"
    with pytest.raises(ArchiveError, match="link or a device"):
        unpack(make_tar([], member), tmp_path / "out")


def test_an_archive_that_unpacks_too_large_is_refused_unread(make_tar: Callable[..., Path], tmp_path: Path) -> None:
    bomb = tarfile.TarInfo("1/variables/variables.data-00000-of-00001")
    bomb.size = 10_000_000
    with pytest.raises(ArchiveError, match="more than a model may"):
        unpack(make_tar(FILES, bomb), tmp_path / "out", max_bytes=1_000_000)


def test_too_many_files_are_refused(
    make_tar: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    with pytest.raises(ArchiveError, match="more than a model may"):
        unpack(make_tar(FILES), tmp_path / "out")


def test_a_model_that_lacks_a_file_is_refused(make_tar: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"lacks 1/saved_model\.pb"):
        unpack(make_tar(FILES[1:]), tmp_path / "out")


def test_a_truncated_archive_is_refused(make_tar: Callable[..., Path], tmp_path: Path) -> None:
    path = make_tar(FILES)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        unpack(path, tmp_path / "out")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(b"PK\x03\x04 not a tar")
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        unpack(tmp_path / "model.tar.gz", tmp_path / "out")
