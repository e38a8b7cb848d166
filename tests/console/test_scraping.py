"""/metrics: what Prometheus reads, from one process or from all workers, and who may read it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from spikes.console.scraping import labelled
from tests.console.conftest import VIEWER_TOKEN, Managed, StartManaged

ONE = """\
# HELP jobs_total Jobs done
# TYPE jobs_total counter
jobs_total{kind="a"} 2.0
# HELP seconds How long
# TYPE seconds histogram
seconds_bucket{le="1.0"} 3.0
seconds_bucket{le="+Inf"} 3.0
seconds_sum 1.5
seconds_count 3.0
"""


async def test_one_process_shows_its_numbers_without_a_label(managed: Managed) -> None:
    response, text = await managed.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE spikes_entities_active gauge" in text
    assert "worker=" not in text


def test_the_numbers_of_two_workers_stand_side_by_side() -> None:
    text = labelled({"7": ONE, "8": ONE}).decode()
    jobs, seconds = text_string_to_metric_families(text)
    assert [(each.labels, each.value) for each in jobs.samples] == [
        ({"worker": "7", "kind": "a"}, 2.0),
        ({"worker": "8", "kind": "a"}, 2.0),
    ]
    assert (jobs.type, seconds.type, len(seconds.samples)) == ("counter", "histogram", 8)
    assert text.count("# TYPE seconds histogram") == 1


async def test_the_machine_itself_needs_no_token(manage: StartManaged) -> None:
    managed = await manage(admin_token="secret")
    assert (await managed.get("/metrics"))[0].status == 200


async def test_a_web_page_elsewhere_can_not_read_them(manage: StartManaged) -> None:
    managed = await manage(admin_viewer_token=VIEWER_TOKEN)
    response, text = await managed.get("/metrics", Host="attacker.example:9090")
    assert (response.status, text) == (401, "log in, or send a token as Authorization: Bearer\n")
    assert (await managed.get("/metrics", VIEWER_TOKEN, Host="attacker.example:9090"))[0].status == 200
