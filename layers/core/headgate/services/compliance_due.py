"""Judge the deployment by its settings, as it is now."""

from collections.abc import Sequence

from headgate.domain.compliance import Breach, Deployment, judged


def judge_deployment(seen: Deployment) -> dict[str, Sequence[Breach]]:
    """The rules that do not hold, by name, with what breaks them; empty when all do."""
    return {each.rule.name: each.breaches for each in judged(seen) if not each.holds}
