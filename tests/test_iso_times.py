from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.iso_times import in_utc, utc_times

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "time",
    [datetime(2026, 11, 23, 12), datetime(2026, 11, 23, 14, tzinfo=timezone(timedelta(hours=2)))],
)
def test_a_time_without_zone_is_utc_and_another_zone_is_converted(time: datetime) -> None:
    assert in_utc(time) == NOON
    assert in_utc(time).utcoffset() == timedelta()
    assert utc_times(pd.Series([time.isoformat()]), "column time")[0] == NOON


def test_what_is_no_time_is_refused_by_the_name_of_its_place() -> None:
    with pytest.raises(InputError, match=r"ISO 8601 times in cases\.csv"):
        utc_times(pd.Series(["yesterday"]), "cases.csv")
