"""Health checks and update policies as values, and where a component may not wait for another."""

from __future__ import annotations

from reconciler.specs.health import (
    AgentCheck,
    Check,
    ConsoleCheck,
    HealthCheck,
    HttpCheck,
    TcpCheck,
    UpdatePolicy,
)
from reconciler.specs.models.health import HealthcheckModel, UpdateModel


def health_of(model: HealthcheckModel | None) -> HealthCheck | None:
    """The check of a component that has been checked itself, or None."""
    if model is None:
        return None
    return HealthCheck(
        _check(model),
        interval=model.interval,
        retries=model.retries,
        start_period=model.start_period,
        timeout=model.timeout,
    )


def _check(model: HealthcheckModel) -> Check:
    if model.tcp is not None:
        return TcpCheck(model.tcp)
    if model.http is not None:
        port, path = model.http
        return HttpCheck(port, path, tuple(sorted(set(model.expect))))
    if model.console is not None:
        return ConsoleCheck(model.console)
    return AgentCheck(tuple(model.agent or ()))


def update_of(model: UpdateModel) -> UpdatePolicy:
    """How replicas are exchanged."""
    return UpdatePolicy(model.parallelism, model.monitor, model.order, model.on_failure)
