"""Rows of cells in columns, for people and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence

Row = tuple[str, ...]


def columns(rows: Sequence[Row]) -> list[str]:
    """A line a row, each column as wide as its widest cell."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [line.rstrip() for line in lines]


def markdown_table(rows: Sequence[Row]) -> list[str]:
    """The same as a table of Markdown; the first row is its head."""
    head, *body = rows
    shown = [head, ("---",) * len(head), *body]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in shown]
