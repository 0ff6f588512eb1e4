"""Every private name of MiniStack that Headgate builds on, so that an upgrade that moves one says which."""

import importlib
import inspect
import json
from importlib.metadata import version

import pytest

KNOWN = "1.5.33"
WHY = "headgate_local.seams builds on it: look there for what it did, and find where MiniStack does it now."

FUNCTIONS = {
    "routing": {
        "ministack.app.fix_success_content_type": "service status headers",
        "ministack.app.fix_error_content_type": "service status headers",
        "ministack.core.iam_actions.extract_iam_action": "service method path headers body query_params",
        "ministack.core.iam_actions.extract_resource_arn": "service method path headers body query_params region "
        "account_id",
        "ministack.core.iam_actions.request_tag_context": "service iam_action body params",
        "ministack.core.iam_actions.dynamodb_service_context": "body",
    },
    "identity": {
        "ministack.core.iam_actions.request_tag_context": "service iam_action body params",
        "ministack.core.iam_evaluator.enforce": "access_key_id iam_action service region resource_arn service_context",
        "ministack.core.iam_actions.identity_denial_message": "action principal_arn resource explicit_deny",
        "ministack.core.router.extract_access_key_id": "headers query_params",
        "ministack.services.sts.register_session": "access_key session",
        "ministack.core.responses.get_account_id": "",
        "ministack.services.sts._evict_expired_sessions": "",
        "ministack.core.responses.get_region": "",
    },
    "conditions": {
        "ministack.core.iam_actions.dynamodb_service_context": "body",
        "ministack.core.iam_evaluator._resolve_condition_key": "key ctx",
    },
    "objects": {
        "ministack.services.s3._fire_s3_event": "bucket_name key event_name size etag deletion_type restore_event_data "
        "version_id sequencer object_extra record_extra",
        "ministack.services.eventbridge._dispatch_event": "event view",
    },
    "faults": {
        "ministack.services.eventbridge._dispatch_event": "event view",
        "ministack.app._routing_params": "method path headers body query_params",
        "ministack.core.iam_actions.extract_iam_action": "service method path headers body query_params",
        "ministack.core.iam_actions._match_rest_action": "service method path query_params",
        "ministack.core.iam_actions.access_denied_response": "service action principal_arn request_id error_code "
        "message headers",
        "ministack.services.kms._resolve_key": "key_id_or_arn",
        "ministack.services.kms._disable_key": "data",
        "ministack.services.kms._enable_key": "data",
    },
    "scaling": {
        "ministack.core.iam_actions.extract_resource_arn": "service method path headers body query_params region "
        "account_id",
        "ministack.core.iam_actions.request_tag_context": "service iam_action body params",
        "ministack.services.eventbridge._parse_cron_fields": "expr",
        "ministack.services.eventbridge._cron_next_fire": "fields after_dt",
        "ministack.services.iam._gen_id": "prefix",
        "ministack.services.iam._now": "",
    },
    "encryption": {
        "ministack.core.iam_actions.s3_additional_checks": "method path headers body query_params",
        "ministack.core.iam_actions._s3_object_context": "iam_action query_params path headers",
        "ministack.core.iam_actions._s3_action": "method path query_params",
        "ministack.core.iam_evaluator.enforce": "access_key_id iam_action service region resource_arn service_context",
        "ministack.services.kms._resolve_key": "key_id_or_arn",
        "ministack.services.tagging.resource_tags": "arn",
    },
    "pauses": {
        "ministack.services.stepfunctions._run_execution": "exec_arn",
    },
    "queues": {
        "ministack.services.sqs._collect_msgs": "q max_n vis_timeout",
    },
    "connections": {
        "hypercorn.asyncio.tcp_server.TCPServer._read_data": "self",
    },
    "transport": {
        "ministack.app.pin_request_origin": "source_ip secure_transport",
    },
    "lambdas": {
        "ministack.core.lambda_runtime.Worker.invoke": "self event request_id",
        "ministack.services.lambda_svc._execute_function_warm": "func event request_id",
        "ministack.services.lambda_svc._ensure_reaper_thread": "",
        "ministack.core.lambda_runtime.kill_workers": "workers",
    },
    "machines": {
        "ministack.services.stepfunctions._execute_task": "state_def raw_input execution ctx",
        "ministack.services.stepfunctions._invoke_resource": "resource input_data",
        "ministack.services.stepfunctions._invoke_resource_with_timeout": "resource input_data timeout",
        "ministack.services.stepfunctions._invoke_with_callback": "resource input_data token state_def",
        "ministack.services.stepfunctions._call_lambda": "func_ref event",
        "ministack.services.stepfunctions._fail_execution": "execution error cause",
        "ministack.services.stepfunctions._prefix_sdk_error": "service_name error_code",
        "ministack.services.stepfunctions._ExecutionError": "error cause",
    },
    "monitoring": {
        "ministack.services.cloudwatch.record_metric": "namespace metric_name value unit dimensions",
        "ministack.services.cloudwatch.cloudformation_put_metric_alarm": "alarm",
        "ministack.services.cloudwatch.cloudformation_delete_metric_alarm": "name refuse_dependents",
        "ministack.services.cloudwatch._parse_alarm_rule": "rule",
        "ministack.services.cloudwatch_logs._append_log_events": "stream events",
        "ministack.services.sqs._queue_by_arn": "arn",
        "ministack.services.sqs._refresh_counts": "q",
        "ministack.services.cloudformation.provisioners._physical_name": "stack_name logical_id",
    },
    "bus": {
        "ministack.services.eventbridge._events_log_list": "",
        "ministack.core.iam_actions.request_tag_context": "service iam_action body params",
        "ministack.core.iam_actions.extract_resource_arn": "service method path headers body query_params region "
        "account_id",
    },
    "streams": {
        "ministack.core.iam_actions.extract_resource_arn": "service method path headers body query_params region "
        "account_id",
    },
    "events": {
        "ministack.services.eventbridge._put_events": "data allow_aws_source",
    },
}
TABLES = {
    "routing": [
        "ministack.app.SERVICE_HANDLERS",
        "ministack.core.router.SERVICE_PATTERNS",
        "ministack.core.iam_actions.SERVICE_TO_IAM_NAMESPACE",
        "ministack.services.tagging._RESOURCE_TAG_COLLECTORS",
    ],
    "encryption": [
        "ministack.services.s3._buckets",
        "ministack.services.s3._multipart_uploads",
        "ministack.services.s3._object_versions",
    ],
    "identity": ["ministack.services.iam._roles", "ministack.services.sts._sessions"],
    "monitoring": [
        "ministack.app.SERVICE_HANDLERS",
        "ministack.services.cloudwatch._alarms",
        "ministack.services.cloudwatch._composite_alarms",
        "ministack.services.cloudwatch._resource_tags",
        "ministack.services.tagging._RESOURCE_TAG_COLLECTORS",
        "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS",
    ],
    "faults": [
        "ministack.app.SERVICE_HANDLERS",
        "ministack.core.router.SERVICE_PATTERNS",
        "ministack.core.iam_actions.SERVICE_TO_IAM_NAMESPACE",
        "ministack.core.iam_actions._BOTOCORE_SERVICE_MAP",
        "ministack.services.kms._keys",
    ],
    "scaling": [
        "ministack.core.iam_actions._BOTOCORE_SERVICE_MAP",
        "ministack.services.iam._roles",
        "ministack.services.stepfunctions._AWS_SDK_SERVICE_MAP",
        "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS",
        "ministack.services.cloudformation.provisioners._REPLACING_PROPERTIES",
    ],
    "machines": ["ministack.services.stepfunctions._state_machines", "ministack.services.stepfunctions._task_tokens"],
    "native": [
        "ministack.services.stepfunctions._SERVICE_DISPATCH",
        "ministack.services.stepfunctions._AWS_SDK_SERVICE_MAP",
        "ministack.services.stepfunctions._AWS_SDK_ERROR_PREFIX",
        "ministack.services.stepfunctions._AWS_SDK_ERROR_CODE_OVERRIDES",
    ],
}


def find(path: str):
    """What a dotted path names, or a failure that says which part of it is gone."""
    parts = path.split(".")
    for size in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:size]))
        except ModuleNotFoundError:
            continue
        for part in parts[size:]:
            assert hasattr(found, part), f"MiniStack {version('ministack')} has no {path}. {WHY}"
            found = getattr(found, part)
        return found
    return pytest.fail(f"MiniStack {version('ministack')} has no {path}. {WHY}")


def test_ministack_is_the_version_that_the_seams_were_made_for() -> None:
    assert version("ministack") == KNOWN, f"The seams know {KNOWN}. Run these tests with the new version, then pin it."


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        pytest.param(path, names, id=f"{seam}:{path}")
        for seam, each in FUNCTIONS.items()
        for path, names in each.items()
    ],
)
def test_a_function_takes_what_a_seam_gives_it(path, parameters) -> None:
    taken = list(inspect.signature(find(path)).parameters)
    assert taken[: len(parameters.split())] == parameters.split(), f"{path} takes {taken} now. {WHY}"


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=f"{seam}:{path}") for seam, paths in TABLES.items() for path in paths]
)
def test_a_table_is_one_that_a_seam_can_add_to(path) -> None:
    table = find(path)
    assert hasattr(table, "__setitem__"), f"{path} is a {type(table).__name__} now. {WHY}"


def test_the_worker_script_reports_exceptions_where_a_seam_looks() -> None:
    from headgate_local.seams.lambdas import PLACE

    script = find("ministack.core.lambda_runtime._PYTHON_WORKER_SCRIPT")
    assert PLACE in script, f"Workers report exceptions in another way now. {WHY}"


def test_layers_are_unpacked_where_they_can_become_links() -> None:
    from headgate_local.layers import LAYER

    source = inspect.getsource(find("ministack.core.lambda_runtime.Worker._spawn"))
    assert f'f"{LAYER}{{len(layers_dirs)}}.zip"' in source, f"Layers are unpacked elsewhere now. {WHY}"
    assert "zipfile.ZipFile(lzip)" in source, f"Layers are unpacked in another way now. {WHY}"


def test_the_pause_that_a_seam_leaves_out_is_the_first_sleep_of_an_execution() -> None:
    from headgate_local.seams.pauses import PAUSE_SECONDS

    source = inspect.getsource(find("ministack.services.stepfunctions._run_execution"))
    assert source.find(f"time.sleep({PAUSE_SECONDS})") == source.find("time.sleep("), WHY
    assert "time.sleep(" in source, f"MiniStack does not pause any more: remove seams/pauses.py. {WHY}"


def test_of_events_that_are_kept_nobody_reads() -> None:
    source = inspect.getsource(importlib.import_module("ministack.services.eventbridge"))
    used = [line.strip() for line in source.splitlines() if "_events_log_list(" in line]
    assert used == ["def _events_log_list() -> list:", "_events_log_list().append(event_record)"], WHY


def test_a_session_is_a_record_that_a_seam_can_write() -> None:
    sts = importlib.import_module("ministack.services.sts")
    evaluator = importlib.import_module("ministack.core.iam_evaluator")
    arn = "arn:aws:sts::000000000000:assumed-role/nobody/session"
    sts.register_session(
        "ASIASEAMTEST", {"Arn": arn, "UserId": "nobody:session", "SecretAccessKey": "s", "SessionToken": "t"}
    )
    try:
        denied = evaluator.enforce("ASIASEAMTEST", "s3:GetObject", "s3", "eu-central-1", "arn:aws:s3:::b/k")
    finally:
        sts._sessions.pop("ASIASEAMTEST")
    assert (denied.decision, denied.principal_arn) == ("ImplicitDeny", arn), WHY


def test_a_task_goes_through_the_functions_that_the_seams_wrap() -> None:
    machine = importlib.import_module("ministack.services.stepfunctions")
    source = inspect.getsource(machine._execute_task)
    for name in ("_invoke_with_callback(", "_invoke_resource_with_timeout(", "_invoke_resource("):
        assert name in source, f"_execute_task does not call {name}...) any more. {WHY}"
    assert "_invoke_resource" in inspect.getsource(machine._invoke_resource_with_timeout), WHY
    assert "_call_lambda(" in inspect.getsource(machine._invoke_with_callback), WHY


def test_the_rule_of_a_composite_alarm_is_read_into_the_tree_that_is_walked_here() -> None:
    from headgate_local.cloudwatch.composite import references, state_of

    rule = "NOT (ALARM(a) OR OK(b)) AND (TRUE OR AT_LEAST(50%, NOT INSUFFICIENT_DATA, (c, d)))"
    tree = find("ministack.services.cloudwatch._parse_alarm_rule")(rule)
    assert list(references(tree)) == ["a", "b", "c", "d"], WHY
    assert state_of(tree, {"a": "OK", "b": "ALARM", "c": "OK", "d": "OK"}.get) == "ALARM", WHY
    assert state_of(tree, {"a": "ALARM", "b": "ALARM", "c": "OK", "d": "OK"}.get) == "OK", WHY


def test_a_stack_has_the_settings_that_its_template_asks_for(cloud, name) -> None:
    retention = {"Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}, "ObjectLockEnabled": "Enabled"}
    keys = {"pk": "HASH"}
    wanted = {
        "Bucket": ("S3::Bucket", {"BucketName": name, "ObjectLockEnabled": True, "ObjectLockConfiguration": retention}),
        "Key": ("KMS::Key", {"EnableKeyRotation": True, "KeyPolicy": {}}),
        "Topic": ("SNS::Topic", {"KmsMasterKeyId": {"Ref": "Key"}}),
        "Table": (
            "DynamoDB::Table",
            {
                "TableName": name,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": each, "AttributeType": "S"} for each in keys],
                "KeySchema": [{"AttributeName": each, "KeyType": kind} for each, kind in keys.items()],
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            },
        ),
    }
    resources = {each: {"Type": f"AWS::{kind}", "Properties": given} for each, (kind, given) in wanted.items()}
    outputs = {each: {"Value": {"Ref": each}} for each in ("Key", "Topic")}
    stacks, s3 = cloud.client("cloudformation"), cloud.client("s3")
    stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources, "Outputs": outputs}))
    stacks.get_waiter("stack_create_complete").wait(StackName=name)
    version = s3.put_object(Bucket=name, Key="k", Body=b"kept", IfNoneMatch="*")["VersionId"]
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=name, Key="k", VersionId=version)
    [stack] = stacks.describe_stacks(StackName=name)["Stacks"]
    made = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert cloud.client("kms").get_key_rotation_status(KeyId=made["Key"])["KeyRotationEnabled"]
    topic = cloud.client("sns").get_topic_attributes(TopicArn=made["Topic"])["Attributes"]
    assert topic["KmsMasterKeyId"] == made["Key"]
    backups = cloud.client("dynamodb").describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
