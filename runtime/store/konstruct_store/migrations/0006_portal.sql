-- The portal's people: users, their sessions, and how often somebody tried to log in.
-- They belong to the platform and not to one tenant, and hold no tenant content.

CREATE TABLE konstruct.portal_users (
    user_id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE CHECK (email = lower(email)),
    password_hash text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'administrator', 'operator')),
    tenants uuid [] NOT NULL DEFAULT '{}',
    language text NOT NULL DEFAULT '',
    theme text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
);

CREATE TABLE konstruct.portal_sessions (
    token_hash bytea PRIMARY KEY,
    session_id uuid NOT NULL UNIQUE,
    user_id uuid NOT NULL REFERENCES konstruct.portal_users (user_id) ON DELETE CASCADE,
    user_agent text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT '',
    opened_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX portal_sessions_user ON konstruct.portal_sessions (user_id);
CREATE INDEX portal_sessions_opened ON konstruct.portal_sessions (opened_at);
SELECT konstruct.keep_hot('konstruct.portal_sessions');

CREATE TABLE konstruct.portal_attempts (
    key text PRIMARY KEY,
    counted integer NOT NULL,
    since timestamptz NOT NULL
);
CREATE INDEX portal_attempts_since ON konstruct.portal_attempts (since);
SELECT konstruct.keep_hot('konstruct.portal_attempts');

GRANT SELECT, INSERT, UPDATE, DELETE ON
konstruct.portal_users, konstruct.portal_sessions, konstruct.portal_attempts
TO konstruct_portal;
