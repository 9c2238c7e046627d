"""One message per fault, over real HTTP and SMTP, however many processes see it and whatever the other side does."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerting import Fault, channels, open_faults, outbox, raise_fault, resolve_fault
from alerting.settings import AlertSettings
from ingestion.errors import ConfigurationError
from ingestion.settings import read
from tests.alerting.receivers import Webhook, mailbox, make_certificate, webhook

ROOT = Path(__file__).resolve().parents[2]
OURS = ("ALERT_", "SMTP_")
DOWN = Fault(
    "land_abbanoa/land", "failure", "land_abbanoa: land failed", "SOURCE_DOWN: no answer", "ingestion", "landing-failed"
)


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, no channel, and no waiting between tries."""
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("METERHOUSE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(channels, "PAUSES", (0.0, 0.0))
    return tmp_path


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with webhook() as running:
        monkeypatch.setenv("ALERT_WEBHOOK_URL", running.url)
        yield running


def test_a_fault_is_told_once_however_often_it_is_met_and_once_when_it_is_over(hook: Webhook) -> None:
    for _ in range(3):
        raise_fault(DOWN)
    assert hook.events() == [("raised", "land_abbanoa/land")]
    (lasting,) = open_faults()
    assert (lasting.key, lasting.occurrences) == ("land_abbanoa/land", 3)

    resolve_fault("land_abbanoa/land", "it passed")
    resolve_fault("land_abbanoa/land", "it passed")
    assert hook.events() == [("raised", "land_abbanoa/land"), ("resolved", "land_abbanoa/land")]
    assert (hook.documents[1]["detail"], hook.documents[1]["occurrences"]) == ("it passed", 3)
    assert open_faults() == []

    raise_fault(DOWN)
    assert [event for event, _ in hook.events()] == ["raised", "resolved", "raised"]


def test_what_was_never_wrong_is_not_told_to_be_well(hook: Webhook, house: Path) -> None:
    resolve_fault("land_abbanoa/land", "it passed")
    assert (hook.asked, (house / "data").exists()) == (0, False)


def test_a_message_says_what_is_wrong_whose_it_is_and_where_to_read_on(
    hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERT_PLAYBOOK_URL", "https://docs.example.org/runbooks/")
    raise_fault(Fault("k", "warning", "t", "d", "ingestion", "source-late", "http://127.0.0.1/log"))
    (said,) = hook.documents
    assert said.pop("first_seen") == said.pop("last_seen")
    assert said == {
        "schema": 1, "event": "raised", "key": "k", "severity": "warning", "title": "t", "detail": "d",
        "owner": "ingestion", "playbook": "https://docs.example.org/runbooks/source-late.md",
        "link": "http://127.0.0.1/log", "occurrences": 1,
    }  # fmt: skip


def test_a_warning_that_becomes_a_failure_is_told_again(hook: Webhook) -> None:
    raise_fault(Fault("k", "warning", "t", "late", "o"))
    raise_fault(Fault("k", "failure", "t", "stale", "o"))
    raise_fault(Fault("k", "warning", "t", "late", "o"))
    assert [(one["event"], one["severity"]) for one in hook.documents] == [
        ("raised", "warning"),
        ("updated", "failure"),
    ]


def test_another_reason_is_told_when_it_is_time_to_remind(hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    raise_fault(Fault("k", "failure", "t", "one file", "o"))
    raise_fault(Fault("k", "failure", "t", "two files", "o"))
    assert len(hook.documents) == 1
    monkeypatch.setenv("ALERT_REMIND_HOURS", "0")
    raise_fault(Fault("k", "failure", "t", "two files", "o"))
    raise_fault(Fault("k", "failure", "t", "three files", "o"))
    assert [(one["event"], one["detail"]) for one in hook.documents] == [
        ("raised", "one file"),
        ("updated", "three files"),
    ]


def test_what_could_not_be_sent_is_kept_and_sent_in_its_order(hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    there = os.environ["ALERT_WEBHOOK_URL"]
    monkeypatch.setenv("ALERT_WEBHOOK_URL", "http://127.0.0.1:1/nobody")
    raise_fault(DOWN)
    resolve_fault(DOWN.key, "it passed")
    assert [(channel, count) for channel, count, _ in outbox.waiting()] == [("webhook", 2)]
    monkeypatch.setenv("ALERT_WEBHOOK_URL", there)
    raise_fault(Fault("another", "failure", "t", "d", "o"))
    assert [event for event, _ in hook.events()] == ["raised", "resolved", "raised"]
    assert outbox.waiting() == []


def test_a_server_that_stumbles_is_asked_again_and_one_that_refuses_is_not(hook: Webhook) -> None:
    hook.answers = [500, 429]
    raise_fault(DOWN)
    assert (hook.asked, len(hook.documents)) == (3, 1)
    hook.answers = [403]
    raise_fault(Fault("another", "failure", "t", "d", "o"))
    assert hook.asked == 4
    assert outbox.waiting() == [("webhook", 1, "it answered 403")]


def test_a_redirect_is_not_followed(hook: Webhook) -> None:
    hook.answers = [302]
    raise_fault(DOWN)
    assert (hook.asked, outbox.waiting()) == (1, [("webhook", 1, "it answered 302")])


def test_a_message_can_be_known_by_its_signature(hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_SECRET", "a shared secret")
    raise_fault(DOWN)
    expected = hmac.new(b"a shared secret", hook.bodies[0], hashlib.sha256).hexdigest()
    assert hook.headers[0]["X-Meterhouse-Signature"] == f"sha256={expected}"


def test_no_credential_leaves_the_house_or_reaches_the_log(
    hook: Webhook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    raise_fault(Fault("k", "failure", "t", "postgres://loader:canary1@host/db and ?appid=canary2&q=1", "o"))
    monkeypatch.setenv("ALERT_WEBHOOK_URL", "http://127.0.0.1:1/hook?token=canary-of-the-address")
    raise_fault(Fault("k2", "failure", "t", "d" * 5000, "o"))
    assert hook.documents[0]["detail"] == "postgres://***@host/db and ?appid=***&q=1"
    assert len(open_faults()[1].detail) == 1000
    said = caplog.text + str(outbox.waiting()) + str(hook.documents)
    assert "canary" not in said


def test_a_mail_is_a_thread_from_the_beginning_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with mailbox() as box:
        for name, value in {
            "ALERT_EMAIL_TO": "on-call@example.org, boss@example.org", "ALERT_EMAIL_FROM": "meterhouse@example.org",
            "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(box.port), "SMTP_SECURITY": "none",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        raise_fault(DOWN)
        resolve_fault(DOWN.key, "it passed")
    first, second = box.mails
    assert (first["Subject"], second["Subject"]) == (
        "[raised] land_abbanoa: land failed", "[resolved] land_abbanoa: land failed",
    )  # fmt: skip
    assert first["To"] == "on-call@example.org, boss@example.org"
    assert second["In-Reply-To"] == first["Message-ID"]
    assert "SOURCE_DOWN: no answer" in first.get_payload() and "docs/runbooks/landing-failed.md" in first.get_payload()


def test_a_mail_goes_only_to_a_server_whose_certificate_is_trusted(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(house / "localhost.pem", "localhost")
    with mailbox(certificate) as box:
        for name, value in {
            "ALERT_EMAIL_TO": "on-call@example.org", "ALERT_EMAIL_FROM": "meterhouse@example.org",
            "SMTP_HOST": "localhost", "SMTP_PORT": str(box.port),
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        raise_fault(DOWN)
        assert box.mails == []
        assert outbox.waiting() == [("email", 1, "SSLCertVerificationError: the certificate is not trusted")]
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        outbox.deliver(read(AlertSettings))
        assert [mail["Subject"] for mail in box.mails] == ["[raised] land_abbanoa: land failed"]
        # Trusted, but for another name.
        monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
        raise_fault(Fault("another", "failure", "t", "d", "o"))
        assert len(box.mails) == 1


def test_processes_that_meet_one_fault_at_once_tell_of_it_once(hook: Webhook) -> None:
    command = [sys.executable, "-m", "alerting", "raise", "one/thing", "--title", "t"]
    at_once = [subprocess.Popen(command, cwd=ROOT) for _ in range(6)]
    assert [process.wait(120) for process in at_once] == [0] * 6
    assert hook.events() == [("raised", "one/thing")]
    assert open_faults()[0].occurrences == 6


def test_without_a_channel_faults_are_kept_and_shown(house: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-m", "alerting", *arguments], cwd=ROOT, capture_output=True, text=True)
        return done.returncode, done.stdout

    assert run("list") == (0, "Nothing is wrong.\n")
    assert run("raise", "systemd/meterhouse", "--title", "the run failed", "--playbook", "landing-failed") == (0, "")
    code, said = run("list")
    assert code == 0 and "systemd/meterhouse" in said and "the run failed" in said
    assert run("resolve", "systemd/meterhouse") == (0, "")
    assert run("list")[1] == "Nothing is wrong.\n"
    assert run("test")[0] == 2
    assert stat.S_IMODE((house / "data" / "alerts.sqlite").stat().st_mode) == 0o600


def test_the_command_says_whether_each_channel_takes_a_message(hook: Webhook) -> None:
    def run() -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-m", "alerting", "test"], cwd=ROOT, capture_output=True, text=True)
        return done.returncode, done.stdout

    assert run() == (0, "webhook: taken\n")
    hook.answers = [401]
    assert run() == (1, "webhook: it answered 401\n")


@pytest.mark.parametrize(
    "settings",
    [
        {"ALERT_WEBHOOK_URL": "http://hooks.example.org/x"},
        {"ALERT_WEBHOOK_URL": "file:///etc/passwd"},
        {"ALERT_EMAIL_TO": "on-call@example.org"},
        {"SMTP_HOST": "mail.example.org", "SMTP_SECURITY": "none"},
    ],
)
def test_a_channel_that_would_tell_the_world_is_refused(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError):
        read(AlertSettings)


def test_an_alert_that_cannot_be_kept_costs_its_caller_nothing(
    house: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (house / "file").write_text("")
    monkeypatch.setenv("METERHOUSE_DATA", str(house / "file" / "below"))
    raise_fault(DOWN)
    assert "land_abbanoa/land could not be kept or sent" in caplog.text
