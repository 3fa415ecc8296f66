-- Log-in, sessions and the caller's own account.

-- name: account_by_username :one
SELECT a.member_id, a.password_hash, a.disabled_at IS NOT NULL AS disabled
  FROM account a WHERE a.username = lower(:username::text)

-- name: account_by_member :one
SELECT a.member_id, a.password_hash, a.disabled_at IS NOT NULL AS disabled
  FROM account a WHERE a.member_id = :subject::uuid

-- name: roles_of :one
-- The roles that go into the token: a hint for the gate; every statement asks scope_of itself.
SELECT coalesce(array_agg(DISTINCT g.role ORDER BY g.role), '{}') AS roles
  FROM role_grant g
 WHERE g.member_id = :login_member::uuid AND (g.ends_at IS NULL OR g.ends_at > now())

-- name: session_start :exec
WITH s AS (
    INSERT INTO session (member_id, session_id, expires_at)
    VALUES (:login_member::uuid, :login_session::uuid, now() + make_interval(secs => :session_ttl::integer))
)
INSERT INTO refresh_token (member_id, digest, session_id)
VALUES (:login_member::uuid, :refresh_digest::bytea, :login_session::uuid)

-- name: session_refresh :one
SELECT r.problem AS _problem, r.session AS session_id
  FROM session_refresh(:login_member::uuid, :old_digest::bytea, :refresh_digest::bytea) AS r

-- name: session_end :exec
UPDATE session SET ended_at = now(), end_reason = 'logout'
 WHERE member_id = :subject::uuid AND session_id = :session::uuid AND ended_at IS NULL

-- name: password_update :exec
-- The session that changes the password goes on; all others end.
WITH changed AS (
    UPDATE account SET password_hash = :password_hash::text, password_changed_at = now()
     WHERE member_id = :subject::uuid
)
UPDATE session SET ended_at = now(), end_reason = 'password_changed'
 WHERE member_id = :subject::uuid AND session_id <> :session::uuid AND ended_at IS NULL

-- name: me_get :one
SELECT m.member_id, a.username, m.name, m.gender, m.birth_date, m.education, m.stage, m.joined_on,
       m.org_id, o.name AS org_name,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('role', g.role, 'org_id', g.org_id, 'org_name', r.name)
                                  ORDER BY g.role, r.path), '[]')
          FROM role_grant g JOIN org r USING (org_id)
         WHERE g.member_id = m.member_id AND (g.ends_at IS NULL OR g.ends_at > now())) AS roles,
       m.version, m.created_at, m.updated_at
  FROM member m JOIN org o USING (org_id) LEFT JOIN account a USING (member_id)
 WHERE m.member_id = :subject::uuid
