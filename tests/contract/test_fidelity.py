"""Where the local cloud differs from AWS: one test for each line of docs/fidelity.md.

A test here passes while the difference stands. When one fails, the local cloud has come closer to AWS: take the line
out of the table and the test with it.
"""

import json
import os
import re
import sys
from datetime import datetime
from pathlib import Path

import pytest
from contract import endings
from contract.endings import begin
from contract.live import ACCOUNT, REGION, function_zip, serving, start_cloud, statement, untar
from waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
STATES = "states.amazonaws.com"


@pytest.fixture
def call(cloud, make_role, name):
    """Makes a function of this code and calls it; answers what it returns."""

    def make(code: str, **members):
        client = cloud.client("lambda")
        client.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler="app.handle",
            Role=make_role(service="lambda.amazonaws.com"),
            Code={"ZipFile": function_zip(code)},
            **members,
        )
        answer = client.invoke(FunctionName=name)
        assert "FunctionError" not in answer, answer["Payload"].read()
        return json.loads(answer["Payload"].read())

    return make


@pytest.fixture
def execute(cloud, make_role, name):
    """Starts a machine of one state under a role with these statements; answers the execution's ARN."""

    def start(state: dict, *statements) -> str:
        role = make_role(*statements, service=STATES)
        return begin(cloud, name, role, {"Only": {**state, "End": True}})

    return start


@pytest.fixture
def ended(cloud):
    """Waits for the end of an execution; answers its description and its events."""

    def wait(arn: str) -> tuple[dict, list[dict]]:
        over = endings.ended(cloud, arn)
        return over, cloud.client("stepfunctions").get_execution_history(executionArn=arn)["events"]

    return wait


# Endpoints and the registry


def test_instances_beyond_the_cores_share_processes(cloud, archives, make_config, settled, name) -> None:
    client, cores = cloud.client("sagemaker"), os.cpu_count() or 1
    config = make_config({"main": archives["up"]}, InitialInstanceCount=cores + 3)
    before = serving(cloud)
    client.create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert settled(name)["ProductionVariants"][0]["CurrentInstanceCount"] == cores + 3
    assert len(serving(cloud) - before) == cores
    client.delete_endpoint(EndpointName=name)


def test_isolation_keys_and_machines_of_an_endpoint_are_accepted_without_effect(
    cloud, archives, make_config, settled, name, ask
) -> None:
    config = make_config(
        {"main": archives["up"]},
        config={
            "KmsKeyId": "no-key",
            "EnableNetworkIsolation": True,
            "VpcConfig": {"SecurityGroupIds": ["sg-none"], "Subnets": ["subnet-none"]},
        },
        InstanceType="ml.p5.48xlarge",
        VolumeSizeInGB=512,
        ModelDataDownloadTimeoutInSeconds=60,
        VariantInstanceProvisionTimeoutInSeconds=300,
        InferenceAmiVersion="al2-ami-sagemaker-inference-gpu-2",
    )
    cloud.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert settled(name)["EndpointStatus"] == "InService"
    assert ask(name, {"size": 2.5, "ward": "A"})[0]["label"] == "yes"
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_litert_serves_and_no_saved_model_is_needed(endpoint, archives, get, ask) -> None:
    assert not [path for path in untar(get(archives["up"])) if path.endswith("saved_model.pb")]
    assert ask(endpoint, {"size": 2.5, "ward": "A"})[0]["label"] == "yes"


def test_missing_values_and_numbers_may_be_written_freely(endpoint, ask) -> None:
    written, missing = ask(endpoint, {"size": "2.5", "ward": "A"}, {"size": None, "ward": None})
    assert (written["label"], missing["probabilities"]) == ("yes", [0.5, 0.5])


def test_registering_a_version_needs_the_groups_permission_only(cloud, make_user, name) -> None:
    cloud.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    allowed = statement("sagemaker:CreateModelPackage", f"{SAGEMAKER}:model-package-group/{name}")
    made = cloud.client("sagemaker", **make_user(allowed)).create_model_package(
        ModelPackageGroupName=name,
        InferenceSpecification={
            "Containers": [{"Image": "any", "ModelDataUrl": "s3://contract/model.tar.gz"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )
    assert made["ModelPackageArn"].endswith(f"model-package/{name}/1")


def test_unicode_classes_of_patterns_are_wider(cloud, name) -> None:
    arn = cloud.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupArn"]
    cloud.client("sagemaker").add_tags(ResourceArn=arn, Tags=[{"Key": "k", "Value": "a\tb"}])


# Permissions


def test_conditions_of_a_trust_policy_are_not_evaluated(cloud, train, make_role) -> None:
    other = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}},
    }
    arn = make_role(statement("s3:*"))
    policy = json.dumps({"Version": "2012-10-17", "Statement": [other]})
    cloud.client("iam").update_assume_role_policy(RoleName=arn.rpartition("/")[2], PolicyDocument=policy)
    assert train("", RoleArn=arn)["TrainingJobStatus"] == "Completed"


def test_loopback_counts_as_secure_transport(cloud, name) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{name}/*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}}}  # fmt: skip
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    assert cloud.url.startswith("http://")
    s3.put_object(Bucket=name, Key="k", Body=b"")


# State machines


def test_heartbeats_are_not_awaited(execute, ended, cloud, name) -> None:
    queue = cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    token = {"QueueUrl": queue, "MessageBody": "{% $states.context.Task.Token %}"}
    state = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Arguments": token}
    execution, _ = ended(execute(state | {"HeartbeatSeconds": 1, "TimeoutSeconds": 2}, statement("sqs:*")))
    assert execution["error"] == "States.Timeout"


def test_retries_know_neither_a_longest_delay_nor_jitter(execute, ended) -> None:
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "BackoffRate": 2, "MaxAttempts": 2,
             "MaxDelaySeconds": 1, "JitterStrategy": "FULL"}  # fmt: skip
    state = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sagemaker:describeModel",
             "Arguments": {"ModelName": "nobody"}, "Retry": [retry]}  # fmt: skip
    _, events = ended(execute(state, statement("sagemaker:*")))
    first, second, third = (event["timestamp"] for event in events if event["type"] == "TaskFailed")
    assert (second - first).total_seconds() >= 1
    assert (third - second).total_seconds() >= 2


def test_starting_a_running_execution_again_is_refused(execute, cloud) -> None:
    client = cloud.client("stepfunctions")
    arn = execute({"Type": "Wait", "Seconds": 600})
    machine = client.describe_execution(executionArn=arn)["stateMachineArn"]
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=machine, name="one")
    client.stop_execution(executionArn=arn)


def test_a_stopped_job_fails_its_state_as_a_failed_one(execute, ended, cloud, training_request, role, name) -> None:
    request = training_request("import time\ntime.sleep(600)")
    state = {"Type": "Task", "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync", "Arguments": request}
    arn = execute(state, statement("sagemaker:*"), statement("iam:PassRole", role))
    client = cloud.client("sagemaker")
    eventually(lambda: client.list_training_jobs(NameContains=name)["TrainingJobSummaries"])
    client.stop_training_job(TrainingJobName=name)
    execution, _ = ended(arn)
    assert execution["error"] == "States.TaskFailed"
    assert json.loads(execution["cause"])["TrainingJobStatus"] == "Stopped"


# Functions


def test_functions_run_on_the_interpreter_of_the_local_cloud(call) -> None:
    assert call("import sys\ndef handle(event, context):\n    return sys.executable") == sys.executable


def test_functions_find_the_packages_of_the_environment(call) -> None:
    assert call("import duckdb\ndef handle(event, context):\n    return duckdb.__name__") == "duckdb"


def test_the_memory_of_a_function_is_not_bounded(call) -> None:
    code = "def handle(event, context):\n    return len(b'x' * 300_000_000)"
    assert call(code, MemorySize=128) == 300_000_000


# Storage, messages, and the cloud as a whole


def test_subscriptions_by_mail_are_not_confirmed(cloud, name) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    made = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="nobody@example.com")
    assert made["SubscriptionArn"].startswith(topic), made


def test_an_object_outlives_the_key_that_it_was_encrypted_with(cloud, bucket, name) -> None:
    kms, s3 = cloud.client("kms"), cloud.client("s3")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    s3.put_object(Bucket=bucket, Key=name, Body=b"secret", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    kms.disable_key(KeyId=key)
    assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == b"secret"


def test_lifecycle_rules_are_kept_and_not_run(cloud, name) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Date": datetime(2020, 1, 1)}}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
    s3.put_object(Bucket=name, Key="k", Body=b"")
    assert "Expiration" not in s3.head_object(Bucket=name, Key="k")


def test_a_stopped_cloud_forgets_everything(tmp_path) -> None:
    for _ in range(2):
        cloud = start_cloud(tmp_path)
        try:
            s3 = cloud.client("s3")
            assert s3.list_buckets()["Buckets"] == []
            s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": REGION})
        finally:
            cloud.stop()


def test_every_line_of_the_page_names_a_test_that_is_there() -> None:
    lines = [
        line
        for line in (ROOT / "docs" / "fidelity.md").read_text().splitlines()
        if line.startswith("| ") and "what differs" not in line
    ]
    assert lines
    for line in lines:
        file, test = re.search(r"`([\w/]+\.py)::(test_\w+)` \|$", line).groups()
        assert f"def {test}(" in (ROOT / "tests" / file).read_text(), line
