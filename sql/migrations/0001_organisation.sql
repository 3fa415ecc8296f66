-- The organisation tree, its members, their accounts and roles.
--
-- What belongs to one member has a primary key that begins with member_id; organisations are few
-- and read everywhere. A function that must refuse raises SQLSTATE PS000 with the problem's code as
-- its message and the field as its COLUMN; a constraint is named <problem code>__<field>. The codes are
-- those of src/core/problem.def.

CREATE EXTENSION IF NOT EXISTS ltree;

-- Single characters and pairs of neighbours, in lower case: what a substring search of one
-- character up can look up in a GIN index. Chinese names are too short for trigrams.
CREATE FUNCTION text_grams(value text) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT gram), '{}')
      FROM (SELECT substr(lower(value), i, n) AS gram
              FROM generate_series(1, char_length(value)) AS i, generate_series(1, 2) AS n
             WHERE i + n - 1 <= char_length(value)) AS grams
$$;

-- The grams that a text must have to contain `value`: its pairs, or the one character it is.
CREATE FUNCTION text_probe(value text) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN char_length(value) = 1 THEN ARRAY[lower(value)]
                ELSE ARRAY(SELECT substr(lower(value), i, 2)
                             FROM generate_series(1, char_length(value) - 1) AS i) END
$$;

-- A LIKE pattern for "contains", with the wildcards of the value itself made plain.
CREATE FUNCTION text_contains(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT '%' || replace(replace(replace(lower(value), '\', '\\'), '%', '\%'), '_', '\_') || '%'
$$;

CREATE FUNCTION refuse(code text, field text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'PS000', MESSAGE = code, COLUMN = coalesce(field, '');
END
$$;

-- The last word of a statement that decides: NULL lets the transaction go on, a code ends it, so
-- that the steps behind it do not happen either.
CREATE FUNCTION refuse_if(code text, field text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    IF code IS NOT NULL THEN
        PERFORM refuse(code, field);
    END IF;
END
$$;

CREATE TABLE org (
    org_id     uuid PRIMARY KEY,
    parent_id  uuid CONSTRAINT unknown_reference__parent_id REFERENCES org,
    path       ltree NOT NULL UNIQUE,
    kind       text NOT NULL CHECK (kind IN ('committee', 'general_branch', 'branch', 'group')),
    name       text NOT NULL,
    short_name text,
    creation   bytea,
    version    integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT org_name_taken__name UNIQUE NULLS NOT DISTINCT (parent_id, name)
);
CREATE INDEX org_path ON org USING gist (path);
COMMENT ON COLUMN org.path IS 'ids from the root down, as labels without dashes; moving a branch moves its subtree';
COMMENT ON COLUMN org.creation IS 'fingerprint of the request that made it: the same request again is answered, not refused';

CREATE FUNCTION org_label(id uuid) RETURNS ltree
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT replace(id::text, '-', '')::ltree
$$;

-- committee > general_branch > branch > group: a child stands lower than its parent, except that
-- committees may stand below committees.
CREATE FUNCTION org_kind_rank(kind text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT array_position(ARRAY['committee', 'general_branch', 'branch', 'group'], kind)
$$;

CREATE FUNCTION org_kind_fits(parent text, child text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT org_kind_rank(child) > org_kind_rank(parent) OR (parent = 'committee' AND child = 'committee')
$$;

CREATE TABLE member (
    member_id   uuid PRIMARY KEY,
    org_id      uuid NOT NULL CONSTRAINT unknown_reference__org_id REFERENCES org,
    name        text NOT NULL,
    name_grams  text[] NOT NULL GENERATED ALWAYS AS (text_grams(name)) STORED,
    gender      text CHECK (gender IN ('male', 'female')),
    birth_date  date,
    education   text,
    stage       text NOT NULL CHECK (stage IN ('applicant', 'activist', 'candidate', 'probationary', 'full',
                                               'transferred_out', 'suspended', 'expelled', 'deceased')),
    joined_on   date,
    external_id text CONSTRAINT id_taken__external_id UNIQUE,
    creation    bytea,
    version     integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX member_org ON member (org_id, member_id);
CREATE INDEX member_stage ON member (stage, member_id);
CREATE INDEX member_name ON member USING gin (name_grams);
COMMENT ON COLUMN member.external_id IS 'the number that the institution''s personnel system knows the member by';

CREATE TABLE account (
    member_id           uuid PRIMARY KEY REFERENCES member,
    username            text NOT NULL CONSTRAINT username_taken__username UNIQUE,
    password_hash       text NOT NULL,
    password_changed_at timestamptz NOT NULL DEFAULT now(),
    disabled_at         timestamptz,
    created_at          timestamptz NOT NULL DEFAULT now(),
    CHECK (username = lower(username))
);

CREATE TABLE role_grant (
    member_id  uuid NOT NULL REFERENCES member,
    role       text NOT NULL CHECK (role IN ('member', 'organizer', 'reviewer', 'auditor', 'admin', 'portal')),
    org_id     uuid NOT NULL REFERENCES org,
    granted_by uuid,
    granted_at timestamptz NOT NULL DEFAULT now(),
    ends_at    timestamptz,
    PRIMARY KEY (member_id, role, org_id)
);

-- The subtrees on which the caller holds one of the roles. Every statement that reads or writes
-- what belongs to an organisation asks this, at the moment it runs: a role that has been withdrawn
-- stops working with the next request, whatever the token says.
CREATE FUNCTION scope_of(subject uuid, roles text[]) RETURNS ltree[]
    LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(o.path), '{}')
      FROM role_grant g JOIN org o USING (org_id)
     WHERE g.member_id = subject AND g.role = ANY (roles) AND (g.ends_at IS NULL OR g.ends_at > now())
$$;

-- A session is a family of refresh tokens: log-in starts it; log-out, a password change or a token
-- used twice ends it.
CREATE TABLE session (
    member_id  uuid NOT NULL REFERENCES member,
    session_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    end_reason text CHECK (end_reason IN ('logout', 'password_changed', 'token_reused', 'disabled')),
    PRIMARY KEY (member_id, session_id)
);

CREATE TABLE refresh_token (
    member_id  uuid NOT NULL,
    digest     bytea NOT NULL,
    session_id uuid NOT NULL,
    issued_at  timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz,
    PRIMARY KEY (member_id, digest),
    FOREIGN KEY (member_id, session_id) REFERENCES session ON DELETE CASCADE
);
CREATE INDEX refresh_token_session ON refresh_token (member_id, session_id);

-- Uses a refresh token up and issues its successor. A token that was used before ends the whole
-- session: one of the two who hold it has stolen it. That is an answer, not an exception, because
-- the end of the session has to be kept.
CREATE FUNCTION session_refresh(member uuid, old_digest bytea, new_digest bytea)
    RETURNS TABLE (problem text, session uuid)
    LANGUAGE plpgsql AS $$
DECLARE
    token refresh_token;
    family session;
BEGIN
    SELECT * INTO token FROM refresh_token t WHERE t.member_id = member AND t.digest = old_digest FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'refresh_token_invalid', NULL::uuid;
        RETURN;
    END IF;
    SELECT * INTO family FROM session s
     WHERE s.member_id = member AND s.session_id = token.session_id FOR UPDATE;
    IF token.used_at IS NOT NULL AND family.ended_at IS NULL THEN
        UPDATE session s SET ended_at = now(), end_reason = 'token_reused'
         WHERE s.member_id = member AND s.session_id = token.session_id;
    END IF;
    IF token.used_at IS NOT NULL OR family.ended_at IS NOT NULL OR family.expires_at <= now()
       OR NOT EXISTS (SELECT FROM account a WHERE a.member_id = member AND a.disabled_at IS NULL) THEN
        RETURN QUERY SELECT 'refresh_token_invalid', NULL::uuid;
        RETURN;
    END IF;
    UPDATE refresh_token t SET used_at = now() WHERE t.member_id = member AND t.digest = old_digest;
    INSERT INTO refresh_token (member_id, digest, session_id) VALUES (member, new_digest, token.session_id);
    RETURN QUERY SELECT NULL::text, token.session_id;
END
$$;

-- Replies to requests that carried an Idempotency-Key. status is NULL from the moment the work is
-- committed until the reply has been kept; a repetition in between does the work again, which is
-- harmless because ids are derived from the key.
CREATE TABLE idempotency (
    member_id   uuid NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    status      integer,
    location    text,
    version     text,
    body        text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (member_id, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

CREATE FUNCTION idempotency_begin(member uuid, request_key text, request_fingerprint bytea) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    known idempotency;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('idempotency ' || member::text || request_key, 0)) THEN
        PERFORM refuse('idempotency_in_progress');
    END IF;
    SELECT * INTO known FROM idempotency i WHERE i.member_id = member AND i.key = request_key;
    IF FOUND AND known.created_at > now() - interval '24 hours' THEN
        IF known.fingerprint <> request_fingerprint THEN
            PERFORM refuse('idempotency_mismatch');
        ELSIF known.status IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'PS001', MESSAGE = 'replay';
        END IF;
    END IF;
    INSERT INTO idempotency AS i (member_id, key, fingerprint) VALUES (member, request_key, request_fingerprint)
        ON CONFLICT (member_id, key) DO UPDATE
           SET fingerprint = EXCLUDED.fingerprint, status = NULL, location = NULL, version = NULL, body = NULL,
               created_at = now();
END
$$;

-- Changes an organisation: name, short_name, and parent_id, which moves it with its subtree.
-- `change` holds what is to be changed (RFC 7396); `expected` is the version the caller has seen.
CREATE FUNCTION org_change(org uuid, change jsonb, expected integer, scope ltree[])
    RETURNS TABLE (problem text, field text)
    LANGUAGE plpgsql AS $$
DECLARE
    o org;
    target org;
BEGIN
    IF change ? 'parent_id' THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('org tree', 0));
    END IF;
    SELECT * INTO o FROM org x WHERE x.org_id = org AND x.path <@ ANY (scope) FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'not_found', NULL::text;
        RETURN;
    ELSIF o.version <> expected THEN
        RETURN QUERY SELECT 'version_mismatch', NULL::text;
        RETURN;
    ELSIF change = '{}' THEN
        RETURN;
    END IF;
    IF change ? 'parent_id' AND (change->>'parent_id')::uuid IS DISTINCT FROM o.parent_id THEN
        IF o.parent_id IS NULL OR change->>'parent_id' IS NULL THEN
            RETURN QUERY SELECT 'org_root_fixed', 'parent_id';
            RETURN;
        END IF;
        SELECT * INTO target FROM org x WHERE x.org_id = (change->>'parent_id')::uuid AND x.path <@ ANY (scope);
        IF NOT FOUND THEN
            RETURN QUERY SELECT 'outside_scope', 'parent_id';
            RETURN;
        ELSIF target.path <@ o.path THEN
            RETURN QUERY SELECT 'org_cycle', 'parent_id';
            RETURN;
        ELSIF NOT org_kind_fits(target.kind, o.kind) THEN
            RETURN QUERY SELECT 'org_kind_order', 'parent_id';
            RETURN;
        END IF;
        UPDATE org x SET parent_id = target.org_id, name = coalesce(change->>'name', x.name) WHERE x.org_id = org;
        UPDATE org x
           SET path = target.path || subpath(x.path, nlevel(o.path) - 1),
               version = x.version + (x.org_id <> org)::integer, updated_at = now()
         WHERE x.path <@ o.path;
    END IF;
    UPDATE org x
       SET name = coalesce(change->>'name', x.name),
           short_name = CASE WHEN change ? 'short_name' THEN change->>'short_name' ELSE x.short_name END,
           version = x.version + 1, updated_at = now()
     WHERE x.org_id = org;
    RETURN QUERY SELECT NULL::text, NULL::text;
END
$$;
