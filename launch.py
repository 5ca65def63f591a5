"""Serves the workbench: arguments > settings > migrate > recover runs > build the app > serve."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from app.container import build
from app.errors import AppError
from app.settings import Settings
from lagamc.config import PRECISIONS
from lagamc.errors import LagamcError
from storage.errors import StorageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted. Returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = Settings(
            host=options.host, port=options.port, data_folder=options.data_folder, device=options.device,
            precision=options.precision, gpus=options.gpus, model_megabytes=options.model_memory,
        )  # fmt: skip
        serve(settings, demo=options.demo)
    except (AppError, LagamcError, StorageError, OSError) as error:
        print(f"launch.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the page was served
        return 130
    return 0


def serve(settings: Settings, *, demo: bool) -> None:
    """Build everything and serve; children that train survive the end of it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what stops services and containers, as Ctrl-C does
    services = build(settings)
    try:
        services.supervisor.recover()
        services.supervisor.start()
        if demo:
            services.projects.load_first_demo("demo")

        # Gradio takes seconds to import; `--help` and errors in the settings need not wait for it.
        from app.blocks import build_blocks
        from app.theme import serve_options

        page = build_blocks(services)
        try:
            page.launch(**serve_options(settings))
        except OSError as error:
            raise AppError(
                f"Port {settings.port} on {settings.host} is taken, or not this machine's to listen on. "
                "Choose another: --port N, or --host ADDRESS."
            ) from error
    finally:
        services.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="launch.py",
        description="Workbench for classifying documents by generated label descriptions.",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=30, width=110),
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 lets others in (default: %(default)s)")
    add("--port", type=int, default=7860, help="port to listen on (default: %(default)s)")
    add("--data-folder", type=Path, default=Path("data"), metavar="FOLDER",
        help="database, runs, models and results (default: %(default)s)")  # fmt: skip
    add("--device", default="auto", help="where models train and answer: auto, cpu, cuda (default: %(default)s)")
    add("--precision", default="float32", choices=PRECISIONS,
        help="of answers; bfloat16 is faster where the processor multiplies in it (default: %(default)s)")  # fmt: skip
    add("--gpus", type=int, default=1, metavar="N", help="GPUs that one run trains on (default: %(default)s)")
    add("--model-memory", type=int, default=2048, metavar="MB",
        help="loaded models together; those used longest ago make room (default: %(default)s)")  # fmt: skip
    add("--demo", action="store_true", help="load the demo where there is no project yet (default: no)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
