"""Every error that the core raises, on one root. A message says what happened and what to do next."""


class HeadgateError(Exception):
    """Raised when Headgate cannot do what it was asked; the root of all its errors."""


class BadKeyError(HeadgateError):
    """Raised when an S3 key does not name a tenant, a project and an upload."""


class SettingsError(HeadgateError):
    """Raised when project.yaml does not hold what its schema allows."""


class ConflictError(HeadgateError):
    """Raised when a conditional write lost against another writer: read again, the other one's word stands."""


class NotFoundError(HeadgateError):
    """Raised when an object, a record or a resource that was named does not exist."""


class TransientError(HeadgateError):
    """Raised when AWS or the way to it fails in passing, after the client's own retries: too many requests, a fault of
    the service's own, a lost connection. State machines retry it by name.
    """


class AccessDeniedError(HeadgateError):
    """Raised when a role lacks a permission; the message names the call."""


class TamperedError(HeadgateError):
    """Raised when a manifest is not the one that its dataset is named after, or speaks of what is not its project's."""

    def __init__(self, dataset: str, what: str) -> None:
        super().__init__(
            f"The manifest of dataset {dataset} was changed after it was written: {what}. Nothing was read. Find out "
            "who may write to the artifact bucket, then drop the data again."
        )


class IncompleteObservationError(HeadgateError):
    """Raised when a window was observed by machines, and not all of them told what they saw."""

    def __init__(self, name: str, told: int, expected: int) -> None:
        super().__init__(
            f"Of {expected} machines of the processing job {name} only {told} told what they saw. Nothing was judged; "
            "the next look asks again."
        )


class NoKeyError(HeadgateError):
    """Raised when a tenant has no key in the register, so that nothing of it may be written."""

    def __init__(self, tenant: str) -> None:
        super().__init__(
            f"The register names no key of the tenant {tenant}: its stack is older than the system, or gone. "
            f"`headgate tenant add {tenant}` brings it up to date; drop the data again then."
        )


class UnsignedError(HeadgateError):
    """Raised when the ledger is to be changed by nobody: whoever changes it signs the entry of the audit trail."""

    def __init__(self, chain: str) -> None:
        super().__init__(
            f"The ledger of {chain} is to be changed by nobody; give `Ledger` an author, whom the audit trail can name."
        )


class EndpointBusyError(HeadgateError):
    """Raised when AWS refuses a change of an endpoint for now; the state machine retries it.

    Another change is under way; or a quota of the account is used up, of which AWS `said` which, for others release.
    """

    def __init__(self, endpoint: str, said: str = "") -> None:
        moves = f"Endpoint {endpoint} is being changed; try again when it has come to rest."
        full = f"AWS has no room to change endpoint {endpoint}: {said.rstrip('.')}. Ask for more in Service Quotas."
        super().__init__(full if said else moves)


class LeaseLostError(HeadgateError):
    """Raised when an execution wants to change an endpoint that another one has taken over; it changes nothing."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(
            f"Another execution has taken over endpoint {endpoint}; this one came too late and changes nothing."
        )


class ScalingRefusedError(HeadgateError):
    """Raised when AWS will not scale an endpoint as it was asked to; a release goes on without, and says so."""

    def __init__(self, endpoint: str, said: str) -> None:
        super().__init__(
            f"AWS refused to scale endpoint {endpoint}: {said.rstrip('.')}. It keeps the instances that it has; "
            "correct endpoint.scaling in project.yaml, and the next release tries again."
        )


class AlarmRingingError(HeadgateError):
    """Raised when an alarm that would turn a release back is in ALARM before it began; the state machine retries it."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"The release was not begun, for it would be turned back at once: in ALARM already are {', '.join(names)}. "
            "Look at the alarms, then drop the dataset again."
        )


class ConfigurationError(HeadgateError):
    """Raised when a function was deployed without something that it needs."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(f"The function was deployed without {', '.join(missing)}; set it in template.yaml.")


class EndpointTakenError(HeadgateError):
    """Raised when the name of a project's endpoint belongs to another project."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(f"The endpoint name {endpoint} is taken; give the project another name.")


class NameTakenError(HeadgateError):
    """Raised when something of another deployment of Headgate bears the name of what this one wants to make."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(
            f"The {what} {name} exists already in this account and was not made by this deployment of Headgate. "
            f"Delete the {what} if nobody needs it, or give the project another name."
        )


class FeedbackError(HeadgateError):
    """Raised when a file of labels cannot be read; it names the line and says what to do, never a value."""


class UnreadableError(HeadgateError):
    """Raised when an evaluation lacks what its format promises, or contradicts itself; the message names the place."""


class DatasetRefusedError(HeadgateError):
    """Raised when a dataset is unfit to train on; the use case turns it into a verdict, it never leaves that."""

    def __init__(self, reason_code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason_code = reason_code


class SearchRefusedError(HeadgateError):
    """Raised when a search for settings cannot be made as project.yaml asks; the use case turns it into a verdict."""

    def __init__(self, reason_code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason_code = reason_code
