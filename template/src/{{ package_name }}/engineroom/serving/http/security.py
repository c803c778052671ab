"""Who may ask: API keys, of which the service knows SHA-256 digests only. `make key` makes one.

A key has 256 random bits, so that one round of a fast digest is enough: there is nothing to guess.
"""

import logging
import re
import secrets
from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from time import monotonic

from pydantic import SecretStr

from ...contract import UserError
from ...settings import Environment

log = logging.getLogger(__name__)

ENTRY = re.compile(r"([\w.-]{1,64}):([0-9a-f]{64})")
LOOK_S = 1.0  # between two looks at the file


class KeyringError(UserError):
    """Keys are missing or malformed; the message quotes none of them."""


class Keyring:
    """The keys of one kind of caller; several hold at once, so that one can replace another without a gap."""

    def __init__(self, listed: SecretStr, file: Path | None, setting: str, optional: bool = False) -> None:
        """`listed` has `name:digest` entries with commas between them, the file one a line.

        Raises KeyringError when an entry is none, or the file cannot be read. An optional file may be away.
        """
        self._setting, self._file, self._optional = setting, file, optional
        self._listed = _parse(listed.get_secret_value().split(","), setting)
        self._known = self._listed
        self._seen: object = None
        self._looked = monotonic()
        if file is not None:
            try:
                self._read(file)
            except OSError as error:
                raise KeyringError(f"{setting}_FILE: {file} cannot be read: {error.strerror}") from None

    def __bool__(self) -> bool:
        return bool(self._entries())

    def owner(self, headers: Mapping[bytes, bytes]) -> str | None:
        """The name of the key that a request carries, or None.

        Digests of equal length are compared, each with every entry: the time depends on the length of what is given and
        the number of entries, and on nothing of a key. Who gives none learns no more than that.
        """
        given = headers.get(b"x-api-key")
        if given is None:
            scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer":
                return None
        digest, found = sha256(given.strip()).digest(), None
        for name, known in self._entries():
            if compare_digest(digest, known):
                found = name
        return found

    def _entries(self) -> list[tuple[str, bytes]]:
        if self._file is not None and monotonic() - self._looked > LOOK_S:
            self._looked = monotonic()
            try:
                self._read(self._file)
            except (OSError, KeyringError) as error:
                log.error("the keys known so far stay valid: %s", error)
        return self._known

    def _read(self, file: Path) -> None:
        if self._optional and not file.exists():
            self._known, self._seen = self._listed, None
            return
        found = file.stat()
        seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        if seen != self._seen:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            self._known, self._seen = self._listed + _parse(lines, f"{self._setting}_FILE"), seen


def _parse(entries: list[str], setting: str) -> list[tuple[str, bytes]]:
    parsed = []
    for number, entry in enumerate(entries, 1):
        if not (entry := entry.strip()) or entry.startswith("#"):
            continue
        if (found := ENTRY.fullmatch(entry)) is None:
            raise KeyringError(f"{setting}: entry {number} is not name:digest, as `make key` prints it")
        parsed.append((found[1], bytes.fromhex(found[2])))
    return parsed


def keyrings(environment: Environment) -> tuple[Keyring | None, Keyring]:
    """The clients' keys, None where authentication is off, and the administrators'.

    Raises KeyringError when keys are required and there is none.
    """
    admin = Keyring(environment.admin_keys, environment.admin_keys_file, "SERVICE_ADMIN_KEYS", optional=True)
    if environment.authentication == "off":
        return None, admin
    keys = Keyring(environment.api_keys, environment.api_keys_file, "SERVICE_API_KEYS")
    if not keys:
        raise KeyringError(
            "there is no API key: `make key` prints one and its entry for SERVICE_API_KEYS or the file "
            "SERVICE_API_KEYS_FILE, and SERVICE_AUTHENTICATION=off serves everybody"
        )
    return keys, admin


def new_key(name: str) -> None:
    """Print a new key, which is stored nowhere, and the entry by which the service knows it."""
    key = secrets.token_urlsafe(32)
    entry = f"{name}:{sha256(key.encode()).hexdigest()}"
    if not ENTRY.fullmatch(entry):
        raise KeyringError("a name has at most 64 letters, digits, dots, dashes and underscores")
    print(f"key for the client, shown only now: {key}\nentry of SERVICE_API_KEYS or SERVICE_ADMIN_KEYS: {entry}")
