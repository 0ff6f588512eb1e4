"""Where commands write: seen before the work, and what is not Headgate's stays."""

from pathlib import Path

import pytest

from headgate_cli import demo, places
from headgate_cli.errors import UsageError
from headgate_cli.main import main
from headgate_cli.output import write_page

MEMBERS, MARKS = frozenset({"a", "b"}), frozenset({"a"})


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    here = tmp_path / "home" / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(here.parent))
    return here


@pytest.mark.parametrize("name", ["page.html", "new/deep/page.html", "old.html"])
def test_a_page_is_written_where_it_can_be(name: str, elsewhere: Path) -> None:
    (elsewhere / "old.html").write_text("old")
    before = sorted(elsewhere.rglob("*"))
    places.check(Path(name))
    assert sorted(elsewhere.rglob("*")) == before
    write_page(Path(name), "ü")
    assert Path(name).read_bytes() == "ü".encode()


@pytest.mark.parametrize("name", ["file/page.html", "file/deep/page.html", "folder", 300 * "x", f"{300 * 'x'}/page"])
def test_a_page_that_cannot_be_written_is_told_before_and_after(name: str) -> None:
    Path("file").write_text("mine")
    Path("folder").mkdir()
    for attempt in (places.check, lambda path: write_page(path, b"page")):
        with pytest.raises(UsageError, match="cannot be written: "):
            attempt(Path(name))
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize(
    ("held", "replaced"),
    [((), True), (("a",), True), (("a", "b"), True), (("b",), False), (("a", "mine"), False), (("mine",), False)],
)
def test_only_what_is_empty_or_of_the_kind_is_replaced(held: tuple[str, ...], replaced: bool) -> None:
    to = Path("to")
    to.mkdir()
    for name in held:
        (to / name).write_text(name)
    with pytest.raises(UsageError, match="--force"):
        places.directory(to, MEMBERS, MARKS, force=False)
    if replaced:
        assert places.directory(to, MEMBERS, MARKS, force=True) == to.resolve()
    else:
        with pytest.raises(UsageError, match=f"not replaced.*{held[-1]}"):
            places.directory(to, MEMBERS, MARKS, force=True)
    assert {each.name for each in to.iterdir()} == set(held)


@pytest.mark.parametrize("to", [".", "..", "/", "../here", "loop/.."])
def test_no_directory_goes_that_a_person_is_in_or_lives_in(to: str, elsewhere: Path) -> None:
    (elsewhere / "loop").mkdir()
    with pytest.raises(UsageError, match="or holds it"):
        places.directory(Path(to), MEMBERS, MARKS, force=True)


def test_what_was_there_comes_back_when_the_new_cannot_be_put(elsewhere: Path) -> None:
    place = elsewhere / "place"
    place.mkdir()
    (place / "a").write_text("old")
    with pytest.raises(UsageError, match="cannot be written"):
        places.put(elsewhere / "absent", place, elsewhere / "aside")
    assert (place / "a").read_text() == "old"
    assert not (elsewhere / "aside").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("compliance", "report", "--to", "file/x.html", "--stack", "any"),
        ("rehearse", "drift", "--project", "iris", "--rows", "file", "--to", "file/x.html", "--stack", "any"),
        ("rehearse", "night", "--to", "file/x.html"),
        ("demo", "--out", "file"),
        ("export", "1", "--project", "iris", "--to", "file/x", "--stack", "any"),
        ("export", "1", "--project", "iris", "--to", ".", "--force", "--stack", "any"),
    ],
)
def test_commands_look_at_the_place_before_they_work(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("The place is looked at first.")

    Path("file").write_text("mine")
    monkeypatch.setattr(demo, "some_cloud", work)
    monkeypatch.setattr("headgate_cli.connection.connect", lambda _: None)
    assert main([*command, "--json"]) == 2
    said = capsys.readouterr().err
    assert "cannot be written" in said or "is not replaced" in said
