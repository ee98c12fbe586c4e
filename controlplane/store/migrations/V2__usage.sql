-- What applications have used, by the hour that it was reported in: sums, not records. `hour` is its beginning in Unix seconds.
CREATE TABLE usage (
    tenant TEXT NOT NULL,
    application TEXT NOT NULL,
    api TEXT NOT NULL,
    hour BIGINT NOT NULL,
    ok BIGINT NOT NULL,
    throttled BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    PRIMARY KEY (tenant, application, api, hour)
);
CREATE INDEX usage_hour ON usage (hour);

-- The last batch that was added of each source: its start, and its number within that. `seen` is when, in Unix seconds.
CREATE TABLE usage_batches (
    source TEXT PRIMARY KEY,
    start TEXT NOT NULL,
    number BIGINT NOT NULL,
    seen BIGINT NOT NULL
);
