-- Replies kept for requests that carried an Idempotency-Key.

-- name: idempotency_begin :exec
SELECT idempotency_begin(:subject::uuid, :idempotency_key::text, :fingerprint::bytea)

-- name: idempotency_keep :exec
UPDATE idempotency SET status = :reply_status::integer, location = :reply_location::text,
       version = :reply_version::text, body = :reply_body::text
 WHERE member_id = :subject::uuid AND key = :idempotency_key::text AND fingerprint = :fingerprint::bytea

-- name: idempotency_reply :one
SELECT status, location, version, body FROM idempotency
 WHERE member_id = :subject::uuid AND key = :idempotency_key::text AND fingerprint = :fingerprint::bytea
