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

-- When each partition was last seen read to its end. Nothing is claimed while the readers of consent or of our own
-- attempts are behind: a STOP could be unread, or (in a restored backup) an attempt unknown.
CREATE TABLE dispatch.readers (
    topic        text NOT NULL,
    partition    integer NOT NULL,
    caught_up_at timestamptz NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

-- One row: the service plan, shared by all replicas.
CREATE TABLE dispatch.plan (
    only_one       boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    paid_until     timestamptz NOT NULL DEFAULT '-infinity',  -- what was sent so far is paid by the rate at this moment
    factor         real NOT NULL DEFAULT 1,                   -- of the rate; halved by 429 and 503, recovers by itself
    slowed_at      timestamptz NOT NULL DEFAULT '-infinity',
    slow_until     timestamptz NOT NULL DEFAULT '-infinity',
    blocked_reason text,                                      -- everything is paused until an operator resumes
    blocked_at     timestamptz
) WITH (fillfactor = 50);
INSERT INTO dispatch.plan DEFAULT VALUES;

CREATE TABLE dispatch.campaigns (
    campaign_id     uuid PRIMARY KEY,
    chunks          integer NOT NULL,                  -- 0: a word about it came before the campaign itself
    arrived         integer NOT NULL,                  -- nothing is offered before all chunks have arrived
    priority        smallint NOT NULL DEFAULT 0,
    delivery_policy text NOT NULL DEFAULT 'at_most_once',
    retry_delays    integer[] NOT NULL DEFAULT '{}',   -- seconds
    expire_at       timestamptz,
    paused          boolean NOT NULL DEFAULT false,
    cancelled       boolean NOT NULL DEFAULT false,
    cancelled_by    text NOT NULL DEFAULT '',
    decided_at      timestamptz NOT NULL DEFAULT '-infinity',
    decided_by      uuid,                              -- event_id: breaks a tie of decided_at
    cancel_done     boolean NOT NULL DEFAULT false     -- nothing of it is left to take back
);
CREATE INDEX campaigns_to_cancel ON dispatch.campaigns (campaign_id) WHERE cancelled AND NOT cancel_done;
CREATE INDEX campaigns_to_expire ON dispatch.campaigns (expire_at) WHERE expire_at IS NOT NULL;

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
    state        text NOT NULL CHECK (state IN ('due', 'attempting', 'in_doubt', 'accepted', 'refused', 'absent',
                     'split', 'suppressed', 'expired', 'cancelled', 'given_up')),
    reason       text NOT NULL DEFAULT 'first',  -- of SendAttempted
    created_at   timestamptz NOT NULL DEFAULT now(),  -- claimed only when consent was read to an end seen after it
    due_at       timestamptz NOT NULL,
    rank_at      timestamptz NOT NULL,  -- the order among due rows: see services/dispatcher/ledger.py
    recipients   text[],                -- null: all of the chunk's
    follows      smallint NOT NULL DEFAULT 0,  -- accepted offers that a recipient may have had before, by the retry policy
    owner        integer,
    claims       smallint NOT NULL DEFAULT 0,  -- how often it was claimed; SendAttempted carries it
    attempted_at timestamptz,           -- PostgreSQL's clock at the claim
    accepted_at  timestamptz,
    looks        smallint NOT NULL DEFAULT 0,
    next_look_at timestamptz,           -- at Sinch's list while in doubt, at its reports once accepted; null: none
    batch_id     text,
    cancel_asked boolean NOT NULL DEFAULT false,  -- Sinch was told to cancel it
    PRIMARY KEY (campaign_id, chunk, attempt, part),
    FOREIGN KEY (campaign_id, chunk) REFERENCES dispatch.chunks ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX batches_due ON dispatch.batches (rank_at) WHERE state = 'due';
CREATE INDEX batches_attempting ON dispatch.batches (owner) WHERE state = 'attempting';
CREATE INDEX batches_in_doubt ON dispatch.batches (next_look_at) WHERE state = 'in_doubt';
CREATE INDEX batches_silent ON dispatch.batches (next_look_at) WHERE state = 'accepted' AND next_look_at IS NOT NULL;
CREATE INDEX batches_batch_id ON dispatch.batches (batch_id) WHERE batch_id IS NOT NULL;

-- Consent as the log has it, ordered by Sinch's received_at; `version` grows with every change, so that a replica
-- loads only what it has not seen yet.
CREATE SEQUENCE dispatch.consent_versions;
CREATE TABLE dispatch.consent (
    recipient  bigint PRIMARY KEY,
    opted_out  boolean NOT NULL,
    decided_at timestamptz NOT NULL,
    version    bigint NOT NULL
);
CREATE INDEX consent_version ON dispatch.consent (version);

-- Failures that may pass, waiting to be sent again together.
CREATE TABLE dispatch.follow_ups (
    campaign_id uuid NOT NULL,
    recipient   text NOT NULL,
    chunk       integer NOT NULL,
    attempt     smallint NOT NULL,      -- the one that failed
    due_at      timestamptz NOT NULL,
    done        boolean NOT NULL DEFAULT false,
    PRIMARY KEY (campaign_id, recipient, attempt)
);
CREATE INDEX follow_ups_due ON dispatch.follow_ups (due_at) WHERE NOT done;

-- Reports without a reference of ours, until their batch is known.
CREATE TABLE dispatch.orphans (
    event_id uuid PRIMARY KEY,
    batch_id text NOT NULL,
    report   bytea NOT NULL,
    seen_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX orphans_batch_id ON dispatch.orphans (batch_id);
