-- Member records.

-- name: member_list :many
SELECT m.member_id, m.org_id, o.name AS org_name, m.name, m.gender, m.birth_date, m.education, m.stage,
       m.joined_on, m.external_id, m.version, m.created_at, m.updated_at,
       jsonb_build_array(m.member_id) AS _key
  FROM member m JOIN org o USING (org_id)
 WHERE o.path <@ ANY ((SELECT scope_of(:subject::uuid, :permitted_roles::text[]))::ltree[])
   AND (:org_id::uuid IS NULL OR o.path <@ (SELECT path FROM org WHERE org_id = :org_id::uuid))
   AND (:stage::text IS NULL OR m.stage = :stage::text)
   AND m.member_id > coalesce((:after::jsonb->>0)::uuid, '00000000-0000-0000-0000-000000000000')
 ORDER BY m.member_id LIMIT :page_limit::integer

-- name: member_search :many
-- As member_list, with a part of the name: a statement of its own so that its plan can start from
-- the index of name grams.
SELECT m.member_id, m.org_id, o.name AS org_name, m.name, m.gender, m.birth_date, m.education, m.stage,
       m.joined_on, m.external_id, m.version, m.created_at, m.updated_at,
       jsonb_build_array(m.member_id) AS _key
  FROM member m JOIN org o USING (org_id)
 WHERE m.name_grams @> text_probe(:name::text) AND lower(m.name) LIKE text_contains(:name::text)
   AND o.path <@ ANY ((SELECT scope_of(:subject::uuid, :permitted_roles::text[]))::ltree[])
   AND (:org_id::uuid IS NULL OR o.path <@ (SELECT path FROM org WHERE org_id = :org_id::uuid))
   AND (:stage::text IS NULL OR m.stage = :stage::text)
   AND m.member_id > coalesce((:after::jsonb->>0)::uuid, '00000000-0000-0000-0000-000000000000')
 ORDER BY m.member_id LIMIT :page_limit::integer

-- name: member_get :one
SELECT m.member_id, m.org_id, o.name AS org_name, m.name, m.gender, m.birth_date, m.education, m.stage,
       m.joined_on, m.external_id, m.version, m.version AS _version, m.created_at, m.updated_at
  FROM member m JOIN org o USING (org_id)
 WHERE m.member_id = :member_id::uuid
   AND o.path <@ ANY ((SELECT scope_of(:subject::uuid, :permitted_roles::text[]))::ltree[])

-- name: member_create :one
WITH home AS (
    SELECT o.org_id FROM org o
     WHERE o.org_id = :org_id::uuid
       AND o.path <@ ANY ((SELECT scope_of(:subject::uuid, :permitted_roles::text[]))::ltree[])
), made AS (
    INSERT INTO member (member_id, org_id, name, gender, birth_date, education, stage, joined_on, external_id,
                        creation)
    SELECT :new_id::uuid, h.org_id, :name::text, :gender::text, :birth_date::date, :education::text,
           coalesce(:stage::text, 'applicant'), :joined_on::date, :external_id::text, :fingerprint::bytea
      FROM home h
    ON CONFLICT (member_id) DO NOTHING
    RETURNING 1
)
SELECT refuse_if(CASE WHEN NOT EXISTS (SELECT FROM home) THEN 'outside_scope'
            WHEN NOT EXISTS (SELECT FROM made)
                 AND NOT EXISTS (SELECT FROM member
                                  WHERE member_id = :new_id::uuid AND creation = :fingerprint::bytea)
            THEN 'id_taken' END,
       CASE WHEN NOT EXISTS (SELECT FROM home) THEN 'org_id' ELSE 'member_id' END)

-- name: member_patch :one
WITH scope AS (
    SELECT scope_of(:subject::uuid, :permitted_roles::text[]) AS paths
), target AS (
    SELECT m.member_id, m.version FROM member m JOIN org o USING (org_id), scope
     WHERE m.member_id = :member_id::uuid AND o.path <@ ANY (scope.paths)
       FOR UPDATE OF m
), verdict AS (
    SELECT CASE WHEN NOT EXISTS (SELECT FROM target) THEN 'not_found'
                WHEN (SELECT version <> :if_match::integer FROM target) THEN 'version_mismatch'
                WHEN :org_id::uuid IS NOT NULL
                     AND NOT EXISTS (SELECT FROM org o, scope
                                      WHERE o.org_id = :org_id::uuid AND o.path <@ ANY (scope.paths))
                THEN 'outside_scope' END AS problem
), changed AS (
    UPDATE member m
       SET org_id = coalesce(:org_id::uuid, m.org_id),
           name = coalesce(:name::text, m.name),
           gender = CASE WHEN :body::jsonb ? 'gender' THEN :gender::text ELSE m.gender END,
           birth_date = CASE WHEN :body::jsonb ? 'birth_date' THEN :birth_date::date ELSE m.birth_date END,
           education = CASE WHEN :body::jsonb ? 'education' THEN :education::text ELSE m.education END,
           stage = coalesce(:stage::text, m.stage),
           joined_on = CASE WHEN :body::jsonb ? 'joined_on' THEN :joined_on::date ELSE m.joined_on END,
           external_id = CASE WHEN :body::jsonb ? 'external_id' THEN :external_id::text ELSE m.external_id END,
           version = m.version + 1, updated_at = now()
      FROM target, verdict
     WHERE m.member_id = target.member_id AND verdict.problem IS NULL AND :body::jsonb <> '{}'
)
SELECT refuse_if(problem, CASE WHEN problem = 'outside_scope' THEN 'org_id' END) FROM verdict

-- name: member_visible :one
-- A step before reading what belongs to a member: is the member within the caller's scope?
SELECT refuse_if(CASE WHEN NOT EXISTS (
           SELECT FROM member m JOIN org o USING (org_id)
            WHERE m.member_id = :member_id::uuid
              AND o.path <@ ANY ((SELECT scope_of(:subject::uuid, :permitted_roles::text[]))::ltree[]))
       THEN 'not_found' END)
