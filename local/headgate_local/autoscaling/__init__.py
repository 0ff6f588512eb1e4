"""AWS Application Auto Scaling for the instance counts of SageMaker's endpoint variants."""
