"""Where alerts go. With none of it set faults are kept, and `python -m alerting list` shows them."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from ingestion.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class AlertSettings(Settings):
    """Channels and how they are reached."""

    alert_webhook_url: SecretStr | None = None
    """Gets a JSON message by POST (`channels.py` says which); a secret, since whoever knows it may post."""
    alert_webhook_secret: SecretStr | None = None
    """Signs each message: header `X-Meterhouse-Signature: sha256=<HMAC of the body>`."""
    alert_email_to: str | None = None
    """Addresses, separated by commas."""
    alert_email_from: str | None = None
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    alert_playbook_url: str = "docs/runbooks"
    """Where the runbooks are served; a message links to `<this>/<playbook>.md`."""
    alert_remind_hours: float = Field(default=24, ge=0)
    """A fault that lasts and says something new is told again no sooner than this."""

    @model_validator(mode="after")
    def _is_safe(self) -> AlertSettings:
        if self.alert_webhook_url:
            url = urlsplit(self.alert_webhook_url.get_secret_value())
            if url.scheme != "https" and not (url.scheme == "http" and url.hostname in LOOPBACK):
                raise ValueError("ALERT_WEBHOOK_URL begins with https:// (http:// for this machine only)")
        if self.alert_email_to and not (self.smtp_host and self.alert_email_from):
            raise ValueError("ALERT_EMAIL_TO needs SMTP_HOST and ALERT_EMAIL_FROM")
        if self.smtp_security == "none" and self.smtp_host and self.smtp_host not in LOOPBACK:
            raise ValueError("SMTP_SECURITY is none for this machine only")
        return self

    @property
    def channels(self) -> list[str]:
        """Names of those that are configured."""
        return [
            *(["webhook"] if self.alert_webhook_url else []),
            *(["email"] if self.alert_email_to else []),
        ]
