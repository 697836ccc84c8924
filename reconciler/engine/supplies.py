"""What the actuators are handed from the controller's side: image files and seeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.specs.desired import ImagePart, Instance
from reconciler.store.images import ImageCache


@dataclass(frozen=True, slots=True)
class LocalSupplies:
    """Images from the cache of this machine; seeds made here."""

    images: ImageCache

    async def image(self, part: ImagePart) -> Path:
        """A local file with exactly these bytes. Raises ImageUnavailable."""
        return await self.images.file(part)

    def seed(self, instance: Instance) -> bytes:
        """The NoCloud seed of an instance whose ``context`` is not None."""
        # The ISO writer is needed only when a machine is made.
        from reconciler.context.seed import nocloud_seed

        return nocloud_seed(instance)

    def telling(self, instance: Instance) -> str:
        """What brings a running guest up to what its seed says of its peers."""
        from reconciler.context.script import telling_script

        return telling_script(instance.context) if instance.context else ""
