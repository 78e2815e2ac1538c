import pytest

from flights.sources.settings import IngestSettings, SettingsError

ENVIRONMENT = {"RAW_BUCKET": "raw", "AIRPORTS": "EWR, JFK", "SOURCE": "/refstack/dev/sources/flights"}


def test_settings_are_read_from_the_environment():
    settings = IngestSettings.of_environment(ENVIRONMENT, "SOURCE")

    assert settings.raw_bucket == "raw"
    assert [airport.code for airport in settings.airports] == ["EWR", "JFK"]
    assert settings.source_parameter == "/refstack/dev/sources/flights"


def test_every_missing_setting_is_named():
    with pytest.raises(SettingsError, match="the environment lacks RAW_BUCKET, SOURCE"):
        IngestSettings.of_environment({"AIRPORTS": "EWR", "RAW_BUCKET": ""}, "SOURCE")


def test_an_airport_that_nobody_knows_is_named():
    with pytest.raises(SettingsError, match=r"AIRPORTS is 'EWR,XXX': .* has no airport XXX"):
        IngestSettings.of_environment({**ENVIRONMENT, "AIRPORTS": "EWR,XXX"}, "SOURCE")
