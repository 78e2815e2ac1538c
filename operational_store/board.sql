-- The live board: one row a flight, made of its events (streaming/board.py). Moments are in UTC.

CREATE SCHEMA IF NOT EXISTS board;

CREATE TABLE IF NOT EXISTS board.flights (
    flight_id               TEXT PRIMARY KEY,
    flight_date             DATE NOT NULL,             -- local to the origin, as all days of flights
    carrier                 TEXT NOT NULL,
    flight_number           INTEGER NOT NULL,
    origin                  TEXT NOT NULL,
    destination             TEXT NOT NULL,
    tail_number             TEXT,                      -- as the last event tells
    status                  TEXT NOT NULL CHECK (status IN ('scheduled', 'departed', 'arrived', 'cancelled')),
    scheduled_departure     TIMESTAMPTZ,
    schedule_told_at        TIMESTAMPTZ,               -- time of the event that told the departure's schedule
    departed_at             TIMESTAMPTZ,
    departure_delay_minutes INTEGER,                   -- negative if early
    scheduled_arrival       TIMESTAMPTZ,               -- known once the flight has arrived
    arrived_at              TIMESTAMPTZ,
    arrival_delay_minutes   INTEGER,
    last_event_time         TIMESTAMPTZ NOT NULL,
    last_event_id           TEXT NOT NULL,
    updated_at              TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS flights_of_an_airport ON board.flights (origin, flight_date, scheduled_departure);
