-- The ledger can be made anew from the log, in whatever order the topics are read.

-- Facts of the log about chunks, or offers, that are not in the ledger yet: kept until they are, then applied and deleted.
CREATE TABLE dispatch.early (
    topic       text NOT NULL,
    partition   integer NOT NULL,
    "offset"    bigint NOT NULL,
    campaign_id uuid NOT NULL,
    chunk       integer NOT NULL,
    event       bytea NOT NULL,
    seen_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, "offset")
);
CREATE INDEX early_chunk ON dispatch.early (campaign_id, chunk);

-- Who got the message, of campaigns that send again what failed: nobody of these is sent to again.
CREATE TABLE dispatch.delivered (
    campaign_id uuid NOT NULL,
    recipient   text NOT NULL,
    PRIMARY KEY (campaign_id, recipient)
);

ALTER TABLE dispatch.batches
    ADD COLUMN proof text,  -- Sinch's id of the batch, learned while the offer was attempting: it has it, whatever the POST says
    ADD COLUMN said  text,  -- the state that the log gave the offer while it was attempting: it holds when its owner dies
    DROP CONSTRAINT batches_state_check,
    ADD CONSTRAINT batches_state_check CHECK (state IN ('due', 'attempting', 'in_doubt', 'accepted', 'refused', 'absent',
        'split', 'suppressed', 'expired', 'cancelled', 'given_up', 'called_off'));
