"""The `headgate` command: wires the commands together and turns what ends them into exit codes."""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console

from headgate_cli.commands import (
    auditing,
    cards,
    cloud,
    compliance,
    data,
    demonstration,
    drift,
    erasing,
    exporting,
    faults,
    incidents,
    labels,
    ledger,
    logs,
    people,
    prediction,
    reconciling,
    rehearsing,
    retraining,
    tenants,
)
from headgate_cli.errors import CommandError, ExitCode

INTERRUPTED = "Interrupted. What was started in the cloud goes on."

app = typer.Typer(
    help="The control gate between data and production: validate, train, judge, release.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        sys.stdout.write(f"headgate {version('headgate')}\n")
        raise typer.Exit


@app.callback()
def _every_command(
    _: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version and end.")
    ] = False,
) -> None:
    pass


for command in (
    demonstration.demo,
    cloud.up,
    cloud.down,
    cloud.doctor,
    data.drop,
    data.watch,
    retraining.retrain,
    ledger.runs,
    ledger.show,
    cards.card,
    ledger.versions,
    ledger.releases,
    ledger.plan,
    incidents.incidents,
    incidents.explain,
    incidents.rollback,
    reconciling.reconcile,
    people.approve,
    people.reject,
    people.freeze,
    people.unfreeze,
    logs.tensorboard,
    prediction.predict,
    labels.feedback,
    drift.drift,
    exporting.export,
    erasing.erase,
    rehearsing.rehearse,
):
    app.command()(command)
app.add_typer(faults.app, name="fault")
app.add_typer(auditing.app, name="audit")
app.add_typer(tenants.app, name="tenant")
app.add_typer(compliance.app, name="compliance")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code; nothing is raised. HEADGATE_DEBUG=1 shows where an error came from.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        # What is not standalone hands its errors to us, so that --json can put them into its one document.
        code = int(app(given, prog_name="headgate", standalone_mode=False) or ExitCode.DONE)
        return _end(given, INTERRUPTED, ExitCode.INTERRUPTED) if code == ExitCode.INTERRUPTED else code
    except typer.TyperException as error:
        return _end(given, error.format_message().replace("Value error, ", ""), ExitCode.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return _end(given, INTERRUPTED, ExitCode.INTERRUPTED)
    except CommandError as error:
        return _end(given, str(error), error.exit_code)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 the reader left; let the interpreter flush into nothing
        return ExitCode.DONE
    except Exception as error:  # the last resort: a person gets a sentence, a developer asks for the traceback
        return _end(given, _unexpected(error), _exit_code_of(error))


def _end(given: Sequence[str], message: str, code: ExitCode) -> int:
    if os.environ.get("HEADGATE_DEBUG") == "1":
        traceback.print_exc()
    if message:  # there is none where the help was the answer
        Console(stderr=True, highlight=False).print(f"headgate: {message}", markup=False, soft_wrap=True)
    if "--json" in given:
        sys.stdout.write(json.dumps({"error": message, "exit_code": int(code)}, ensure_ascii=False) + "\n")
    return code


def _exit_code_of(error: Exception) -> ExitCode:
    from headgate.domain.errors import BadKeyError

    return ExitCode.USAGE if isinstance(error, BadKeyError) else ExitCode.FAILED


def _unexpected(error: Exception) -> str:
    from headgate.domain.errors import HeadgateError

    if isinstance(error, HeadgateError):
        return str(error)
    return f"This should not have happened ({type(error).__name__}: {error}). HEADGATE_DEBUG=1 shows where."


if __name__ == "__main__":
    sys.exit(main())
