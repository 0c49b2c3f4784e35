"""The command line of `dropmesh classify-dir`, and its exit codes."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import signal
import sqlite3
import sys
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dropmesh.classify_dir.broker import Broker, BrokerGone, BrokerRefused
from dropmesh.classify_dir.journal import Journal
from dropmesh.classify_dir.options import PREFIX, Options, OptionsError, load_options
from dropmesh.classify_dir.platform import NoClassifier, Platform
from dropmesh.classify_dir.profile import ProfileError, load_profile
from dropmesh.classify_dir.progress import Progress, Terminal
from dropmesh.classify_dir.results import Results, ResultsInUse, ResultsUnusable
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile

ALL_CLASSIFIED = 0
SOME_FAILED = 1
WRONG_OPTION = 2
NO_BROKER = 3
NO_CLASSIFIER = 4
STOPPED = 130
DRAW_SECONDS = 0.2

EXIT_CODES = f"""exit codes:
  {ALL_CLASSIFIED}    every image has its labels (with --follow: until it was stopped)
  {SOME_FAILED}    some images have an error instead; the results file says which
  {WRONG_OPTION}    an option, the profile, the results file or the log cannot be used
  {NO_BROKER}    RabbitMQ refuses, or was away for too long; run it again to go on
  {NO_CLASSIFIER}    images wait, and no classifier took any for too long; run it again to go on
  {STOPPED}  stopped before the end; run it again to go on

Each option is also an environment variable ({PREFIX}AMQP for --amqp), and a key of the file that --config or
{PREFIX}CONFIG names (amqp = "…"). The command line wins over the environment, and that over the file.
"""


def add_to(commands: Any) -> None:
    """Adds the command to the parser of `dropmesh`."""
    parser = commands.add_parser(
        "classify-dir",
        help="classify the images of a folder over RabbitMQ",
        description="Sends the images of a folder to a classifier over RabbitMQ and keeps its labels in SQLite.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dir", nargs="?", metavar="DIR", help=Options.model_fields["dir"].description)
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file of options")
    for name, field in Options.model_fields.items():
        if name == "dir":
            continue
        option = f"--{name.replace('_', '-')}"
        if field.annotation is bool:
            parser.add_argument(option, action=argparse.BooleanOptionalAction, help=field.description)
        else:
            parser.add_argument(option, metavar=name.upper(), help=f"{field.description} ({field.default})")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    # Pillow's warnings about metadata, and the client library's about a lost connection, would break the progress bar.
    warnings.filterwarnings("ignore", module="PIL")
    warnings.filterwarnings("ignore", module="aio_pika")
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    logging.getLogger("aio_pika").setLevel(logging.CRITICAL)
    try:
        given = {name: getattr(arguments, name) for name in Options.model_fields}
        options = load_options(given, os.environ, arguments.config)
        profile = load_profile(options.profile)
        journal = Journal(options.log, _now)
        results = Results(options.results, _now)
    except (OptionsError, ProfileError, ResultsInUse, ResultsUnusable) as error:
        return _complain(error, WRONG_OPTION)
    except OSError as error:
        return _complain(f"log: {error.filename} cannot be written ({error.strerror})", WRONG_OPTION)
    try:
        return asyncio.run(_run(options, profile, results, journal))
    except KeyboardInterrupt:
        # Ctrl-C before the first image.
        return STOPPED
    except OSError as error:
        return _complain(f"{options.log} or {options.results} cannot be written ({error.strerror})", WRONG_OPTION)
    except sqlite3.Error as error:
        return _complain(f"results: {options.results} cannot be written ({error})", WRONG_OPTION)


async def _run(options: Options, profile: Profile, results: Results, journal: Journal) -> int:
    platform_id = results.begin(options.dir, options.profile, secrets.token_hex(6))
    journal.write("started", str(options.dir), f"profile {options.profile}, results {options.results}")
    if options.retry_failed:
        journal.write("retrying", f"{results.forget_failures()} images that failed before")
    progress, terminal, started = Progress(), Terminal(), time.monotonic()
    broker = Broker(
        options.amqp,
        profile,
        platform_id,
        prefetch=2 * options.in_flight,
        gone_after_seconds=options.connect_seconds,
        note=journal.write,
    )
    platform = Platform(options, profile, results, broker, journal, progress, _now)
    drawing = asyncio.create_task(_draw(lambda: terminal.draw(progress, time.monotonic() - started)))
    code = await _outcome(platform, journal, is_endless=options.follow)
    drawing.cancel()
    seconds = time.monotonic() - started
    terminal.draw(progress, seconds)
    terminal.end()
    outcomes = results.outcomes(platform.found)
    if code == ALL_CLASSIFIED and outcomes.failed + outcomes.failed_before:
        code = SOME_FAILED
    failures = f"{outcomes.failed} failed, {outcomes.failed_before} failed before"
    journal.write("ended", f"exit code {code}", f"{outcomes.done} classified, {failures}")
    await results.close(f"exit code {code}")
    journal.close()
    print(f"{progress.table(seconds, outcomes)}\nresults in {options.results}, log in {options.log}")
    return code


async def _outcome(platform: Platform, journal: Journal, *, is_endless: bool) -> int:
    work = asyncio.create_task(platform.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        journal.write("stopped", "by a signal")
        return ALL_CLASSIFIED if is_endless else STOPPED
    except (BrokerRefused, BrokerGone) as error:
        journal.write("gave up", str(error))
        return _complain(error, NO_BROKER)
    except NoClassifier as error:
        journal.write("gave up", str(error))
        return _complain(error, NO_CLASSIFIER)
    return ALL_CLASSIFIED


async def _draw(draw: Callable[[], None]) -> None:
    while True:
        draw()
        await asyncio.sleep(DRAW_SECONDS)


def _complain(reason: object, code: int) -> int:
    print(f"dropmesh classify-dir: {reason}", file=sys.stderr)
    return code


def _now() -> datetime:
    return datetime.now(UTC)
