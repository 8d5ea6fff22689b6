-- Where the readiness of a service tries a write (infra/postgres/ready.py): a server that answers may well be a standby, or full.

CREATE TABLE heliograph.tried (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    tried_at timestamptz NOT NULL
);

INSERT INTO heliograph.tried (tried_at) VALUES (now());
