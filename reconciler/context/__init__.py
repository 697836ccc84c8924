"""What a guest is told at boot, and what it is told of others while it runs."""

from __future__ import annotations

from reconciler.context.script import telling_script
from reconciler.context.seed import nocloud_seed

__all__ = ["nocloud_seed", "telling_script"]
