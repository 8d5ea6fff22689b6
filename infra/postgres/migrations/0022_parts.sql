-- Message parts: of each campaign as it was accepted (null: by a version that did not count), and what each key that has
-- a limit has sent in a day (UTC).
alter table campaign.campaigns add column parts bigint;

create table campaign.parts_used (
    key_id text   not null,
    day    date   not null,
    parts  bigint not null,
    primary key (key_id, day)
);
