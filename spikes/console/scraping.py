"""/metrics: the numbers of all workers in one answer, labelled `worker`, so that a sum over that label is the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from spikes.console.inside import Inside
from spikes.console.peers import Peers
from spikes.telemetry import metrics


async def own_metrics(_: Inside, __: Mapping[str, str]) -> str:
    """Return the numbers of this process as Prometheus reads them."""
    return metrics.exposition().decode()


class Scraping:
    """Answers Prometheus."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def metrics(self, _: web.Request) -> web.Response:
        """GET /metrics."""
        texts = await self._peers.ask("metrics")
        body = next(iter(texts.values())).encode() if len(texts) == 1 else labelled(texts)
        return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})


class _Together(Collector):
    """The metrics of several processes, those of one name together."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def collect(self) -> Iterable[Metric]:
        """Return each metric once, with the samples of all processes."""
        found: dict[str, Metric] = {}
        for worker, text in self._texts.items():
            for family in text_string_to_metric_families(text):
                metric = found.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for each in family.samples:
                    metric.add_sample(each.name, {"worker": worker, **each.labels}, each.value)
        return found.values()


def labelled(texts: Mapping[str, str]) -> bytes:
    """Return the metrics of several processes, by process id, as one text."""
    registry = CollectorRegistry()
    registry.register(_Together(texts))
    return generate_latest(registry)
