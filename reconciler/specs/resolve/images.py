"""Images: where their files come from, and what an instance boots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reconciler.errors import Fault
from reconciler.specs.desired import Image, ImagePart, ImageUse, Sha256
from reconciler.specs.documents import Document
from reconciler.specs.files import is_there, names_beside
from reconciler.specs.models.base import quoted, suggestion
from reconciler.specs.models.image import ImageModel, PartModel


def check_image(document: Document[ImageModel]) -> Iterator[Fault]:
    """Local files must be there; what is behind a URL shows when it is fetched."""
    model = document.model
    written: dict[tuple[str, ...], str | None] = {
        ("source",): model.source,
        ("kernel", "source"): model.kernel.source if model.kernel else None,
        ("initrd", "source"): model.initrd.source if model.initrd else None,
    }
    for path, source in written.items():
        if source is None or "://" in source:
            continue
        full = document.source.path.parent / source
        place = document.find(*path).node.place
        if not is_there(full):
            hint = suggestion(full.name, names_beside(full))
            yield place.fault(f"there is no file {quoted(source)}", hint=hint)
        elif not full.is_file():
            yield place.fault(f"{quoted(source)} is not a file")


def image_of(document: Document[ImageModel]) -> Image:
    """The image, its local paths absolute."""
    model, base = document.model, document.source.path.parent
    origin = document.find("name").node.place.position
    if model.source and model.sha256:
        use = ImageUse(model.name, disk=Sha256(model.sha256), format=model.format)
        return Image(use, (_part(model.source, model.sha256, base),), origin)
    given = [part for part in (model.kernel, model.initrd) if part is not None]
    use = ImageUse(
        model.name, kernel=_digest(model.kernel), initrd=_digest(model.initrd), cmdline=model.cmdline or ""
    )
    return Image(use, tuple(_part(part.source, part.sha256, base) for part in given), origin)


def _digest(part: PartModel | None) -> Sha256 | None:
    return Sha256(part.sha256) if part else None


def _part(source: str, sha256: str, base: Path) -> ImagePart:
    absolute = source if "://" in source else str((base / source).absolute())
    return ImagePart(absolute, Sha256(sha256))
