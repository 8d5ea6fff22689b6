-- Pause and resume are ordered by the number of the decision in the tables as well; 0: told by a version that gave none,
-- ordered by its moment as before. Every build gets the column, whatever its version: code of before does not see it.

DO $body$
DECLARE
    number integer;
BEGIN
    FOR number IN SELECT build FROM live.builds LOOP
        EXECUTE format('ALTER TABLE build_%s.campaign_control ADD COLUMN decision bigint NOT NULL DEFAULT 0', number);
    END LOOP;
END
$body$;

ALTER FUNCTION live.create_build(integer, integer) RENAME TO create_build_before_0017;
CREATE FUNCTION live.create_build(number integer, code_version integer) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM live.create_build_before_0017(number, code_version);
    EXECUTE format('ALTER TABLE build_%s.campaign_control ADD COLUMN decision bigint NOT NULL DEFAULT 0', number);
END
$body$;
