-- The demo's progress: what 32 members have studied in the last 20 days.
--
-- It is reported as a phone reports what was done offline, through progress_merge, so it obeys the
-- same rules: at twice the normal speed at most (200), intervals no older than 30 days. A report that
-- the rules refuse ends the load. Ids as in 0001_organisation.sql.

\set id 01900000-0000-7000-8000-0000000

-- Whole lessons, one after the other at normal speed, from 19:30 Beijing time on: the first `lessons`
-- of the course, NULL for all of them.
WITH study(member, course, lessons, days) AS (VALUES
    -- the account `member`: a required course finished, another one begun, the archived one finished
    ('20005', '30004', NULL::integer, 9), ('20005', '30001', 4, 3), ('20005', '30011', NULL, 15),
    -- their branch, as its secretary sees it
    ('20002', '30001', NULL, 12), ('20002', '30003', NULL, 10), ('20002', '30004', NULL, 8), ('20002', '30009', 2, 2),
    ('20007', '30001', NULL, 18), ('20007', '30007', 3, 5),
    ('20008', '30001', 6, 7), ('20008', '30006', NULL, 4),
    ('20009', '30002', 5, 6), ('20009', '30011', 2, 13),
    ('20010', '30001', 3, 11), ('20010', '30010', 1, 1),
    ('20011', '30001', NULL, 14), ('20011', '30002', NULL, 13), ('20011', '30003', 7, 12), ('20011', '30004', 1, 2),
    ('20013', '30003', 4, 8),
    -- the others
    ('20001', '30001', NULL, 19), ('20001', '30004', NULL, 17),
    ('20003', '30005', NULL, 16), ('20003', '30009', NULL, 5),
    ('20004', '30004', NULL, 11), ('20004', '30002', 3, 3),
    ('20016', '30003', NULL, 19), ('20016', '30004', NULL, 18), ('20016', '30011', NULL, 16),
    ('20017', '30003', NULL, 9), ('20017', '30001', 2, 8),
    ('20020', '30003', 8, 6),
    ('20021', '30004', 5, 4),
    ('20025', '30007', NULL, 10), ('20025', '30011', 1, 18),
    ('20030', '30001', NULL, 7), ('20030', '30010', NULL, 5),
    ('20031', '30001', 9, 6), ('20031', '30002', 8, 5),
    ('20037', '30010', 3, 3),
    ('20040', '30001', 5, 9),
    ('20043', '30008', NULL, 12), ('20043', '30005', 4, 10),
    ('20045', '30001', NULL, 17), ('20045', '30002', NULL, 16), ('20045', '30003', NULL, 15), ('20045', '30004', NULL, 14),
    ('20049', '30006', NULL, 8), ('20049', '30010', NULL, 6),
    ('20050', '30006', 4, 2),
    ('20053', '30008', 3, 4),
    ('20055', '30001', 7, 10),
    ('20060', '30010', 4, 1), ('20060', '30006', NULL, 11)
), lesson_study AS (
    SELECT s.*, l.lesson_id, l.length, l.length * l.pace_s AS takes_s,
           row_number() OVER w AS number,
           coalesce(sum(l.length * l.pace_s) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS after_s
      FROM study s
      JOIN lesson l ON l.course_id = (:'id' || s.course)::uuid
    WINDOW w AS (PARTITION BY s.member, s.course ORDER BY l.lesson_id)
), timed AS (
    SELECT ls.*, date_trunc('day', now(), 'UTC') + time '11:30' - make_interval(days => days)
                 + make_interval(secs => after_s) AS started
      FROM lesson_study ls
     WHERE ls.lessons IS NULL OR ls.number <= ls.lessons
)
SELECT refuse(r.problem)
  FROM timed t
 CROSS JOIN LATERAL progress_merge(
           (:'id' || t.member)::uuid, t.lesson_id, jsonb_build_array(jsonb_build_array(0, t.length)), t.length,
           t.started, t.started + make_interval(secs => t.takes_s), false, 200, 60, 30) AS r
 WHERE r.problem IS NOT NULL;

-- Single reports. at: UTC; minutes: how long the report says it took.
WITH report(member, lesson, stretches, position, days, at, minutes) AS (VALUES
    -- the account `member`: left off in the middle; went back to hear a part again
    ('20005', '50105', '[[0, 420]]',                    420, 2, '04:20', 7),
    ('20005', '50102', '[[0, 200], [120, 380]]',        380, 2, '12:00', 8),
    -- … claims a whole video for three minutes: 360 of 1140 seconds are believed
    ('20005', '50201', '[[0, 1140]]',                  1140, 1, '23:05', 3),
    -- … only opened an article that is done when opened; did not reach the end of another one
    ('20005', '50208', '[]',                              0, 1, '04:30', 0),
    ('20005', '50202', '[[0, 6]]',                        6, 1, '04:31', 3),
    -- … skipped through a recording
    ('20005', '50601', '[[0, 40], [100, 130], [280, 300]]', 300, 4, '00:10', 2),
    -- more is claimed than the time allows
    ('20013', '50401', '[[0, 900]]',                    900, 5, '12:00', 2),
    ('20021', '50101', '[[0, 1260]]',                  1260, 3, '13:00', 1),
    ('20038', '50501', '[[0, 1440]]',                  1440, 6, '12:40', 5),
    -- twice the speed is still believed
    ('20009', '50703', '[[0, 360]]',                    360, 2, '10:00', 3),
    -- two devices at once: each would be believed alone, but they share their nine minutes
    ('20018', '50301', '[[0, 1020]]',                  1020, 7, '11:00', 9),
    ('20018', '50303', '[[0, 960]]',                    960, 7, '11:00', 9),
    -- the same report arrives twice
    ('20032', '51001', '[[0, 450]]',                    450, 4, '22:30', 8),
    ('20032', '51001', '[[0, 450]]',                    450, 4, '22:30', 8),
    -- the second half first, on another day the rest
    ('20032', '51002', '[[330, 660]]',                  660, 3, '11:00', 6),
    ('20032', '51002', '[[0, 330]]',                    330, 2, '11:00', 6),
    -- articles and documents that were opened, no more
    ('20044', '50110', '[]',                              0, 8, '01:00', 0),
    ('20044', '50208', '[]',                              0, 8, '01:02', 0),
    ('20044', '50309', '[]',                              0, 8, '01:05', 0),
    ('20058', '51103', '[]',                              0, 9, '05:00', 0),
    ('20058', '51005', '[]',                              0, 2, '05:00', 0),
    -- a document, page by page; an article to its end
    ('20058', '50402', '[[0, 4], [4, 7]]',                7, 3, '06:00', 8),
    ('20060', '50104', '[[0, 18]]',                      18, 5, '12:00', 6)
)
SELECT refuse(r.problem)
  FROM report p
 CROSS JOIN LATERAL (
       SELECT date_trunc('day', now(), 'UTC') + p.at::time - make_interval(days => p.days) AS started) AS t
 CROSS JOIN LATERAL progress_merge(
           (:'id' || p.member)::uuid, (:'id' || p.lesson)::uuid, p.stretches::jsonb, p.position,
           t.started, t.started + make_interval(mins => p.minutes), false, 200, 60, 30) AS r
 WHERE r.problem IS NOT NULL;
