import pytest

from flights.sources.settings import ClientSettings, IngestSettings, SettingsError

ENVIRONMENT = {
    "RAW_BUCKET": "raw",
    "AIRPORTS": "EWR, JFK",
    "SOURCE": "/refstack/dev/sources/flights",
    "CLIENT_PARAMETER": "/refstack/dev/ingestion/client",
}


def test_settings_are_read_from_the_environment():
    settings = IngestSettings.of_environment(ENVIRONMENT, "SOURCE")

    assert settings.raw_bucket == "raw"
    assert [airport.code for airport in settings.airports] == ["EWR", "JFK"]
    assert settings.source_parameter == "/refstack/dev/sources/flights"
    assert settings.client_parameter == "/refstack/dev/ingestion/client"


def test_every_missing_setting_is_named():
    with pytest.raises(SettingsError, match="the environment lacks RAW_BUCKET, SOURCE, CLIENT_PARAMETER"):
        IngestSettings.of_environment({"AIRPORTS": "EWR", "RAW_BUCKET": ""}, "SOURCE")


def test_an_airport_that_nobody_knows_is_named():
    with pytest.raises(SettingsError, match=r"AIRPORTS is 'EWR,XXX': .* has no airport XXX"):
        IngestSettings.of_environment({**ENVIRONMENT, "AIRPORTS": "EWR,XXX"}, "SOURCE")


def test_settings_of_requests_have_defaults_for_what_is_not_set():
    assert ClientSettings.of_json("{}") == ClientSettings()
    assert ClientSettings.of_json('{"accept": ""}') == ClientSettings()
    assert ClientSettings.of_json('{"user_agent": "mine"}') == ClientSettings(user_agent="mine")


@pytest.mark.parametrize("text", ['{"agent": "mine"}', '{"accept": 1}', "[]", "mine", ""])
def test_settings_of_requests_of_another_form_are_refused(text):
    with pytest.raises(SettingsError, match="not a JSON object of texts called accept, inter"):
        ClientSettings.of_json(text)
