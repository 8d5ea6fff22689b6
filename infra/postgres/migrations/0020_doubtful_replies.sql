-- Replies that are probably opt-outs, and consent folded anew: dates are bounded by their arrival, an opt-out by hand holds
-- against all before it, and a STOP that the words of before took for nothing counts.

ALTER TABLE dispatch.consent
    ADD COLUMN suspected_at timestamptz NOT NULL DEFAULT '-infinity',  -- the latest reply that is probably an opt-out
    ADD COLUMN dismissed_at timestamptz NOT NULL DEFAULT '-infinity',  -- up to here a person has read them, and found none
    ADD COLUMN in_doubt     boolean NOT NULL DEFAULT false;            -- nothing is sent until a person has

-- The whole of `consent` is read again, from its beginning. Whoever had opted out stays out until his words are read.
DELETE FROM dispatch.consent WHERE NOT opted_out;
UPDATE dispatch.consent SET decided_at = '-infinity';
DELETE FROM dispatch.offsets WHERE topic = 'consent';

-- Every build gets the columns and the table, whatever its version: code of before does not see them.
CREATE FUNCTION live.add_doubts(number integer) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format($sql$
        ALTER TABLE build_%1$s.recipients
            ADD COLUMN suspected_at timestamptz NOT NULL DEFAULT '-infinity',
            ADD COLUMN dismissed_at timestamptz NOT NULL DEFAULT '-infinity';
        CREATE TABLE build_%1$s.doubtful_replies (
            inbound_id  text PRIMARY KEY,
            phone       bigint NOT NULL,
            received_at timestamptz NOT NULL,
            words       text NOT NULL            -- what made it probable
        );
        CREATE INDEX doubtful_replies_phone ON build_%1$s.doubtful_replies (phone);
        $sql$, number);
END
$body$;

-- Replies that wait for a person: of numbers that neither opted out nor wrote START since, and that nobody has read yet.
CREATE FUNCTION live.show_doubts(number integer) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM set_config('search_path', format('build_%s', number), true);
    CREATE OR REPLACE VIEW live.doubtful_replies AS
        SELECT d.inbound_id, d.phone, d.received_at, d.words, r.originator, r.body
        FROM doubtful_replies d JOIN recipients c USING (phone) LEFT JOIN replies r USING (inbound_id)
        WHERE NOT c.is_opted_out AND d.received_at > c.dismissed_at AND d.received_at >= c.decided_at;
END
$body$;

DO $body$
DECLARE
    number integer;
BEGIN
    FOR number IN SELECT build FROM live.builds LOOP
        PERFORM live.add_doubts(number);
        EXECUTE format('UPDATE build_%s.recipients SET decided_at = ''-infinity''', number);
        EXECUTE format('DELETE FROM build_%s.projector_offsets WHERE topic = ''consent''', number);
    END LOOP;
END
$body$;

ALTER FUNCTION live.create_build(integer, integer) RENAME TO create_build_before_doubts;
CREATE FUNCTION live.create_build(number integer, code_version integer) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM live.create_build_before_doubts(number, code_version);
    PERFORM live.add_doubts(number);
END
$body$;

ALTER FUNCTION live.swap_to(integer) RENAME TO swap_to_before_doubts;
CREATE FUNCTION live.swap_to(number integer) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM live.swap_to_before_doubts(number);
    PERFORM live.show_doubts(number);
END
$body$;

SELECT live.show_doubts(build) FROM live.builds WHERE is_current;
