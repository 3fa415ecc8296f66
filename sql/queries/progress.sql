-- Study progress. The rules of merging and believing are in the function progress_merge.

-- name: progress_put :one
SELECT refuse_if(CASE WHEN r.problem = 'lesson_unknown' THEN 'not_found' ELSE r.problem END,
                 CASE WHEN r.problem = 'stretch_outside_lesson'
                           AND :position::integer > (SELECT l.length FROM lesson l WHERE l.lesson_id = :lesson_id::uuid)
                      THEN 'position' WHEN r.problem LIKE 'stretch_%' THEN 'stretches' END),
       r.claimed_new, r.credited_new
  FROM progress_merge(:subject::uuid, :lesson_id::uuid, coalesce(:stretches::jsonb, '[]'), :position::integer,
                      now(), now(), true, :study_speed::integer, :study_first_report::integer,
                      :study_offline_days::integer) AS r

-- name: progress_batch :many
-- A phone whose clock is off by more than two minutes has its intervals moved by the difference, in
-- whole minutes so that a repetition moves them by the same.
WITH skew AS (
    SELECT CASE WHEN abs(extract(epoch FROM now() - :client_time::timestamptz)) <= 120 THEN interval '0'
                ELSE make_interval(mins => greatest(round(extract(epoch FROM now() - :client_time::timestamptz) / 60),
                                                    -2e9)::integer) -- further back there are no timestamps
           END AS shift
), item AS MATERIALIZED (
    SELECT i.ordinality, i.value FROM jsonb_array_elements(:items::jsonb) WITH ORDINALITY AS i
     ORDER BY i.ordinality
)
SELECT (i.value->>'lesson_id')::uuid AS lesson_id, r.problem, r.changed,
       r.claimed_new, r.credited_new
  FROM item i CROSS JOIN skew
 CROSS JOIN LATERAL progress_merge(
           :subject::uuid, (i.value->>'lesson_id')::uuid, coalesce(i.value->'stretches', '[]'),
           (i.value->>'position')::integer, (i.value->>'started_at')::timestamptz + skew.shift,
           (i.value->>'ended_at')::timestamptz + skew.shift, false, :study_speed::integer,
           :study_first_report::integer, :study_offline_days::integer) AS r
 ORDER BY i.ordinality

-- name: progress_lessons :many
-- The state of the lessons that a batch has touched.
SELECT l.lesson_id, l.course_id, p.claimed AS covered, range_units(p.claimed) AS covered_units,
       p.credited AS credited_units, l.length, least(p.credited::bigint * 100 / l.length, 100) AS percent,
       p.position, p.completed_at IS NOT NULL AS completed, p.completed_at,
       lesson_missing(l.rule, l.rule_percent, l.length, p) AS why_not_complete, p.version, p.updated_at
  FROM lesson_progress p JOIN lesson l USING (lesson_id)
 WHERE p.member_id = :subject::uuid
   AND p.lesson_id IN (SELECT (i->>'lesson_id')::uuid FROM jsonb_array_elements(:items::jsonb) AS i)
 ORDER BY l.lesson_id

-- name: progress_lesson :one
SELECT l.lesson_id, l.course_id, p.claimed AS covered, range_units(p.claimed) AS covered_units,
       p.credited AS credited_units, l.length, least(p.credited::bigint * 100 / l.length, 100) AS percent,
       p.position, p.completed_at IS NOT NULL AS completed, p.completed_at,
       lesson_missing(l.rule, l.rule_percent, l.length, p) AS why_not_complete,
       p.version, p.version AS _version, p.updated_at
  FROM lesson_progress p JOIN lesson l USING (lesson_id)
 WHERE p.member_id = :subject::uuid AND p.lesson_id = :lesson_id::uuid

-- name: progress_courses :many
-- Per course: everything required, and everything the member has begun.
SELECT c.course_id, c.title, c.category, c.required, c.status, c.lesson_count,
       coalesce(p.lessons_done, 0) AS lessons_done,
       CASE WHEN c.length_s > 0 THEN least(coalesce(p.covered_s, 0) * 100 / c.length_s, 100) ELSE 0 END AS percent,
       c.lesson_count > 0 AND coalesce(p.lessons_done, 0) >= c.lesson_count AS completed,
       next.lesson AS next_lesson,
       CASE WHEN p.member_id IS NULL THEN 'not_started'
            WHEN c.lesson_count = 0 THEN 'no_lessons'
            WHEN p.lessons_done < c.lesson_count THEN 'lessons_remaining' END AS why_not_complete,
       p.started_at, p.updated_at, jsonb_build_array(c.course_id) AS _key
  FROM course c
  LEFT JOIN course_progress p ON p.member_id = :of_member::uuid AND p.course_id = c.course_id
  LEFT JOIN LATERAL (
       SELECT jsonb_build_object('lesson_id', l.lesson_id, 'title', l.title, 'kind', l.kind,
                                 'position', coalesce(lp.position, 0)) AS lesson
         FROM chapter ch JOIN lesson l USING (chapter_id)
         LEFT JOIN lesson_progress lp ON lp.member_id = :of_member::uuid AND lp.lesson_id = l.lesson_id
        WHERE ch.course_id = c.course_id AND l.removed_at IS NULL AND lp.completed_at IS NULL
        ORDER BY ch.position, l.position LIMIT 1) AS next ON true
 WHERE (c.status = 'published' AND (c.required OR p.member_id IS NOT NULL)
        OR c.status = 'archived' AND p.member_id IS NOT NULL)
   AND c.course_id > coalesce((:after::jsonb->>0)::uuid, '00000000-0000-0000-0000-000000000000')
 ORDER BY c.course_id LIMIT :page_limit::integer

-- name: progress_course :one
SELECT c.course_id, c.title, c.category, c.required, c.status, c.lesson_count,
       coalesce(p.lessons_done, 0) AS lessons_done,
       CASE WHEN c.length_s > 0 THEN least(coalesce(p.covered_s, 0) * 100 / c.length_s, 100) ELSE 0 END AS percent,
       c.lesson_count > 0 AND coalesce(p.lessons_done, 0) >= c.lesson_count AS completed,
       CASE WHEN p.member_id IS NULL THEN 'not_started'
            WHEN c.lesson_count = 0 THEN 'no_lessons'
            WHEN p.lessons_done < c.lesson_count THEN 'lessons_remaining' END AS why_not_complete,
       p.started_at, p.updated_at,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'lesson_id', l.lesson_id, 'chapter_id', l.chapter_id, 'title', l.title, 'kind', l.kind,
                   'length', l.length, 'rule', l.rule, 'rule_percent', l.rule_percent,
                   'covered', coalesce((SELECT jsonb_agg(jsonb_build_array(lower(r), upper(r)) ORDER BY r)
                                          FROM unnest(lp.claimed) AS r), '[]'),
                   'covered_units', coalesce(range_units(lp.claimed), 0),
                   'credited_units', coalesce(lp.credited, 0),
                   'percent', least(coalesce(lp.credited, 0)::bigint * 100 / l.length, 100),
                   'position', coalesce(lp.position, 0),
                   'completed', lp.completed_at IS NOT NULL,
                   'completed_at', to_char(lp.completed_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                   'why_not_complete', lesson_missing(l.rule, l.rule_percent, l.length, lp))
                   ORDER BY ch.position, l.position), '[]')
          FROM chapter ch JOIN lesson l USING (chapter_id)
          LEFT JOIN lesson_progress lp ON lp.member_id = :subject::uuid AND lp.lesson_id = l.lesson_id
         WHERE ch.course_id = c.course_id AND l.removed_at IS NULL) AS lessons
  FROM course c LEFT JOIN course_progress p ON p.member_id = :subject::uuid AND p.course_id = c.course_id
 WHERE c.course_id = :course_id::uuid
   AND (c.status = 'published' OR (c.status = 'archived' AND p.member_id IS NOT NULL))

-- name: course_visible :one
-- A step before the members' progress in a course: a draft has none and is nobody's business.
SELECT refuse_if(CASE WHEN NOT EXISTS (SELECT FROM course WHERE course_id = :course_id::uuid AND status <> 'draft')
            THEN 'not_found' END)

-- name: progress_members :many
SELECT m.member_id, m.name, m.org_id, o.name AS org_name, c.lesson_count,
       coalesce(p.lessons_done, 0) AS lessons_done,
       CASE WHEN c.length_s > 0 THEN least(coalesce(p.covered_s, 0) * 100 / c.length_s, 100) ELSE 0 END AS percent,
       c.lesson_count > 0 AND coalesce(p.lessons_done, 0) >= c.lesson_count AS completed,
       p.started_at, p.updated_at, jsonb_build_array(m.member_id) AS _key
  FROM member m JOIN org o USING (org_id) JOIN course c ON c.course_id = :course_id::uuid
  LEFT JOIN course_progress p ON p.member_id = m.member_id AND p.course_id = c.course_id
 WHERE o.path <@ ANY ((SELECT scope_of(:subject::uuid, :permitted_roles::text[]))::ltree[])
   AND (:org_id::uuid IS NULL OR o.path <@ (SELECT path FROM org WHERE org_id = :org_id::uuid))
   AND (:started::boolean IS NULL OR :started::boolean = (p.member_id IS NOT NULL))
   AND m.member_id > coalesce((:after::jsonb->>0)::uuid, '00000000-0000-0000-0000-000000000000')
 ORDER BY m.member_id LIMIT :page_limit::integer
