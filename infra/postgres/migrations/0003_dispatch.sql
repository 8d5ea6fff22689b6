-- The dispatcher's ledger: what was asked for, what was offered to Sinch, and what came of it. Only the dispatcher
-- writes here. States change in transactions that also move the offsets, so a record is taken in exactly once.

CREATE SCHEMA dispatch;

-- An owner is a session that holds the advisory lock (OWNERS, owner); its rows are its own as long as the lock is held.
CREATE SEQUENCE dispatch.owners AS integer CYCLE;

CREATE TABLE dispatch.offsets (
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);

CREATE TABLE dispatch.campaigns (
    campaign_id uuid PRIMARY KEY,
    chunks      integer NOT NULL,
    arrived     integer NOT NULL,       -- nothing is offered before all chunks have arrived
    paused      boolean NOT NULL DEFAULT false,
    cancelled   boolean NOT NULL DEFAULT false
);

CREATE TABLE dispatch.chunks (
    campaign_id uuid NOT NULL REFERENCES dispatch.campaigns ON DELETE CASCADE,
    chunk       integer NOT NULL,
    request     bytea NOT NULL,         -- CampaignRequested as it stands in the log
    attempts    smallint NOT NULL,      -- the highest attempt allotted; never given out twice
    PRIMARY KEY (campaign_id, chunk)
);

CREATE TABLE dispatch.batches (         -- one row an offer: its key is the client_reference
    campaign_id  uuid NOT NULL,
    chunk        integer NOT NULL,
    attempt      smallint NOT NULL,
    part         text NOT NULL DEFAULT '',
    state        text NOT NULL CHECK (state IN ('due', 'attempting', 'in_doubt', 'accepted', 'refused', 'absent')),
    reason       text NOT NULL DEFAULT 'first',  -- of SendAttempted
    priority     smallint NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL,
    recipients   text[],                -- null: all of the chunk's
    owner        integer,
    attempted_at timestamptz,           -- PostgreSQL's clock at the claim
    looks        smallint NOT NULL DEFAULT 0,
    next_look_at timestamptz,
    batch_id     text,
    PRIMARY KEY (campaign_id, chunk, attempt, part),
    FOREIGN KEY (campaign_id, chunk) REFERENCES dispatch.chunks ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX batches_due ON dispatch.batches (priority DESC, due_at, campaign_id, chunk) WHERE state = 'due';
CREATE INDEX batches_attempting ON dispatch.batches (owner) WHERE state = 'attempting';
CREATE INDEX batches_in_doubt ON dispatch.batches (next_look_at) WHERE state = 'in_doubt';
