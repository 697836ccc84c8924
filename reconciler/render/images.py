"""The base images of the hosts, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.engine.stock import HeldImage
from reconciler.render.json import FORMAT_VERSION, Json
from reconciler.render.tables import columns, markdown_table
from reconciler.render.words import printable
from reconciler.state import HostUnknown

_MIB = 1024 * 1024
_COLUMNS = ("HOST", "IMAGE", "SHA256", "SIZE", "USED BY")


def images_json(images: Iterable[HeldImage], unknown: Iterable[HostUnknown]) -> Json:
    """Every file of a base image, by host."""
    return {
        "format_version": FORMAT_VERSION,
        "images": [
            {
                "host": each.host,
                "image": each.name,
                "sha256": each.sha256,
                "size_bytes": each.size_bytes,
                "used_by": list(each.users),
                "whole": each.whole,
            }
            for each in images
        ],
        "unknown_hosts": [{"host": each.host, "reason": each.reason} for each in unknown],
    }


def images_text(images: Sequence[HeldImage], unknown: Iterable[HostUnknown]) -> str:
    """A line a file, in columns."""
    lines = columns([_COLUMNS, *(_row(each) for each in images)])
    silent = [f"? {each.host} did not answer: {each.reason}" for each in unknown]
    return printable("\n".join((*(lines if images else ["No images."]), *silent)))


def images_markdown(images: Sequence[HeldImage], unknown: Iterable[HostUnknown]) -> str:
    """The same as a table of Markdown."""
    lines = markdown_table([_COLUMNS, *(_row(each) for each in images)])
    silent = [f"\n{each.host} did not answer: {each.reason}" for each in unknown]
    return printable("\n".join((*lines, *silent)))


def _row(image: HeldImage) -> tuple[str, ...]:
    used = str(len(image.users)) if image.whole else "cut short"
    size = f"{-(-image.size_bytes // _MIB)} MiB"
    return (image.host, image.name or "-", image.sha256[:12], size, used)
