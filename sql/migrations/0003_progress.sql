-- Progress: what a member has covered of each lesson, and how much of it the clock allows.
--
-- A row per member and lesson holds two sets that only ever grow by union:
--   claimed  the units that the member says to have covered
--   clock    the wall-clock seconds during which they say to have done it
-- Union does not mind order or repetition, so reports may be replayed in any order, any number of
-- times, from several devices, and end in the same state. What is believed is a function of that
-- state alone:
--   clock_s  = the clock's seconds; a second that several lessons claim is shared out among them
--   credited = least(units claimed, units that fit into clock_s at the allowed speed)
-- docs/progress.md explains the rules to those who use the API.

CREATE TABLE lesson_progress (
    member_id    uuid NOT NULL REFERENCES member,
    lesson_id    uuid NOT NULL REFERENCES lesson,
    course_id    uuid NOT NULL,
    claimed      int4multirange NOT NULL DEFAULT '{}',
    clock        int8multirange NOT NULL DEFAULT '{}',
    clock_s      integer NOT NULL DEFAULT 0,
    credited     integer NOT NULL DEFAULT 0,
    position     integer NOT NULL DEFAULT 0,
    position_at  timestamptz,
    opened_at    timestamptz NOT NULL,
    reported_at  timestamptz,
    completed_at timestamptz,
    version      integer NOT NULL DEFAULT 1,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (member_id, lesson_id)
);
CREATE INDEX lesson_progress_course ON lesson_progress (member_id, course_id);
CREATE INDEX lesson_progress_lesson ON lesson_progress (lesson_id);
COMMENT ON COLUMN lesson_progress.clock IS 'seconds since 1970';
COMMENT ON COLUMN lesson_progress.reported_at IS 'when the server received the last live report';
COMMENT ON COLUMN lesson_progress.position_at IS 'the client''s time of position: the latest wins';

-- The sum per member and course, updated in the same transaction as the rows it sums.
CREATE TABLE course_progress (
    member_id    uuid NOT NULL REFERENCES member,
    course_id    uuid NOT NULL REFERENCES course,
    lessons_done integer NOT NULL DEFAULT 0,
    covered_s    bigint NOT NULL DEFAULT 0,
    started_at   timestamptz NOT NULL DEFAULT now(),
    version      integer NOT NULL DEFAULT 1,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (member_id, course_id)
);
CREATE INDEX course_progress_course ON course_progress (course_id, member_id);
COMMENT ON COLUMN course_progress.covered_s IS 'credited units of lessons that are not removed, as seconds at normal pace';

CREATE FUNCTION range_units(units int4multirange) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(sum(upper(r) - lower(r)), 0)::integer FROM unnest(units) AS r
$$;

CREATE FUNCTION range_seconds(seconds int8multirange) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(sum(upper(r) - lower(r)), 0)::integer FROM unnest(seconds) AS r
$$;

CREATE FUNCTION lesson_credit(claimed_units integer, clock_s integer, pace_s integer, speed_percent integer)
    RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT least(claimed_units::bigint, clock_s::bigint * speed_percent / (100 * pace_s))::integer
$$;

CREATE FUNCTION lesson_complete(rule text, rule_percent integer, length integer, credited integer,
                                claimed int4multirange)
    RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE rule WHEN 'opened' THEN true
                     WHEN 'read_to_end' THEN claimed @> length - 1
                     ELSE credited::bigint * 100 >= rule_percent::bigint * length END
$$;

-- Why a lesson is not complete: the first reason that applies, NULL when it is complete.
CREATE FUNCTION lesson_missing(rule text, rule_percent integer, length integer, progress lesson_progress)
    RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN progress.completed_at IS NOT NULL THEN NULL
                WHEN progress.member_id IS NULL THEN 'not_opened'
                WHEN rule = 'read_to_end' THEN 'end_not_reached'
                WHEN range_units(progress.claimed)::bigint * 100 >= rule_percent::bigint * length THEN 'clock'
                ELSE 'not_covered' END
$$;

-- Shares out the member's clock: each second counts 1/k for each of the k lessons that claim it.
-- Writes clock_s of the lessons whose share has changed and returns them.
CREATE FUNCTION progress_share_clock(member uuid) RETURNS TABLE (changed_lesson uuid)
    LANGUAGE sql AS $$
    WITH span AS (
        SELECT p.lesson_id, lower(r) AS low, upper(r) AS high
          FROM lesson_progress p, unnest(p.clock) AS r WHERE p.member_id = member
    ), edge AS (
        SELECT at, lead(at) OVER (ORDER BY at) AS until
          FROM (SELECT low AS at FROM span UNION SELECT high FROM span) AS e
    ), slice AS (
        SELECT e.at, e.until, s.lesson_id, count(*) OVER (PARTITION BY e.at) AS lessons
          FROM edge e JOIN span s ON s.low <= e.at AND s.high >= e.until
    ), share AS (
        SELECT lesson_id, floor(round(sum((until - at)::numeric / lessons), 6))::integer AS seconds
          FROM slice GROUP BY lesson_id
    )
    UPDATE lesson_progress p SET clock_s = share.seconds
      FROM share
     WHERE p.member_id = member AND p.lesson_id = share.lesson_id AND p.clock_s <> share.seconds
    RETURNING p.lesson_id
$$;

-- Brings credited, completed_at and the course's sum of one lesson in line with its clock_s.
CREATE FUNCTION progress_settle(member uuid, lesson uuid, speed_percent integer) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    l lesson;
    p lesson_progress;
    new_credit integer;
    done boolean;
BEGIN
    SELECT * INTO p FROM lesson_progress x WHERE x.member_id = member AND x.lesson_id = lesson;
    SELECT * INTO l FROM lesson x WHERE x.lesson_id = lesson;
    new_credit := lesson_credit(range_units(p.claimed * int4multirange(int4range(0, l.length))),
                                p.clock_s, l.pace_s, speed_percent);
    -- What was complete under an older rule or length stays so, as long as no credit is lost.
    done := lesson_complete(l.rule, l.rule_percent, l.length, new_credit, p.claimed)
            OR (p.completed_at IS NOT NULL AND new_credit >= p.credited);
    IF new_credit = p.credited AND done = (p.completed_at IS NOT NULL) THEN
        RETURN;
    END IF;
    UPDATE lesson_progress x
       SET credited = new_credit, version = x.version + 1, updated_at = now(),
           completed_at = CASE WHEN done THEN coalesce(x.completed_at, now()) END
     WHERE x.member_id = member AND x.lesson_id = lesson;
    IF l.removed_at IS NULL THEN
        UPDATE course_progress c
           SET lessons_done = c.lessons_done + done::integer - (p.completed_at IS NOT NULL)::integer,
               covered_s = c.covered_s + (new_credit - p.credited)::bigint * l.pace_s,
               version = c.version + 1, updated_at = now()
         WHERE c.member_id = member AND c.course_id = l.course_id;
    END IF;
END
$$;

-- Merges one report. `live` is a report as it happens: the server's own clock says how much time
-- has passed since the last one. Otherwise started and ended are the client's claim (already
-- corrected for its clock), for study done offline.
-- Returns whether it told anything new, and the units that were new in the claim and in the credit,
-- or a problem code for this report.
-- The reports of one member are merged one after the other, and none while the course is changed:
-- whoever recounts a course holds its lock exclusively, in a statement before (course_lock).
CREATE FUNCTION progress_merge(member uuid, lesson uuid, stretches jsonb, at_position integer,
                               started timestamptz, ended timestamptz, live boolean,
                               speed_percent integer, first_report_s integer, offline_days integer)
    RETURNS TABLE (problem text, changed boolean, claimed_new integer, credited_new integer)
    LANGUAGE plpgsql AS $$
DECLARE
    l lesson;
    c course;
    p lesson_progress;
    units int4multirange;
    all_units int4multirange;
    need_s integer;
    span int8multirange;
    low bigint;
    high bigint;
    fresh boolean;
    moved boolean;
    news boolean;
    shared boolean;
    touched uuid;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('progress ' || member::text, 0));
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('course ' || x.course_id::text, 0))
       FROM lesson x WHERE x.lesson_id = lesson;
    SELECT * INTO l FROM lesson x WHERE x.lesson_id = lesson;
    IF FOUND THEN
        SELECT * INTO c FROM course x WHERE x.course_id = l.course_id;
    END IF;
    IF l.lesson_id IS NULL OR c.status = 'draft' THEN
        RETURN QUERY SELECT 'lesson_unknown', false, 0, 0;
        RETURN;
    END IF;
    IF c.archived_at < ended OR l.removed_at < ended THEN
        RETURN QUERY SELECT 'course_archived', false, 0, 0;
        RETURN;
    END IF;
    IF NOT live THEN
        IF ended < started THEN
            RETURN QUERY SELECT 'interval_backwards', false, 0, 0;
            RETURN;
        ELSIF ended > now() + interval '2 minutes' THEN
            RETURN QUERY SELECT 'interval_in_future', false, 0, 0;
            RETURN;
        ELSIF started < now() - make_interval(days => offline_days) THEN
            RETURN QUERY SELECT 'interval_too_old', false, 0, 0;
            RETURN;
        END IF;
    END IF;
    IF EXISTS (SELECT FROM jsonb_array_elements(stretches) AS s
                WHERE (s->>0)::bigint >= (s->>1)::bigint) THEN
        RETURN QUERY SELECT 'stretch_backwards', false, 0, 0;
        RETURN;
    ELSIF at_position > l.length OR EXISTS (SELECT FROM jsonb_array_elements(stretches) AS s
                                             WHERE (s->>1)::bigint > l.length) THEN
        RETURN QUERY SELECT 'stretch_outside_lesson', false, 0, 0;
        RETURN;
    END IF;

    SELECT coalesce(range_agg(int4range((s->>0)::integer, (s->>1)::integer)), '{}') INTO units
      FROM jsonb_array_elements(stretches) AS s;
    SELECT * INTO p FROM lesson_progress x WHERE x.member_id = member AND x.lesson_id = lesson;
    fresh := NOT FOUND;
    all_units := coalesce(p.claimed, '{}') + units;

    IF live THEN
        -- As much of the time since the last report as the new units take at normal speed.
        need_s := greatest(range_units(all_units) * l.pace_s - range_seconds(coalesce(p.clock, '{}')), 0);
        high := floor(extract(epoch FROM now()));
        low := greatest(high - need_s,
                        CASE WHEN p.reported_at IS NULL THEN high - first_report_s
                             ELSE floor(extract(epoch FROM p.reported_at))::bigint END);
    ELSE
        low := floor(extract(epoch FROM started));
        high := ceil(extract(epoch FROM least(ended, now())));
    END IF;
    span := CASE WHEN low < high THEN int8multirange(int8range(low, high)) ELSE '{}' END;

    claimed_new := range_units(all_units) - range_units(coalesce(p.claimed, '{}'));
    IF fresh THEN
        INSERT INTO course_progress (member_id, course_id) VALUES (member, l.course_id) ON CONFLICT DO NOTHING;
        INSERT INTO lesson_progress AS x (member_id, lesson_id, course_id, claimed, clock, clock_s, position,
                                          position_at, opened_at, reported_at)
        VALUES (member, lesson, l.course_id, all_units, span, range_seconds(span), coalesce(at_position, 0),
                CASE WHEN at_position IS NOT NULL THEN ended END, least(started, ended),
                CASE WHEN live THEN now() END);
    ELSE
        moved := at_position IS NOT NULL
                 AND (ended, at_position) > (coalesce(p.position_at, '-infinity'), p.position);
        news := moved OR all_units <> p.claimed OR p.clock + span <> p.clock
                OR least(started, ended) < p.opened_at;
        IF news OR live THEN
            UPDATE lesson_progress x
               SET claimed = all_units,
                   clock = x.clock + span,
                   clock_s = CASE WHEN x.clock_s = range_seconds(x.clock) THEN range_seconds(x.clock + span)
                                  ELSE x.clock_s END,
                   position = CASE WHEN moved THEN at_position ELSE x.position END,
                   position_at = CASE WHEN moved THEN ended ELSE x.position_at END,
                   opened_at = least(x.opened_at, started, ended),
                   reported_at = CASE WHEN live THEN now() ELSE x.reported_at END,
                   version = x.version + news::integer,
                   updated_at = CASE WHEN news THEN now() ELSE x.updated_at END
             WHERE x.member_id = member AND x.lesson_id = lesson;
        END IF;
    END IF;

    -- Seconds that another lesson claims too have to be shared; that is rare (two devices at once).
    shared := NOT isempty(span) AND EXISTS (
        SELECT FROM lesson_progress x
         WHERE x.member_id = member AND x.lesson_id <> lesson AND x.clock && span);
    IF shared OR (NOT fresh AND p.clock_s <> range_seconds(p.clock)) THEN
        FOR touched IN SELECT changed_lesson FROM progress_share_clock(member) LOOP
            PERFORM progress_settle(member, touched, speed_percent);
        END LOOP;
    END IF;
    PERFORM progress_settle(member, lesson, speed_percent);
    RETURN QUERY SELECT NULL::text, fresh OR news, claimed_new, x.credited - coalesce(p.credited, 0)
                   FROM lesson_progress x WHERE x.member_id = member AND x.lesson_id = lesson;
END
$$;

-- Recounts a course after its lessons have changed: its own totals and every member's sum. What is
-- complete under the new rules becomes so; what was complete stays so, whatever the new rule says.
-- The caller holds the lock of the course.
-- The course gets a new version only where this transaction has changed something in it: the same creation
-- sent again changes nothing.
CREATE FUNCTION course_recount(course uuid) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    UPDATE course c
       SET lesson_count = t.lessons, length_s = t.seconds, version = c.version + 1, updated_at = now()
      FROM (SELECT count(*) AS lessons, coalesce(sum(l.length::bigint * l.pace_s), 0) AS seconds
              FROM lesson l WHERE l.course_id = course AND l.removed_at IS NULL) AS t
     WHERE c.course_id = course
       AND ((c.lesson_count, c.length_s) IS DISTINCT FROM (t.lessons, t.seconds)
            OR EXISTS (SELECT FROM chapter ch WHERE ch.course_id = course AND ch.updated_at = now())
            OR EXISTS (SELECT FROM lesson l WHERE l.course_id = course AND l.updated_at = now()));
    -- What was made in this transaction has no progress yet: only a lesson that was changed can move sums.
    IF NOT EXISTS (SELECT FROM lesson l WHERE l.course_id = course AND l.updated_at = now() AND l.version > 1) THEN
        RETURN;
    END IF;
    UPDATE lesson_progress p SET credited = l.length, version = p.version + 1, updated_at = now()
      FROM lesson l
     WHERE l.course_id = course AND p.lesson_id = l.lesson_id AND p.credited > l.length;
    UPDATE lesson_progress p SET completed_at = now(), version = p.version + 1, updated_at = now()
      FROM lesson l
     WHERE l.course_id = course AND l.removed_at IS NULL AND p.lesson_id = l.lesson_id
       AND p.completed_at IS NULL AND lesson_complete(l.rule, l.rule_percent, l.length, p.credited, p.claimed);
    WITH t AS MATERIALIZED (
        SELECT lp.member_id, count(lp.completed_at) AS done, sum(lp.credited::bigint * l.pace_s) AS covered
          FROM lesson l JOIN lesson_progress lp USING (lesson_id)
         WHERE l.course_id = course AND l.removed_at IS NULL
         GROUP BY lp.member_id
    )
    UPDATE course_progress p
       SET lessons_done = s.done, covered_s = s.covered, version = p.version + 1, updated_at = now()
      FROM (SELECT cp.member_id, coalesce(t.done, 0) AS done, coalesce(t.covered, 0) AS covered
              FROM course_progress cp LEFT JOIN t USING (member_id) WHERE cp.course_id = course) AS s
     WHERE p.member_id = s.member_id AND p.course_id = course
       AND (p.lessons_done, p.covered_s) IS DISTINCT FROM (s.done, s.covered);
END
$$;

-- ── what the server's own role may do ─────────────────────────────────────────────────────────
-- It owns nothing. It cannot delete or change what is history, except where listed.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'partystudy_app') THEN
        GRANT USAGE ON SCHEMA public TO partystudy_app;
        GRANT SELECT, INSERT, UPDATE ON org, member, course, chapter, lesson, session, refresh_token,
            idempotency, lesson_progress, course_progress TO partystudy_app;
        GRANT DELETE ON session, refresh_token, idempotency TO partystudy_app;
        GRANT SELECT ON account, role_grant TO partystudy_app;
        GRANT UPDATE (password_hash, password_changed_at) ON account TO partystudy_app;
    END IF;
END
$$;
