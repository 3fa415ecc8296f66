-- Courses, chapters and lessons. A draft is seen only by those who may manage it.

-- name: course_list :many
SELECT c.course_id, c.org_id, c.code, c.title, c.summary, c.category, c.required, c.status, c.lesson_count,
       c.length_s, c.published_at, c.archived_at, c.version, c.created_at, c.updated_at,
       jsonb_build_array(c.course_id) AS _key
  FROM course c JOIN org o USING (org_id)
 WHERE c.status = coalesce(:status::text, 'published')
   AND (c.status = 'published'
        OR o.path <@ ANY ((SELECT scope_of(:subject::uuid, :managing_roles::text[]))::ltree[]))
   AND (:category::text IS NULL OR c.category = :category::text)
   AND (:required::boolean IS NULL OR c.required = :required::boolean)
   AND (:text::text IS NULL OR (c.title_grams @> text_probe(:text::text)
                                AND lower(c.title) LIKE text_contains(:text::text))
                            OR lower(c.summary) LIKE text_contains(:text::text))
   AND c.course_id > coalesce((:after::jsonb->>0)::uuid, '00000000-0000-0000-0000-000000000000')
 ORDER BY c.course_id LIMIT :page_limit::integer

-- name: course_get :one
-- Archived courses stay readable for those who have progress in them.
SELECT c.course_id, c.org_id, c.code, c.title, c.summary, c.category, c.required, c.status, c.lesson_count,
       c.length_s, c.published_at, c.archived_at, c.version, c.version AS _version, c.created_at, c.updated_at,
       course_chapters(c.course_id) AS chapters
  FROM course c JOIN org o USING (org_id)
 WHERE c.course_id = :course_id::uuid
   AND (c.status = 'published'
        OR (c.status = 'archived' AND EXISTS (SELECT FROM course_progress p
                                               WHERE p.member_id = :subject::uuid AND p.course_id = c.course_id))
        OR o.path <@ ANY ((SELECT scope_of(:subject::uuid, :managing_roles::text[]))::ltree[]))

-- name: course_create :one
WITH home AS (
    SELECT o.org_id FROM org o
     WHERE o.org_id = :org_id::uuid
       AND o.path <@ ANY ((SELECT scope_of(:subject::uuid, :permitted_roles::text[]))::ltree[])
), made AS (
    INSERT INTO course (course_id, org_id, code, title, summary, category, required, creation)
    SELECT :new_id::uuid, h.org_id, :code::text, :title::text, coalesce(:summary::text, ''), :category::text,
           coalesce(:required::boolean, false), :fingerprint::bytea
      FROM home h
    ON CONFLICT (course_id) DO NOTHING
    RETURNING 1
)
SELECT refuse_if(CASE WHEN NOT EXISTS (SELECT FROM home) THEN 'outside_scope'
            WHEN NOT EXISTS (SELECT FROM made)
                 AND NOT EXISTS (SELECT FROM course
                                  WHERE course_id = :new_id::uuid AND creation = :fingerprint::bytea)
            THEN 'id_taken' END,
       CASE WHEN NOT EXISTS (SELECT FROM home) THEN 'org_id' ELSE 'course_id' END)

-- name: course_lock :exec
-- The first step of every change of what is in a course, alone so that the next steps see what
-- those before it have committed. Reports of progress hold the same lock shared.
SELECT pg_advisory_xact_lock(hashtextextended('course ' || :course_id::uuid::text, 0))

-- name: course_manageable :one
-- The step after it: may the caller change the course?
WITH target AS (
    SELECT c.status, c.version FROM course c JOIN org o USING (org_id)
     WHERE c.course_id = :course_id::uuid
       AND o.path <@ ANY ((SELECT scope_of(:subject::uuid, :permitted_roles::text[]))::ltree[])
       FOR UPDATE OF c
)
SELECT refuse_if(CASE WHEN NOT EXISTS (SELECT FROM target) THEN 'not_found'
            WHEN (SELECT status = 'archived' FROM target) THEN 'course_archived' END)

-- name: course_patch :one
WITH target AS (
    SELECT c.course_id, c.version, c.status FROM course c JOIN org o USING (org_id)
     WHERE c.course_id = :course_id::uuid
       AND o.path <@ ANY ((SELECT scope_of(:subject::uuid, :permitted_roles::text[]))::ltree[])
       FOR UPDATE OF c
), verdict AS (
    SELECT CASE WHEN NOT EXISTS (SELECT FROM target) THEN 'not_found'
                WHEN (SELECT version <> :if_match::integer FROM target) THEN 'version_mismatch'
                WHEN (SELECT status = 'archived' FROM target) THEN 'course_archived'
                WHEN :status::text = 'archived' AND (SELECT status = 'draft' FROM target)
                THEN 'course_not_published' END AS problem
), changed AS (
    UPDATE course c
       SET title = coalesce(:title::text, c.title),
           summary = coalesce(:summary::text, c.summary),
           category = coalesce(:category::text, c.category),
           required = coalesce(:required::boolean, c.required),
           code = CASE WHEN :body::jsonb ? 'code' THEN :code::text ELSE c.code END,
           status = coalesce(:status::text, c.status),
           archived_at = CASE WHEN :status::text = 'archived' THEN now() END,
           version = c.version + 1, updated_at = now()
      FROM target, verdict
     WHERE c.course_id = target.course_id AND verdict.problem IS NULL AND :body::jsonb <> '{}'
)
SELECT refuse_if(problem) FROM verdict

-- name: course_publish :one
-- Publishing what is published already changes nothing.
WITH target AS (
    SELECT c.course_id, c.version, c.status, c.lesson_count FROM course c JOIN org o USING (org_id)
     WHERE c.course_id = :course_id::uuid
       AND o.path <@ ANY ((SELECT scope_of(:subject::uuid, :permitted_roles::text[]))::ltree[])
       FOR UPDATE OF c
), verdict AS (
    SELECT CASE WHEN NOT EXISTS (SELECT FROM target) THEN 'not_found'
                WHEN (SELECT version <> :if_match::integer FROM target) THEN 'version_mismatch'
                WHEN (SELECT status = 'archived' FROM target) THEN 'course_archived'
                WHEN (SELECT lesson_count = 0 FROM target) THEN 'course_empty' END AS problem
), changed AS (
    UPDATE course c SET status = 'published', published_at = now(), version = c.version + 1, updated_at = now()
      FROM target, verdict
     WHERE c.course_id = target.course_id AND target.status = 'draft' AND verdict.problem IS NULL
)
SELECT refuse_if(problem) FROM verdict

-- name: course_managed :one
-- The course after a change: course_get without the question who may, which the change has asked.
SELECT c.course_id, c.org_id, c.code, c.title, c.summary, c.category, c.required, c.status, c.lesson_count,
       c.length_s, c.published_at, c.archived_at, c.version, c.version AS _version, c.created_at, c.updated_at,
       course_chapters(c.course_id) AS chapters
  FROM course c
 WHERE c.course_id = :course_id::uuid

-- name: course_recount :exec
SELECT course_recount(:course_id::uuid)

-- name: chapter_create :one
WITH made AS (
    INSERT INTO chapter (chapter_id, course_id, title, position, creation)
    SELECT :new_id::uuid, :course_id::uuid, :title::text,
           coalesce(:position::integer,
                    (SELECT coalesce(max(position), 0) + 1 FROM chapter WHERE course_id = :course_id::uuid)),
           :fingerprint::bytea
    ON CONFLICT (chapter_id) DO NOTHING
    RETURNING 1
)
SELECT refuse_if(CASE WHEN NOT EXISTS (SELECT FROM made)
                 AND NOT EXISTS (SELECT FROM chapter
                                  WHERE chapter_id = :new_id::uuid AND creation = :fingerprint::bytea)
            THEN 'id_taken' END,
       'chapter_id')

-- name: chapter_patch :one
WITH target AS (
    SELECT ch.chapter_id, ch.version FROM chapter ch
     WHERE ch.chapter_id = :chapter_id::uuid AND ch.course_id = :course_id::uuid FOR UPDATE
), verdict AS (
    SELECT CASE WHEN NOT EXISTS (SELECT FROM target) THEN 'not_found'
                WHEN (SELECT version <> :if_match::integer FROM target) THEN 'version_mismatch' END AS problem
), changed AS (
    UPDATE chapter ch
       SET title = coalesce(:title::text, ch.title), position = coalesce(:position::integer, ch.position),
           version = ch.version + 1, updated_at = now()
      FROM target, verdict
     WHERE ch.chapter_id = target.chapter_id AND verdict.problem IS NULL AND :body::jsonb <> '{}'
)
SELECT refuse_if(problem) FROM verdict

-- name: chapter_get :one
SELECT ch.chapter_id, ch.course_id, ch.title, ch.position, ch.version, ch.version AS _version,
       ch.created_at, ch.updated_at
  FROM chapter ch WHERE ch.chapter_id = :chapter_id::uuid

-- name: lesson_create :one
WITH home AS (
    SELECT FROM chapter WHERE chapter_id = :chapter_id::uuid AND course_id = :course_id::uuid
), made AS (
    INSERT INTO lesson (lesson_id, course_id, chapter_id, title, kind, url, length, pace_s, position, rule,
                        rule_percent, creation)
    SELECT :new_id::uuid, :course_id::uuid, :chapter_id::uuid, :title::text, :kind::text, :url::text,
           :length::integer, coalesce(:pace_s::integer, lesson_default_pace(:kind::text)),
           coalesce(:position::integer, (SELECT coalesce(max(position), 0) + 1 FROM lesson
                                          WHERE chapter_id = :chapter_id::uuid AND removed_at IS NULL)),
           :rule::text, CASE WHEN :rule::text = 'covered' THEN coalesce(:rule_percent::integer, 90) END,
           :fingerprint::bytea
      FROM home
    ON CONFLICT (lesson_id) DO NOTHING
    RETURNING 1
)
SELECT refuse_if(CASE WHEN NOT EXISTS (SELECT FROM home) THEN 'unknown_reference'
            WHEN NOT EXISTS (SELECT FROM made)
                 AND NOT EXISTS (SELECT FROM lesson
                                  WHERE lesson_id = :new_id::uuid AND creation = :fingerprint::bytea)
            THEN 'id_taken' END,
       CASE WHEN NOT EXISTS (SELECT FROM home) THEN 'chapter_id' ELSE 'lesson_id' END)

-- name: lesson_patch :one
-- removed: true takes the lesson out of the course; members' progress in it is kept.
WITH target AS (
    SELECT l.lesson_id, l.version FROM lesson l
     WHERE l.lesson_id = :lesson_id::uuid AND l.course_id = :course_id::uuid AND l.removed_at IS NULL FOR UPDATE
), verdict AS (
    SELECT CASE WHEN NOT EXISTS (SELECT FROM target) THEN 'not_found'
                WHEN (SELECT version <> :if_match::integer FROM target) THEN 'version_mismatch'
                WHEN :chapter_id::uuid IS NOT NULL
                     AND NOT EXISTS (SELECT FROM chapter WHERE chapter_id = :chapter_id::uuid
                                                           AND course_id = :course_id::uuid)
                THEN 'unknown_reference' END AS problem
), changed AS (
    UPDATE lesson l
       SET title = coalesce(:title::text, l.title), url = coalesce(:url::text, l.url),
           chapter_id = coalesce(:chapter_id::uuid, l.chapter_id),
           length = coalesce(:length::integer, l.length), pace_s = coalesce(:pace_s::integer, l.pace_s),
           position = coalesce(:position::integer, l.position),
           rule = coalesce(:rule::text, l.rule),
           rule_percent = CASE WHEN coalesce(:rule::text, l.rule) = 'covered'
                               THEN coalesce(:rule_percent::integer, l.rule_percent, 90) END,
           removed_at = CASE WHEN :removed::boolean THEN now() END,
           version = l.version + 1, updated_at = now()
      FROM target, verdict
     WHERE l.lesson_id = target.lesson_id AND verdict.problem IS NULL AND :body::jsonb <> '{}'
)
SELECT refuse_if(problem, CASE WHEN problem = 'unknown_reference' THEN 'chapter_id' END) FROM verdict

-- name: lesson_get :one
SELECT l.lesson_id, l.course_id, l.chapter_id, l.title, l.kind, l.url, l.length, l.pace_s, l.position, l.rule,
       l.rule_percent, l.removed_at, l.version, l.version AS _version, l.created_at, l.updated_at
  FROM lesson l WHERE l.lesson_id = :lesson_id::uuid
