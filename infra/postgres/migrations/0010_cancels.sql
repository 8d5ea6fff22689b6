-- A cancel at Sinch that was not answered is asked again after pauses that grow, behind those that were not asked yet.

ALTER TABLE dispatch.batches
    ADD COLUMN cancels        bigint NOT NULL DEFAULT 0,  -- how often Sinch was asked to cancel it
    ADD COLUMN next_cancel_at timestamptz NOT NULL DEFAULT '-infinity';
