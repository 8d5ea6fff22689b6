-- Keys of the API that `heliograph keys` makes. A row stays after its key was revoked: while there is any, the API never
-- stands open again.
create table campaign.api_keys (
    id                  text        primary key, -- the first 8 hexadecimal digits of the hash: the name in events and logs
    name                text        not null,
    hash                bytea       not null unique, -- SHA-256 of a key of 256 bits
    scopes              text[]      not null,
    default_region      text,
    requests_per_minute integer,                 -- this and the next three: null, as the settings say
    parts_per_request   integer,
    parts_per_day       bigint,
    countries           text[],
    created_at          timestamptz not null,
    created_by          text        not null,
    expires_at          timestamptz,
    revoked_at          timestamptz,
    revoked_by          text
);

-- One row that every replica reads twice a second: it changes with the keys, by whatever way they change.
create table campaign.api_keys_version (version bigint not null);
insert into campaign.api_keys_version values (0);

create function campaign.api_keys_changed() returns trigger language plpgsql as $body$
begin
    update campaign.api_keys_version set version = version + 1;
    return null;
end
$body$;
create trigger api_keys_changed after insert or update or delete or truncate on campaign.api_keys
    for each statement execute function campaign.api_keys_changed();

-- When a key was last used, to the minute: apart, so that a use is no change of the keys.
create table campaign.api_keys_used (
    id      text        primary key,
    used_at timestamptz not null
);
