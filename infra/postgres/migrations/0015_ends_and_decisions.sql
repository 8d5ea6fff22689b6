-- Which decision about a campaign holds is a question of the order in which they were answered, not of clocks.
ALTER TABLE dispatch.campaigns ADD COLUMN decision bigint NOT NULL DEFAULT 0;  -- of the latest word; 0: of a writer that did not count

-- Follow-ups that wait, to end them with their campaign.
CREATE INDEX follow_ups_open ON dispatch.follow_ups (campaign_id, chunk) WHERE NOT done;
