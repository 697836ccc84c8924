"""What can go wrong, as plain data: a schedule is a list of these, to be replayed and shrunk."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from random import Random
from typing import Any

WIRE = (
    "effect:request-reset",
    "effect:request-hang",
    "effect:reply-reset",
    "effect:reply-hang",
    "effect:late-reset",
    "effect:late-hang",
    "effect:twice",
    "effect:ActionFailed",
    "effect:NoRoom",
    "effect:NotFound",
    "effect:AlreadyExists",
    "effect:UnknownImage",
    "effect:Unsupported",
    "effect:kill-before",
    "effect:kill-after",
    "look:reset",
    "look:hang",
    "look:stale",
    "look:partial",
    "lock:reset",
    "lock:hang",
    "lock:kill",
    "open:refused",
    "open:hang",
    "probe:reset",
    "probe:hang",
)
"""Each is armed at its time and strikes the next such call to its host."""

JOURNAL = ("journal:fails", "journal:torn", "journal:kill-before", "journal:kill-after", "journal:full")

BOXES = (
    "host:dies",
    "host:reboots",
    "host:disk-full",
    "daemon:dies",
    "daemon:hangs",
    "partition:both",
    "partition:requests",
    "partition:replies",
    "partition:peers",
    "events:lost",
    "events:many",
)

IMAGES = ("image:sickens", "image:is-cured")

CONTROLLERS = (
    "controller:kill",
    "controller:pause",
    "controller:apply",
    "controller:stop",
    "controller:migrate",
    "controller:migrate",
)

HUMAN = (
    "human:stop",
    "human:start",
    "human:pause",
    "human:undefine",
    "human:rename",
    "human:edit",
    "human:migrate",
    "human:sicken",
    "human:cure",
    "human:foreign",
    "human:foreign-stop",
    "human:unlink",
    "human:wall-ahead",
    "human:wall-back",
)

EDITS = (
    "edit:scale",
    "edit:scale",
    "edit:cpus",
    "edit:memory",
    "edit:image",
    "edit:image",
    "edit:disk",
    "edit:disk",
    "edit:no-disk",
    "edit:no-disk",
    "edit:remove",
    "edit:remove",
    "edit:restore",
    "edit:restore",
    "edit:protect",
    "edit:cluster",
    "edit:wire",
    "edit:broken",
    "edit:empty",
    "edit:mend",
)

# Drawn on its own: a seed's other edits stay what they were.
MAINTENANCE = ("edit:maintenance",)

KINDS = (*WIRE, *JOURNAL, *BOXES, *IMAGES, *CONTROLLERS, *HUMAN, *EDITS, *MAINTENANCE)


@dataclass(frozen=True)
class Fault:
    """``at`` virtual seconds, ``kind`` happens to host or thing number ``number`` for ``seconds``.

    ``nth`` instead of ``at``: it strikes that call of its family (from 0), whatever the host.
    """

    kind: str
    at: float = 0.0
    number: int = 0
    seconds: float = 0.0
    nth: int | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def schedule(luck: Random) -> tuple[Fault, ...]:
    """A few scenes, each some work and what disturbs it, in the order of their times."""
    disturbances = (
        WIRE,
        WIRE,
        WIRE,
        WIRE,
        WIRE,
        JOURNAL,
        BOXES,
        BOXES,
        CONTROLLERS,
        CONTROLLERS,
        HUMAN,
        IMAGES,
    )
    found = []
    # Either the first creation is disturbed, or a fleet that was in order.
    begin = luck.choice((0.0, 60.0, 60.0))
    for _ in range(luck.randint(1, 4)):
        for _ in range(luck.choice((0, 1, 1, 1, 2, 2)) if begin else 0):
            at = begin + luck.choice((0.0, luck.uniform(0, 1), luck.uniform(0, 12)))
            found.append(Fault(luck.choice(EDITS), round(at, 3), luck.randrange(1000)))
        if begin and luck.random() < 0.3:
            found.append(Fault("controller:migrate", round(begin, 3), luck.randrange(1000)))
        for _ in range(luck.randint(0, 4)):
            kind = luck.choice(luck.choice(disturbances))
            at = begin + luck.choice((0.0, luck.uniform(0, 1), luck.uniform(0, 15)))
            seconds = luck.choice((luck.uniform(0.1, 5), luck.uniform(5, 60), luck.uniform(20, 400)))
            found.append(Fault(kind, round(at, 3), luck.randrange(1000), round(seconds, 3)))
        begin += luck.choice((luck.uniform(1, 20), luck.uniform(20, 120), luck.uniform(100, 500)))
    # Drawn last, so that the rest of a seed's schedule stays what it was.
    if luck.random() < 0.3:
        found += _sick_change(luck, begin)
    if luck.random() < 0.4:
        found += _maintenance(luck)
    return tuple(sorted(found, key=lambda fault: (fault.at, fault.kind, fault.number)))


def _maintenance(luck: Random) -> list[Fault]:
    """A host is emptied, something may happen meanwhile, and it is taken back."""
    begin, number = luck.choice((60.0, luck.uniform(60, 400))), luck.randrange(1000)
    found = [Fault("edit:maintenance", round(begin, 3), number)]
    for _ in range(luck.randint(0, 3)):
        kind = luck.choice((*WIRE, *WIRE, *BOXES, *CONTROLLERS, "human:stop", "human:start", "edit:image"))
        at, seconds = begin + luck.choice((0.0, luck.uniform(0, 40))), luck.uniform(0.1, 120)
        found.append(Fault(kind, round(at, 3), luck.randrange(1000), round(seconds, 3)))
    if luck.random() < 0.7:
        found.append(Fault("edit:maintenance", round(begin + luck.uniform(1, 300), 3), number))
    return found


def _sick_change(luck: Random, begin: float) -> list[Fault]:
    """A component gets an image that is not healthy, and something may happen while that is found out."""
    found = [Fault("image:sickens", round(begin, 3), number) for number in (1, 2)]
    found.append(Fault("edit:image", round(begin + 0.5, 3), luck.randrange(3, 9)))
    for _ in range(luck.randint(0, 2)):
        kind = luck.choice((*WIRE, *CONTROLLERS, "edit:image", "edit:cpus"))
        at, seconds = begin + luck.uniform(1, 90), luck.uniform(0.1, 60)
        found.append(Fault(kind, round(at, 3), luck.randrange(1000), round(seconds, 3)))
    return [*found, Fault("image:is-cured", round(begin + 200, 3), luck.randrange(3))]
