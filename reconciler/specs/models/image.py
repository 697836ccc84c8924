"""``kind: Image``: what instances boot, by digest."""

from __future__ import annotations

import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import model_validator

from reconciler.specs.desired import ImageFormat
from reconciler.specs.models.base import Line, Parsed, Spec, choice, missing, quoted, refuse
from reconciler.specs.models.document import Document, Kind, only

_HOST = re.compile(r"(?!.{254})[a-z0-9]([a-z0-9_.-]*[a-z0-9])?|[0-9a-f:.]+")
_DIGEST = r"^[0-9a-fA-F]{64}$"


def _digest(text: str) -> str:
    if not re.fullmatch(_DIGEST, text):
        bare = text.removeprefix("sha256:")
        hint = f"write {bare.lower()[:8]}… without 'sha256:'" if re.fullmatch(_DIGEST, bare) else ""
        got = quoted(text) if len(text) < 40 else f"{len(text)} characters"
        raise refuse(
            f"expected a SHA-256 of 64 hexadecimal digits, got {got}", hint or "run sha256sum on the file"
        )
    return text.lower()


def _source(text: str) -> str:
    if not text or not text.isprintable():
        raise refuse("expected a URL or the path of a file")
    scheme, found, _ = text.partition("://")
    if not found:
        return text
    if scheme not in ("https", "http"):
        hint = f"write the path: {text.removeprefix('file://')}" if scheme == "file" else "write https://"
        raise refuse(f"{quoted(scheme + '://')} is not supported", hint)
    try:
        parts = urlsplit(text)
        sound = bool(_HOST.fullmatch(parts.hostname or "")) and " " not in text and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise refuse(f"{quoted(text)} is not a URL")
    if "@" in parts.netloc:
        raise refuse("a URL here has no user and no password: it is shown in plans and errors")
    return text


ImageSource = Annotated[str, Parsed(_source, {"type": "string", "minLength": 1}, wanted="a URL or a path")]
Digest = Annotated[str, Parsed(_digest, {"type": "string", "pattern": _DIGEST}, wanted="a SHA-256")]


_OF_DISK = ("source", "sha256", "format")
_OF_KERNEL = ("kernel", "initrd", "cmdline")


def _first(names: set[str]) -> str:
    return next(name for name in (*_OF_DISK, *_OF_KERNEL) if name in names)


class PartModel(Spec):
    """One file, and its digest."""

    source: ImageSource
    sha256: Digest


class ImageModel(Document):
    """A disk image, or a kernel (and initrd) to boot directly."""

    kind: Annotated[Kind, only(Kind.IMAGE)]
    source: ImageSource | None = None
    sha256: Digest | None = None
    format: Annotated[ImageFormat, choice(ImageFormat)] | None = None
    kernel: PartModel | None = None
    initrd: PartModel | None = None
    cmdline: Line | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        given = self.model_fields_set
        disk, boot = given & set(_OF_DISK), given & set(_OF_KERNEL)
        if disk and boot:
            pair = f"{_first(disk)!r} and {_first(boot)!r}"
            raise refuse(f"an image is a disk or a kernel: {pair} do not go together", at=_first(boot))
        if boot and self.kernel is None:
            raise missing("kernel", at=_first(boot))
        if not boot:
            for name in _OF_DISK:
                if name not in given:
                    hint = "write kernel: {source: …, sha256: …} to boot a kernel" if not disk else ""
                    raise missing(name, at="name", hint=hint)
        return self
