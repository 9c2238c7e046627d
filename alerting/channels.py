"""How a message leaves the house: a JSON document by POST, an e-mail by SMTP. Bounded in time and in tries.

The document has `schema` (1), `event` (raised, updated or resolved), `key`, `severity` (failure or warning), `title`,
`detail`, `owner`, `playbook` (an address), `link`, `occurrences`, `first_seen` and `last_seen` (ISO 8601, UTC). A
receiver can tell a message that reached it twice by event, key and last_seen.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

import requests

from alerting.settings import AlertSettings

SCHEMA = 1
TRIES = 3
PAUSES = (0.5, 2.0)
SECONDS = 10.0


def send(channel: str, message: dict[str, Any], settings: AlertSettings) -> str | None:
    """Sends one message; None when the channel has taken it, else why not, in words without a secret."""
    ways: dict[str, Callable[[dict[str, Any], AlertSettings], None]] = {"webhook": _post, "email": _mail}
    error = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSES[attempt - 1])
        try:
            ways[channel](message, settings)
            return None
        except Refused as refused:
            return str(refused)
        except (requests.RequestException, smtplib.SMTPException, OSError) as failure:
            # Their texts repeat addresses, and with them what may be secret.
            error = type(failure).__name__
            if isinstance(failure, ssl.SSLError):
                return f"{error}: the certificate is not trusted"
    return f"{error} ({TRIES} tries)"


class Refused(Exception):
    """The other side has answered, and would answer the same again."""


def document(message: dict[str, Any], settings: AlertSettings) -> dict[str, Any]:
    """What is told, whatever the channel."""
    page = message["playbook"]
    return {
        "schema": SCHEMA,
        **message,
        "playbook": f"{settings.alert_playbook_url.rstrip('/')}/{page}.md" if page else None,
    }


def _post(message: dict[str, Any], settings: AlertSettings) -> None:
    assert settings.alert_webhook_url is not None
    body = json.dumps(document(message, settings), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "meterhouse"}
    if settings.alert_webhook_secret:
        key = settings.alert_webhook_secret.get_secret_value().encode()
        headers["X-Meterhouse-Signature"] = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    url = settings.alert_webhook_url.get_secret_value()
    with _unlogged():
        answer = requests.post(url, data=body, headers=headers, timeout=SECONDS, allow_redirects=False)
    if answer.status_code == 429 or answer.status_code >= 500:
        raise requests.RequestException
    if not answer.ok or answer.is_redirect:
        raise Refused(f"it answered {answer.status_code}")


@contextmanager
def _unlogged() -> Iterator[None]:
    """urllib3 writes each address that it asks into the log at DEBUG, and this address is a secret."""
    logger = logging.getLogger("urllib3.connectionpool")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _mail(message: dict[str, Any], settings: AlertSettings) -> None:
    said = document(message, settings)
    mail = EmailMessage()
    mail["From"], mail["To"] = settings.alert_email_from, settings.alert_email_to
    mail["Subject"] = f"[{said['event']}] {said['title']}".replace("\n", " ")
    # One thread per fault, from its beginning to its end.
    thread = hashlib.sha256(f"{said['key']} {said['first_seen']}".encode()).hexdigest()[:32]
    if said["event"] == "raised":
        mail["Message-ID"] = f"<{thread}@meterhouse>"
    else:
        mail["In-Reply-To"] = mail["References"] = f"<{thread}@meterhouse>"
    lines = [
        said["detail"],
        "",
        *(f"{name}: {said[name]}" for name in said if name not in ("detail", "schema") and said[name]),
    ]
    mail.set_content("\n".join(lines))
    assert settings.smtp_host is not None
    context = ssl.create_default_context()
    if settings.smtp_security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.smtp_host, settings.smtp_port, timeout=SECONDS, context=context
        )
    else:
        server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=SECONDS)
    with server:
        if settings.smtp_security == "starttls":
            server.starttls(context=context)
        if settings.smtp_user:
            password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
            server.login(settings.smtp_user, password)
        server.send_message(mail)
