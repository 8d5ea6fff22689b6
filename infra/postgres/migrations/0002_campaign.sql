-- The campaign service's own schema: an outbox (campaigns, chunks), the keys of repeated requests, and people's names.
create schema campaign;

-- What was accepted. The answer to the request, given again for the same Idempotency-Key, is made from this row alone.
create table campaign.campaigns (
    campaign_id      uuid        primary key,
    name             text,
    body             text        not null,
    sender           text,                              -- null: SINCH_NUMBER at the time of sending
    actor            text        not null,              -- the id of the key that asked, or `anonymous`
    recipients       integer     not null check (recipients > 0),
    duplicates       integer     not null default 0,    -- repeated numbers in the request, left out
    chunk_recipients integer[]   not null,              -- how many recipients each chunk has
    chunks           integer     not null generated always as (cardinality(chunk_recipients)) stored,
    options          jsonb       not null default '{}', -- send_at, delivery policy, …: whatever else was asked for
    created_at       timestamptz not null,
    published_at     timestamptz                        -- null: not all of its chunks are known to be in the log
);

-- The finisher's question, asked every second: a campaign stands in this index only while it is being published.
create index campaigns_unpublished on campaign.campaigns (created_at) where published_at is null;

-- The records still to be published, exactly as they will stand in the log. Gone once they are there.
create table campaign.chunks (
    campaign_id uuid    not null references campaign.campaigns on delete cascade,
    chunk       integer not null,
    event       bytea   not null,
    primary key (campaign_id, chunk)
);

-- Written before its campaign in the same transaction, so that of two equal requests one waits here for the other.
create table campaign.idempotency_keys (
    actor       text        not null,
    key         text        not null,
    body_hash   bytea       not null, -- SHA-256 of the request in canonical form
    campaign_id uuid        not null references campaign.campaigns on delete cascade deferrable initially deferred,
    created_at  timestamptz not null,
    primary key (actor, key)
);
create index idempotency_keys_campaign on campaign.idempotency_keys (campaign_id);

-- Names are kept here and only here: the log is kept for ever and holds none.
create table campaign.people (
    phone      bigint      primary key, -- E.164 digits
    first_name text,
    last_name  text,
    updated_at timestamptz not null
);
