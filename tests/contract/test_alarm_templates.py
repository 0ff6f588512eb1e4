"""Alarms in CloudFormation templates, metric math and composite alarms included."""

import pytest
from waiting import eventually

TEMPLATE = """
Resources:
  Letters:
    Type: AWS::SQS::Queue
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: {name}
      Namespace: AWS/SQS
      MetricName: ApproximateNumberOfMessagesVisible
      Dimensions: [{{Name: QueueName, Value: !GetAtt Letters.QueueName}}]
      Statistic: Maximum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 0
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
Outputs:
  Letters:
    Value: !Ref Letters
"""


@pytest.fixture
def deploy(cloud, name):
    """Deploys a template as this test's stack, or updates it; answers the outputs."""

    def do(template: str, change: str = "create") -> dict[str, str]:
        formation = cloud.client("cloudformation")
        getattr(formation, f"{change}_stack")(StackName=name, TemplateBody=template)

        def look():
            (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
            status = stack["StackStatus"]
            assert "ROLLBACK" not in status
            assert "FAILED" not in status
            return stack if status == f"{change.upper()}_COMPLETE" else None

        return {output["OutputKey"]: output["OutputValue"] for output in eventually(look).get("Outputs", [])}

    return do


def test_an_alarm_of_a_template_rings_when_its_queue_fills(cloud, deploy, in_state, name) -> None:
    outputs = deploy(TEMPLATE.format(name=name))
    in_state(name, "OK")
    cloud.client("sqs").send_message(QueueUrl=outputs["Letters"], MessageBody="left over")
    in_state(name, "ALARM")
    cloud.client("cloudformation").delete_stack(StackName=name)
    eventually(lambda: not cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"])


MATH_TEMPLATE = """
Parameters:
  Threshold:
    Type: Number
    Default: "{threshold}"
Resources:
  Rate:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Metrics:
        - Id: rate
          Expression: 100 * failed / asked
        - Id: failed
          ReturnData: false
          MetricStat: {{Metric: {{Namespace: N, MetricName: Failed}}, Period: 60, Stat: Sum}}
        - Id: asked
          ReturnData: "false"
          MetricStat: {{Metric: {{Namespace: N, MetricName: Asked}}, Period: "60", Stat: Sum}}
      EvaluationPeriods: 1
      Threshold: !Ref Threshold
      ComparisonOperator: GreaterThanThreshold
      Tags: [{{Key: team, Value: a}}]
  Either:
    Type: AWS::CloudWatch::CompositeAlarm
    Properties:
      AlarmName: {name}
      AlarmRule: !Sub ALARM("${{Rate}}") OR INSUFFICIENT_DATA(${{Rate.Arn}})
Outputs:
  Rate:
    Value: !Ref Rate
"""


def test_metric_math_and_composite_alarms_of_a_template(cloud, deploy, in_state, name) -> None:
    client = cloud.client("cloudwatch")
    rate = deploy(MATH_TEMPLATE.format(name=name, threshold=5))["Rate"]
    (alarm,) = client.describe_alarms(AlarmNames=[rate])["MetricAlarms"]
    assert (alarm["Threshold"], alarm["Metrics"][2]["MetricStat"]["Period"]) == (5.0, 60)
    assert {"Key": "team", "Value": "a"} in client.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    in_state(name, "ALARM")
    assert deploy(MATH_TEMPLATE.format(name=name, threshold=7), "update")["Rate"] == rate
    assert client.describe_alarms(AlarmNames=[rate])["MetricAlarms"][0]["Threshold"] == 7.0
    cloud.client("cloudformation").delete_stack(StackName=name)
    eventually(lambda: not client.describe_alarms(AlarmNames=[rate])["MetricAlarms"])
    assert client.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"] == []
