"""State machines: they act with their own role, wait for SageMaker's jobs, and see errors by their names."""

import json

import pytest
from contract.endings import begin, ended
from contract.live import ACCOUNT, REGION, function_zip, statement
from waiting import eventually

SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
STATES = "states.amazonaws.com"
JOBS = [
    "sagemaker:CreateTrainingJob",
    "sagemaker:DescribeTrainingJob",
    "sagemaker:StopTrainingJob",
    "sagemaker:AddTags",
]
HANDLER = """
class ConflictError(Exception):
    pass

def handle(event, context):
    if event.get("fail"):
        raise ConflictError("lost the race")
    return {"said": event.get("say")}
"""


@pytest.fixture
def may_run_jobs(role):
    """What the role of a machine needs that trains."""
    return (statement(JOBS, f"{SAGEMAKER}:training-job/*"), statement("iam:PassRole", role))


@pytest.fixture
def run(cloud, make_role, name):
    """Runs a machine of these states, under a role with these statements, to its end (or only starts it)."""

    def execute(states: dict, *statements, wait: bool = True, given: dict | None = None):
        execution = begin(cloud, name, make_role(*statements, service=STATES), states, given)
        return ended(cloud, execution) if wait else execution

    return execute


@pytest.fixture(scope="package")
def function(cloud, make_role) -> str:
    return cloud.client("lambda").create_function(
        FunctionName="contract-function",
        Runtime="python3.12",
        Handler="app.handle",
        Role=make_role(service="lambda.amazonaws.com"),
        Code={"ZipFile": function_zip(HANDLER)},
    )["FunctionArn"]


def task(resource: str, arguments: dict, **more) -> dict:
    return {
        "Task": {
            "Type": "Task",
            "Resource": f"arn:aws:states:::{resource}",
            "Arguments": arguments,
            "End": True,
            **more,
        }
    }


def test_a_machine_waits_for_its_job_and_gets_its_description(run, training_request, may_run_jobs, cloud, name) -> None:
    ended = run(task("sagemaker:createTrainingJob.sync", training_request("")), *may_run_jobs)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    job = json.loads(ended["output"])
    assert job["TrainingJobStatus"] == "Completed"
    assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith("model.tar.gz")
    assert isinstance(job["CreationTime"], int)
    tags = cloud.client("sagemaker").list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
    assert {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"} in tags


@pytest.fixture
def may_tune(role):
    """What the role of a machine needs that tunes."""
    verbs = ("Create", "Describe", "Stop")
    actions = [*(f"sagemaker:{verb}HyperParameterTuningJob" for verb in verbs), "sagemaker:AddTags"]
    return (statement(actions, f"{SAGEMAKER}:hyper-parameter-tuning-job/*"), statement("iam:PassRole", role))


def test_a_machine_waits_for_its_tuning_job(run, tuning_request, may_tune, cloud) -> None:
    ended = run(task("sagemaker:createHyperParameterTuningJob.sync", tuning_request(jobs=2)), *may_tune)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    job = json.loads(ended["output"])
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Completed"] == 2
    tags = cloud.client("sagemaker").list_tags(ResourceArn=job["HyperParameterTuningJobArn"])["Tags"]
    assert {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"} in tags


def test_a_failed_tuning_job_fails_the_task(run, tuning_request, may_tune) -> None:
    request = tuning_request("raise ValueError('bad')", jobs=2)
    ended = run(task("sagemaker:createHyperParameterTuningJob.sync", request), *may_tune)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    assert "No training job succeeded" in json.loads(ended["cause"])["FailureReason"]


def test_a_state_that_times_out_stops_its_tuning_job(run, tuning_request, may_tune, tuned, name) -> None:
    request = tuning_request("import time\ntime.sleep(600)")
    ended = run(task("sagemaker:createHyperParameterTuningJob.sync", request, TimeoutSeconds=1), *may_tune)
    assert ended["error"] == "States.Timeout"
    assert tuned(name)["HyperParameterTuningJobStatus"] == "Stopped"


def test_a_failed_job_fails_the_task_with_its_description_as_the_cause(run, training_request, may_run_jobs) -> None:
    ended = run(task("sagemaker:createTrainingJob.sync", training_request("raise ValueError('bad')")), *may_run_jobs)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(ended["cause"])
    assert cause["TrainingJobStatus"] == "Failed"
    assert "ValueError: bad" in cause["FailureReason"]


def test_stopping_an_execution_stops_its_job(run, training_request, may_run_jobs, cloud, finished, name) -> None:
    arn = run(task("sagemaker:createTrainingJob.sync", training_request("import time\ntime.sleep(600)")),
              *may_run_jobs, wait=False)  # fmt: skip
    client = cloud.client("sagemaker")
    eventually(lambda: name in str(client.list_training_jobs(NameContains=name)["TrainingJobSummaries"]))
    cloud.client("stepfunctions").stop_execution(executionArn=arn)
    assert finished(name)["TrainingJobStatus"] == "Stopped"
    assert cloud.client("stepfunctions").describe_execution(executionArn=arn)["status"] == "ABORTED"


def test_a_state_that_times_out_stops_its_job(run, training_request, may_run_jobs, finished, name) -> None:
    request = training_request("import time\ntime.sleep(600)")
    ended = run(task("sagemaker:createTrainingJob.sync", request, TimeoutSeconds=1), *may_run_jobs)
    assert ended["error"] == "States.Timeout"
    assert finished(name)["TrainingJobStatus"] == "Stopped"


def test_without_sync_the_answer_is_that_of_the_call(run, training_request, may_run_jobs, name) -> None:
    ended = run(task("sagemaker:createTrainingJob", training_request("")), *may_run_jobs)
    answer = json.loads(ended["output"])
    assert answer["TrainingJobArn"].endswith(f"training-job/{name}")
    assert answer["SdkHttpMetadata"]["HttpStatusCode"] == 200


def test_errors_carry_the_names_that_step_functions_gives_them(run, train, training_request, may_run_jobs) -> None:
    train("")
    ended = run(task("sagemaker:createTrainingJob.sync", training_request("")), *may_run_jobs)
    assert ended["error"] == "SageMaker.ResourceInUseException"


def test_a_field_that_is_not_there_is_refused(run, training_request, may_run_jobs) -> None:
    ended = run(task("sagemaker:createTrainingJob.sync", training_request("") | {"Colour": "red"}), *may_run_jobs)
    assert (ended["error"], ended["cause"]) == (
        "States.Runtime",
        "The field 'Colour' is not supported by Step Functions.",
    )


def test_the_sdk_integration_reaches_sagemaker(run, name) -> None:
    arguments = {"ModelPackageGroupName": name}
    made = run(task("aws-sdk:sagemaker:createModelPackageGroup", arguments), statement("sagemaker:*"))
    assert json.loads(made["output"])["ModelPackageGroupArn"].endswith(name)


def test_the_sdk_integration_needs_pass_role_too(run, training_request) -> None:
    ended = run(task("aws-sdk:sagemaker:createTrainingJob", training_request("")), statement("sagemaker:*"))
    assert ended["error"] == "SageMaker.SageMakerException"
    assert "not authorized to perform: iam:PassRole" in ended["cause"]


def test_the_sdk_integration_names_errors_as_the_sdk_does(run, name) -> None:
    ended = run(task("aws-sdk:sagemaker:describeModel", {"ModelName": name}), statement("sagemaker:*"))
    assert ended["error"] == "SageMaker.SageMakerException"
    assert "Could not find model" in ended["cause"]


@pytest.mark.parametrize("missing", [*JOBS, "iam:PassRole"])
def test_a_machine_without_a_permission_is_refused(run, training_request, role, missing, cloud, name) -> None:
    allowed = [action for action in JOBS if action != missing]
    statements = [statement(allowed)] + ([statement("iam:PassRole", role)] if missing != "iam:PassRole" else [])
    ended = run(task("sagemaker:createTrainingJob.sync", training_request("")), *statements)
    assert ended["error"] == "SageMaker.AmazonSageMakerException"
    assert f"not authorized to perform: {missing}" in ended["cause"]
    assert not cloud.client("sagemaker").list_training_jobs(NameContains=name)["TrainingJobSummaries"]


@pytest.mark.parametrize(
    ("resource", "arguments", "action", "error"),
    [
        (
            "lambda:invoke",
            {"FunctionName": "contract-function", "Payload": {}},
            "lambda:InvokeFunction",
            "Lambda.AWSLambdaException",
        ),
        (
            "sns:publish",
            {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t", "Message": "m"},
            "sns:Publish",
            "SNS.AmazonSNSException",
        ),
        (
            "dynamodb:getItem",
            {"TableName": "t", "Key": {"k": {"S": "v"}}},
            "dynamodb:GetItem",
            "DynamoDB.AmazonDynamoDBException",
        ),
        (
            "events:putEvents",
            {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]},
            "events:PutEvents",
            "EventBridge.AmazonEventBridgeException",
        ),
        (
            "states:startExecution",
            {"StateMachineArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:m"},
            "states:StartExecution",
            "StepFunctions.AWSStepFunctionsException",
        ),
        (
            "sqs:sendMessage",
            {"QueueUrl": f"http://sqs/{ACCOUNT}/q", "MessageBody": "b"},
            "sqs:SendMessage",
            "SQS.AmazonSQSException",
        ),
        (
            "aws-sdk:sagemaker:describeModel",
            {"ModelName": "m"},
            "sagemaker:DescribeModel",
            "SageMaker.SageMakerException",
        ),
        ("aws-sdk:s3:getObject", {"Bucket": "b", "Key": "k"}, "s3:GetObject", "S3.AccessDeniedException"),
        ("aws-sdk:sfn:listStateMachines", {}, "states:ListStateMachines", "Sfn.AccessDeniedException"),
    ],
)
def test_every_integration_is_checked_against_the_machines_role(
    run, function, resource, arguments, action, error
) -> None:
    ended = run(task(resource, arguments), statement("logs:CreateLogGroup"))
    assert (ended["status"], ended["error"]) == ("FAILED", error)
    assert f"not authorized to perform: {action}" in ended["cause"]


def test_a_role_that_step_functions_may_not_assume_is_refused(cloud, make_role, run, function, name) -> None:
    other = make_role(statement("*"), service="lambda.amazonaws.com")
    over = ended(cloud, begin(cloud, name, other, task("lambda:invoke", {"FunctionName": function})))
    assert over["status"] == "FAILED"
    assert "authorized to assume the provided role" in over["cause"]


def test_an_exception_reaches_the_machine_under_its_class_name(run, function) -> None:
    states = {
        "Task": {
            **task("lambda:invoke", {"FunctionName": function, "Payload": {"fail": True}})["Task"],
            "Catch": [{"ErrorEquals": ["ConflictError"], "Output": "{% $states.errorOutput %}", "Next": "Caught"}],
        },
        "Caught": {"Type": "Succeed"},
    }
    ended = run(states, statement("lambda:InvokeFunction", function))
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    caught = json.loads(ended["output"])
    assert caught["Error"] == "ConflictError"
    cause = json.loads(caught["Cause"])
    assert (cause["errorType"], cause["errorMessage"]) == ("ConflictError", "lost the race")
    assert any("in handle" in line for line in cause["stackTrace"])


def test_an_exception_reaches_a_direct_caller_under_its_class_name(cloud, function) -> None:
    answer = cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"fail": True}))
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "ConflictError"


def test_a_lambda_that_works_is_not_disturbed(run, function) -> None:
    ended = run(task("lambda:invoke", {"FunctionName": function, "Payload": {"say": "hi"}}),
                statement("lambda:InvokeFunction", function))  # fmt: skip
    assert json.loads(ended["output"])["Payload"] == {"said": "hi"}


def test_a_lambda_that_fails_with_the_task_token_fails_the_state(run, function) -> None:
    arguments = {"FunctionName": function, "Payload": {"fail": True, "token": "{% $states.context.Task.Token %}"}}
    ended = run(task("lambda:invoke.waitForTaskToken", arguments), statement("lambda:InvokeFunction", function))
    assert (ended["status"], ended["error"]) == ("FAILED", "ConflictError")


def test_a_child_execution_acts_with_its_own_role(run, cloud, make_role, function, name) -> None:
    child_role = make_role(statement("lambda:InvokeFunction", function), service=STATES)
    definition = {"QueryLanguage": "JSONata", "StartAt": "Task",
                  "States": task("lambda:invoke", {"FunctionName": function, "Payload": {"say": "child"}})}  # fmt: skip
    child = cloud.client("stepfunctions").create_state_machine(
        name=f"{name}-child", definition=json.dumps(definition), roleArn=child_role
    )["stateMachineArn"]
    executions = child.replace(":stateMachine:", ":execution:") + ":*"
    ended = run(
        task("states:startExecution.sync:2", {"StateMachineArn": child}),
        statement("states:StartExecution", child),
        statement(["states:DescribeExecution", "states:StopExecution"], executions),
    )
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert json.loads(ended["output"])["Output"]["Payload"] == {"said": "child"}
