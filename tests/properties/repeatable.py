"""How laws are tried here: over the same examples each time, with nothing remembered and nothing shrunk."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

REPEATABLE = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
