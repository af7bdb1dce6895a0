"""`segqc monitor`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segqc_conformal.cli.options import CalibrationOption, LogOption

if TYPE_CHECKING:
    from segqc_conformal.operations.webhook import Webhook

__all__ = ["monitor"]

monitor = typer.Typer(help="Watch whether the promises still hold.")


@monitor.command("run")
def run(
    log: LogOption,
    calibration: CalibrationOption,
    seed: Annotated[int | None, typer.Option(help="Seed of the tie-breakers [7].")] = None,
    horizon: Annotated[
        int | None, typer.Option(help="Cases for which a false WATCH is bounded [10000].")
    ] = None,
    false_alarm: Annotated[
        float | None, typer.Option(help="Chance of a false WATCH within the horizon [0.05].")
    ] = None,
    audit_horizon: Annotated[
        int | None, typer.Option(help="Audits for which a false HARM is bounded [1000].")
    ] = None,
    audit_false_alarm: Annotated[
        float | None, typer.Option(help="Chance of each false HARM within them [0.05].")
    ] = None,
    benign_margin: Annotated[
        float | None,
        typer.Option(help="By how much a risk may exceed its bound to close a WATCH [0.05]."),
    ] = None,
    stale_after_days: Annotated[
        int | None, typer.Option(help="Days after which an audit is overdue [30].")
    ] = None,
    on_watch: Annotated[
        str | None,
        typer.Option(help="Under WATCH keep accepting, and say so, or refer all [keep]."),
    ] = None,
    as_of: Annotated[
        datetime | None, typer.Option(help="Time of the run, for a repeat. Default: now.")
    ] = None,
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="Exit 0 on alarm and missing evidence too.")
    ] = False,
    wait: Annotated[
        float, typer.Option(help="Seconds to wait for another run that is going on.", min=0.0)
    ] = 0.0,
    prometheus: Annotated[
        Path | None,
        typer.Option(help="File ending in .prom to write for the textfile collector."),
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(help="URL that is told of changes of state. Default: nobody.")
    ] = None,
    webhook_secret_file: Annotated[
        Path | None, typer.Option(help="File with the secret that signs what the webhook is told.")
    ] = None,
) -> None:
    """Read the log past its cursors and update the monitors; one JSON line on standard output.

    What is declared in the first run stays: options may be left out afterwards. From the run on,
    verdicts of the calibration folder say what was found. Exit codes: 0 ok, 1 error, 10 alarm, 11
    not enough or stale evidence. A webhook that cannot be reached changes none of them: it is said
    on standard error, and a later run tries again.
    """
    from segqc_conformal.calibration_folder import CalibrationFolder
    from segqc_conformal.case_log import CaseLog
    from segqc_conformal.errors import InputError
    from segqc_conformal.monitors.monitor_settings import MonitorSettings
    from segqc_conformal.monitors.run import run_monitors, saved_monitor
    from segqc_conformal.monitors.segments import watched
    from segqc_conformal.operations.prometheus import write_prometheus
    from segqc_conformal.operations.webhook import deliver

    told = _receiver(webhook, webhook_secret_file)
    given: dict[str, Any] = {
        "seed": seed,
        "horizon": horizon,
        "false_alarm": false_alarm,
        "audit_horizon": audit_horizon,
        "audit_false_alarm": audit_false_alarm,
        "benign_margin": benign_margin,
        "stale_after_days": stale_after_days,
        "on_watch": on_watch,
    }
    folder = CalibrationFolder(calibration)
    now = datetime.now(UTC) if as_of is None else as_of.replace(tzinfo=as_of.tzinfo or UTC)
    if now > datetime.now(UTC):
        raise InputError("a time that has come", now.isoformat(), "correct --as-of")
    version = folder.stored()
    gate = watched(version)
    with CaseLog(log, create=False) as case_log, case_log.only_run(wait):
        case_log.keep_certificate(version.certificate, now=now)
        saved = saved_monitor(case_log, gate)
        declared = MonitorSettings() if saved is None else saved.settings
        settings = replace(
            declared, **{name: value for name, value in given.items() if value is not None}
        )
        result = run_monitors(case_log, gate, now, settings, folder=folder, notify=told is not None)
        if prometheus is not None:
            counts = case_log.counts(now, settings.stale_after_days)
            write_prometheus(prometheus, gate.id, result, counts, datetime.now(UTC))
        print(json.dumps({"calibration": gate.id, "time": now.isoformat(), **asdict(result)}))
        for problem in [] if told is None else deliver(case_log, told, datetime.now(UTC)):
            print(problem, file=sys.stderr)
    raise typer.Exit(0 if exit_zero else result.exit_code)


def _receiver(url: str | None, secret_file: Path | None) -> Webhook | None:
    from segqc_conformal.errors import InputError
    from segqc_conformal.operations.webhook import Webhook
    from segqc_conformal.secret_file import read_secret

    if url is None and secret_file is None:
        return None
    if url is None or secret_file is None:
        raise InputError(
            "both --webhook and --webhook-secret-file, or none of them",
            "one of them",
            "what is sent is always signed; docs/operations says how the receiver checks it",
        )
    return Webhook(url, read_secret(secret_file))


@monitor.command("report")
def report(
    log: LogOption,
    calibration: CalibrationOption,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("drift-report.html"),
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="NIfTI images, CASE.nii.gz: pictures of the most changed cases. Without it their "
            "values are drawn.",
        ),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Deployed masks, CASE.nii.gz: outlined in the pictures."),
    ] = None,
    workspace: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="evidently workspace that gets the same run; `evidently ui` opens it.",
        ),
    ] = None,
) -> None:
    """Write the drift report: recent cases beside the calibration cases, with the evidence."""
    from segqc_conformal.case_log import CaseLog
    from segqc_conformal.errors import InputError
    from segqc_conformal.gate import CalibratedGate
    from segqc_conformal.reports.case_pictures import CasePictures
    from segqc_conformal.reports.logged_drift import write_logged_drift

    if masks is not None and images is None:
        raise InputError("--images with --masks", "--masks alone", "name the folder of images too")
    pictures = None if images is None else CasePictures(images, masks)
    with CaseLog(log, create=False) as case_log:
        print(
            write_logged_drift(
                out,
                case_log,
                CalibratedGate.load(calibration),
                pictures=pictures,
                workspace=workspace,
            )
        )
