"""Pure rules of the local SageMaker, for all inputs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_local.api.records import paginate
from headgate_local.sagemaker.clients import TransferError, inside, local_name, split
from headgate_local.sagemaker.jobs.container import moved, program_arguments

KEYS = st.text("abc/.é ", min_size=1, max_size=20)


@given(st.lists(st.integers()), st.integers(1, 7))
def test_pages_hold_everything_once_and_in_order(items, size) -> None:
    found, token = [], {}
    while True:
        page, token = paginate(items, {"MaxResults": size, **token}, 10)
        assert len(page) <= size
        found += page
        if not token:
            break
    assert found == items


@given(KEYS)
def test_no_name_of_an_object_leads_out_of_its_folder(key) -> None:
    folder = Path("/somewhere/job/input")
    try:
        assert inside(folder, key).is_relative_to(folder)
    except TransferError:
        assert ".." in key or key.startswith("/")


@pytest.mark.parametrize(
    ("key", "prefix", "name"),
    [
        ("data/a/b.csv", "data/", "a/b.csv"),
        ("data/a/b.csv", "data", "a/b.csv"),
        ("data/a.csv", "data/a.csv", "a.csv"),
        ("data/a.csv", "data/a", "a.csv"),
        ("data2/a.csv", "data", "data2/a.csv"),
        ("a.csv", "", "a.csv"),
    ],
)
def test_an_object_is_named_as_sagemaker_names_it(key, prefix, name) -> None:
    assert local_name(key, prefix) == name


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("s3://bucket/a/b.csv", ("bucket", "a/b.csv")),
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/a?b#c%20d//e", ("bucket", "a?b#c%20d//e")),
        ("https://s3.eu-central-1.amazonaws.com/bucket/a/b.csv", ("bucket", "a/b.csv")),
    ],
)
def test_a_uri_is_a_bucket_and_a_key(uri, parts) -> None:
    assert split(uri) == parts


def test_only_paths_of_the_container_move() -> None:
    root = Path("/private")
    assert moved("/opt/ml", root) == "/private/opt/ml"
    assert moved("/opt/ml/model", root) == "/private/opt/ml/model"
    assert moved("/opt/mlx", root) == "/opt/mlx"
    assert moved("see /opt/ml/model", root) == "see /opt/ml/model"


def test_hyperparameters_become_arguments() -> None:
    values = {"epochs": 3, "n": "x", "sizes": [1, 2], "model_dir": "/opt/ml/model", "sagemaker_program": "train.py"}
    assert program_arguments(values, Path("/r")) == [
        *("--epochs", "3", "-n", "x", "--sizes", "[1, 2]", "--model_dir", "/r/opt/ml/model")
    ]
