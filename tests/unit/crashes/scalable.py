"""Application Auto Scaling in memory: the one target of the one endpoint."""

from typing import Any

_ARN = "arn:aws:application-autoscaling:eu-central-1:000000000000:scalable-target/1234abcd56ab78cd901ef1234567890ab123"


class Refusal(Exception):
    """AWS's answer to a call that it refuses."""

    def __init__(self, code: str, message: str, **more: Any) -> None:
        super().__init__(code, message)
        self.code, self.message, self.more = code, message, more


class Scalable:
    """The part of an account that scales; the endpoint is the account's own."""

    endpoint: dict[str, Any] | None
    target: dict[str, Any] | None

    def _there(self) -> dict[str, Any]:
        raise NotImplementedError

    def _RegisterScalableTarget(self, given: dict[str, Any]) -> None:
        there = self._there()
        known = self.target or {"ScalableTargetARN": _ARN, "SuspendedState": {}}
        if self.target is None and not {"MinCapacity", "MaxCapacity"} <= given.keys():
            raise Refusal("ValidationException", "MinCapacity and MaxCapacity are required.")
        suspended = {**known["SuspendedState"], **given.get("SuspendedState", {})}
        self.target = {**known, **given, "SuspendedState": suspended}
        if there["EndpointStatus"] == "InService":
            low, high = self.target["MinCapacity"], self.target["MaxCapacity"]
            self.endpoint = {**there, "instances": min(max(there["instances"], low), high)}

    def _DescribeScalableTargets(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given["ResourceIds"] == ["endpoint/demo-iris/variant/main"]
        return {"ScalableTargets": [self.target] if self.target else []}

    def _ListTagsForResource(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given["ResourceARN"] == _ARN
        return {"Tags": self._scaled()["Tags"]}

    def _PutScalingPolicy(self, given: dict[str, Any]) -> dict[str, Any]:
        self.target = {**self._scaled(), "policy": given["PolicyName"]}
        return {"PolicyARN": "arn:policy"}

    def _DescribeScheduledActions(self, _given: dict[str, Any]) -> dict[str, Any]:
        return {"ScheduledActions": []}

    def _DeregisterScalableTarget(self, _given: dict[str, Any]) -> None:
        self._scaled()
        self.target = None

    def _scaled(self) -> dict[str, Any]:
        if self.target is None:
            raise Refusal("ObjectNotFoundException", "No scalable target registered.")
        return self.target
