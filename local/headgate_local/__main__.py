"""`python -m headgate_local up|down`: progress in words on stderr, the card as JSON on stdout."""

import argparse
import json
import sys
from dataclasses import asdict

from headgate_local.deploy import DeploymentError
from headgate_local.launcher import LocalCloudError, down, up


def main() -> int:
    """Parse the command line and do it."""
    parser = argparse.ArgumentParser(prog="headgate_local")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up")
    starting.add_argument("--port", type=int, default=None)
    stopping = commands.add_parser("down")
    stopping.add_argument("--purge", action="store_true")
    options = parser.parse_args()
    try:
        if options.command == "up":
            answer: dict[str, object] = asdict(up(options.port, _say))
        else:
            answer = {"was_running": down(options.purge, _say)}
    except (LocalCloudError, DeploymentError) as error:
        _say(str(error))
        return 1
    except OSError as error:  # a full disk, a home that is not there
        _say(f"The local cloud's files cannot be written: {error}.")
        return 1
    except KeyboardInterrupt:
        _say("interrupted; nothing was left running")
        return 130
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
