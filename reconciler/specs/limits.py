"""How much may happen at once, in an hour, and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeleteBudget:
    """How many instances may be destroyed: the larger of a count and a share of those that exist."""

    max: int = 5
    percent: int = 10


@dataclass(frozen=True, slots=True)
class MigrationLimits:
    """How many migrations may be under way at once, and how each is carried out.

    ``bandwidth_mib`` is in MiB a second, ``downtime_ms`` how long a guest may stand still at the end,
    ``timeout_s`` after how long one is called off; None leaves it to the hypervisor.
    """

    per_host: int = 2
    per_cluster: int = 5
    bandwidth_mib: int | None = None
    downtime_ms: int | None = None
    timeout_s: int | None = None
