"""Core and training share files, not code, and clients and the local cloud neither; what both must know is held
together here.
"""

import dataclasses
from typing import get_args

import pytest
from botocore.session import get_session

from headgate.domain import columns, formats, project
from headgate.domain import metrics as core
from headgate.tables import measure
from headgate_cli import prediction
from headgate_local.api.errors import ApiError
from headgate_local.sagemaker.hosting import runtime
from headgate_training import compression, litert, metrics, settings, text
from headgate_training import spec as training_spec


def test_every_hyperparameter_that_a_project_may_set_is_one_that_training_takes() -> None:
    may_be_set = set(project.TrainingSettings.model_fields) - project.OF_THE_JOB
    assert may_be_set <= {field.name for field in dataclasses.fields(settings.Settings)}


def test_both_know_the_same_tasks_kinds_and_metrics() -> None:
    assert set(get_args(core.Task)) == set(get_args(training_spec.Task)) == set(metrics.METRICS)
    assert set(get_args(columns.Kind)) == set(get_args(training_spec.Kind))
    assert set(get_args(core.Metric)) == {name for names in metrics.METRICS.values() for name in names}


def test_both_know_the_same_formats_and_when_one_could_pay() -> None:
    assert (formats.FLOAT32, *formats.COMPRESSED) == litert.FORMATS
    assert compression.LEAST_MICROSECONDS == formats.MICROSECONDS
    assert compression.LARGE_BYTES == formats.MATTERS_BYTES


def test_scripts_without_blanks_are_words_by_the_character_for_both() -> None:
    assert measure.WITHOUT_BLANKS in text.SINGLE


def test_a_request_of_predict_is_one_that_every_endpoint_takes() -> None:
    envelope = sum(map(len, prediction.ENVELOPE))
    body = (
        get_session()
        .get_service_model("sagemaker-runtime")
        .operation_model("InvokeEndpoint")
        .input_shape.members["Body"]
    )
    assert prediction.LARGEST + envelope <= min(body.metadata["max"], runtime.LARGEST)
    assert prediction.LARGEST_SERVERLESS + envelope <= min(4_000_000, runtime.LARGEST_SERVERLESS)


def test_headers_of_a_request_may_be_as_long_as_the_api_says_and_no_longer() -> None:
    asked = get_session().get_service_model("sagemaker-runtime").operation_model("InvokeEndpoint").input_shape.members
    for header, (name, longest) in runtime.LONGEST.items():
        assert asked[name].metadata["max"] == longest
        assert runtime.Request.of({header: "x" * longest}, b"").headers
        with pytest.raises(ApiError, match=name):
            runtime.Request.of({header: "x" * (longest + 1)}, b"")
