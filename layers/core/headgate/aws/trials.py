"""Endpoint configurations of trials: the version that serves as it is, and another one beside it."""

from collections.abc import Mapping
from typing import Any

from headgate.aws.errors import translated
from headgate.aws.sagemaker import Endpoints, captured_config
from headgate.aws.tags import as_tags
from headgate.domain.captures import Capture
from headgate.domain.encryption import volume_key
from headgate.domain.errors import NameTakenError
from headgate.domain.stand import SHADOW
from headgate.domain.trial import Trial


class Trials(Endpoints):
    """Endpoints in which a version is tried."""

    def ensure_trial(
        self,
        trial: Trial,
        *,
        model: str,
        instance_type: str,
        capture: Capture | None,
        key: str,
        tags: Mapping[str, str],
    ) -> None:
        """Make sure that the trial's configuration is there, with a variant of this model beside the one that serves.

        The answers of both are captured. The variant that serves is the one of the configuration before, so that
        nothing changes for whoever asks. `key` lies over the volumes of both, where both may have one.

        Raises:
            NameTakenError: when there is a configuration of that name with other models in it.
        """
        serving = self._variant(trial.before)
        beside = {
            "VariantName": trial.variant,
            "ModelName": model,
            "InstanceType": instance_type,
            "InitialInstanceCount": trial.instances,
            "InitialVariantWeight": trial.weight,
        }
        if trial.strategy == SHADOW:
            variants = {"ProductionVariants": [serving], "ShadowProductionVariants": [beside]}
        else:
            variants = {"ProductionVariants": [serving, beside]}
        over = volume_key(key, instance_type, serving["InstanceType"])
        self._create(
            f"create endpoint configuration {trial.config}",
            self._client.create_endpoint_config,
            EndpointConfigName=trial.config,
            **variants,
            **({"DataCaptureConfig": captured_config(capture)} if capture else {}),
            **({"KmsKeyId": over} if over else {}),
            Tags=as_tags(tags),
        )
        with translated(f"describe endpoint configuration {trial.config}"):
            config = self._client.describe_endpoint_config(EndpointConfigName=trial.config)
        if _models(config) != _models(variants):
            raise NameTakenError("endpoint configuration", trial.config)

    def _variant(self, config: str) -> dict[str, Any]:
        with translated(f"describe endpoint configuration {config}"):
            found = self._client.describe_endpoint_config(EndpointConfigName=config)
        return dict(found["ProductionVariants"][0])


def _models(config: Mapping[str, Any]) -> list[list[str]]:
    """The models of the variants that serve, and of those that are shadows."""
    kinds = ("ProductionVariants", "ShadowProductionVariants")
    return [[variant["ModelName"] for variant in config.get(kind, [])] for kind in kinds]
