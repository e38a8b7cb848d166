"""Times in milliseconds and as RFC 3339 text."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikes.domain.times import EARLIEST, EPOCH, LATEST, MILLISECOND, from_rfc3339, to_rfc3339


@given(st.integers(EARLIEST, LATEST))
def test_a_time_survives_the_way_through_text(moment: int) -> None:
    assert from_rfc3339(to_rfc3339(moment)) == moment


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.timezones()))
def test_a_time_means_what_python_reads(moment: datetime) -> None:
    offset = moment.utcoffset()
    if offset is not None and not offset.seconds % 60:
        assert from_rfc3339(moment.isoformat()) == (moment - EPOCH) // MILLISECOND


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T10:00:00.000Z",
        "2026-11-23T10:00:00Z",
        "2026-11-23T10:00Z",
        "2026-11-23T10:00:00",
        "2026-11-23t10:00:00z",
        "2026-11-23 10:00:00",
        "2026-11-23T12:00:00.000999+02:00",
        "2026-11-22T22:30:00.0-11:30",
        "2026-11-24T09:59:00+23:59",
    ],
)
def test_many_spellings_are_one_time(text: str) -> None:
    assert to_rfc3339(from_rfc3339(text)) == "2026-11-23T10:00:00.000Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23T25:00:00Z",
        "2026-02-29T10:00:00Z",
        "2026-11-23T10:00:60Z",
        "2026-11-23T10:00:00+24:00",
        "2026-11-23T10:00:00+02:60",
        "2026-11-23T10:00:00.Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2026-11-23T10:00:00Z\n",
        "\u0662026-11-23T10:00:00Z",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - that it is refused is all that counts
        from_rfc3339(text)
