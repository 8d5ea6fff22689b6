-- What the plan knows of its provider: how often it was told to slow down or was told nothing, and since when an operator
-- lets it go on. And what each offer was charged, so that what was not accepted is given back.

ALTER TABLE dispatch.plan
    ADD COLUMN resumed_at   timestamptz NOT NULL DEFAULT '-infinity',  -- what is older blocks nothing any more
    ADD COLUMN slowdowns    integer NOT NULL DEFAULT 0,   -- pauses after 429 and 503 in a row
    ADD COLUMN unclear      integer NOT NULL DEFAULT 0,   -- offers in a row of which nobody knows what came of them
    ADD COLUMN unclear_why  text NOT NULL DEFAULT '',     -- of the last of them
    ADD COLUMN pauses       integer NOT NULL DEFAULT 0,   -- pauses in a row because of that
    ADD COLUMN paused_until timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN probe_until  timestamptz NOT NULL DEFAULT '-infinity';  -- one offer is on its way to find out

ALTER TABLE dispatch.batches ADD COLUMN paid real NOT NULL DEFAULT 0;  -- seconds of the plan's rate, at its claim
ALTER TABLE dispatch.chunks ADD COLUMN splits integer NOT NULL DEFAULT 0;  -- how often an offer of it was halved
