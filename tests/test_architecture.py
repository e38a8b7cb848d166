"""The rooms: what may import what. Type-only imports count too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "spikes"
ROOMS = ("kinds", "settings", "telemetry", "log", "journal", "persistence", "domain", "actors", "web", "console")
"""From left to right; a room imports itself and what stands to its left. Any other module may see everything."""

OWNERS = {
    "thespian": ("actors/",),
    "aiohttp": ("web/", "console/", "serving.py"),
    "apsw": ("journal/sqlite",),
    "cassandra": ("journal/cassandra",),
    "opentelemetry": ("telemetry/",),
    "sentry_sdk": ("telemetry/",),
    "prometheus_client": ("telemetry/", "console/scraping"),
}
"""Which files alone may import a library."""


def sources() -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py"))


def imports(source: str, text: str) -> Iterator[str]:
    """Yield the full names of all modules that a source imports, wherever in it."""
    package = ["spikes", *Path(source).parent.parts]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, node.module] if node.module else base)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def room_of(module: str) -> str | None:
    """Return the room of `spikes.room.more`, None for what is in no room."""
    parts = module.removesuffix(".py").replace("/", ".").removeprefix("spikes.").split(".")
    return parts[0] if parts[0] in ROOMS else None


def is_ours(module: str) -> bool:
    """Tell whether `spikes.name` or `spikes.name.more` is of a module, and not only of a name in `spikes`."""
    name = module.split(".")[1]
    return (ROOT / name).is_dir() or (ROOT / f"{name}.py").exists()


def violations(source: str, text: str) -> list[str]:
    """Return what a source imports that it may not."""
    found = []
    for module in imports(source, text):
        library = module.partition(".")[0]
        if library in OWNERS and not source.startswith(OWNERS[library]):
            found.append(f"{source} imports {library}")
        mine, other = room_of(source), room_of(module) if library == "spikes" else None
        if mine and library == "spikes" and module != "spikes":
            if other is None and is_ours(module):
                found.append(f"{source} imports {module}, which only assemblers may")
            elif other and ROOMS.index(other) > ROOMS.index(mine):
                found.append(f"{source} imports {module}, to its right")
    return found


@pytest.mark.parametrize("source", sources())
def test_imports_only_from_rooms_to_the_left(source: str) -> None:
    assert violations(source, (ROOT / source).read_text()) == []


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("journal/port.py", "from spikes.domain import tsid"),
        ("journal/port.py", "if TYPE_CHECKING:\n    from spikes.persistence.core import PersistentEntity"),
        ("domain/note/entity.py", "import spikes.web.app"),
        ("domain/note/entity.py", "from ...web import app"),
        ("persistence/core.py", "from spikes.bootstrap import assemble"),
        ("web/app.py", "from spikes.cli.store import rebuild_rows"),
        ("web/app.py", "from spikes import cli"),
        ("web/app.py", "from spikes import serving"),
        ("settings.py", "import spikes.journal"),
        ("telemetry/metrics.py", "from spikes.journal.port import Journal"),
        ("web/edge.py", "from prometheus_client import Counter"),
        ("domain/slug.py", "import aiohttp"),
        ("web/app.py", "from thespian.actors import Actor"),
        ("persistence/core.py", "def f():\n    import apsw"),
    ],
)
def test_an_import_to_the_right_is_noticed(source: str, text: str) -> None:
    assert violations(source, text) != []


def test_no_module_imports_itself_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    names = {"spikes." + source.removesuffix(".py").replace("/", "."): source for source in sources()}
    for name, source in names.items():
        found = set(imports(source, (ROOT / source).read_text()))
        graph[name] = {module for module in found if module in names and module != name}
    TopologicalSorter(graph).prepare()
