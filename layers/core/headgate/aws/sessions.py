"""Sessions of the AWS SDK: a function's own, and under credentials for one tenant that its role gives itself."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.credentials import CredentialResolver, DeferredRefreshableCredentials
from botocore.loaders import Loader

_DESCRIPTIONS = Path(__file__).with_name("descriptions")
_SECONDS = 3600  # the most for a role that is assumed by a role (role chaining, IAM user guide)


class _Loader(Loader):  # type: ignore[misc] # the SDK tells no types
    """Reads descriptions of services: ours, then the SDK's (decision 0045)."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - the SDK's signature
        """All that there are; the SDK looks into each of its 430 folders whether it describes that, too."""
        paths = map(Path, dict.fromkeys(self.search_paths))  # boto3 adds its own anew with each session
        return [found.name for path in paths if path.is_dir() for found in path.iterdir()]


_loader = _Loader(extra_search_paths=[str(_DESCRIPTIONS)])


@cache
def own_session() -> boto3.Session:
    """The session of the function's own role; where somebody has made the SDK's default one, that one."""
    if boto3.DEFAULT_SESSION is not None:
        return boto3.DEFAULT_SESSION
    session = botocore.session.Session()
    session.register_component("data_loader", _loader)
    return boto3.Session(botocore_session=session)


def scoped_session(open_sts: Callable[[], Any], role_arn: str, name: str, policy: str) -> boto3.Session:
    """A session of a role, bounded by a session policy.

    STS is asked at the first call that is made with it, and again from a quarter of an hour before the credentials end.
    `name` is what the audit trail calls the session.
    """

    def assume() -> dict[str, Any]:
        given = open_sts().assume_role(RoleArn=role_arn, RoleSessionName=name, Policy=policy, DurationSeconds=_SECONDS)[
            "Credentials"
        ]
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }

    session = botocore.session.Session()
    # The descriptions of AWS's services are read once for all tenants, not once for each.
    session.register_component("data_loader", own_session()._session.get_component("data_loader"))
    session.register_component("credential_provider", CredentialResolver([_Assumed(assume)]))
    return boto3.Session(botocore_session=session, region_name=own_session().region_name)


class _Assumed:
    """A provider of credentials as botocore's resolver asks one."""

    METHOD = "assume-role"

    def __init__(self, assume: Callable[[], dict[str, Any]]) -> None:
        self._assume = assume

    def load(self) -> DeferredRefreshableCredentials:
        """Credentials that are fetched when they are needed."""
        return DeferredRefreshableCredentials(refresh_using=self._assume, method=self.METHOD)
