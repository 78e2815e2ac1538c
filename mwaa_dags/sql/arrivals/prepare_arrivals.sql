-- A notice is a row. They are copied beside the record first: who copies a file twice has its rows twice.
CREATE TABLE IF NOT EXISTS staging.arrivals (
    day DATE NOT NULL, data_set VARCHAR(32) NOT NULL, announced_at TIMESTAMP NOT NULL
);

CREATE TABLE IF NOT EXISTS staging.copied_arrivals (
    day DATE NOT NULL, data_set VARCHAR(32) NOT NULL, announced_at TIMESTAMP NOT NULL
);

DELETE FROM staging.copied_arrivals;
