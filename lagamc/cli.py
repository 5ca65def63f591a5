"""The command line: lagamc train | classify | evaluate | describe | honesty | baseline | paper."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from lagamc.commands import baseline, classify, describe, evaluate, honesty, paper, train
from lagamc.errors import Cancelled, LagamcError

__all__ = ["main"]

EXIT_COMPLETED, EXIT_FAILED, EXIT_USAGE, EXIT_CANCELLED = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 usage, 3 cancelled."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not sys.stderr.isatty():  # no bars of the libraries underneath in a log
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        options.run(options)
        sys.stdout.flush()
    except OSError as error:  # a full disk, a folder that may not be written to, a reader that has had enough
        if not isinstance(error, BrokenPipeError):
            print(f"lagamc: {error}", file=sys.stderr)
        _give_up_output()
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("lagamc: stopped", file=sys.stderr)
        return EXIT_CANCELLED
    except Cancelled as stop:
        print(stop, file=sys.stderr)
        return EXIT_CANCELLED
    except LagamcError as error:
        print(f"lagamc: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_COMPLETED


def _give_up_output() -> None:
    """Drop what standard output does not take: the interpreter would try once more at its end, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lagamc", description="Multi-label text classification by generating label descriptions."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (train, classify, evaluate, describe, honesty, baseline, paper):
        command.register(commands)
    return parser
