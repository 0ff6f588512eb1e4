"""IAM checks the operation that runs, whatever else the same request says."""

import json
import time
from urllib.parse import quote, urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from contract.live import ACCOUNT, REGION, statement

FORM = "application/x-www-form-urlencoded"
ALARM = {
    "Namespace": "Contract/Authorization",
    "MetricName": "M",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


@pytest.fixture
def send(cloud, make_user):
    """Sends a signed request of a user who has only this permission; answers the status and the text."""

    def request(permission: str | dict, service: str, method: str, path: str, body: str | bytes = "", **headers: str):
        keys = make_user(permission if isinstance(permission, dict) else statement(permission))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = AWSRequest(method=method, url=cloud.url + path, data=body, headers=named)
        SigV4Auth(Credentials(*keys.values()), service, REGION).add_auth(asked)
        response = URLLib3Session().send(asked.prepare())
        return response.status_code, response.content.decode("latin-1")  # which reads CBOR's texts, too

    return request


def is_denied(answer: tuple[int, str], action: str) -> bool:
    status, text = answer
    return status in (400, 403) and f"not authorized to perform: {action}" in text


@pytest.fixture
def group(cloud, name) -> str:
    """A model package group that must outlive the test."""
    cloud.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    yield name
    assert cloud.client("sagemaker").describe_model_package_group(ModelPackageGroupName=name)


@pytest.mark.parametrize(
    ("permission", "method", "path"),
    [
        ("sagemaker:InvokeEndpoint", "PUT", "/endpoints/x/invocations"),
        ("sagemaker:ListModels", "POST", "/?Action=ListModels"),
    ],
)
def test_sagemaker_checks_the_target(send, group, permission, method, path) -> None:
    target = {"x_amz_target": "SageMaker.DeleteModelPackageGroup", "content_type": "application/x-amz-json-1.1"}
    body = json.dumps({"ModelPackageGroupName": group})
    answer = send(permission, "sagemaker", method, path, body, **target)
    assert is_denied(answer, "sagemaker:DeleteModelPackageGroup")


def test_application_auto_scaling_checks_the_target(cloud, send, endpoint) -> None:
    variant = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/main",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling = cloud.client("application-autoscaling")
    scaling.register_scalable_target(**variant, MinCapacity=1, MaxCapacity=2)
    service = "application-autoscaling"
    answer = send(
        f"{service}:DescribeScalableTargets",
        service,
        "POST",
        "/?Action=DescribeScalableTargets",
        json.dumps(variant),
        x_amz_target="AnyScaleFrontendService.DeregisterScalableTarget",
        content_type="application/x-amz-json-1.1",
    )
    assert is_denied(answer, f"{service}:DeregisterScalableTarget")
    scaling.deregister_scalable_target(**variant)


def test_fis_checks_the_path(cloud, send, role) -> None:
    fis = cloud.client("fis")
    template = fis.create_experiment_template(
        description="d",
        roleArn=role,
        stopConditions=[{"source": "none"}],
        actions={"a": {"actionId": "aws:events:drop-events"}},
    )["experimentTemplate"]["id"]
    path = f"/experimentTemplates/{template}?Action=ListActions"
    assert is_denied(send("fis:ListActions", "fis", "DELETE", path), "fis:DeleteExperimentTemplate")
    fis.delete_experiment_template(id=template)


def array(*texts: str) -> bytes:
    """Texts of less than 24 bytes as an array of CBOR."""
    return bytes([0x80 + len(texts)]) + b"".join(bytes([0x60 + len(text)]) + text.encode() for text in texts)


CBOR = {"smithy_protocol": "rpc-v2-cbor", "content_type": "application/cbor"}
JSON = {"x_amz_target": "GraniteServiceVersion20100801.DeleteAlarms", "content_type": "application/x-amz-json-1.0"}


def cbor(name: str):
    path = "/service/GraniteServiceVersion20100801/operation/DeleteAlarms"
    return path, b"\xa1\x6aAlarmNames" + array(name), CBOR


def json_with_an_action(name: str):
    return "/?Action=DescribeAlarms", json.dumps({"AlarmNames": [name]}), JSON


def form_with_two_actions(name: str):
    pairs = [("Action", "DescribeAlarms"), ("Action", "DeleteAlarms"), ("AlarmNames.member.1", name)]
    return "/", urlencode(pairs), {"content_type": FORM}


@pytest.fixture
def alarm(cloud, name) -> str:
    cloud.client("cloudwatch").put_metric_alarm(AlarmName=name, **ALARM)
    return name


def is_there(cloud, alarm: str) -> bool:
    return bool(cloud.client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"])


@pytest.mark.parametrize("wire", [cbor, json_with_an_action, form_with_two_actions])
def test_cloudwatch_checks_every_protocol(cloud, send, alarm, wire) -> None:
    path, body, headers = wire(alarm)
    for permission in ("s3:ListAllMyBuckets", "cloudwatch:DescribeAlarms"):
        status, text = send(permission, "monitoring", "POST", path, body, **headers)
        assert is_there(cloud, alarm), (permission, status, text)
    assert is_denied((status, text), "cloudwatch:DeleteAlarms")


@pytest.mark.parametrize("wire", [cbor, json_with_an_action])
def test_cloudwatch_checks_the_alarms_that_are_named(cloud, send, alarm, wire) -> None:
    path, body, headers = wire(alarm)
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:"
    other = statement("cloudwatch:DeleteAlarms", arn + "other")
    assert is_denied(send(other, "monitoring", "POST", path, body, **headers), "cloudwatch:DeleteAlarms")
    own = statement("cloudwatch:DeleteAlarms", arn + alarm)
    status, text = send(own, "monitoring", "POST", path, body, **headers)
    assert (status, is_there(cloud, alarm)) == (200, False), text


def test_a_policy_may_name_the_namespace_of_metrics(cloud, make_user, name) -> None:
    condition = {"Condition": {"StringLike": {"cloudwatch:namespace": "Contract/*"}}}
    user = cloud.client("cloudwatch", **make_user(statement("cloudwatch:PutMetricData", **condition)))
    data = [{"MetricName": name, "Value": 1.0}]
    user.put_metric_data(Namespace="Contract/Mine", MetricData=data)
    with pytest.raises(ClientError) as refused:
        user.put_metric_data(Namespace="AWS/SageMaker", MetricData=data)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_policy_may_ask_for_the_tags_of_an_alarm(cloud, make_user, alarm) -> None:
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{alarm}"
    condition = {"Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}}}
    user = cloud.client("cloudwatch", **make_user(statement("cloudwatch:DisableAlarmActions", **condition)))
    with pytest.raises(ClientError, match="AccessDenied"):
        user.disable_alarm_actions(AlarmNames=[alarm])
    cloud.client("cloudwatch").tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "a"}])
    user.disable_alarm_actions(AlarmNames=[alarm])


def test_a_request_signed_in_its_address_is_its_signers(cloud, make_user) -> None:
    keys = make_user(statement("cloudwatch:DescribeAlarms"))
    may, may_not = (cloud.client("cloudwatch", **each) for each in (keys, make_user(statement("s3:*"))))
    for client, status in ((may, 200), (may_not, 403)):
        signer = client._request_signer
        asked = {
            "method": "GET",
            "url": f"{cloud.url}/?Action=DescribeAlarms&Version={quote('2010-08-01')}",
            "body": {},
            "headers": {},
            "context": {},
        }
        url = signer.generate_presigned_url(asked, operation_name="DescribeAlarms", region_name=REGION)
        assert URLLib3Session().send(AWSRequest(method="GET", url=url).prepare()).status_code == status


def test_a_machines_role_may_name_the_alarms(cloud, run_task, alarm) -> None:
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:"
    request = {"AlarmNames": [alarm]}
    refused = run_task("cloudwatch:deleteAlarms", request, statement("cloudwatch:DeleteAlarms", arn + "other"))
    assert "is not authorized to perform: cloudwatch:DeleteAlarms" in refused["cause"]
    assert is_there(cloud, alarm)


def test_a_machine_deletes_the_alarms_that_its_role_names(cloud, run_task, alarm) -> None:
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{alarm}"
    ended = run_task("cloudwatch:deleteAlarms", {"AlarmNames": [alarm]}, statement("cloudwatch:DeleteAlarms", arn))
    assert (ended["status"], is_there(cloud, alarm)) == ("SUCCEEDED", False), ended


@pytest.mark.parametrize(("kind", "allowed"), [("Mine", True), ("Other", False)])
def test_a_policy_may_ask_what_an_event_says_it_is(cloud, make_user, kind, allowed) -> None:
    only = {"StringEquals": {"events:source": "me", "events:detail-type": ["Mine", "MineToo"]}}
    events = cloud.client("events", **make_user(statement("events:PutEvents", Condition=only)))
    entry = {"Source": "me", "DetailType": kind, "Detail": "{}"}
    if allowed:
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    else:
        with pytest.raises(ClientError, match="not authorized to perform: events:PutEvents"):
            events.put_events(Entries=[entry])


def test_a_permission_to_write_into_streams_of_ones_own_is_one(cloud, make_user, name) -> None:
    """A tenant's jobs have no other (infra/tenant.yaml)."""
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/{name}"
    logs = cloud.client("logs", **make_user(statement("logs:PutLogEvents", f"{group}:log-stream:demo-*")))
    cloud.client("logs").create_log_group(logGroupName=f"/{name}")
    for stream, allowed in (("demo-iris", True), ("other-iris", False)):
        cloud.client("logs").create_log_stream(logGroupName=f"/{name}", logStreamName=stream)
        event = {"timestamp": int(time.time() * 1000), "message": "a line"}
        line = {"logGroupName": f"/{name}", "logStreamName": stream, "logEvents": [event]}
        if allowed:
            logs.put_log_events(**line)
        else:
            with pytest.raises(ClientError, match=f"not authorized to perform: logs:PutLogEvents on .*:{stream}"):
                logs.put_log_events(**line)
