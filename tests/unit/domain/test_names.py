import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.errors import BadKeyError
from headgate.domain.names import Part, Project, dataset_id, is_data, owner_of, parse_upload, tenant_of, tenant_of_name

SAGEMAKER_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
tenants = st.from_regex(r"[a-z][a-z0-9]{2,17}", fullmatch=True)
projects = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?", fullmatch=True)


@given(tenants, projects, st.integers(1, 99_999))
def test_every_name_made_of_a_project_is_a_name_sagemaker_takes(tenant: str, project: str, sequence: int) -> None:
    owner = Project(tenant, project)
    for name in (owner.endpoint, owner.run_id("0123456789"), owner.release_name(sequence)):
        assert SAGEMAKER_NAME.fullmatch(name), name
        assert len(name) <= 63


@pytest.mark.parametrize(
    ("tenant", "project"),
    [
        ("Acme", "iris"),
        ("ac", "iris"),
        ("-acme", "iris"),
        ("acme-", "iris"),
        ("аcme", "iris"),  # noqa: RUF001 - a Cyrillic letter that looks Latin
        ("a" * 19, "iris"),
        ("acme-labs", "iris"),
        ("acme\n", "iris"),
        ("acme", ""),
        ("acme", "Iris"),
        ("acme", "iris data"),
        ("acme", "iris-"),
        ("acme", "i" * 31),
    ],
)
def test_a_name_outside_its_pattern_is_refused(tenant: str, project: str) -> None:
    with pytest.raises(BadKeyError):
        Project(tenant, project)


@pytest.mark.parametrize(
    "name",
    ["data.csv", "my data.csv", "a+b.csv", "100%.csv", "%2e%2e", "größe.csv", "gro\u0308ße.csv", "🩺.csv", "_data.csv"],
)
def test_a_file_name_is_taken_as_it_is(name: str) -> None:
    upload = parse_upload(f"acme/iris/incoming/{name}")
    assert upload is not None
    assert (upload.project, upload.name, upload.folder, upload.completes) == (Project("acme", "iris"), name, "", True)


@pytest.mark.parametrize(
    "key",
    [
        "acme/iris/project.yaml",
        "acme/iris/incoming/",
        "acme/iris/incoming/folder/",
        "acme/iris/incoming/.hidden",
        "acme/iris/incoming/data.csv.tmp",
        "acme/iris/incoming/folder/.part",
        "acme/iris/incoming/_SUCCESS",
        "acme/iris/elsewhere/data.csv",
        "data.csv",
    ],
)
def test_what_is_no_upload_is_ignored(key: str) -> None:
    assert parse_upload(key) is None


@pytest.mark.parametrize(
    "key",
    [
        "/acme/incoming/data.csv",
        "acme//incoming/data.csv",
        "acme/iris/incoming/../data.csv",
        "acme/iris/incoming//data.csv",
        "acme/iris/incoming/da\nta.csv",
        "acme/iris/incoming/da\u202eta.csv",
        "acme/iris/incoming/da\0ta.csv",
        "acme/iris/incoming/./data.csv",
        "%61cme/iris/incoming/data.csv",
        "acme/%2e%2e/incoming/data.csv",
        "acme\\iris/x/incoming/data.csv",
        "\u0430cme/iris/incoming/data.csv",
        "ACME/iris/incoming/data.csv",
        "acme/../incoming/data.csv",
        "unknown/iris/incoming/data.csv",
        "acme/unknown/incoming/data.csv",
    ],
)
def test_a_key_that_could_mislead_is_refused(key: str) -> None:
    with pytest.raises(BadKeyError):
        parse_upload(key)


@pytest.mark.parametrize(
    ("key", "completes"),
    [
        ("acme/iris/incoming/may/part-0.csv", False),
        ("acme/iris/incoming/may/deep/_SUCCESS", False),
        ("acme/iris/incoming/may/_SUCCESS", True),
        ("acme/iris/incoming/may/manifest.json", True),
    ],
)
def test_a_folder_is_complete_with_its_marker(key: str, completes: bool) -> None:
    upload = parse_upload(key)
    assert upload is not None
    assert upload.folder == "acme/iris/incoming/may/"
    assert upload.completes is completes


@given(st.text())
def test_any_key_is_ignored_taken_or_refused(key: str) -> None:
    try:
        upload = parse_upload(key)
    except BadKeyError:
        return
    assert upload is None or key.startswith(upload.project.prefix + "incoming/" + upload.name)


@pytest.mark.parametrize(
    ("key", "tenant"),
    [
        ("acme/iris/incoming/with space.csv", "acme"),
        ("acme/iris/incoming/a+b.csv", "acme"),
        ("acme/iris/incoming/%2e%2e/x.csv", "acme"),  # a name like any other: nothing decodes it
        ("acme/iris/incoming/ü 😀.csv", "acme"),
        ("acme/iris/incoming/../../../bolt/iris/incoming/x.csv", None),
        ("acme/../bolt/incoming/x.csv", None),
        ("%61cme/iris/incoming/x.csv", None),
        ("acme%2fbolt/iris/incoming/x.csv", None),
        ("acme+/iris/incoming/x.csv", None),
        ("acme /iris/incoming/x.csv", None),
        ("acmé/iris/incoming/x.csv", None),
        ("/acme/iris/incoming/x.csv", None),
    ],
)
def test_a_key_lands_under_its_tenant_or_is_refused(key: str, tenant: str | None) -> None:
    try:
        upload = parse_upload(key)
    except BadKeyError:
        upload = None
    assert (upload.project.tenant if upload else None) == tenant
    assert tenant_of(key) in {key.partition("/")[0], "unknown"}


@given(st.text(min_size=1))
def test_the_tenant_of_a_key_is_its_first_segment_or_unknown(key: str) -> None:
    tenant = tenant_of(key)
    assert tenant == "unknown" or key.startswith(tenant + "/") or key == tenant


@pytest.mark.parametrize("name", ["_SUCCESS", "manifest.json", ".x", "_x", "", "a/", "_temporary/0/part-0", "a/.crc"])
def test_markers_hidden_files_and_a_writers_own_are_not_data(name: str) -> None:
    assert not is_data(name)


@pytest.mark.parametrize("name", ["part-0.csv.tmp", "a/part-0.CSV.TMP", "x.csv.crdownload", "x.part", "x.partial"])
def test_what_a_writer_has_not_finished_is_not_data(name: str) -> None:
    assert not is_data(name)
    assert parse_upload(f"acme/iris/incoming/{name.rpartition('/')[2]}") is None


@pytest.mark.parametrize("name", ["x.csv", "a b+c.csv", "year=2026/part-0.parquet", "sub/manifest.json"])
def test_everything_else_in_a_folder_is_data(name: str) -> None:
    assert is_data(name)


parts = st.builds(Part, st.text(min_size=1), st.text(min_size=1), st.integers(0, 10**12))


@given(st.lists(parts, min_size=1, unique_by=lambda part: part.key), st.randoms())
def test_a_dataset_is_the_same_in_any_order_of_its_parts(given_parts: list[Part], random) -> None:
    shuffled = random.sample(given_parts, len(given_parts))
    assert dataset_id("bucket", given_parts) == dataset_id("bucket", shuffled)


@given(parts, st.text(min_size=1))
def test_another_version_is_another_dataset(part: Part, version: str) -> None:
    other = Part(part.key, version, part.size)
    assert (dataset_id("b", [part]) == dataset_id("b", [other])) == (version == part.version_id)


@given(tenants, projects)
def test_a_run_leads_back_to_its_project(tenant: str, project: str) -> None:
    owner = Project(tenant, project)
    assert owner_of(owner.run_id("0123456789")) == owner
    assert tenant_of_name(owner.endpoint) == tenant


@pytest.mark.parametrize("run", ["", "nonsense", "demo-iris", "demo-iris-012345678X", "a-0123456789"])
def test_what_is_no_runs_name_belongs_to_nobody(run: str) -> None:
    assert owner_of(run) is None
