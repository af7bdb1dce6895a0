"""The `segqc` command: each sub-command is one function of the library, with words around it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from segqc_conformal.cli.audit import audit
from segqc_conformal.cli.calibrate import calibrate
from segqc_conformal.cli.compare import compare
from segqc_conformal.cli.demo import demo
from segqc_conformal.cli.doctor import doctor
from segqc_conformal.cli.extract import extract
from segqc_conformal.cli.judge import judge
from segqc_conformal.cli.log import log
from segqc_conformal.cli.monitor import monitor
from segqc_conformal.cli.plan import plan
from segqc_conformal.cli.recalibrate import recalibrate
from segqc_conformal.cli.review import review
from segqc_conformal.cli.rollback import rollback
from segqc_conformal.cli.status import status
from segqc_conformal.errors import FileFormatError, SegqcError

__all__ = ["app", "main"]

app = typer.Typer(
    name="segqc",
    help="How good is this mask, may it pass without a human, and do the promises still hold?",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    demo,
    doctor,
    extract,
    plan,
    calibrate,
    judge,
    compare,
    review,
    recalibrate,
    rollback,
    status,
):
    app.command()(command)
app.add_typer(log, name="log")
app.add_typer(audit, name="audit")
app.add_typer(monitor, name="monitor")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit 0 ok, 1 error or wrong usage, 10 alarm, 11 not enough evidence."""
    try:
        app(args=arguments)
        code: object = 0
    except SystemExit as stop:
        code = stop.code
    except SegqcError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        code = 1
    except OSError as error:
        found = FileFormatError(
            "paths that can be read and written", error, "check path, disk space and permissions"
        )
        print(f"{type(found).__name__}: {found}", file=sys.stderr)
        code = 1
    # wrong usage is 2 to the parser, but an error like any other to whoever schedules us
    sys.exit(1 if code == 2 else int(str(code or 0)))
