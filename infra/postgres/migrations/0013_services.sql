-- What each worker says of itself (infra/postgres/presence.py): it lives, it waits, or how it ended. From this, and from
-- the dispatcher's plan, `heliograph status`, /readyz and a metric say what stands still.
CREATE TABLE heliograph.services (
    service       text NOT NULL,
    replica       text NOT NULL,
    started_at    timestamptz NOT NULL,
    seen_at       timestamptz NOT NULL,
    running       boolean NOT NULL,             -- false: it ended, and said why
    ends          bigint NOT NULL DEFAULT 0,    -- by itself, since it last lived for two minutes
    failing_since timestamptz,                  -- the first of these
    last_words    text NOT NULL DEFAULT '',
    waits_since   timestamptz,
    waits_for     text NOT NULL DEFAULT '',
    PRIMARY KEY (service, replica)
);
