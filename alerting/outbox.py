"""The file of open faults and of messages that are to be sent, and the sending."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alerting.settings import AlertSettings
from ingestion.settings import LandingSettings, read

if TYPE_CHECKING:
    from alerting.faults import OpenFault

log = logging.getLogger(__name__)

TABLES = """
create table if not exists faults (
    key text primary key, severity text not null, title text not null, detail text not null, owner text not null,
    playbook text, link text, occurrences integer not null, first_seen text not null, last_seen text not null,
    told_at text not null
);
create table if not exists messages (
    id integer primary key autoincrement, channel text not null, message text not null,
    tries integer not null default 0, taken_at real not null default 0, error text
);
"""
COLUMNS = "key, severity, title, detail, owner, playbook, link, occurrences, first_seen, last_seen"
TAKEN_SECONDS = 120
"""So long a message belongs to the process that is sending it; longer than any sending can take."""


def path() -> Path:
    return read(LandingSettings).data / "alerts.sqlite"


def exists() -> bool:
    return path().exists()


class Store:
    """The tables, inside one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def fault(self, key: str) -> tuple[OpenFault, str] | None:
        """The open fault of that key and when it was last told; None when there is none."""
        row = self.connection.execute(f"select {COLUMNS}, told_at from faults where key = ?", (key,)).fetchone()
        return (_fault(row[:-1]), str(row[-1])) if row else None

    def faults(self) -> list[OpenFault]:
        rows = self.connection.execute(f"select {COLUMNS} from faults order by first_seen, key").fetchall()
        return [_fault(row) for row in rows]

    def keep(self, fault: OpenFault, told_at: str) -> None:
        self.connection.execute(
            f"insert or replace into faults ({COLUMNS}, told_at) values ({', '.join('?' * 11)})",
            (*asdict(fault).values(), told_at),
        )

    def forget(self, key: str) -> None:
        self.connection.execute("delete from faults where key = ?", (key,))

    def enqueue(self, event: str, fault: OpenFault, channels: list[str]) -> None:
        message = json.dumps({"event": event, **asdict(fault)}, ensure_ascii=False)
        for channel in channels:
            self.connection.execute("insert into messages (channel, message) values (?, ?)", (channel, message))

    def take(self, channel: str) -> tuple[int, dict[str, Any]] | None:
        """The oldest message of the channel, for this process to send; None while another sends it or there is none.

        Only ever the oldest: that something is over must not be told before that it began.
        """
        row = self.connection.execute(
            "select id, message, taken_at from messages where channel = ? order by id limit 1", (channel,)
        ).fetchone()
        if row is None or time.time() - row[2] < TAKEN_SECONDS:
            return None
        self.connection.execute("update messages set taken_at = ? where id = ?", (time.time(), row[0]))
        return int(row[0]), dict(json.loads(row[1]))

    def sent(self, number: int) -> None:
        self.connection.execute("delete from messages where id = ?", (number,))

    def not_sent(self, number: int, error: str) -> None:
        self.connection.execute(
            "update messages set taken_at = 0, tries = tries + 1, error = ? where id = ?", (error, number)
        )

    def waiting(self) -> list[tuple[str, int, str]]:
        """(channel, how many wait, what went wrong last)."""
        return self.connection.execute(
            "select channel, count(*), coalesce(max(error), '') from messages group by channel order by channel"
        ).fetchall()


def _fault(row: tuple[Any, ...]) -> OpenFault:
    from alerting.faults import OpenFault

    return OpenFault(*row)


@contextmanager
def transaction() -> Iterator[Store]:
    """One at a time among all processes; kept at the end, undone by an exception."""
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
    connection = sqlite3.connect(file, timeout=30, isolation_level=None)
    try:
        connection.executescript(TABLES)
        connection.execute("begin immediate")
        yield Store(connection)
        connection.execute("commit")
    finally:
        connection.close()


def deliver(settings: AlertSettings) -> dict[str, str]:
    """Sends what waits, oldest first, over each channel; returns what went wrong by channel. What is not sent stays."""
    from alerting.channels import send

    wrong: dict[str, str] = {}
    for channel in settings.channels:
        while True:
            with transaction() as store:
                taken = store.take(channel)
            if taken is None:
                break
            number, message = taken
            error = send(channel, message, settings)
            with transaction() as store:
                if error is None:
                    store.sent(number)
                else:
                    store.not_sent(number, error)
            if error is not None:
                log.warning("%s could not be told by %s: %s; it is kept", message["key"], channel, error)
                wrong[channel] = error
                break
    return wrong


def waiting() -> list[tuple[str, int, str]]:
    if not exists():
        return []
    with transaction() as store:
        return store.waiting()
