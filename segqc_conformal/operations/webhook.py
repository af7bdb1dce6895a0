"""Telling a receiver over HTTP what the monitors noticed: signed, repeated until it is taken."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from segqc_conformal.case_log import CaseLog, Notice
from segqc_conformal.errors import InputError, on_one_line
from segqc_conformal.secret_file import check_secret

__all__ = ["SIGNATURE_HEADER", "Webhook", "deliver", "signature"]

SIGNATURE_HEADER = "X-Segqc-Signature"
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True)
class Webhook:
    """Where to send notices, and the secret that signs them.

    Parameters
    ----------
    url : str
        http or https.
    secret : bytes
        Known to the receiver; 16 bytes at least.
    timeout_s : float
        For each step of a connection.

    Raises
    ------
    InputError
        For another kind of URL, or a shorter secret.

    Notes
    -----
    Guarantee: none statistical. Redirects are not followed, so nothing goes to another address.

    Examples
    --------
    >>> Webhook("https://alerts.example/segqc", b"sixteen bytes ok").timeout_s
    10.0
    """

    url: str
    secret: bytes = field(repr=False)
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        """Check the settings."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(
                "a webhook URL that begins with http(s)://host", self.url, "correct it"
            )
        check_secret(self.secret, "webhook secret")

    def send(self, notice: Notice) -> None:
        """Send a notice once.

        Raises
        ------
        OSError, HTTPException
            If it was not taken; `HTTPError` where the receiver answered.
        """
        body = json.dumps(_envelope(notice), sort_keys=True, allow_nan=False).encode()
        headers = {
            "Content-Type": "application/cloudevents+json",
            "User-Agent": "segqc-conformal",
            SIGNATURE_HEADER: signature(self.secret, body),
        }
        request = Request(self.url, body, headers, method="POST")
        build_opener(_NoRedirect).open(request, timeout=self.timeout_s).close()


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _envelope(notice: Notice) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": notice.key,
        "type": f"segqc.{notice.kind}",
        "source": "segqc-conformal",
        "time": notice.time,
        "datacontenttype": "application/json",
        "data": dict(notice.data),
    }


def signature(secret: bytes, body: bytes) -> str:
    """Return what the signature header holds: the HMAC-SHA256 of the body.

    Examples
    --------
    >>> signature(b"sixteen bytes ok", b"{}")[:15]
    'sha256=3657ed42'
    """
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def deliver(log: CaseLog, webhook: Webhook, now: datetime) -> list[str]:
    """Send what is due; return in words what was not taken.

    Parameters
    ----------
    log : CaseLog
    webhook : Webhook
    now : datetime
        The clock of this machine: it decides what is due.

    Returns
    -------
    list of str
        One sentence per failure. What failed is due again after 1, 2, 4, ... minutes, at most a
        day, at the first run from then on.

    Notes
    -----
    Guarantee: none statistical. Each notice is taken at least once if the receiver ever takes it;
    more than once only where this process dies between sending and recording.
    """
    problems = []
    for notice in log.due_notices(now):
        try:
            webhook.send(notice)
        except HTTPError as error:
            error.close()
            problems.append(_failed(log, notice, f"answer {error.code}", now))
        except (OSError, HTTPException, ValueError) as error:
            problems.append(_failed(log, notice, on_one_line(error), now))
            break  # nobody is there: the rest need not wait for time-outs of their own
        else:
            log.record_delivery(notice, now=now)
    return problems


def _failed(log: CaseLog, notice: Notice, why: str, now: datetime) -> str:
    # 2 ** 11 minutes are more than a day already
    wait = min(FIRST_WAIT * 2 ** min(notice.attempts, 11), LONGEST_WAIT)
    log.record_failure(notice, next_attempt=now + wait)
    return (
        f"webhook: {notice.kind} {notice.key[:12]} was not taken at attempt {notice.attempts + 1} "
        f"({why}); it stays in the log and is tried again by the first run after {now + wait:%F %T}"
    )
