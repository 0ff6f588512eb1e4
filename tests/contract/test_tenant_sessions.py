"""Sessions of one tenant against the things of another, with no check of Headgate's own between: IAM alone refuses."""

import json
from functools import partial
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError
from contract.live import ACCOUNT, REGION, statement

from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects, sealed
from headgate.aws.sessions import scoped_session
from headgate.domain.audit import Author
from headgate.domain.errors import AccessDeniedError, NotFoundError
from headgate.domain.names import Project
from headgate.domain.session_policy import Place, as_text, session_policy

PLACE = Place("aws", ACCOUNT, "tenants-data", "tenants-artifacts", "tenants-ledger")
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "403"}
BOLT = Project("bolt", "iris")


def author() -> Author:
    """Who changes the ledger here, for its audit trail."""
    return Author("the test", "2026-01-01T00:00:00.000Z")


def made_key(kms, tenant: str) -> None:
    """A tenant's key as infra/tenant.yaml makes it: for the tenant's objects, through S3."""
    administered = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": ["kms:Describe*", "kms:CreateAlias"],
        "Resource": "*",
    }
    used = {
        **administered,
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Condition": {
            "StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::*/{tenant}/*"},
        },
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [administered, used]})
    tags = [{"TagKey": "headgate:tenant", "TagValue": tenant}]
    key = kms.create_key(Policy=policy, Tags=tags)["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=f"alias/sessions-{tenant}", TargetKeyId=key)


@pytest.fixture(scope="module")
def things(cloud, template):
    """Two buckets and a ledger in which the tenant bolt has something."""
    s3, properties = cloud.client("s3"), template["Resources"]["Ledger"]["Properties"]
    for bucket in (PLACE.data_bucket, PLACE.artifact_bucket):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for tenant in ("acme", "bolt"):
        made_key(cloud.client("kms"), tenant)
    s3.put_object(Bucket=PLACE.data_bucket, Key="bolt/iris/incoming/a.csv", Body=b"secret")
    s3.put_object(**ARTIFACTS, Key="acme/iris/under-bolts-key", Body=b"secret", **sealed("alias/sessions-bolt"))
    kept = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    cloud.client("dynamodb").create_table(TableName=PLACE.ledger_table, **{name: properties[name] for name in kept})
    assert Ledger(cloud.client("dynamodb"), PLACE.ledger_table, author).claim_endpoint(BOLT)
    cloud.client("sagemaker").create_model_package_group(ModelPackageGroupName=BOLT.endpoint)
    return cloud


@pytest.fixture(scope="module")
def session(things):
    """Clients of a tenant: of a role that may do everything, and a session that is bounded by the policy alone."""
    iam, name = things.client("iam"), f"all-{uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    everything = json.dumps({"Version": "2012-10-17", "Statement": [statement("*")]})
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=everything)

    def clients(tenant: str):
        policy = as_text(session_policy(PLACE, tenant))
        made = scoped_session(partial(things.client, "sts"), role, f"tenant-{tenant}", policy)
        return lambda service: made.client(service, endpoint_url=things.url, region_name=REGION)

    return clients


@pytest.fixture(scope="module")
def acme(session):
    return session("acme")


def key(pk: str, sk: str = "OWNER") -> dict:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def query(index: str | None, name: str, value: str) -> dict:
    asked = {"KeyConditionExpression": f"{name} = :v", "ExpressionAttributeValues": {":v": {"S": value}}}
    return {"TableName": PLACE.ledger_table, **asked, **({"IndexName": index} if index else {})}


TABLE = {"TableName": PLACE.ledger_table}
DATA, ARTIFACTS = {"Bucket": PLACE.data_bucket}, {"Bucket": PLACE.artifact_bucket}
THEIRS = "bolt/iris/incoming/a.csv"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:headgate-train"
GROUP = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group"
PUT = {"Put": {**TABLE, "Item": key("bolt#iris", "x")}}
OWN = {"Put": {**TABLE, "Item": key("acme#iris", "x")}}
ATTEMPTS = [
    ("s3", "get_object", {**DATA, "Key": THEIRS}),
    ("s3", "head_object", {**DATA, "Key": THEIRS}),
    ("s3", "get_object", {**DATA, "Key": "bolt/iris/incoming/absent.csv"}),
    ("s3", "put_object", {**DATA, "Key": "bolt/iris/incoming/b.csv", "Body": b"x"}),
    ("s3", "put_object", {**ARTIFACTS, "Key": "bolt/iris/datasets/x"}),
    ("s3", "put_object", {**ARTIFACTS, "Key": "_captured/bolt/iris/x"}),
    ("s3", "put_object", {**ARTIFACTS, "Key": "acmebolt/iris/x"}),
    ("s3", "put_object", {**ARTIFACTS, "Key": "_system/code/x"}),
    ("s3", "put_object", {**ARTIFACTS, "Key": "acme/iris/x", **sealed("alias/sessions-bolt")}),
    ("s3", "create_multipart_upload", {**ARTIFACTS, "Key": "acme/iris/x", **sealed("alias/sessions-bolt")}),
    ("s3", "get_object", {**ARTIFACTS, "Key": "acme/iris/under-bolts-key"}),
    ("s3", "copy_object", {**DATA, "Key": "acme/x", "CopySource": {**ARTIFACTS, "Key": "acme/iris/under-bolts-key"}}),
    ("kms", "generate_data_key", {"KeyId": "alias/sessions-acme", "KeySpec": "AES_256"}),
    ("kms", "generate_data_key", {"KeyId": "alias/sessions-bolt", "KeySpec": "AES_256"}),
    ("s3", "delete_object", {**DATA, "Key": THEIRS}),
    ("s3", "copy_object", {**DATA, "Key": "acme/x", "CopySource": {**DATA, "Key": THEIRS}}),
    ("s3", "create_multipart_upload", {**DATA, "Key": "bolt/x"}),
    ("s3", "list_objects_v2", DATA),
    ("s3", "list_objects_v2", {**DATA, "Prefix": "bolt/"}),
    ("s3", "list_objects_v2", {**DATA, "Prefix": "acme"}),
    ("s3", "list_object_versions", {**DATA, "Prefix": "bolt/"}),
    ("s3", "put_bucket_policy", {**DATA, "Policy": "{}"}),
    ("s3", "delete_bucket", DATA),
    ("dynamodb", "get_item", {**TABLE, "Key": key("bolt#iris", "PROJECT")}),
    ("dynamodb", "get_item", {**TABLE, "Key": key("ENDPOINT#bolt-iris")}),
    ("dynamodb", "get_item", {**TABLE, "Key": key("TENANT#bolt", "RETRAINS#x")}),
    ("dynamodb", "get_item", {**TABLE, "Key": key("FINDINGS", "x")}),
    ("dynamodb", "put_item", {**TABLE, "Item": key("bolt#iris", "x")}),
    ("dynamodb", "delete_item", {**TABLE, "Key": key("ENDPOINT#bolt-iris")}),
    ("dynamodb", "query", query(None, "pk", "bolt#iris")),
    ("dynamodb", "query", query("by_tenant", "tenant", "bolt")),
    ("dynamodb", "scan", TABLE),
    ("dynamodb", "scan", {**TABLE, "IndexName": "by_tenant"}),
    ("dynamodb", "batch_get_item", {"RequestItems": {PLACE.ledger_table: {"Keys": [key("acme#x"), key("bolt#x")]}}}),
    ("dynamodb", "batch_write_item", {"RequestItems": {PLACE.ledger_table: [{"PutRequest": {"Item": key("bolt#x")}}]}}),
    ("dynamodb", "transact_write_items", {"TransactItems": [OWN, PUT]}),
    ("dynamodb", "transact_get_items", {"TransactItems": [{"Get": {**TABLE, "Key": key("bolt#iris")}}]}),
    ("dynamodb", "delete_table", TABLE),
    ("sagemaker", "describe_endpoint", {"EndpointName": "bolt-iris"}),
    ("sagemaker", "delete_endpoint", {"EndpointName": "bolt-iris"}),
    ("sagemaker", "update_endpoint", {"EndpointName": "bolt-iris", "EndpointConfigName": "acme-iris-r1"}),
    ("sagemaker", "describe_model", {"ModelName": "bolt-iris-r1"}),
    ("sagemaker", "delete_model", {"ModelName": "bolt-iris-r1"}),
    ("sagemaker", "delete_endpoint_config", {"EndpointConfigName": "bolt-iris-r1"}),
    ("sagemaker", "stop_training_job", {"TrainingJobName": "bolt-iris-0123456789"}),
    ("sagemaker", "describe_model_package_group", {"ModelPackageGroupName": "bolt-iris"}),
    ("sagemaker", "list_endpoints", {}),
    ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "bolt-iris", "Body": b"{}"}),
    ("stepfunctions", "start_execution", {"stateMachineArn": MACHINE, "name": "bolt-x"}),
    (
        "stepfunctions",
        "describe_execution",
        {"executionArn": f"{MACHINE.replace('stateMachine', 'execution')}:bolt-iris-0123456789"},
    ),
    ("s3", "get_object_tagging", {**DATA, "Key": THEIRS}),
    ("s3", "put_object_tagging", {**DATA, "Key": THEIRS, "Tagging": {"TagSet": [{"Key": "owner", "Value": "acme"}]}}),
    ("s3", "get_object_acl", {**DATA, "Key": THEIRS}),
    ("s3", "get_object", {**DATA, "Key": "bolt/iris/incoming/%2e%2e/acme/a.csv"}),
    ("s3", "get_object", {**DATA, "Key": "bolt/iris/incoming/ +\u00e9.csv"}),
    ("s3", "get_bucket_policy", ARTIFACTS),
    ("dynamodb", "update_item", {**TABLE, "Key": key("bolt#iris", "x")}),
    ("dynamodb", "query", query(None, "pk", "ENDPOINT#bolt-iris")),
    ("dynamodb", "describe_table", TABLE),
    ("sagemaker", "describe_training_job", {"TrainingJobName": "bolt-iris-0123456789"}),
    ("sagemaker", "describe_processing_job", {"ProcessingJobName": "bolt-iris-0123456789"}),
    ("sagemaker", "list_tags", {"ResourceArn": f"{GROUP}/bolt-iris"}),
    ("sagemaker", "add_tags", {"ResourceArn": f"{GROUP}/bolt-iris", "Tags": [{"Key": "owner", "Value": "acme"}]}),
    ("sagemaker", "delete_tags", {"ResourceArn": f"{GROUP}/bolt-iris", "TagKeys": ["headgate:ledger"]}),
    ("sagemaker", "create_model_package_group", {"ModelPackageGroupName": "bolt-roses"}),
    ("sagemaker", "delete_model_package_group", {"ModelPackageGroupName": "bolt-iris"}),
    (
        "stepfunctions",
        "stop_execution",
        {"executionArn": f"{MACHINE.replace('stateMachine', 'execution')}:bolt-iris-0123456789"},
    ),
    ("stepfunctions", "send_task_success", {"taskToken": "bolts", "output": "{}"}),
    (
        "cloudwatch",
        "set_alarm_state",
        {"AlarmName": "headgate-bolt-iris-r1-errors", "StateValue": "OK", "StateReason": "x"},
    ),
    ("events", "put_events", {"Entries": [{"Source": "headgate", "DetailType": "RetrainRequested", "Detail": "{}"}]}),
    ("sts", "assume_role", {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/headgate-bolt", "RoleSessionName": "tenant-acme"}),
    ("cloudwatch", "delete_alarms", {"AlarmNames": ["headgate-bolt-iris-r1-errors"]}),
    ("cloudwatch", "put_metric_data", {"Namespace": "Headgate", "MetricData": [{"MetricName": "TakeBack"}]}),
    ("sns", "list_topics", {}),
    ("sqs", "list_queues", {}),
    ("iam", "list_roles", {}),
]


@pytest.mark.parametrize(("service", "call", "arguments"), ATTEMPTS)
def test_a_session_reaches_nothing_of_another_tenant(acme, service: str, call: str, arguments: dict) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(acme(service), call)(**arguments)
    assert refused.value.response["Error"]["Code"] in DENIED


def test_a_session_does_what_the_work_for_its_tenant_needs(session) -> None:
    """The same calls as are refused above, on things of its own: the policy is no wall around everything."""
    bolt = session("bolt")
    objects, ledger = Objects(bolt("s3")), Ledger(bolt("dynamodb"), PLACE.ledger_table, author)
    assert objects.get_bytes(PLACE.data_bucket, THEIRS) == b"secret"
    assert [part.key for part, _ in objects.newest(PLACE.data_bucket, "bolt/iris/")] == [THEIRS]
    objects.put_json(PLACE.artifact_bucket, "_captured/bolt/iris/x", {})
    assert ledger.owner("bolt-iris") == BOLT
    assert ledger.change_lease(BOLT, ledger.lease(BOLT)).revision
    assert ledger.runs_of_project(BOLT) == []
    assert bolt("sagemaker").describe_model_package_group(ModelPackageGroupName="bolt-iris")
    bolt("dynamodb").batch_get_item(RequestItems={PLACE.ledger_table: {"Keys": [key("bolt#x"), key("TENANT#bolt")]}})


def test_a_tenants_objects_lie_under_its_key_and_its_session_opens_them(acme, session) -> None:
    objects = Objects(acme("s3"), "alias/sessions-acme")
    for place in ("acme/iris/datasets/x", "_captured/acme/iris/x"):
        objects.put_bytes(PLACE.artifact_bucket, place, b"x")
        assert objects.get_bytes(PLACE.artifact_bucket, place) == b"x"
    with pytest.raises(AccessDeniedError):
        Objects(session("bolt")("s3")).get_bytes(PLACE.artifact_bucket, "acme/iris/datasets/x")


def test_what_is_not_there_and_what_is_anothers_look_the_same(acme) -> None:
    said = []
    for name in ("a.csv", "absent.csv"):
        with pytest.raises(ClientError) as refused:
            acme("s3").get_object(Bucket=PLACE.data_bucket, Key=f"bolt/iris/incoming/{name}")
        said.append(refused.value.response["Error"]["Message"].replace(name, ""))
    assert said[0] == said[1]


def test_an_object_of_its_own_that_is_not_there_is_not_found(acme) -> None:
    with pytest.raises(NotFoundError):
        Objects(acme("s3")).get_bytes(PLACE.data_bucket, "acme/iris/project.yaml")
    with pytest.raises(AccessDeniedError):
        Objects(acme("s3")).get_bytes(PLACE.data_bucket, "bolt/iris/project.yaml")


def test_what_is_not_there_is_404_to_who_may_not_list_everything(acme) -> None:
    with pytest.raises(ClientError) as refused:
        acme("s3").get_object(Bucket=PLACE.data_bucket, Key="acme/iris/project.yaml")
    assert refused.value.response["Error"]["Code"] == "NoSuchKey"


def test_a_statement_of_partiql_names_no_partition_and_is_refused(session) -> None:
    statement = f"SELECT * FROM \"{PLACE.ledger_table}\" WHERE pk = 'bolt#iris'"
    with pytest.raises(ClientError) as refused:
        session("bolt")("dynamodb").execute_statement(Statement=statement)
    assert refused.value.response["Error"]["Code"] in DENIED


def test_clients_of_two_tenants_hold_credentials_of_their_own(session) -> None:
    keys = {tenant: session(tenant)("sts").get_caller_identity()["Arn"] for tenant in ("acme", "bolt")}
    assert keys["acme"].endswith("/tenant-acme")
    assert keys["bolt"].endswith("/tenant-bolt")
    assert boto3.DEFAULT_SESSION is not None
