"""What schemathesis asks for is there: each request that is meant to be right gets a note, tag or user made for it."""

from __future__ import annotations

import itertools
from typing import Any

import requests

PASSWORD = "Analytic-1"
_numbers = itertools.count(1)


class Maker:
    """Makes things in the name of whoever asks."""

    def __init__(self, base: str, authorization: str) -> None:
        self._base = base
        self._headers = {"Authorization": authorization}

    def names(self, path: str) -> dict[str, str]:
        """Return a name for each variable of the path, of what is there and may be changed."""
        match path.split("/")[1]:
            case "notes":
                return self._names_of_note(path)
            case "tags":
                return {"tsid": self.tag()}
            case "sessions":
                return {"tsid": self._session()}
            case "docs":
                return {"asset": "docs.css"}
            case _ if "{user}" in path:
                return {"user": self._related_user()}
            case _:
                return {"tsid": self._user()}

    def note(self) -> str:
        """Return the id of a note."""
        return str(self._ask("POST", "/notes", {"title": f"Aim {next(_numbers)}", "body": "Text"})["id"])

    def comment(self, note: str) -> str:
        """Return the id of a comment on a note."""
        commented = self._ask("POST", f"/notes/{note}/comments", {"title": "Aim", "body": "Text"})
        return str(commented["comments"][-1]["id"])

    def tag(self) -> str:
        """Return the id of a tag."""
        return str(self._ask("POST", "/tags", {"title": f"Aim {next(_numbers)}"})["id"])

    def _names_of_note(self, path: str) -> dict[str, str]:
        names = {"tsid": self.note()}
        on_note = f"/notes/{names['tsid']}"
        if path.endswith(("/undo", "/redo")):
            self._leave_steps(on_note)
        elif "{comment}" in path:
            names["comment"] = self.comment(names["tsid"])
        elif "{tag}" in path:
            names["tag"] = self.tag()
            self._ask("PUT", f"{on_note}/tags/{names['tag']}")
        elif "{target}" in path:
            names["target"] = self.note()
            self._ask("PUT", f"{on_note}/relations/{names['target']}", {"title": "aims at"})
        return names

    def _leave_steps(self, on_note: str) -> None:
        """Leave something to undo and to redo."""
        for body in ("Second", "Third"):
            self._ask("PUT", on_note, {"title": "Aim", "body": body, "status": "New", "access": "Public"})
        self._ask("POST", f"{on_note}/undo")

    def _user(self) -> str:
        profile = {"name": "Aim", "email": f"aim{next(_numbers)}@example.com", "born": "1990-12-10"}
        return str(self._ask("POST", "/users", {**profile, "password": PASSWORD})["id"])

    def _related_user(self) -> str:
        user = self._user()
        self._ask("PUT", f"/users/me/relations/{user}", {"title": "aims at"})
        return user

    def _session(self) -> str:
        return next(str(session["id"]) for session in self._ask("GET", "/sessions") if session["current"])

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, self._base + path, json=body, headers=self._headers, timeout=10)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None
