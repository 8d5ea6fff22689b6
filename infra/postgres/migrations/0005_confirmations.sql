-- The reply that began the number's present state, as long as only replies have repeated it; null: none of them may be
-- confirmed. What was decided before this migration is not.
ALTER TABLE dispatch.consent ADD COLUMN confirmable uuid;
