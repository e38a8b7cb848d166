"""The probes: liveness asks nobody, readiness asks the journal, and each names its checks when asked to."""

from __future__ import annotations

import pytest

from tests.console.conftest import Managed, StartManaged


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz"])
async def test_a_healthy_service_passes_every_probe(managed: Managed, path: str) -> None:
    response, text = await managed.get(path)
    assert (response.status, text) == (200, "ok\n")


async def test_verbose_names_all_checks(managed: Managed) -> None:
    _, text = await managed.get("/readyz?verbose")
    assert text == "[+]started ok\n[+]serving ok\n[+]journal ok\nreadyz check passed\n"


async def test_a_draining_service_is_alive_but_not_ready(managed: Managed) -> None:
    managed.service.state.draining = True
    ready, text = await managed.get("/readyz")
    assert (ready.status, "[-]serving: the process is about to end" in text) == (503, True)
    assert (await managed.get("/livez"))[0].status == 200


async def test_probes_need_no_token_and_no_name(manage: StartManaged) -> None:
    managed = await manage(admin_token="secret")
    response, _ = await managed.get("/readyz", Host="10.0.0.7:9090")
    assert response.status == 200
