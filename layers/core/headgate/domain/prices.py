"""What an hour of a SageMaker training instance costs: for estimates made before anything is spent.

USD an hour in us-east-1 (N. Virginia), on demand, as of 2025; from https://aws.amazon.com/sagemaker/pricing/ and public
tables that quote it. Other regions differ, mostly upwards and by up to a third; spot costs less; storage and data are
not in it. It lists what people train on, not all that can be rented: project.yaml gives the price of another type.
"""

from collections.abc import Mapping

USD_AN_HOUR: Mapping[str, float] = {
    "ml.m5.large": 0.115,
    "ml.m5.xlarge": 0.23,
    "ml.m5.2xlarge": 0.461,
    "ml.m5.4xlarge": 0.922,
    "ml.m5.12xlarge": 2.765,
    "ml.m5.24xlarge": 5.53,
    "ml.c5.xlarge": 0.204,
    "ml.c5.2xlarge": 0.408,
    "ml.c5.4xlarge": 0.816,
    "ml.c5.9xlarge": 1.836,
    "ml.c5.18xlarge": 3.672,
    "ml.g4dn.xlarge": 0.7364,
    "ml.g4dn.2xlarge": 0.94,
    "ml.g4dn.4xlarge": 1.505,
    "ml.g4dn.8xlarge": 2.72,
    "ml.g4dn.12xlarge": 4.89,
    "ml.g4dn.16xlarge": 5.44,
}
"""By instance type."""


def hourly_price(instance_type: str, given: float | None = None) -> float | None:
    """USD an hour of an instance: what a person gave, else what is known; None for a type that nobody priced."""
    return given if given is not None else USD_AN_HOUR.get(instance_type)
