"""
Offline reports may come in any order, in any pieces, any number of times and from two devices at once: the end is the
same. And it is what docs/progress.md says: a model of the rule, written anew here, computes it from the items.
"""
import datetime
import fractions
import math
import random
import threading

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.client import Client
from support.study import (ARTICLE, AUDIO, CONSTITUTION, DEMO, DOCUMENT, LEAFLET, VIDEO, Members, item, now, send_batch,
                           wrong_sums)

SPEED = 2
# lesson → (length, seconds per unit, rule, percent), as in sql/demo/0002_courses.sql
LESSONS = {VIDEO: (1260, 1, "covered", 90), AUDIO: (1500, 1, "covered", 80), ARTICLE: (18, 20, "read_to_end", None),
           DOCUMENT: (14, 60, "covered", 85), LEAFLET: (3, 20, "opened", None),
           DEMO + "50301": (1020, 1, "covered", 90), DEMO + "50302": (8, 60, "covered", 90)}
COURSES = (CONSTITUTION, DEMO + "30003")
WINDOW = 900  # seconds within which all items of an example lie, so that they meet

# No shrinking: two threads and a server do not fail the same way each time. To see a small example add Phase.shrink.
RULES = settings(max_examples=25, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
                 suppress_health_check=list(HealthCheck))


# ── what is sent ──────────────────────────────────────────────────────────────────────────────────

@st.composite
def reports(draw):
    """(lesson, stretches, start and length in milliseconds of the window, position or None); some are bad."""
    lesson = draw(st.sampled_from(sorted(LESSONS)))
    length = LESSONS[lesson][0]
    unit = st.integers(0, length)
    pairs = draw(st.lists(st.tuples(unit, unit).map(sorted).filter(lambda p: p[0] < p[1]), max_size=4))
    if draw(st.integers(0, 15)) == 0:
        pairs = pairs + [(length, length + 5)]  # will be refused
    start = draw(st.integers(0, WINDOW * 1000))
    seconds = draw(st.integers(0, 400_000) | st.integers(0, 3000))
    return lesson, [list(p) for p in pairs], start, seconds, draw(st.none() | unit)


def items_of(drawn, base):
    return [item(lesson, stretches, base + datetime.timedelta(milliseconds=start), milliseconds / 1000,
                 **({} if position is None else {"position": position}))
            for lesson, stretches, start, milliseconds, position in drawn]


def pieces(dice, items):
    """The items in random order, some of them several times, in batches of random sizes."""
    bag = items + dice.choices(items, k=dice.randrange(len(items) + 1))
    dice.shuffle(bag)
    while bag:
        size = dice.randrange(1, len(bag) + 1)
        yield bag[:size]
        bag = bag[size:]


# ── the two ways to the end ───────────────────────────────────────────────────────────────────────

def state(client):
    """All that a member sees of their progress, apart from when it happened."""
    seen = {}
    for course in COURSES:
        detail = client.get(f"/v1/me/progress/{course}").json()
        for lesson in detail["lessons"]:
            lesson.pop("completed_at")
            seen[lesson["lesson_id"]] = lesson
        seen[course] = {k: detail[k] for k in ("lessons_done", "percent", "completed", "why_not_complete")}
    for course in client.pages("/v1/me/progress"):
        seen["list", course["course_id"]] = {k: course[k] for k in ("lessons_done", "percent", "next_lesson")}
    return seen


def send_torn(client, items, dice):
    """Two connections, each with the whole of it in pieces of its own, at once."""
    failed = []

    def device(batches):
        try:
            other = Client(client.base, client.token)
            for batch in batches:
                send_batch(other, batch)
        except BaseException as e:  # pylint: disable=broad-except
            failed.append(e)
    threads = [threading.Thread(target=device, args=(list(pieces(dice, items)),)) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed, failed


# ── the model ─────────────────────────────────────────────────────────────────────────────────────

def believed(drawn, base):
    """{lesson: (units claimed, units credited, complete)} by the words of docs/progress.md."""
    claimed, clock = {}, {}
    for lesson, stretches, start, milliseconds, _ in drawn:
        length = LESSONS[lesson][0]
        if any(to > length for _, to in stretches):
            continue
        from_ms = round(base.timestamp() * 1000) + start
        claimed.setdefault(lesson, set()).update(u for a, b in stretches for u in range(a, b))
        # A second counts whole as soon as it is touched.
        clock.setdefault(lesson, set()).update(range(from_ms // 1000, -(-(from_ms + milliseconds) // 1000)))
    result = {}
    for lesson, units in claimed.items():
        length, pace, rule, percent = LESSONS[lesson]
        share = sum((fractions.Fraction(1, sum(s in other for other in clock.values())) for s in clock.get(lesson, ())),
                    fractions.Fraction(0))
        credited = min(len(units), math.floor(share) * SPEED // pace)
        complete = {"opened": True, "read_to_end": length - 1 in units,
                    "covered": percent is not None and credited * 100 >= percent * length}[rule]
        result[lesson] = (len(units), credited, complete)
    return result


def seen_of(states):
    return {lesson: (s["covered_units"], s["credited_units"], s["completed"])
            for lesson, s in states.items() if lesson in LESSONS and s["why_not_complete"] != "not_opened"}


# ── the tests ─────────────────────────────────────────────────────────────────────────────────────

@pytest.fixture(scope="module")
def pool(server):
    """Fresh members, a few dozen made at once."""
    made, ready = Members(server), []

    def take():
        if not ready:
            ready.extend(made.make(30))
        return ready.pop()
    yield take
    assert wrong_sums(server) == []
    made.remove()


def test_any_order_any_pieces_any_repetition_two_devices(pool):
    @RULES
    @given(drawn=st.lists(reports(), min_size=1, max_size=14), seed=st.integers(0, 2 ** 32))
    def check(drawn, seed):
        base = now().replace(microsecond=0) - datetime.timedelta(days=1)
        items = items_of(drawn, base)
        once, torn = pool(), pool()
        send_batch(once, items)
        send_torn(torn, items, random.Random(seed))
        expected = state(once)
        assert state(torn) == expected
        send_batch(once, items)
        assert state(once) == expected, "sending it once more changes nothing"
    check()


def test_what_is_believed_is_what_the_rule_says(pool):
    @RULES
    @given(drawn=st.lists(reports(), min_size=1, max_size=14), by_one=st.booleans())
    def check(drawn, by_one):
        base = now().replace(microsecond=0) - datetime.timedelta(days=1)
        client, items = pool(), items_of(drawn, base)
        for batch in ([i] for i in items) if by_one else [items]:
            send_batch(client, batch)
        assert seen_of(state(client)) == believed(drawn, base)
    check()


def test_nobody_earns_more_than_the_clock(pool):
    """Whatever is claimed of however many lessons: in the end two seconds' worth for each second."""
    @RULES
    @given(drawn=st.lists(reports(), min_size=5, max_size=40))
    def check(drawn):
        base = now().replace(microsecond=0) - datetime.timedelta(days=1)
        client = pool()
        send_batch(client, items_of(drawn, base))
        earned = sum(s["credited_units"] * LESSONS[i][1] for i, s in state(client).items() if i in LESSONS)
        touched = {s for _, _, start, ms, _ in drawn for s in range(start // 1000, -(-(start + ms) // 1000))}
        assert earned <= SPEED * len(touched)
    check()


def test_three_lessons_in_three_seconds(pool):
    """Thirds of a second, one at a time: together they are a whole one."""
    base = now().replace(microsecond=0) - datetime.timedelta(days=1)
    drawn = [(lesson, [[0, 10]], start * 1000, 1000, None) for lesson in (VIDEO, AUDIO, DEMO + "50301") for start in (0, 2, 4)]
    client = pool()
    send_batch(client, items_of(drawn, base))
    assert seen_of(state(client)) == believed(drawn, base) == \
        {lesson: (10, 2, False) for lesson in (VIDEO, AUDIO, DEMO + "50301")}
