"""Sessions of the AWS SDK: a function's own, and under credentials for one tenant that its role gives itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.credentials import CredentialResolver, DeferredRefreshableCredentials

DESCRIPTIONS = Path(__file__).with_name("descriptions")
_SECONDS = 3600  # the most for a role that is assumed by a role (role chaining, IAM user guide)


def own_session() -> boto3.Session:
    """The session of the function's own role: the SDK's default one, so that whoever made that has spared us the work.

    It reads descriptions of services in our folder before the SDK's (decision 0045).
    """
    if boto3.DEFAULT_SESSION is None:
        boto3.setup_default_session()
        _loader(boto3.DEFAULT_SESSION).search_paths.insert(0, str(DESCRIPTIONS))
    return boto3.DEFAULT_SESSION


def _loader(session: Any) -> Any:
    return session._session.get_component("data_loader")


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
    session.register_component("data_loader", _loader(own_session()))
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
