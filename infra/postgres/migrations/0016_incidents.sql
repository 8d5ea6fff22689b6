-- Incidents in time that grows with the history of the messages concerned, not with its square; for builds of version 2.
--
-- A report counts under an attempt that was made: the first, or one of which the log has SendAttempted or BatchAccepted.
-- Two attempts that are one batch at Sinch are one send: an offer that was called off is accepted as the batch of which
-- it was a repetition. A message that is in its second attempt is passed over only while no later failure of it is
-- followed up, or its own second send would be hidden by that.

CREATE FUNCTION live.show_incidents(number integer) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM set_config('search_path', format('build_%s', number), true);

    CREATE OR REPLACE VIEW live.incidents AS
        WITH chunks AS MATERIALIZED (  -- without those whose second attempt followed up the first, which are nearly all
            SELECT DISTINCT campaign_id, m.chunk FROM second_reports JOIN messages m USING (campaign_id, recipient)
            WHERE NOT (m.attempt = 2 AND m.scheduled = 1)
        ), told AS MATERIALIZED (      -- each attempt of a message once
            SELECT e.campaign_id, e.chunk, e.recipient, e.attempt,
                   max(e.part) FILTER (WHERE e.type = 'DeliveryReported') AS part,
                   bool_or(e.type = 'DeliveryReported' AND (b.campaign_id IS NOT NULL OR (e.attempt = 1 AND e.part = '')))
                       AS reported,
                   bool_or(e.type = 'FollowUpScheduled') AS followed
            FROM chunks JOIN message_events e USING (campaign_id, chunk)
            LEFT JOIN batches b ON b.campaign_id = e.campaign_id AND b.chunk = e.chunk AND b.attempt = e.attempt
                 AND b.part = e.part AND (b.attempted_at IS NOT NULL OR b.accepted_at IS NOT NULL)
            WHERE e.type IN ('DeliveryReported', 'FollowUpScheduled')
            GROUP BY 1, 2, 3, 4
        ), counted AS (                -- how many attempts before this one were followed up
            SELECT *, coalesce(sum(followed::integer) OVER (PARTITION BY campaign_id, chunk, recipient ORDER BY attempt
                                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
            FROM told
        ), pairs AS (                  -- each reported attempt and the one reported before it
            SELECT campaign_id, chunk, recipient, lag(attempt) OVER w AS first_attempt, lag(part) OVER w AS first_part,
                   lag(before) OVER w AS first_before, attempt, part, before
            FROM counted WHERE reported WINDOW w AS (PARTITION BY campaign_id, chunk, recipient ORDER BY attempt)
        )
        SELECT 'DuplicateSend' AS kind, p.campaign_id, p.recipient, p.first_attempt, p.attempt AS second_attempt
        FROM pairs p JOIN second_reports USING (campaign_id, recipient)
        WHERE p.first_before = p.before AND NOT EXISTS (
            SELECT FROM batches x JOIN batches y USING (campaign_id, chunk)
            WHERE x.campaign_id = p.campaign_id AND x.chunk = p.chunk AND x.batch_id <> '' AND x.batch_id = y.batch_id
              AND x.attempt = p.first_attempt AND x.part = p.first_part AND y.attempt = p.attempt AND y.part = p.part);
END
$body$;

CREATE OR REPLACE FUNCTION live.swap_to(number integer) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    IF (SELECT version FROM live.builds WHERE build = number) = 1 THEN
        PERFORM live.swap_to_version_1(number);
    ELSE
        PERFORM live.swap_to_version_2(number);
        PERFORM live.show_incidents(number);
    END IF;
END
$body$;

SELECT live.show_incidents(build) FROM live.builds WHERE is_current AND version = 2;
