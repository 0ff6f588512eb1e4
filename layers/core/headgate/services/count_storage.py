"""How much each tenant keeps is counted once a day, for its quota."""

from collections.abc import Callable, Iterable

from headgate.aws.errors import kind_of
from headgate.aws.s3 import Objects
from headgate.aws.tenants import Tenants
from headgate.domain.names import places_of


def count_storage(
    names: Iterable[str],
    buckets: tuple[str, str],
    *,
    open_tenants: Callable[[str], Tenants],
    open_objects: Callable[[str], Objects],
    now: str,
    is_over: Callable[[], bool] = bool,
) -> tuple[dict[str, int], dict[str, str]]:
    """Count what was not counted today: objects in all their versions, in both buckets; until there is no time left.

    Returns:
        Bytes by tenant, of those that were counted, and of the others what it failed with, in a word: the next round
        counts them. A thousand objects are one call of S3.
    """
    day = now[:10]
    counted: dict[str, int] = {}
    failed: dict[str, str] = {}
    for name in sorted(set(names)):
        if is_over():
            break
        try:
            tenants = open_tenants(name)
            if tenants.find(name) is None or tenants.used(name).counted_on == day:
                continue
            objects = open_objects(name)
            stored = sum(objects.stored(*place) for place in places_of(name, *buckets))
            tenants.count(name, stored, day)
            counted[name] = stored
        except Exception as error:  # whatever it is, the others are counted all the same
            failed[name] = kind_of(error)
    return counted, failed
