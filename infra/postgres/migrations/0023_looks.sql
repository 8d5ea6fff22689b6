-- The fence before a claim compares offsets with ends that were seen, and orders looks and rows by this sequence: no clock
-- decides whether a STOP was read (services/dispatcher/fencing/fence.py). Rows of before may be claimed after any look.
CREATE SEQUENCE dispatch.looks MINVALUE 1;
ALTER TABLE dispatch.batches ADD COLUMN look bigint NOT NULL DEFAULT 0;
ALTER TABLE dispatch.batches ALTER COLUMN look SET DEFAULT nextval('dispatch.looks');
