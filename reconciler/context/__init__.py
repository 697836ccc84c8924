"""What a guest is told at boot."""

from __future__ import annotations

from reconciler.context.seed import nocloud_seed

__all__ = ["nocloud_seed"]
