"""Make laboratories on demand, and take them all away at the end."""

from collections.abc import Iterator
from contextlib import contextmanager

from .laboratory import Laboratory


@contextmanager
def laboratories() -> Iterator["Factory"]:
    """A factory of laboratories, all torn down at the end whatever happens."""
    factory = Factory()
    try:
        yield factory
    finally:
        factory.close()


class Factory:
    """Call it for another laboratory: `factory(hosts=3)`."""

    def __init__(self) -> None:
        self._made: list[Laboratory] = []

    def __call__(self, *, hosts: int = 2) -> Laboratory:
        lab = Laboratory(hosts=hosts)
        self._made.append(lab)
        lab.up()
        return lab

    def close(self) -> None:
        """Tear down every laboratory made here."""
        while self._made:
            self._made.pop().down()
