"""A client of SageMaker whose answers are those of the API reference, checked by botocore's model of them."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber


@pytest.fixture
def sagemaker(aws: boto3.Session) -> Iterator[Stubber]:
    with Stubber(aws.client("sagemaker")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
