"""Who may call: keys with a name and a role, of which only hashes are kept.

A key is 32 random bytes, so that one round of SHA-256 is as good as many: there is nothing to guess. `operator` may
do all that `reader` may.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ingestion.errors import ConfigurationError

Role = Literal["reader", "operator"]
ROLES: tuple[Role, ...] = get_args(Role)
PREFIX = "mh_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")


@dataclass(frozen=True)
class Caller:
    """Somebody with a key."""

    name: str
    role: Role


@dataclass
class Keys:
    """The file of keys, read anew when it has changed: a key that is revoked is refused with the next call."""

    path: Path
    _seen: tuple[int, int] | None = None
    _known: tuple[tuple[str, Caller], ...] = ()

    def caller(self, key: str) -> Caller | None:
        """Whose key it is. Raises ConfigurationError when the file cannot be understood."""
        given, found = _hash(key), None
        for known, caller in self._all():
            # Every known hash is compared, so that time says nothing of which came close.
            if hmac.compare_digest(known, given):
                found = caller
        return found

    def callers(self) -> list[Caller]:
        return [caller for _, caller in self._all()]

    def add(self, name: str, role: Role) -> str:
        """Makes a key and returns it: it is said once and kept nowhere. Raises ConfigurationError."""
        if not _NAME.fullmatch(name):
            raise ConfigurationError("CONFIG_KEY_NAME", "a key's name has letters, digits, dots and dashes, at most 50")
        known = list(self._all())
        if any(caller.name == name for _, caller in known):
            raise ConfigurationError("CONFIG_KEY_NAME", f"there is a key of the name {name} already; revoke it first")
        key = PREFIX + secrets.token_urlsafe(32)
        self._write([*known, (_hash(key), Caller(name, role))])
        return key

    def revoke(self, name: str) -> None:
        """Raises ConfigurationError when there is none of that name."""
        known = list(self._all())
        left = [(digest, caller) for digest, caller in known if caller.name != name]
        if len(left) == len(known):
            raise ConfigurationError("CONFIG_KEY_NAME", f"there is no key of the name {name}")
        self._write(left)

    def _all(self) -> tuple[tuple[str, Caller], ...]:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._seen, self._known = None, ()
            return ()
        if (identity := (status.st_ino, status.st_mtime_ns)) != self._seen:
            try:
                lines = json.loads(self.path.read_text(encoding="utf-8"))
                self._known = tuple((line["sha256"], Caller(line["name"], _role(line["role"]))) for line in lines)
            except (ValueError, TypeError, KeyError):
                raise ConfigurationError(
                    "CONFIG_KEYS", f"{self.path.name} is no list of keys; make it anew by `python -m serving.api keys`"
                ) from None
            self._seen = identity
        return self._known

    def _write(self, known: list[tuple[str, Caller]]) -> None:
        lines = [{"name": caller.name, "role": caller.role, "sha256": digest} for digest, caller in known]
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self.path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(lines, file, indent=1)
        new.replace(self.path)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _role(text: object) -> Role:
    for role in ROLES:
        if role == text:
            return role
    raise ValueError(text)
