"""How long each thing may take before we stop waiting. Seconds throughout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from reconciler.actions import (
    Accept,
    Action,
    Await,
    Create,
    Destroy,
    DropCordon,
    DropImage,
    DropNetwork,
    GiveUp,
    Migrate,
    PutCordon,
    PutImage,
    PutNetwork,
    Replace,
    Resume,
    Settle,
    Start,
    Stop,
    Update,
)


@dataclass(frozen=True, slots=True)
class Patience:
    """Deadlines in seconds. They bound a hung host's cost; a working host never meets them."""

    connect: float = 15.0
    again: float = 5.0
    """After a connection has failed, until it is tried again."""
    observe: float = 30.0
    close: float = 5.0
    network: float = 30.0
    image: float = 3600.0
    """A base image of some GiB over a slow line."""
    work: float = 180.0
    """Anything that may wait for a guest to shut down."""
    confirm: float = 15.0
    """From the return of a call until a fresh look must show its effect."""
    grace: float = 60.0
    """After an interrupt, for the steps that have begun."""

    def of(self, action: Action) -> float:
        """Deadline of one action."""
        match action:
            case PutImage():
                return self.image
            case PutNetwork() | DropNetwork() | PutCordon() | DropCordon() | GiveUp() | Accept():
                return self.network
            case (
                DropImage()
                | Create()
                | Start()
                | Stop()
                | Update()
                | Replace()
                | Destroy()
                | Resume()
                | Settle()
            ):
                return self.work
            case Migrate():
                # The platform calls it off when its time is over; who waits for that waits longer.
                return action.terms.timeout_s + self.work
            case Await(instance=instance, steady=steady):
                return steady + (instance.health.patience if instance.health else 0)
            case _:
                assert_never(action)
