-- The organisation tree.

-- name: org_list :many
-- Everyone sees the part of the tree that they belong to: their own organisation's subtree and
-- ancestors, and the subtrees on which they hold a role.
SELECT o.org_id, o.parent_id, o.kind, o.name, o.short_name, nlevel(o.path) - 1 AS depth, o.version,
       o.created_at, o.updated_at, jsonb_build_array(o.path::text) AS _key
  FROM org o
 WHERE (o.path <@ ANY ((SELECT scope_of(:subject::uuid, :permitted_roles::text[]))::ltree[])
        OR o.path @> (SELECT mo.path FROM member m JOIN org mo USING (org_id) WHERE m.member_id = :subject::uuid)
        OR o.path <@ (SELECT mo.path FROM member m JOIN org mo USING (org_id) WHERE m.member_id = :subject::uuid))
   AND (:below::uuid IS NULL OR o.path <@ (SELECT path FROM org WHERE org_id = :below::uuid))
   AND (:kind::text IS NULL OR o.kind = :kind::text)
   AND o.path > coalesce((:after::jsonb->>0)::ltree, '')
 ORDER BY o.path LIMIT :page_limit::integer

-- name: org_get :one
SELECT o.org_id, o.parent_id, o.kind, o.name, o.short_name, nlevel(o.path) - 1 AS depth,
       (SELECT count(*) FROM org c WHERE c.parent_id = o.org_id) AS children,
       (SELECT count(*) FROM member m JOIN org x USING (org_id) WHERE x.path <@ o.path) AS members,
       o.version, o.version AS _version, o.created_at, o.updated_at
  FROM org o
 WHERE o.org_id = :org_id::uuid
   AND (o.path <@ ANY ((SELECT scope_of(:subject::uuid, :permitted_roles::text[]))::ltree[])
        OR o.path @> (SELECT mo.path FROM member m JOIN org mo USING (org_id) WHERE m.member_id = :subject::uuid)
        OR o.path <@ (SELECT mo.path FROM member m JOIN org mo USING (org_id) WHERE m.member_id = :subject::uuid))

-- name: org_tree_hold :exec
-- Before a new organisation takes its path from its parent's: no move may be under way.
SELECT pg_advisory_xact_lock_shared(hashtextextended('org tree', 0))

-- name: org_create :one
WITH parent AS (
    SELECT o.org_id, o.path, o.kind FROM org o
     WHERE o.org_id = :parent_id::uuid
       AND o.path <@ ANY ((SELECT scope_of(:subject::uuid, :permitted_roles::text[]))::ltree[])
), made AS (
    INSERT INTO org (org_id, parent_id, path, kind, name, short_name, creation)
    SELECT :new_id::uuid, p.org_id, p.path || org_label(:new_id::uuid), :kind::text, :name::text,
           :short_name::text, :fingerprint::bytea
      FROM parent p WHERE org_kind_fits(p.kind, :kind::text)
    ON CONFLICT (org_id) DO NOTHING
    RETURNING 1
)
SELECT refuse_if(CASE WHEN NOT EXISTS (SELECT FROM parent) THEN 'outside_scope'
            WHEN NOT (SELECT org_kind_fits(p.kind, :kind::text) FROM parent p) THEN 'org_kind_order'
            WHEN NOT EXISTS (SELECT FROM made)
                 AND NOT EXISTS (SELECT FROM org WHERE org_id = :new_id::uuid AND creation = :fingerprint::bytea)
            THEN 'id_taken' END,
       CASE WHEN NOT EXISTS (SELECT FROM parent) THEN 'parent_id'
            WHEN NOT (SELECT org_kind_fits(p.kind, :kind::text) FROM parent p) THEN 'kind'
            ELSE 'org_id' END)

-- name: org_patch :one
-- Moving an organisation rewrites the paths of its whole subtree. Moves take one lock, so that two
-- of them at once cannot make a circle.
SELECT refuse_if(r.problem, r.field)
  FROM org_change(:org_id::uuid, :body::jsonb, :if_match::integer,
                  scope_of(:subject::uuid, :permitted_roles::text[])) AS r
