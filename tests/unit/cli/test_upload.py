from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.errors import BadKeyError
from headgate.domain.names import PROJECT, Part, Project, dataset_id
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.planning import plan, project_name
from headgate_cli.upload import upload

NOW = datetime(2026, 11, 23, 14, 30, 5, tzinfo=UTC)
PROJECT_OF_DEMO = Project("demo", "boards")


@pytest.fixture
def cloud(aws: boto3.Session, make_bucket: Callable[[str], str]) -> Cloud:
    return Cloud(aws, "headgate", None, {"DataBucket": make_bucket("data")})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory as people have them: data on two levels, and things that are no data."""
    (tmp_path / "boards" / "march").mkdir(parents=True)
    for name in ("a.csv", "march/b.csv", ".DS_Store", "_SUCCESS", "march/c.csv.crdownload"):
        (tmp_path / "boards" / name).write_text("x,y\n1,2\n")
    return tmp_path / "boards"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("healthcare_wdbc.csv", "healthcare-wdbc"),
        ("Orders 2026.CSV.gz", "orders-2026"),
        ("Qualität & Maße.jsonl", "qualitat-masse"),
        ("a" * 40 + ".parquet", "a" * 30),
        ("x" * 29 + "-y.csv", "x" * 29),
        ("v1.2.csv", "v1-2"),
    ],
)
def test_a_project_is_called_as_its_file(file: str, name: str) -> None:
    assert project_name(Path(file)) == name


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=80))
def test_a_name_from_a_file_is_always_allowed_and_stays_the_same(file: str) -> None:
    try:
        name = project_name(Path("folder") / file)
    except UsageError:
        return
    assert PROJECT.fullmatch(name)
    assert project_name(Path(name)) == name


def test_a_file_without_a_usable_name_asks_for_one() -> None:
    with pytest.raises(UsageError, match="--project"):
        project_name(Path("---.csv"))


def test_one_file_is_a_dataset_of_one_file(tmp_path: Path) -> None:
    file = tmp_path / "boards.csv"
    file.touch()
    planned = plan(PROJECT_OF_DEMO, [file], NOW)
    assert planned.objects == ((file, "demo/boards/incoming/boards.csv"),)
    assert planned.marker is None


def test_a_directory_is_one_dataset_of_its_data_files(folder: Path) -> None:
    planned = plan(PROJECT_OF_DEMO, [folder], NOW)
    root = "demo/boards/incoming/boards-20261123t143005/"
    assert [key for _, key in planned.objects] == [root + "a.csv", root + "march/b.csv"]
    assert planned.marker == root + "_SUCCESS"
    nameless = plan(PROJECT_OF_DEMO, [folder.rename(folder.with_name("日本語"))], NOW)
    assert nameless.marker == planned.marker


def test_several_files_form_one_dataset(tmp_path: Path) -> None:
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for file in files:
        file.touch()
    planned = plan(PROJECT_OF_DEMO, files, NOW)
    assert len({key.rpartition("/")[0] for _, key in planned.objects}) == 1
    assert planned.marker is not None


def test_files_of_one_name_are_refused(tmp_path: Path) -> None:
    files = [tmp_path / "a" / "x.csv", tmp_path / "b" / "x.csv"]
    for file in files:
        file.parent.mkdir()
        file.touch()
    with pytest.raises(UsageError, match="same name"):
        plan(PROJECT_OF_DEMO, files, NOW)


@pytest.mark.parametrize("names", [["a.csv.tmp"], ["a.csv", "b.csv.tmp"], [".hidden"], ["a.csv", "_SUCCESS"]])
def test_a_file_that_would_not_be_taken_for_data_is_refused(tmp_path: Path, names: list[str]) -> None:
    files = [tmp_path / name for name in names]
    for file in files:
        file.touch()
    with pytest.raises(UsageError, match="not taken for data") as error:
        plan(PROJECT_OF_DEMO, files, NOW)
    assert names[-1] in str(error.value)


@pytest.mark.parametrize("project", [PROJECT_OF_DEMO, Project("demo", "unknown")])
def test_a_key_that_headgate_would_refuse_is_refused_before_anything_is_sent(tmp_path: Path, project: Project) -> None:
    file = tmp_path / ("a.csv" if project.name == "unknown" else "a\u202e.csv")
    file.touch()
    with pytest.raises(BadKeyError):
        plan(project, [file], NOW)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.csv"):
        plan(PROJECT_OF_DEMO, [tmp_path / "nothing.csv"], NOW)


def test_an_upload_names_the_run_that_it_starts(cloud: Cloud, folder: Path) -> None:
    planned = plan(PROJECT_OF_DEMO, [folder], NOW)
    ref = upload(cloud, PROJECT_OF_DEMO, planned)
    stored = cloud.client("s3").list_object_versions(Bucket="data")["Versions"]
    parts = [Part(v["Key"], v["VersionId"], v["Size"]) for v in stored if not v["Key"].endswith("_SUCCESS")]
    assert ref.dataset == dataset_id("data", parts)
    assert {version["Key"] for version in stored} == {*(key for _, key in planned.objects), planned.marker}


def test_the_same_file_again_is_another_dataset(cloud: Cloud, tmp_path: Path) -> None:
    file = tmp_path / "boards.csv"
    file.write_text("x,y\n1,2\n")
    planned = plan(PROJECT_OF_DEMO, [file], NOW)
    assert upload(cloud, PROJECT_OF_DEMO, planned) != upload(cloud, PROJECT_OF_DEMO, planned)


def test_a_bucket_without_versions_is_refused(aws: boto3.Session, tmp_path: Path) -> None:
    aws.client("s3").create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    file = tmp_path / "boards.csv"
    file.touch()
    cloud = Cloud(aws, "headgate", None, {"DataBucket": "plain"})
    with pytest.raises(CommandError, match="versions"):
        upload(cloud, PROJECT_OF_DEMO, plan(PROJECT_OF_DEMO, [file], NOW))
