-- Version 2 of the read model: the history packed by chunk, the moment of a report as text. Builds of version 1 stay
-- what they are, for the program that fills them; a database whose only build has folded nothing begins with version 2.

CREATE OR REPLACE FUNCTION live.create_build(number integer, code_version integer) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format('CREATE SCHEMA build_%s', number);
    PERFORM set_config('search_path', format('build_%s', number), true);

    CREATE TABLE projector_offsets (        -- what is folded: everything before next_offset
        topic       text NOT NULL,          -- without prefix
        partition   integer NOT NULL,
        next_offset bigint NOT NULL,
        last_logged_ms bigint NOT NULL DEFAULT 0,  -- of the record before it: its time of append, and a digest of it,
        last_digest    bigint NOT NULL DEFAULT 0,  -- held against the log on every assignment
        PRIMARY KEY (topic, partition)
    );

    -- One row a message. Written on request and on facts about this one message only: what is known of its whole
    -- batch (pending, attempted, in doubt, sent, …) comes from `batches` in the view. No index on what changes, and
    -- half of each page free: updates stay HOT.
    CREATE TABLE messages (
        campaign_id     uuid NOT NULL,
        recipient       bigint NOT NULL,    -- E.164 digits
        reported_at     text NOT NULL COLLATE "C",  -- as events write it, so its order is that of time; '': none
        chunk           integer NOT NULL,
        code            integer NOT NULL,   -- Sinch's; -1: none
        attempt         smallint NOT NULL,
        scheduled       smallint NOT NULL,  -- the last attempt whose failure is followed up; 0: none
        given_up        smallint NOT NULL,  -- the last attempt that is not; 0: none
        rank            smallint NOT NULL,  -- contracts/statuses.py; 0: no fact of its own yet
        parts           smallint NOT NULL,  -- message parts; 0: not told
        requested       boolean NOT NULL,   -- false: reported before, or without, being requested
        retries         boolean NOT NULL,   -- its campaign follows up failures that may pass
        retriable       boolean NOT NULL,   -- the reported failure is one of those
        part            text NOT NULL COLLATE "C",
        status          text NOT NULL COLLATE "C",
        provider_status text NOT NULL COLLATE "C",
        batch_id        text NOT NULL COLLATE "C",
        PRIMARY KEY (campaign_id, recipient, chunk)  -- one of them is requested; a report that names a recipient
    ) WITH (fillfactor = 50);               -- under another chunk stays beside it, in no count and with its own writer

    -- One row an offer of a chunk. The four counters say how many of its messages have facts of their own.
    CREATE TABLE batches (
        campaign_id  uuid NOT NULL,
        chunk        integer NOT NULL,
        attempt      smallint NOT NULL,
        part         text NOT NULL COLLATE "C",
        requested    boolean NOT NULL,
        rank         smallint NOT NULL,
        status       text NOT NULL,
        status_at    timestamptz,
        reason       text NOT NULL COLLATE "C",
        batch_id     text NOT NULL COLLATE "C",
        recipients   integer NOT NULL,
        attempted_at timestamptz,
        accepted_at  timestamptz,
        members      integer NOT NULL,      -- requested messages whose current offer this is
        queued       integer NOT NULL,
        dispatched   integer NOT NULL,
        unrecognised integer NOT NULL,
        settled      integer NOT NULL,      -- members with a fact of their own that outranks the batch's
        PRIMARY KEY (campaign_id, chunk, attempt, part)
    ) WITH (fillfactor = 50);

    CREATE TABLE campaigns (                -- one row a campaign and Kafka partition; the view adds them up
        campaign_id  uuid NOT NULL,
        partition    integer NOT NULL,
        name         text,
        body         text NOT NULL,
        sender       text,
        scheduled_at timestamptz,
        requested_at timestamptz NOT NULL,
        chunks       integer NOT NULL,
        chunks_seen  integer NOT NULL,
        PRIMARY KEY (campaign_id, partition)
    );
    CREATE INDEX campaigns_requested_at ON campaigns (requested_at);

    CREATE TABLE campaign_counts (          -- messages by status; sums over partitions are the campaign's counts
        campaign_id uuid NOT NULL,
        partition   integer NOT NULL,
        status      text NOT NULL,
        awaiting    boolean NOT NULL,       -- failed in a way that may pass, and a follow-up is not given up: not final
        messages    bigint NOT NULL,
        PRIMARY KEY (campaign_id, partition, status, awaiting)
    ) WITH (fillfactor = 50);

    CREATE TABLE campaign_control (         -- the latest word about a campaign as a whole
        campaign_id  uuid PRIMARY KEY,
        cancelled    boolean NOT NULL,
        paused       boolean NOT NULL,
        reason       text NOT NULL,
        decided_at   timestamptz NOT NULL,
        event_id     uuid NOT NULL
    );

    -- Every fact about one message, as it came; deduplicated on reading. One row holds what one transaction took of one
    -- chunk: a line (record separator between) a fact, unit separators between its fields. A row a fact with an index
    -- of its own cost as much as all other tables together (docs/performance.md).
    CREATE TABLE history (
        campaign_id uuid NOT NULL,
        chunk       integer NOT NULL,
        lines       text NOT NULL
    );
    ALTER TABLE history ALTER COLUMN lines SET STORAGE EXTERNAL;  -- compressing it would cost more than the rest of it
    CREATE INDEX history_chunk ON history (campaign_id, chunk);

    CREATE VIEW message_events AS
        SELECT campaign_id, chunk,
               f[1]::bigint AS recipient,
               f[2]::uuid AS event_id,
               f[3]::timestamptz AS occurred_at,                        -- as its writer knows it: Sinch's own time for a
                                                                        -- report that has one
               to_timestamp(f[4]::bigint / 1000.0) AS logged_at,        -- when the log took it
               nullif(f[5], '')::integer AS code,
               f[6]::smallint AS attempt,
               f[7]::smallint AS rank,                                  -- contracts/statuses.py; 0: no status
               f[8] COLLATE "C" AS part,
               f[9] AS type,
               f[10] COLLATE "C" AS status,
               f[11] AS detail
        FROM history
        CROSS JOIN LATERAL unnest(string_to_array(lines, E'\x1e')) AS line
        CROSS JOIN LATERAL (SELECT string_to_array(line, E'\x1f')) AS fields (f);

    CREATE TABLE second_reports (           -- messages reported under an attempt after the first: few, looked at by
        campaign_id uuid NOT NULL,          -- the view of incidents
        recipient   bigint NOT NULL,
        PRIMARY KEY (campaign_id, recipient)
    );

    CREATE TABLE orphan_reports (           -- reports whose reference is missing or not ours
        event_id    uuid PRIMARY KEY,
        batch_id    text NOT NULL,
        recipient   bigint NOT NULL,
        status      text NOT NULL,
        code        integer NOT NULL,
        reported_at timestamptz NOT NULL,
        logged_at   timestamptz NOT NULL,   -- when the log took it first
        seen        boolean NOT NULL,       -- as an orphan
        settled     boolean NOT NULL        -- published again under its chunk's key
    );

    CREATE TABLE parked (                   -- records without effect, and what people decided about them
        topic        text NOT NULL,
        partition    integer NOT NULL,
        record_offset bigint NOT NULL,
        state        text NOT NULL,         -- parked, retried (to be folded by the partition's owner), folded, dropped
        reason       text NOT NULL,
        actor        text NOT NULL,
        decided_at   timestamptz NOT NULL,
        decision     bigint NOT NULL,       -- offset of the latest word about it in projection-control
        PRIMARY KEY (topic, partition, record_offset)
    );

    CREATE TABLE recipients (               -- consent; ordered by Sinch's received_at, a tie counts as opted out
        phone        bigint PRIMARY KEY,
        is_opted_out boolean NOT NULL,
        decided_at   timestamptz NOT NULL,
        source       text NOT NULL
    );

    CREATE TABLE replies (
        inbound_id  text PRIMARY KEY,
        sender      bigint NOT NULL,
        originator  text NOT NULL,
        kind        text NOT NULL,
        body        text NOT NULL,
        keyword     text,
        received_at timestamptz NOT NULL
    );
    CREATE INDEX replies_sender ON replies (sender, received_at);

    INSERT INTO live.builds (build, version) VALUES (number, code_version);
END
$body$;

-- Each fact once, and how it stands to the others: `late`: a greater one had already come; `contradicts`: it is final
-- and so was that one, in the same attempt, with another word; `overruled`: it was final and a greater one came later.
-- As a query's text, because it serves a view of everything and a function that looks at one message.
CREATE FUNCTION live.marked(filter text) RETURNS text LANGUAGE sql IMMUTABLE AS $body$ SELECT $sql$
    SELECT campaign_id, recipient, event_id, occurred_at, logged_at, code, attempt, part, type, status, detail, rank,
           CASE
               WHEN rank = 0 THEN ''
               WHEN before > fact THEN
                   CASE WHEN rank >= 8 AND before[4] >= '08' AND before[2] = fact[2] AND before[6] <> status
                        THEN 'contradicts' ELSE 'late' END
               WHEN rank >= 8 AND best > fact AND best[2] = fact[2] AND best[6] <> status THEN 'overruled'
               ELSE ''
           END AS mark
    FROM (
        SELECT *, max(fact) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before,
               max(fact) OVER (PARTITION BY campaign_id, recipient) AS best
        FROM (
            SELECT DISTINCT ON (campaign_id, recipient, event_id) *,
                   live.fact(attempt, part, rank, occurred_at, status) AS fact
            FROM build_%1$s.message_events $sql$ || filter || $sql$
            ORDER BY campaign_id, recipient, event_id, logged_at
        ) once
        WINDOW w AS (PARTITION BY campaign_id, recipient ORDER BY logged_at, rank, event_id)
    ) e
$sql$ $body$;

-- Points every view at one build. In one transaction: a reader sees the old build or the new one, never a gap.
CREATE FUNCTION live.swap_to_version_2(number integer) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM set_config('search_path', format('build_%s', number), true);

    CREATE OR REPLACE VIEW live.projector_offsets AS SELECT * FROM projector_offsets;
    CREATE OR REPLACE VIEW live.parked AS SELECT * FROM parked;

    EXECUTE format('CREATE OR REPLACE VIEW live.message_events AS ' || live.marked(''), number);
    EXECUTE format('CREATE OR REPLACE FUNCTION live.history_of(campaign uuid, phone bigint)
        RETURNS SETOF live.message_events LANGUAGE sql STABLE AS $sql$' || live.marked(
            'WHERE campaign_id = $1 AND recipient = $2 AND chunk IN (SELECT m.chunk FROM build_%1$s.messages m
             WHERE m.campaign_id = $1 AND m.recipient = $2)') || '$sql$', number);
    CREATE OR REPLACE VIEW live.orphan_reports AS SELECT * FROM orphan_reports WHERE seen AND NOT settled;

    -- Reports under two attempts, and no follow-up of a reported failure between them: sent twice.
    CREATE OR REPLACE VIEW live.incidents AS
        WITH chunks AS (  -- without those whose second attempt followed up the first, which are nearly all
            SELECT DISTINCT campaign_id, m.chunk FROM second_reports JOIN messages m USING (campaign_id, recipient)
            WHERE NOT (m.attempt = 2 AND m.scheduled >= 1)
        ), seen AS (
            SELECT DISTINCT campaign_id, recipient, e.attempt, e.type
            FROM chunks JOIN message_events e USING (campaign_id, chunk)
            JOIN second_reports USING (campaign_id, recipient)
            WHERE e.type IN ('DeliveryReported', 'FollowUpScheduled')
        )
        SELECT 'DuplicateSend' AS kind, a.campaign_id, a.recipient, a.attempt AS first_attempt,
               b.attempt AS second_attempt
        FROM seen a JOIN seen b USING (campaign_id, recipient)
        WHERE a.type = 'DeliveryReported' AND b.type = 'DeliveryReported' AND a.attempt < b.attempt
          AND NOT EXISTS (
              SELECT FROM seen f WHERE f.campaign_id = a.campaign_id AND f.recipient = a.recipient
                 AND f.type = 'FollowUpScheduled' AND f.attempt >= a.attempt AND f.attempt < b.attempt
          );
    CREATE OR REPLACE VIEW live.replies AS SELECT * FROM replies;
    CREATE OR REPLACE VIEW live.recipients AS
        SELECT r.phone, r.is_opted_out, CASE WHEN r.is_opted_out THEN r.decided_at END AS opted_out_at,
               p.first_name, p.last_name
        FROM recipients r LEFT JOIN campaign.people p USING (phone);

    CREATE OR REPLACE VIEW live.batches AS
        SELECT campaign_id, chunk, part, attempt,
               campaign_id || '.' || chunk || '.' || attempt || CASE WHEN part = '' THEN '' ELSE '.' || part END
                   AS client_reference,
               status, reason, nullif(batch_id, '') AS batch_id, recipients, attempted_at, accepted_at, status_at,
               members, settled
        FROM batches
        WHERE requested OR rank > 0 OR members > 0 OR recipients > 0 OR batch_id <> '';  -- else: messages passed through

    -- A message's own fact stands when it is settled, or not below what is known of its batch.
    CREATE OR REPLACE VIEW live.messages AS
        SELECT m.campaign_id, m.recipient, m.chunk, m.part, m.attempt, s.status,
               s.rank >= 7 AND NOT s.awaiting AS final,
               nullif(m.provider_status, '') AS provider_status,
               nullif(m.code, -1) AS code,
               nullif(m.parts, 0) AS parts,
               coalesce(nullif(m.batch_id, ''), nullif(b.batch_id, '')) AS batch_id,
               nullif(m.reported_at, '')::timestamptz AS reported_at,
               CASE WHEN s.rank >= 7 AND NOT s.awaiting THEN s.at END AS finalized_at
        FROM messages m
        LEFT JOIN batches b USING (campaign_id, chunk, attempt, part)
        CROSS JOIN LATERAL (
            SELECT m.status, m.rank, nullif(m.reported_at, '')::timestamptz AS at,
                   m.rank >= 8 AND m.rank < 10 AND m.given_up < m.attempt
                       AND (m.scheduled >= m.attempt OR (m.retries AND m.retriable)) AS awaiting
            WHERE m.rank >= 7 OR (m.rank > 0 AND m.rank >= coalesce(b.rank, 0))
            UNION ALL
            SELECT coalesce(b.status, 'pending'), coalesce(b.rank, 0), b.status_at, false
            WHERE NOT (m.rank >= 7 OR (m.rank > 0 AND m.rank >= coalesce(b.rank, 0)))
        ) s
        WHERE m.requested;

    CREATE OR REPLACE VIEW live.campaign_counts AS
        SELECT campaign_id, status, sum(messages)::bigint AS messages
        FROM campaign_counts GROUP BY campaign_id, status HAVING sum(messages) <> 0;

    CREATE OR REPLACE VIEW live.campaigns AS
        SELECT c.campaign_id, c.name, c.body, c.sender,
               CASE
                   WHEN coalesce(k.cancelled, false) THEN
                       CASE WHEN n.open = 0 AND c.chunks_seen >= c.chunks THEN 'cancelled' ELSE 'cancelling' END
                   WHEN c.chunks_seen >= c.chunks AND n.open = 0 THEN
                       CASE WHEN n.refused = n.requested THEN 'failed' ELSE 'completed' END
                   WHEN coalesce(k.paused, false) THEN 'paused'
                   WHEN c.chunks_seen >= c.chunks AND n.unsent = 0 THEN 'sent'
                   WHEN c.scheduled_at > now() THEN 'scheduled'
                   ELSE 'sending'
               END AS status,
               c.scheduled_at, c.requested_at, n.requested, n.counts, c.chunks, c.chunks_seen
        FROM (
            SELECT campaign_id, min(name) AS name, min(body) AS body, min(sender) AS sender,
                   min(scheduled_at) AS scheduled_at, min(requested_at) AS requested_at, max(chunks) AS chunks,
                   sum(chunks_seen)::integer AS chunks_seen
            FROM campaigns GROUP BY campaign_id
        ) c
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(messages), 0)::bigint AS requested,
                   coalesce(sum(messages) FILTER (WHERE awaiting OR status IN ('pending', 'held', 'attempted',
                       'in_doubt', 'sent', 'queued', 'dispatched', 'unrecognised')), 0)::bigint AS open,
                   coalesce(sum(messages) FILTER (WHERE status IN ('pending', 'held', 'attempted', 'in_doubt')), 0)::bigint
                       AS unsent,
                   coalesce(sum(messages) FILTER (WHERE status = 'refused'), 0)::bigint AS refused,
                   (SELECT coalesce(jsonb_object_agg(status, messages), '{}') FROM live.campaign_counts l
                    WHERE l.campaign_id = c.campaign_id) AS counts
            FROM campaign_counts x WHERE x.campaign_id = c.campaign_id
        ) n
        LEFT JOIN campaign_control k USING (campaign_id);

    UPDATE live.builds SET is_current = false WHERE is_current;
    UPDATE live.builds SET is_current = true, shown_at = now() WHERE build = number;
END
$body$;

-- Points every view at one build, by the version of that build.
ALTER FUNCTION live.swap_to(integer) RENAME TO swap_to_version_1;
CREATE FUNCTION live.swap_to(number integer) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    IF (SELECT version FROM live.builds WHERE build = number) = 1 THEN
        PERFORM live.swap_to_version_1(number);
    ELSE
        PERFORM live.swap_to_version_2(number);
    END IF;
END
$body$;

DO $body$
BEGIN
    IF NOT EXISTS (SELECT FROM build_1.projector_offsets WHERE next_offset > 0) THEN
        UPDATE live.builds SET build = 0 WHERE build = 1;  -- until the views have let go of its tables
        ALTER SCHEMA build_1 RENAME TO build_0;
        PERFORM live.create_build(1, 2);
        PERFORM live.swap_to(1);
        DROP SCHEMA build_0 CASCADE;
        DELETE FROM live.builds WHERE build = 0;
    END IF;
END
$body$;
