-- What the migration runner (infra/postgres/migrations.py) knows: which files this database has, and their exact bytes.
create schema heliograph;

create table heliograph.migrations (
    number     integer     primary key check (number > 0),
    name       text        not null,
    sha256     text        not null check (length(sha256) = 64),
    applied_at timestamptz not null default now()
);
