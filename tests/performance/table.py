"""The tables that measurements print; `docs/performance.md` keeps them."""

from __future__ import annotations


class Table:
    """A Markdown table with a title, whose first column is a name."""

    def __init__(self, title: str, *columns: str) -> None:
        self._lines = [f"\n### {title}\n", f"| | {' | '.join(columns)} |", f"| --- |{' ---: |' * len(columns)}"]

    def row(self, name: str, *values: str) -> None:
        """Add a row."""
        self._lines.append(f"| {name} | {' | '.join(values)} |")

    def print(self) -> None:
        """Print the table."""
        print("\n".join(self._lines))
