"""The API table of docs/api.md, made of the route table. `python -m tests.api_table` writes it anew."""

from __future__ import annotations

from pathlib import Path

from spikes.web.openapi import operation_of
from spikes.web.route import Route
from spikes.web.routes import ROUTES

FILE = Path(__file__).parent.parent / "docs" / "api.md"
START, END = "<!-- table -->\n", "<!-- end of table -->\n"


def table() -> str:
    """Return the table, by tag, in the order of the route table."""
    lines = ["| route | token | query | does | answers |", "| --- | --- | --- | --- | --- |"]
    tags = dict.fromkeys(operation_of(route).tag for route in ROUTES)
    lines += [_row(route) for tag in tags for route in ROUTES if operation_of(route).tag == tag]
    return "".join(f"{line}\n" for line in lines)


def _row(route: Route) -> str:
    operation = operation_of(route)
    query = " ".join(f"`{parameter.name}`" for parameter in route.parameters)
    statuses = sorted({answer.status for answer in operation.answers} | set(operation.errors))
    answers = ", ".join(map(str, statuses))
    return f"| `{route.name}` | {'' if route.open else 'yes'} | {query} | {operation.summary} | {answers} |"


def main() -> None:
    """Write the table into docs/api.md."""
    before, _, rest = FILE.read_text().partition(START)
    FILE.write_text(before + START + table() + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
