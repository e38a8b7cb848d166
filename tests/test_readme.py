"""What README says is so: its curl lines work as pasted, its table of settings and its file map are right."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

from spikes.settings import readme_table
from tests.storm import spikes

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def block(containing: str) -> str:
    """Return the shell block that contains a text."""
    return next(str(text) for text in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if containing in text)


async def test_the_curl_lines_work_as_pasted(tmp_path: Path) -> None:
    async with spikes(tmp_path) as service:
        blocks = "echo\n".join(block(text) for text in ("curl", "/history", "/feed"))
        script = blocks.replace("localhost:8080", f"localhost:{service.port}")
        script = script.replace("-m 3", "-m 12").replace("sleep 1;", "sleep 4;")  # for a machine with much else to do
        shell = await asyncio.create_subprocess_exec("bash", "-euc", script, stdout=asyncio.subprocess.PIPE)
        out, _ = await asyncio.wait_for(shell.communicate(), 90)
    assert shell.returncode == 0
    answers = out.decode().replace("}{", "}\n{").replace("}[", "}\n[").replace("]{", "]\n{")
    registered, updated, mine, history, first, undone, *told = answers.splitlines()
    assert json.loads(registered)["email"] == "ada@example.com"
    assert json.loads(updated)["body"] == "Hello again"
    assert [(note["title"], note["version"]) for note in json.loads(mine)] == [("First note", 2)]
    assert json.loads(history)[0]["changes"] == {"body": ["Hello", "Hello again"]}
    assert [json.loads(note)["version"] for note in (first, undone)] == [1, 3]
    assert json.loads(first)["body"] == json.loads(undone)["body"] == "Hello"
    assert told == ["event: note-created"]


def test_the_table_of_settings_is_the_settings() -> None:
    assert readme_table() in README


def test_the_files_of_the_map_are_there() -> None:
    files = re.findall(r"^\| `(spikes/\S+)`", README, re.MULTILINE)
    assert len(files) > 10
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_the_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((\w[^)#:]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []
