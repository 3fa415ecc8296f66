-- Courses, their chapters and lessons.

CREATE TABLE course (
    course_id    uuid PRIMARY KEY,
    org_id       uuid NOT NULL CONSTRAINT unknown_reference__org_id REFERENCES org,
    code         text CONSTRAINT course_code_taken__code UNIQUE,
    title        text NOT NULL,
    title_grams  text[] NOT NULL GENERATED ALWAYS AS (text_grams(title)) STORED,
    summary      text NOT NULL DEFAULT '',
    category     text NOT NULL,
    required     boolean NOT NULL DEFAULT false,
    status       text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'archived')),
    lesson_count integer NOT NULL DEFAULT 0,
    length_s     bigint NOT NULL DEFAULT 0,
    published_at timestamptz,
    archived_at  timestamptz,
    creation     bytea,
    version      integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX course_title ON course USING gin (title_grams);
COMMENT ON COLUMN course.lesson_count IS 'lessons that are not removed; kept by course_recount';
COMMENT ON COLUMN course.length_s IS 'their nominal study time, seconds; kept by course_recount';

CREATE TABLE chapter (
    chapter_id uuid PRIMARY KEY,
    course_id  uuid NOT NULL REFERENCES course,
    title      text NOT NULL,
    position   integer NOT NULL CHECK (position > 0),
    creation   bytea,
    version    integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT position_taken__position UNIQUE (course_id, position)
);

-- length counts units: seconds of a video or an audio, pages of a document, paragraphs of an
-- article. pace_s is how many seconds one unit takes at normal speed; the credit rule needs it.
CREATE TABLE lesson (
    lesson_id    uuid PRIMARY KEY,
    course_id    uuid NOT NULL REFERENCES course,
    chapter_id   uuid NOT NULL CONSTRAINT unknown_reference__chapter_id REFERENCES chapter,
    title        text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('article', 'video', 'audio', 'document')),
    url          text NOT NULL,
    length       integer NOT NULL CHECK (length BETWEEN 1 AND 86400),
    pace_s       integer NOT NULL CHECK (pace_s BETWEEN 1 AND 3600),
    position     integer NOT NULL CHECK (position > 0),
    rule         text NOT NULL CHECK (rule IN ('covered', 'opened', 'read_to_end')),
    rule_percent integer CHECK (rule_percent BETWEEN 1 AND 100),
    removed_at   timestamptz,
    creation     bytea,
    version      integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((rule = 'covered') = (rule_percent IS NOT NULL))
);
CREATE UNIQUE INDEX position_taken__position__lesson ON lesson (chapter_id, position) WHERE removed_at IS NULL;
CREATE INDEX lesson_course ON lesson (course_id) WHERE removed_at IS NULL;

-- Seconds one unit takes when the author does not say.
CREATE FUNCTION lesson_default_pace(kind text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE kind WHEN 'document' THEN 60 WHEN 'article' THEN 20 ELSE 1 END
$$;

-- The chapters of a course with their lessons, in order: what a client shows.
CREATE FUNCTION course_chapters(course uuid) RETURNS jsonb
    LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'chapter_id', ch.chapter_id, 'title', ch.title, 'position', ch.position, 'version', ch.version,
               'lessons', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                               'lesson_id', l.lesson_id, 'chapter_id', l.chapter_id, 'title', l.title,
                               'kind', l.kind, 'url', l.url, 'length', l.length, 'pace_s', l.pace_s,
                               'position', l.position, 'rule', l.rule, 'rule_percent', l.rule_percent,
                               'version', l.version) ORDER BY l.position), '[]')
                             FROM lesson l WHERE l.chapter_id = ch.chapter_id AND l.removed_at IS NULL))
               ORDER BY ch.position), '[]')
      FROM chapter ch WHERE ch.course_id = course
$$;
