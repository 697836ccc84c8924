"""Where the truth of simulated hosts is kept: one SQLite file for all hosts and fleets.

Rows hold JSON; a change writes only the rows it changes. There is no write-ahead log: a reader
of one would have to write beside the file, and a reader here writes nothing at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter

from reconciler.actuators.links import Link
from reconciler.actuators.sim.effects import Effect, PowerOff
from reconciler.actuators.sim.pulse import pulse_of
from reconciler.actuators.sim.things import Box, Domain, VolumeId
from reconciler.actuators.sim.world import after
from reconciler.errors import ActionFailed, HostError, HostUnreachable
from reconciler.specs.desired import HostName, InstanceKey, InstanceUuid, Resources, Sha256
from reconciler.state import Cordon

FILE = "sim.sqlite"
_VERSION = 1
# Another process holds the file for a few milliseconds a change.
_PATIENCE_S = 2.0
_SCHEMA = f"""
CREATE TABLE thing (host TEXT, kind TEXT, id TEXT, body TEXT NOT NULL, PRIMARY KEY (host, kind, id))
    WITHOUT ROWID;
CREATE TABLE clock (seconds REAL NOT NULL);
INSERT INTO clock VALUES (0);
PRAGMA user_version = {_VERSION};
"""

_Where = tuple[str, str]
"""Kind and id of something on one host."""

_Fact = Domain | Link | Cordon | int | str

_Rows = Mapping[_Where, str]


class Store:
    """The truth of one simulated host in a file. Nothing is kept open between calls.

    Every method raises HostUnreachable where the file cannot be used, and ``change`` and ``advance``
    raise ActionFailed where it can be read and not written.
    """

    def __init__(self, directory: Path, host: HostName, *, read_only: bool = False) -> None:
        self.path = directory / FILE
        self.host = host
        # Who may write undoes, before it reads, the change of a process that was killed in the middle.
        self._look_mode = "ro" if read_only else "rw"

    def look(self) -> Box:
        """The host as it is; writes nothing. A file that is not there yet is an empty host."""
        if not self.path.exists():
            return Box(self.host)
        with self._door(), closing(self._connect(self._look_mode)) as connection:
            return _box(self.host, self._rows(connection))

    def change(self, effect: Effect, room: Resources) -> None:
        """Let one effect happen, all of it or nothing. Raises what ``after`` raises."""
        with self._writing() as connection:
            before = _box(self.host, self._rows(connection))
            self._save(connection, _facts(before), _facts(after(before, effect, room)))

    def taken_over(self) -> None:
        """The last writer is no more: what was coming in over its connection is gone."""
        coming = [domain.uuid for domain in self.look().domains.values() if domain.is_coming]
        for uuid in coming:
            self.change(PowerOff(uuid, "destroyed"), Resources())

    def advance(self, seconds: float) -> None:
        """Let virtual time pass."""
        with self._writing() as connection:
            connection.execute("UPDATE clock SET seconds = seconds + ?", (seconds,))

    async def changed(self) -> None:
        """Return when some process has written the file since the call."""
        await pulse_of(self.path).beat()

    def now(self) -> float:
        """Virtual seconds since the world began; writes nothing."""
        if not self.path.exists():
            return 0.0
        with self._door(), closing(self._connect(self._look_mode)) as connection:
            return float(connection.execute("SELECT seconds FROM clock").fetchone()[0])

    def _rows(self, connection: sqlite3.Connection) -> _Rows:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != _VERSION:
            raise HostUnreachable(
                self.host, f"{self.path}: version {version} is not {_VERSION}; move it away"
            )
        found = connection.execute("SELECT kind, id, body FROM thing WHERE host = ?", (self.host,))
        return {(kind, id_): body for kind, id_, body in found}

    def _save(
        self, connection: sqlite3.Connection, old: Mapping[_Where, object], new: Mapping[_Where, _Fact]
    ) -> None:
        gone = [(self.host, *where) for where in old if where not in new]
        written = [(self.host, *where, _body(fact)) for where, fact in new.items() if old.get(where) != fact]
        connection.executemany("DELETE FROM thing WHERE host = ? AND kind = ? AND id = ?", gone)
        connection.executemany("REPLACE INTO thing VALUES (?, ?, ?, ?)", written)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._door():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect("rwc")) as connection:
                # It need survive the death of this process, not that of the machine.
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute("BEGIN IMMEDIATE")
                with connection:
                    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                        for statement in _SCHEMA.split(";"):
                            connection.execute(statement)
                    yield connection

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        return sqlite3.connect(uri, uri=True, timeout=_PATIENCE_S, isolation_level=None)

    @contextmanager
    def _door(self) -> Iterator[None]:
        """Where foreign errors end."""
        try:
            yield
        except HostError:
            raise
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            kind = ActionFailed if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY) else HostUnreachable
            raise kind(self.host, f"{self.path}: {error}{_hint(self.path)}") from error
        except OSError as error:
            raise ActionFailed(self.host, f"{self.path}: {error.strerror or error}") from error
        except ValueError as error:  # pydantic's ValidationError is one
            raise HostUnreachable(self.host, f"{self.path}: cannot be understood; move it away") from error


def _hint(path: Path) -> str:
    if path.with_name(f"{path.name}-journal").exists():
        return " (a change of it is under way, or was cut short: the next command that may write undoes it)"
    return ""


def _box(host: HostName, rows: _Rows) -> Box:
    def of(kind: str) -> dict[str, str]:
        return {id_: body for (each, id_), body in rows.items() if each == kind}

    return Box(
        host=host,
        domains={InstanceUuid(uuid): _domain(body) for uuid, body in of("domain").items()},
        volumes={_volume(id_): int(body) for id_, body in of("volume").items()},
        images=frozenset(Sha256(id_) for id_ in of("image")),
        links={name: _link(body) for name, body in of("link").items()},
        silent=bool(of("silent")),
        cuts=int(of("cuts").get("", 0)),
        sick_images=frozenset(Sha256(id_) for id_ in of("sick-image")),
        pool=of("pool").get("", ""),
        cordons={fleet: _cordon_adapter().validate_json(body) for fleet, body in of("cordon").items()},
    )


def _facts(box: Box) -> dict[_Where, _Fact]:
    """Everything on a host, each under its own name."""
    facts: dict[_Where, _Fact] = {("domain", uuid): domain for uuid, domain in box.domains.items()}
    facts |= {("volume", _volume_id(volume)): size for volume, size in box.volumes.items()}
    facts |= {("link", name): link for name, link in box.links.items()}
    facts |= {("image", sha256): 1 for sha256 in box.images}
    facts |= {("sick-image", sha256): 1 for sha256 in box.sick_images}
    facts |= {("cordon", fleet): cordon for fleet, cordon in box.cordons.items()}
    facts |= {("silent", ""): 1} if box.silent else {}
    facts |= {("pool", ""): box.pool} if box.pool else {}
    return facts | ({("cuts", ""): box.cuts} if box.cuts else {})


def _body(fact: _Fact) -> str:
    match fact:
        case Domain():
            return _adapter().dump_json(fact).decode()
        case Link():
            return _link_adapter().dump_json(fact).decode()
        case Cordon():
            return _cordon_adapter().dump_json(fact).decode()
        case _:
            return str(fact)


def _volume_id(volume: VolumeId) -> str:
    # "/" cannot occur in a name.
    parts = (volume.fleet, volume.key.service, volume.key.component, str(volume.key.ordinal), volume.disk)
    return "/".join((*parts, volume.pool) if volume.pool else parts)


def _volume(text: str) -> VolumeId:
    fleet, service, component, ordinal, disk, *pool = text.split("/")
    return VolumeId(fleet, InstanceKey(service, component, int(ordinal)), disk, *pool)


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Domain]:
    return TypeAdapter(Domain)


@lru_cache(maxsize=1)
def _link_adapter() -> TypeAdapter[Link]:
    return TypeAdapter(Link)


@lru_cache(maxsize=1)
def _cordon_adapter() -> TypeAdapter[Cordon]:
    return TypeAdapter(Cordon)


@lru_cache(maxsize=4096)
def _link(body: str) -> Link:
    return _link_adapter().validate_json(body)


@lru_cache(maxsize=4096)
def _domain(body: str) -> Domain:
    return _adapter().validate_json(body)
