-- Version 3 of the read model: a report counts once its offer was made, and incidents are kept as facts come.
--
-- A report under an attempt that nobody made, or a part that was never offered, waits in `early_reports`; what the log
-- says of later attempts of a message is one row of `later_attempts`, so that the view of incidents reads nothing but
-- those that are one. The history remembers which reports had no time of Sinch's. Attempts are wide everywhere.
-- Builds of versions 1 and 2 stay what they are, but for the width of an attempt in the views.

CREATE FUNCTION live.sorted(elements text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $body$
    SELECT coalesce(array_agg(DISTINCT one COLLATE "C" ORDER BY one COLLATE "C"), '{}') FROM unnest(elements) AS one
$body$;
CREATE FUNCTION live.sorted(elements integer[]) RETURNS integer[] LANGUAGE sql IMMUTABLE AS $body$
    SELECT coalesce(array_agg(DISTINCT one ORDER BY one), '{}') FROM unnest(elements) AS one
$body$;

-- Of the offers under which a message was reported (`2` or `2.ab`: the end of their reference) each attempt and the one
-- reported before it, where no attempt from the first to before the second was followed up.
CREATE FUNCTION live.unfollowed(heard text[], followed integer[])
RETURNS TABLE (first_attempt integer, first_part text, second_attempt integer, second_part text)
LANGUAGE sql IMMUTABLE AS $body$
    SELECT before, before_part, attempt, part
    FROM (
        SELECT attempt, part, lag(attempt) OVER w AS before, lag(part) OVER w AS before_part
        FROM (
            SELECT split_part(offer, '.', 1)::integer AS attempt,
                   max(substr(offer, strpos(offer || '.', '.') + 1) COLLATE "C") AS part
            FROM unnest(heard) AS offer GROUP BY 1
        ) attempts
        WINDOW w AS (ORDER BY attempt)
    ) pairs
    WHERE before IS NOT NULL
      AND NOT EXISTS (SELECT FROM unnest(followed) AS f WHERE f >= before AND f < attempt)
$body$;
CREATE FUNCTION live.is_suspect(heard text[], followed integer[]) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $body$
BEGIN
    IF cardinality(heard) < 2 THEN
        RETURN false;
    END IF;
    RETURN EXISTS (SELECT FROM live.unfollowed(heard, followed));
END
$body$;

ALTER FUNCTION live.create_build(integer, integer) RENAME TO create_build_version_2;
CREATE FUNCTION live.create_build(number integer, code_version integer) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM live.create_build_version_2(number, code_version);
    IF code_version < 3 THEN
        RETURN;
    END IF;
    PERFORM set_config('search_path', format('build_%s', number), true);
    DROP VIEW message_events;
    DROP TABLE messages, batches, second_reports;

    -- One row a message. Written on request and on facts about this one message only: what is known of its whole
    -- batch (pending, attempted, in doubt, sent, …) comes from `batches` in the view. No index on what changes, and
    -- half of each page free: updates stay HOT.
    CREATE TABLE messages (
        campaign_id     uuid NOT NULL,
        recipient       bigint NOT NULL,    -- E.164 digits
        reported_at     text NOT NULL COLLATE "C",  -- as events write it, so its order is that of time; '': none
        chunk           integer NOT NULL,
        code            integer NOT NULL,   -- Sinch's; -1: none
        attempt         integer NOT NULL,
        scheduled       integer NOT NULL,   -- the last attempt whose failure is followed up; 0: none
        given_up        integer NOT NULL,   -- the last attempt that is not; 0: none
        rank            smallint NOT NULL,  -- contracts/statuses.py; 0: no fact of its own yet
        parts           smallint NOT NULL,  -- message parts; 0: not told
        requested       boolean NOT NULL,   -- false: reported before, or without, being requested
        retries         boolean NOT NULL,   -- its campaign follows up failures that may pass
        retriable       boolean NOT NULL,   -- the reported failure is one of those
        heard           boolean NOT NULL,   -- a report came under the first offer of its whole chunk
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
        attempt      integer NOT NULL,
        part         text NOT NULL COLLATE "C",
        requested    boolean NOT NULL,
        rank         smallint NOT NULL,
        status       text NOT NULL,
        status_at    timestamptz,
        reason       text NOT NULL COLLATE "C",
        batch_id     text NOT NULL COLLATE "C",
        recipients   integer NOT NULL,
        attempted_at timestamptz,           -- it was made when one of these two is there
        accepted_at  timestamptz,
        members      integer NOT NULL,      -- requested messages whose current offer this is
        queued       integer NOT NULL,
        dispatched   integer NOT NULL,
        unrecognised integer NOT NULL,
        settled      integer NOT NULL,      -- members with a fact of their own that outranks the batch's
        PRIMARY KEY (campaign_id, chunk, attempt, part)
    ) WITH (fillfactor = 50);

    CREATE TABLE early_reports (            -- the greatest report of a message under an offer that nobody made, or of
        campaign_id     uuid NOT NULL,      -- which the log has not said so yet: it counts for nothing until then
        chunk           integer NOT NULL,
        attempt         integer NOT NULL,
        part            text NOT NULL COLLATE "C",
        recipient       bigint NOT NULL,
        rank            smallint NOT NULL,
        parts           smallint NOT NULL,
        code            integer NOT NULL,
        reported_at     text NOT NULL COLLATE "C",
        status          text NOT NULL COLLATE "C",
        provider_status text NOT NULL COLLATE "C",
        batch_id        text NOT NULL COLLATE "C",
        PRIMARY KEY (campaign_id, chunk, attempt, part, recipient)
    );

    CREATE TABLE later_attempts (           -- messages that are followed up, or were reported under a later offer
        campaign_id uuid NOT NULL,
        recipient   bigint NOT NULL,
        chunk       integer NOT NULL,
        heard       text[] NOT NULL,        -- the offers that were reported, as the ends of their references
        followed    integer[] NOT NULL,     -- the attempts after which another one was scheduled
        suspect     boolean NOT NULL GENERATED ALWAYS AS (live.is_suspect(heard, followed)) STORED,
        PRIMARY KEY (campaign_id, recipient, chunk)
    ) WITH (fillfactor = 70);
    CREATE INDEX later_attempts_suspect ON later_attempts (campaign_id, recipient) WHERE suspect;

    CREATE VIEW message_events AS
        SELECT campaign_id, chunk,
               f[1]::bigint AS recipient,
               f[2]::uuid AS event_id,
               ltrim(f[3], '~')::timestamptz AS occurred_at,            -- as its writer knows it: Sinch's own time for a
                                                                        -- report that has one
               to_timestamp(f[4]::bigint / 1000.0) AS logged_at,        -- when the log took it
               nullif(f[5], '')::integer AS code,
               f[6]::integer AS attempt,
               f[7]::smallint AS rank,                                  -- contracts/statuses.py; 0: no status
               f[8] COLLATE "C" AS part,
               f[9] AS type,
               f[10] COLLATE "C" AS status,
               f[11] AS detail,
               starts_with(f[3], '~') AS untimed                        -- a report without a time of Sinch's
        FROM history
        CROSS JOIN LATERAL unnest(string_to_array(lines, E'\x1e')) AS line
        CROSS JOIN LATERAL (SELECT string_to_array(line, E'\x1f')) AS fields (f);
END
$body$;

-- A fact in the order of comparison (services/projector/lattice.py), as far as the history keeps it. `word`: Sinch's.
CREATE FUNCTION live.fact_version_3(attempt integer, part text, rank smallint, at text, status text, word text)
RETURNS text[] LANGUAGE sql IMMUTABLE AS $body$
    SELECT ARRAY[CASE WHEN rank = 10 THEN '1' ELSE '0' END, lpad(attempt::text, 10, '0'), part, lpad(rank::text, 2, '0'),
                 at, CASE WHEN rank = 6 AND lower(status) <> 'dispatched' THEN 'unrecognised' ELSE lower(status) END, word]
           COLLATE "C"
$body$;

-- Each fact once, and how it stands to the others of its message and chunk: `late`: a greater one had already come; `contradicts`: it is final
-- and so was that one, in the same attempt, with another word; `overruled`: it was final and a greater one came later;
-- `unmade`: it is of an offer that nobody made, and counts for nothing.
-- As a query's text, because it serves a view of everything and a function that looks at one message.
CREATE FUNCTION live.marked_version_3(filter text) RETURNS text LANGUAGE sql IMMUTABLE AS $body$ SELECT $sql$
    SELECT campaign_id, recipient, event_id, occurred_at, logged_at, code, attempt, part, type, status, detail, rank,
           CASE
               WHEN rank = 0 THEN ''
               WHEN fact IS NULL THEN 'unmade'
               WHEN before > fact THEN
                   CASE WHEN rank >= 8 AND before[4] >= '08' AND before[2] = fact[2] AND before[6] <> fact[6]
                        THEN 'contradicts' ELSE 'late' END
               WHEN rank >= 8 AND best > fact AND best[2] = fact[2] AND best[6] <> fact[6] THEN 'overruled'
               ELSE ''
           END AS mark
    FROM (
        SELECT *, max(fact) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before,
               max(fact) OVER (PARTITION BY campaign_id, chunk, recipient) AS best
        FROM (
            SELECT e.*,
                   CASE WHEN e.type NOT IN ('FollowUpScheduled', 'FollowUpGivenUp')
                         AND (e.type <> 'DeliveryReported' OR (e.attempt = 1 AND e.part = '') OR EXISTS (
                             SELECT FROM build_%1$s.batches b
                             WHERE b.campaign_id = e.campaign_id AND b.chunk = e.chunk AND b.attempt = e.attempt
                               AND b.part = e.part AND (b.attempted_at IS NOT NULL OR b.accepted_at IS NOT NULL)))
                        THEN live.fact_version_3(
                            e.attempt, e.part, e.rank,
                            CASE WHEN e.untimed OR e.rank = 0 THEN '' ELSE live.iso(e.occurred_at) END, e.status,
                            CASE WHEN e.type = 'DeliveryReported' THEN e.status ELSE '' END)
                   END AS fact
            FROM (
                SELECT DISTINCT ON (campaign_id, recipient, event_id) *
                FROM build_%1$s.message_events $sql$ || filter || $sql$
                ORDER BY campaign_id, recipient, event_id, logged_at
            ) e
        ) once
        WINDOW w AS (PARTITION BY campaign_id, chunk, recipient ORDER BY logged_at, rank, event_id)
    ) e
$sql$ $body$;

-- Points every view at one build. In one transaction: a reader sees the old build or the new one, never a gap.
CREATE FUNCTION live.swap_to_version_3(number integer) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM set_config('search_path', format('build_%s', number), true);

    CREATE OR REPLACE VIEW live.projector_offsets AS SELECT * FROM projector_offsets;
    CREATE OR REPLACE VIEW live.parked AS SELECT * FROM parked;

    EXECUTE format('CREATE OR REPLACE VIEW live.message_events AS ' || live.marked_version_3(''), number);
    EXECUTE format('CREATE OR REPLACE FUNCTION live.history_of(campaign uuid, phone bigint)
        RETURNS SETOF live.message_events LANGUAGE sql STABLE AS $sql$' || live.marked_version_3(
            'WHERE campaign_id = $1 AND recipient = $2 AND chunk IN (
                 SELECT m.chunk FROM build_%1$s.messages m WHERE m.campaign_id = $1 AND m.recipient = $2
                 UNION SELECT r.chunk FROM build_%1$s.early_reports r WHERE r.campaign_id = $1 AND r.recipient = $2)') || '$sql$', number);
    CREATE OR REPLACE VIEW live.orphan_reports AS SELECT * FROM orphan_reports WHERE seen AND NOT settled;

    -- Reports under two attempts, one after the other, and no follow-up of a reported failure between them: sent twice;
    -- unless both are one batch at Sinch.
    CREATE OR REPLACE VIEW live.incidents AS
        SELECT 'DuplicateSend' AS kind, l.campaign_id, l.recipient, p.first_attempt, p.second_attempt
        FROM later_attempts l CROSS JOIN LATERAL live.unfollowed(l.heard, l.followed) p
        WHERE l.suspect AND NOT coalesce(
            (SELECT nullif(b.batch_id, '') FROM batches b WHERE b.campaign_id = l.campaign_id AND b.chunk = l.chunk
                AND b.attempt = p.first_attempt AND b.part = p.first_part)
            = (SELECT b.batch_id FROM batches b WHERE b.campaign_id = l.campaign_id AND b.chunk = l.chunk
                  AND b.attempt = p.second_attempt AND b.part = p.second_part), false);
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
        -- Else: messages passed through, or only a summary of Sinch's names it.
        WHERE requested OR members > 0 OR recipients > 0 OR accepted_at IS NOT NULL OR (rank > 0 AND status <> 'sent')
           OR (attempt = 1 AND part = '' AND batch_id <> '');

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

-- The views of versions 1 and 2 show an attempt as wide as those of version 3, so that one can be swapped for another.
DO $migration$
DECLARE
    change record;
    text_before text;
    text_after text;
BEGIN
    FOR change IN
        SELECT * FROM (VALUES
            ('live.swap_to_version_1(integer)', 'code, attempt, part, type', 'code, attempt::integer AS attempt, part, type'),
            ('live.swap_to_version_1(integer)', 'a.attempt AS first_attempt', 'a.attempt::integer AS first_attempt'),
            ('live.swap_to_version_1(integer)', 'b.attempt AS second_attempt', 'b.attempt::integer AS second_attempt'),
            ('live.swap_to_version_1(integer)', 'chunk, part, attempt,', 'chunk, part, attempt::integer AS attempt,'),
            ('live.swap_to_version_1(integer)', 'm.part, m.attempt, s.status', 'm.part, m.attempt::integer AS attempt, s.status'),
            ('live.marked(text)', 'code, attempt, part, type', 'code, attempt::integer AS attempt, part, type'),
            ('live.swap_to_version_2(integer)', 'a.attempt AS first_attempt', 'a.attempt::integer AS first_attempt'),
            ('live.swap_to_version_2(integer)', 'b.attempt AS second_attempt', 'b.attempt::integer AS second_attempt'),
            ('live.swap_to_version_2(integer)', 'chunk, part, attempt,', 'chunk, part, attempt::integer AS attempt,'),
            ('live.swap_to_version_2(integer)', 'm.part, m.attempt, s.status', 'm.part, m.attempt::integer AS attempt, s.status'),
            ('live.show_incidents(integer)', 'p.first_attempt, p.attempt AS second_attempt',
             'p.first_attempt::integer AS first_attempt, p.attempt::integer AS second_attempt')
        ) AS c (function, was, becomes)
    LOOP
        text_before := pg_get_functiondef(change.function::regprocedure);
        text_after := replace(text_before, change.was, change.becomes);
        ASSERT text_after <> text_before, format('%s has no "%s"', change.function, change.was);
        EXECUTE text_after;
    END LOOP;
END
$migration$;

-- Points every view at one build, by the version of that build.
CREATE OR REPLACE FUNCTION live.swap_to(number integer) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    CASE (SELECT version FROM live.builds WHERE build = number)
        WHEN 1 THEN
            PERFORM live.swap_to_version_1(number);
        WHEN 2 THEN
            PERFORM live.swap_to_version_2(number);
            PERFORM live.show_incidents(number);
        ELSE
            PERFORM live.swap_to_version_3(number);
    END CASE;
END
$body$;

-- A database whose only build has folded nothing begins with version 3; any other shows what it showed.
DROP FUNCTION IF EXISTS live.history_of(uuid, bigint);
DROP VIEW live.incidents, live.message_events, live.messages, live.batches;
DO $body$
DECLARE
    shown integer := (SELECT build FROM live.builds WHERE is_current);
BEGIN
    IF shown = 1 AND NOT EXISTS (SELECT FROM build_1.projector_offsets WHERE next_offset > 0) THEN
        UPDATE live.builds SET build = 0 WHERE build = 1;  -- until the views have let go of its tables
        ALTER SCHEMA build_1 RENAME TO build_0;
        PERFORM live.create_build(1, 3);
        PERFORM live.swap_to(1);
        DROP SCHEMA build_0 CASCADE;
        DELETE FROM live.builds WHERE build = 0;
    ELSE
        PERFORM live.swap_to(shown);
    END IF;
END
$body$;
