"""`tensorboard`: the course of a training, as pictures."""

import sys
from typing import Annotated

import typer

from headgate_cli.commands import options
from headgate_cli.output import Output


def tensorboard(
    run: Annotated[str, typer.Argument(metavar="RUN")],
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Show the course of a run's training in TensorBoard, on this computer only, until Ctrl-C."""
    import tempfile
    from pathlib import Path

    from headgate_cli.tensorboard import fetch, serving

    with tempfile.TemporaryDirectory(prefix="headgate-tensorboard-") as kept:
        folder = Path(kept)
        with options.cloud(stack) as cloud:
            from headgate_cli.runs import Records, ref_of

            ref = ref_of(Records(cloud).find_run(run))
            files = fetch(cloud, ref, folder / run)
        output = Output(as_json)
        with serving(folder) as (url, process):
            document = {"run": run, "url": url, "files": files}
            output.result(document, lambda console: console.print(f"TensorBoard shows {run} at {url} until Ctrl-C."))
            sys.stdout.flush()  # whoever reads it shall have the address while it is one
            try:
                process.wait()
            except KeyboardInterrupt:
                output.note("stopped")
