"""What the state machines' roles need, read from the definitions: every Task, `.sync` with what Step Functions adds.

Sources: "IAM policies for integrated services" (Step Functions developer guide).
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.lint_template import REGION, ROOT
from tests.prove.needs import Need, need, needs
from tests.prove.stack import Asked, Stack, written

TENANT = "demo"
RUN = f"{TENANT}-iris-0123456789"
"""What stands for a name that an execution makes."""
_MANAGED_RULES = {
    "TrainingJob": "StepFunctionsGetEventsForSageMakerTrainingJobsRule",
    "HyperParameterTuningJob": "StepFunctionsGetEventsForSageMakerTuningJobsRule",
    "ProcessingJob": "StepFunctionsGetEventsForSageMakerProcessingJobsRule",
    "Execution": "StepFunctionsGetEventsForStepFunctionsExecutionRule",
}


def asked(stack: Stack) -> Iterator[Asked]:
    """Every need of every task of every definition."""
    for logical, properties in stack.of("AWS::StepFunctions::StateMachine"):
        source = written()["Resources"][logical]["Properties"]
        text = (ROOT / source["DefinitionUri"]).read_text()
        given = {name: stack.plain(value) for name, value in properties["DefinitionSubstitutions"].items()}
        for name, value in given.items():
            text = text.replace(f"${{{name}}}", str(value))
        text = re.sub(r"' & \$(run|states\.input)\.tenant & '", TENANT, text)  # expressions name tenants' roles
        definition = yaml.safe_load(text)
        for name, task in tasks(definition):
            for each in of_task(task["Resource"], task.get("Arguments", {}), stack):
                yield Asked(stack.role_of[logical], each, stack, f"{logical}: {name}")


def tasks(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every task, those of parallel branches and maps too."""
    for name, state in definition["States"].items():
        if state["Type"] == "Task":
            yield name, state
        for inner in [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            yield from tasks(inner)


def of_task(resource: str, arguments: Any, stack: Stack) -> Iterator[Need]:
    """What one task needs; arguments as the definition or an execution's history gives them."""
    service, _, call = resource.removeprefix("arn:aws:states:::").removeprefix("aws-sdk:").partition(":")
    operation, _, pattern = call.partition(".")
    operation = operation[0].upper() + operation[1:]
    if service == "lambda":
        yield need("lambda:InvokeFunction", arguments["FunctionName"])
    elif service == "states":
        yield from _execution(arguments["StateMachineArn"], pattern, stack)
    elif service == "sagemaker":
        yield from _job(operation, arguments, pattern, stack)
    else:
        yield from needs(service, operation, arguments, stack.account)


def _execution(machine: str, pattern: str, stack: Stack) -> Iterator[Need]:
    yield need("states:StartExecution", machine)
    if pattern.startswith("sync"):
        execution = f"{machine.replace(':stateMachine:', ':execution:')}:{RUN}"
        yield need("states:DescribeExecution", execution)
        yield need("states:StopExecution", execution)
        yield from _rule("Execution", stack)


def _job(operation: str, arguments: Any, pattern: str, stack: Stack) -> Iterator[Need]:
    kind = operation.removeprefix("Create")
    named = "{% made up by an expression %}" if isinstance(arguments, str) else str(arguments[f"{kind}Name"])
    name = RUN if named.startswith("{%") else named
    tags = [{"Key": "headgate", "Value": name}]  # Step Functions tags what it waits for
    plain = {f"{kind}Name": name, "Tags": tags}
    yield from needs("sagemaker", operation, plain, stack.account)
    for role in sorted(set(re.findall(rf"arn:aws:iam::{stack.account}:role/[\w+=,.@/-]+", json.dumps(arguments)))):
        yield need("iam:PassRole", role, iam__PassedToService="sagemaker.amazonaws.com")
    if pattern.startswith("sync"):
        for each in (f"Describe{kind}", f"Stop{kind}"):
            yield from needs("sagemaker", each, {f"{kind}Name": name}, stack.account)
        job = f"arn:aws:sagemaker:{REGION}:{stack.account}:{_dashed(kind)}/{name.lower()}"
        yield need("sagemaker:ListTags", job)
        yield from _rule(kind, stack)


def _rule(kind: str, stack: Stack) -> Iterator[Need]:
    rule = f"arn:aws:events:{REGION}:{stack.account}:rule/{_MANAGED_RULES[kind]}"
    yield from (need(f"events:{each}", rule) for each in ("PutRule", "PutTargets", "DescribeRule"))


def _dashed(kind: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower()
