"""`headgate fault` against the live cloud."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from contract.live import KEYS, REGION
from contract.rehearsal import code_and_status

from headgate_cli.connection import OUTPUTS
from headgate_cli.errors import ExitCode
from headgate_cli.main import main


@pytest.fixture
def headgate(cloud, tmp_path, monkeypatch, capsys, name) -> Iterator[Callable[..., Any]]:
    """Runs the command line against the live cloud, in which a stack stands; answers its JSON."""
    body = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {output: {"Value": {"Ref": "Topic"}} for output in OUTPUTS},
    }
    formation = cloud.client("cloudformation")
    formation.create_stack(StackName=name, TemplateBody=json.dumps(body))
    formation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    card = {
        **{key.removeprefix("aws_"): value for key, value in KEYS.items()},
        **dict.fromkeys(("data_bucket", "artifact_bucket", "log"), "any"),
        **{"endpoint_url": cloud.url, "region": REGION, "stack": name, "pid": cloud.process.pid},
    }
    (tmp_path / "local.json").write_text(json.dumps(card))
    monkeypatch.setenv("HEADGATE_HOME", str(tmp_path))
    monkeypatch.delenv("HEADGATE_STACK", raising=False)

    def run(*arguments: str, code: int = ExitCode.DONE) -> Any:
        assert main([*arguments, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    yield run
    main(["fault", "clear"])
    formation.delete_stack(StackName=name)


def test_the_command_line_orders_lists_and_clears(cloud, headgate, name) -> None:
    added = headgate("fault", "add", "inject-api-throttle-error", "--target", f"{name}*", "--set", "service=sagemaker",
                     "--count", "5", "--for", "10m")  # fmt: skip
    assert (added["action"], added["target"]) == ("aws:fis:inject-api-throttle-error", f"{name}*")
    assert added["parameters"] == {"service": "sagemaker", "count": "5", "duration": "PT10M"}
    other = headgate("fault", "add", "aws:events:drop-events", "--target", name)
    assert [each["id"] for each in headgate("fault", "list")["faults"]] == [other["id"], added["id"]]
    describe = lambda: cloud.client("sagemaker").describe_model(ModelName=name)  # noqa: E731
    assert code_and_status(describe)[0] == "ThrottlingException"
    assert [each["id"] for each in headgate("fault", "clear", added["id"])["cleared"]] == [added["id"]]
    assert code_and_status(describe)[0] == "ValidationException"
    assert [each["status"] for each in headgate("fault", "clear")["cleared"]] == ["stopped"]
    assert headgate("fault", "list") == {"faults": []}


def test_the_command_line_tells_of_orders_that_cannot_be(headgate) -> None:
    assert "fault actions" in headgate("fault", "add", "make-coffee", code=ExitCode.USAGE)["error"]
    missing = headgate("fault", "add", "inject-api-delay", code=ExitCode.USAGE)
    assert "needs the parameter service" in missing["error"]
    failed = headgate("fault", "add", "disable-key", "--target", "no-such-key", code=ExitCode.FAILED)
    assert "There is no key" in failed["error"]
    assert "No fault x" in headgate("fault", "clear", "x", code=ExitCode.USAGE)["error"]


def test_the_command_line_lists_what_can_go_wrong(headgate, capsys) -> None:
    actions = {each["action"]: each for each in headgate("fault", "actions")["actions"]}
    assert actions["aws:fis:inject-api-delay"]["parameters"]["service"]["required"]
    assert main(["fault", "actions"]) == ExitCode.DONE
    assert "service (required)" in capsys.readouterr().out
