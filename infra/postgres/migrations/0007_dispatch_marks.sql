-- The dispatcher knows the last record before each offset, as the projector does: a log that was restored from elsewhere,
-- or made anew with as many records, is recognised instead of being skipped up to the offset.

ALTER TABLE dispatch.offsets
    ADD COLUMN last_logged_ms bigint NOT NULL DEFAULT 0,  -- its time of append; 0: not known, of a row of before
    ADD COLUMN last_digest    bigint NOT NULL DEFAULT 0;
