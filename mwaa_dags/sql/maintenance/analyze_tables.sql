-- Statistics for the planner: what changed since the last time, of the columns that queries filter or join by.
ANALYZE core.fact_flight PREDICATE COLUMNS;
ANALYZE core.fact_flight_lifecycle PREDICATE COLUMNS;
ANALYZE core.fact_airport_daily PREDICATE COLUMNS;
