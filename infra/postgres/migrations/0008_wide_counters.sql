-- Counters that time alone makes grow: a row is claimed again after every 429 and every connection that was not made, and
-- a chunk is offered again as often as Sinch does not have it. As smallint they ended at 32,767: a night.

ALTER TABLE dispatch.batches
    ALTER COLUMN attempt TYPE integer,
    ALTER COLUMN follows TYPE integer,
    ALTER COLUMN claims  TYPE bigint,
    ALTER COLUMN looks   TYPE bigint;
ALTER TABLE dispatch.chunks ALTER COLUMN attempts TYPE integer;
ALTER TABLE dispatch.follow_ups ALTER COLUMN attempt TYPE integer;
