"""`up`, `down` and `doctor`: the local cloud on this computer."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from headgate_cli import local_cloud
from headgate_cli.commands import options
from headgate_cli.errors import ExitCode
from headgate_cli.output import Output

if TYPE_CHECKING:
    from headgate_cli.doctor import Finding

_SHOWN = ("endpoint_url", "region", "access_key_id", "secret_access_key", "data_bucket", "artifact_bucket")


def up(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: 4566.")] = None,
    as_json: options.Json = False,
) -> None:
    """Start the local cloud: the whole system on this computer, without an AWS account."""
    card = local_cloud.start(port)
    Output(as_json).result({name: card[name] for name in _SHOWN}, lambda console: _show_card(console, card))  # type: ignore[literal-required]


def down(
    purge: Annotated[bool, typer.Option("--purge", help="Delete its log and working files as well.")] = False,
    as_json: options.Json = False,
) -> None:
    """Stop the local cloud."""
    ran = local_cloud.stop(purge=purge)
    said = "The local cloud is stopped" if ran else "No local cloud was running"
    document = {"stopped": ran, "purged": purge}
    Output(as_json).result(
        document, lambda c: c.print(said + (", its log and working files deleted." if purge else "."))
    )


def doctor(stack: options.Stack = None, as_json: options.Json = False) -> None:
    """Check what Headgate needs on this computer, and say how to mend what is missing."""
    from headgate_cli import doctor as checks

    findings = checks.examine(stack)
    document = {"healthy": checks.healthy(findings), "checks": [finding.document() for finding in findings]}
    Output(as_json).result(document, lambda console: _show_findings(console, findings))
    raise typer.Exit(ExitCode.DONE if document["healthy"] else ExitCode.FAILED)


def _show_card(console: Console, card: local_cloud.Card) -> None:
    console.print(f"The local cloud listens at {card['endpoint_url']}. Drop data on it: headgate drop FILE --wait\n")
    console.print("Ordinary AWS clients reach it with:")
    for name, value in (
        ("AWS_ENDPOINT_URL", card["endpoint_url"]),
        ("AWS_DEFAULT_REGION", card["region"]),
        ("AWS_ACCESS_KEY_ID", card["access_key_id"]),
        ("AWS_SECRET_ACCESS_KEY", card["secret_access_key"]),
        ("DATA_BUCKET", card["data_bucket"]),
    ):
        console.print(f"  export {name}={value}", soft_wrap=True)
    console.print(f"\nArtifact bucket: {card['artifact_bucket']}", soft_wrap=True)


def _show_findings(console: Console, findings: "list[Finding]") -> None:
    for finding in findings:
        mark = Text("ok    ", "green")
        if not finding.ok:
            mark = Text("MEND  ", "bold red") if finding.needed else Text("note  ", "yellow")
        console.print(Text.assemble(mark, (f"{finding.what}: ", "bold"), finding.found), soft_wrap=True)
        if not finding.ok:
            console.print(Text(f"      {finding.mend}"), soft_wrap=True)
