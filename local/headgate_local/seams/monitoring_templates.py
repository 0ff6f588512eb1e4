"""Seam: AWS::CloudWatch::Alarm, metric math included, and ::CompositeAlarm in CloudFormation templates."""

from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import provisioners

from headgate_local.api.errors import ApiError
from headgate_local.api.validation import model
from headgate_local.cloudwatch import wire
from headgate_local.cloudwatch.alarms import Alarms

OPERATIONS = {"AWS::CloudWatch::Alarm": "PutMetricAlarm", "AWS::CloudWatch::CompositeAlarm": "PutCompositeAlarm"}
LONGEST = 255
Properties = dict[str, Any]
Provisioned = tuple[str, Properties]
"""A physical id, and what Fn::GetAtt finds."""
Call = Callable[[str, Properties], Properties]


def install(alarms: Alarms, call: Call) -> None:
    """Make both types known; ``call`` carries out an operation as a request would."""
    for kind, operation in OPERATIONS.items():
        templates = _Templates(alarms, call, operation)
        provisioners._RESOURCE_HANDLERS[kind] = {
            "create": templates.create,
            "update": templates.update,
            "delete": templates.delete,
        }


class _Templates:
    """What CloudFormation does with one type; whoever deploys was checked by MiniStack."""

    def __init__(self, alarms: Alarms, call: Call, operation: str) -> None:
        self._alarms, self._call, self._operation = alarms, call, operation

    def create(self, logical: str, properties: Properties, stack: str) -> Provisioned:
        name = properties.get("AlarmName") or provisioners._physical_name(stack, logical, max_len=LONGEST)
        return self._put(name, properties)

    def update(self, physical: str, _old: Properties, new: Properties, _stack: str) -> Provisioned:
        """In place; an alarm of another name is another alarm, and the one before it goes."""
        provisioned = self._put(new.get("AlarmName") or physical, new)
        if provisioned[0] != physical:
            self.delete(physical, new)
        return provisioned

    def delete(self, physical: str, _properties: Properties) -> None:
        try:
            self._alarms.delete([physical])
        except ApiError as error:
            raise ValueError(error.message) from error

    def _put(self, name: str, properties: Properties) -> Provisioned:
        shape = model(wire.SERVICE).operation_model(self._operation).input_shape
        try:
            self._call(self._operation, wire.typed(properties | {"AlarmName": name}, shape))
        except ApiError as error:
            raise ValueError(f"{error.code}: {error.message}") from error
        arn = self._alarms.describe([name])[0]["AlarmArn"]
        self._alarms.tags[arn] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
        return name, {"Arn": arn}
