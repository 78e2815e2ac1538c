"""build/demo/report.html: one self-contained page that shows what the pipeline loaded into the warehouse.

The page needs no network: its charts are inline SVG, its style stands in it.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from local import charts
from local.charts import Bar
from local.warehouse_client import query

PAGE = Path(__file__).with_name("report.template.html")
MEASURES = {
    "temperature_c": "Temperature",
    "wind_speed_kmh": "Wind",
    "precipitation_mm": "Rain or snow",
    "visibility_m": "Visibility",
}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SHOWN_AIRPORTS = 20
SHOWN_MODELS = 12

BY_MONTH = """
SELECT d.month AS month, d.month_name AS name, COUNT(*) AS flights, AVG(f.dep_delay_minutes::float) AS delay,
       SUM(CASE WHEN f.cancelled THEN 1 ELSE 0 END) AS cancelled
FROM core.fact_flight f JOIN core.dim_date d ON d.date_key = f.date_key
GROUP BY d.month, d.month_name ORDER BY d.month
"""
BY_AIRLINE = """
SELECT COALESCE(airline_name, carrier) AS name, SUM(arrivals) AS flights,
       SUM(mean_arr_delay_minutes * arrivals) / SUM(arrivals) AS delay,
       100.0 * SUM(arrivals_late) / SUM(arrivals) AS late
FROM marts.mart_on_time_performance
WHERE arrivals > 0
GROUP BY COALESCE(airline_name, carrier) ORDER BY delay DESC
"""
BY_AIRPORT = f"""
SELECT airport AS airport, airport_name AS name, SUM(arrivals) AS flights,
       SUM(mean_arr_delay_minutes * arrivals) / SUM(arrivals) AS delay
FROM marts.mart_airport_daily
WHERE arrivals > 0
GROUP BY airport, airport_name ORDER BY flights DESC LIMIT {SHOWN_AIRPORTS}
"""  # noqa: S608 (a constant)
BY_MODEL = f"""
SELECT manufacturer AS manufacturer, model AS model, COUNT(DISTINCT tail_number) AS aircraft,
       SUM(flights) AS flights, AVG(air_hours) AS hours
FROM marts.mart_aircraft_utilisation
WHERE model IS NOT NULL
GROUP BY manufacturer, model ORDER BY flights DESC LIMIT {SHOWN_MODELS}
"""  # noqa: S608 (a constant)
BY_HOUR = """
SELECT d.day_of_week AS weekday, f.sched_dep_time / 100 AS hour, AVG(f.dep_delay_minutes::float) AS delay
FROM core.fact_flight f JOIN core.dim_date d ON d.date_key = f.date_key
WHERE f.dep_delay_minutes IS NOT NULL
GROUP BY d.day_of_week, f.sched_dep_time / 100
"""
BY_WEATHER = """
SELECT measure AS measure, band_number AS number, band AS band, SUM(flights) AS flights,
       SUM(mean_dep_delay_minutes * departures) / NULLIF(SUM(departures), 0) AS delay,
       100.0 * SUM(flights_cancelled) / SUM(flights) AS cancelled
FROM marts.mart_weather_impact
GROUP BY measure, band_number, band ORDER BY measure, band_number
"""


def write(found: Mapping[str, Any], folder: Path) -> Path:
    """Ask the warehouse and write the page into `folder`; `found` is the summary."""
    page = string.Template(PAGE.read_text()).substitute(
        flights=f"{found['rows'].get('fact_flight', 0):,}",
        verdict="Every row is accounted for." if found["ok"] else " ".join(map(escape, found["problems"])),
        verdict_class="good" if found["ok"] else "bad",
        months=_months(query(BY_MONTH)),
        airlines=_airlines(query(BY_AIRLINE)),
        airports=_airports(query(BY_AIRPORT)),
        models=_models(query(BY_MODEL)),
        hours=_hours(query(BY_HOUR)),
        weather=_weather(query(BY_WEATHER)),
        accounting=_accounting(found),
        stream=_stream(found.get("stream")),
        tables=_table(("table", "rows"), found["rows"].items()),
        quality=_quality(found["quality"]),
        dbt="{models} models and {tests} tests, {failed} failed".format(**found["dbt"]),
        rules=_table(
            ("gate", "table", "rule", "passed", "failed"),
            [tuple(result.values()) for result in found["quality"]["results"]],
        ),
        rejects=_table(("reason", "rows"), found["rejects"].items()),
        stacks=_table(
            ("stack", "status", "resources"),
            [(stack["name"], stack["status"], stack["resources"]) for stack in found["stacks"]],
        ),
        runs=_table(
            ("DAG", "run", "state"),
            [(run["dag_id"], run["run_id"], run["state"]) for run in found["dag_runs"]],
        ),
        seconds=_table(("stage", "seconds"), found["seconds"].items()),
        would_deny=str(found["iam"]["would_deny"]),
    )
    path = folder / "report.html"
    path.write_text(page)
    return path


def _months(rows: Sequence[Mapping[str, Any]]) -> str:
    return charts.columns(
        [
            Bar(
                str(row["name"])[:3],
                float(row["flights"]),
                _number(row["delay"]),
                f"{row['name']}: {row['flights']:,} flights, "
                f"{_number(row['delay']):.1f} minutes late on average, "
                f"{row['cancelled']:,} cancelled",
            )
            for row in rows
        ],
        value_unit="flights",
        dot_unit="mean delay, min",
    )


def _airlines(rows: Sequence[Mapping[str, Any]]) -> str:
    return _delays(rows, "name", lambda row: f"{_number(row['late']):.0f} % came 15 or more minutes late")


def _airports(rows: Sequence[Mapping[str, Any]]) -> str:
    named = [{**row, "label": f"{row['airport']}  {row['name']}"[:25]} for row in rows]
    return _delays(named, "label", lambda row: str(row["name"]))


def _delays(rows: Sequence[Mapping[str, Any]], label: str, more: Callable[[Mapping[str, Any]], str]) -> str:
    return charts.rows(
        [
            Bar(
                str(row[label]),
                _number(row["delay"]),
                tooltip=f"{row[label]}: {int(row['flights']):,} flights, "
                f"{_number(row['delay']):.1f} min; {more(row)}",
            )
            for row in rows
        ],
        unit="min",
    )


def _hours(rows: Sequence[Mapping[str, Any]]) -> str:
    delays = {(int(row["weekday"]), int(row["hour"])): _number(row["delay"]) for row in rows}
    hours = sorted({hour for _, hour in delays})
    cells = [[delays.get((day, hour)) for hour in hours] for day in range(1, 8)]
    return charts.heatmap(WEEKDAYS, [str(hour) for hour in hours], cells, unit="min")


def _weather(rows: Sequence[Mapping[str, Any]]) -> str:
    return charts.rows(
        [
            Bar(
                f"{MEASURES.get(row['measure'], row['measure'])}: {row['band']}",
                _number(row["delay"]),
                tooltip=f"{int(row['flights']):,} flights, {_number(row['cancelled']):.1f} % cancelled",
            )
            for row in rows
        ],
        unit="min",
    )


def _models(rows: Sequence[Mapping[str, Any]]) -> str:
    return charts.rows(
        [
            Bar(
                f"{row['manufacturer']} {row['model']}"[:25],
                _number(row["hours"]),
                tooltip=f"{row['aircraft']} aircraft, {int(row['flights']):,} flights",
            )
            for row in rows
        ],
        unit="h",
    )


def _quality(quality: Mapping[str, Any]) -> str:
    """A step for each gate: how many of its checks passed."""
    gates = sorted({result["gate"] for result in quality["results"]})
    steps = []
    for gate in gates:
        results = [result for result in quality["results"] if result["gate"] == gate]
        passed, failed = (sum(result[outcome] for result in results) for outcome in ("passed", "failed"))
        steps.append((gate, passed, f"{len(results)} rules, {failed} checks failed"))
    return _steps(steps)


def _stream(found: Mapping[str, Any] | None) -> str:
    """What became of the events of the replayed day, and its busiest airports."""
    if found is None:
        return "<p>No stream was replayed.</p>"
    steps = [
        ("produced", found["produced"], f"events of {found['day']}, some late, twice or unreadable"),
        ("windows", found["windows"], "counted by airport and hour"),
        ("late", found["late"], "published too long after they happened"),
        ("duplicates", found["duplicates"], "delivered again"),
        ("dead letters", found["dead_letter"], "unreadable, kept with the reason"),
        ("alerts", found["alerts"], "hours in which an airport ran late"),
    ]
    verdict = "agree" if found["reconciled"] else "do not agree"
    flights = ("scheduled", "departed", "cancelled")
    return (
        f'<div class="steps">{_steps(steps)}</div>'
        f"<p>Stream and batch {verdict} on the day. The live board has {found['board_rows']:,} flights: "
        f"{escape(', '.join(f'{count:,} {status}' for status, count in found['board'].items()))}.</p>"
        + _table(
            ("flights of the day", *flights),
            ((name, *(found[name][kind] for kind in flights)) for name in ("streamed", "batch")),
        )
        + _table(
            ("airport", "departures", "cancellations", "greatest delay, min", "worst hour's mean, min"),
            (tuple(each.values()) for each in found["airports"]),
        )
    )


def _accounting(found: Mapping[str, Any]) -> str:
    rejected = sum(found["rejects"].values())
    counted = found["rows"]
    steps = [
        ("raw objects", counted["raw_flights"], "as published, one object a day"),
        ("curated", counted["curated_flights"], f"typed and valid; {rejected:,} rejected with a reason"),
        ("fact_flight", counted.get("fact_flight", 0), "in the warehouse"),
    ]
    return _steps(steps)


def _steps(steps: Iterable[tuple[str, int, str]]) -> str:
    return "".join(
        f'<div class="step"><b>{count:,}</b><span>{escape(name)}</span><small>{escape(what)}</small></div>'
        for name, count, what in steps
    )


def _table(header: Sequence[str], rows: Any) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else escape(str(value))


def _number(value: Any) -> float:
    return float(value) if value is not None else 0.0
