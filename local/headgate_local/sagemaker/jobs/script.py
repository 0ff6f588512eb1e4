"""What runs inside a job's process: the user's program, with the arguments and the environment of its container."""

import atexit
import io
import os
import re
import runpy
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Script:
    """A program to run as a container would: ``command`` is what its entry point and arguments come to."""

    command: tuple[str, ...]
    environment: dict[str, str]
    directory: str
    notice: str = ""
    """What its log begins with: a word of the local cloud about this job."""


def run(script: Script) -> None:
    """Become the script. Python programs use this warm interpreter; anything else replaces the process."""
    os.environ.clear()
    os.environ.update(script.environment)
    os.chdir(script.directory)
    tempfile.tempdir = None  # what was looked up before this process was the script's counts no more
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    if script.notice:
        sys.stdout.write(script.notice + "\n")
    program, arguments = script.command[0], list(script.command[1:])
    if not re.fullmatch(r"python[0-9.]*", Path(program).name) or not arguments:
        os.execvp(program, script.command)  # noqa: S606 - the point of a job is to run the program it names
    try:
        _interpret(arguments)
    except SystemExit:
        raise
    except BaseException as error:
        # Two frames are ours: this one and that of _interpret; a user's traceback starts with the user's program.
        trace = error.__traceback__ and error.__traceback__.tb_next and error.__traceback__.tb_next.tb_next
        sys.excepthook(type(error), error.with_traceback(_outside_runpy(trace)), _outside_runpy(trace))
        sys.exit(1)
    finally:
        atexit._run_exitfuncs()  # multiprocessing does not, and programs rely on it


def _interpret(arguments: list[str]) -> None:
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
        runpy.run_path(arguments[0], run_name="__main__")


def _outside_runpy(trace):  # type: ignore[no-untyped-def]
    while trace is not None and trace.tb_frame.f_globals.get("__name__") == "runpy":
        trace = trace.tb_next
    return trace
