# test: every test, each kind with the set-up it needs, then the unit and API tests again under the
# sanitizers. A part that fails does not keep the others from running; the last line sums up, and
# says so when a part ended without a result. The tests bring up databases and servers of their own
# in temporary directories; var/ is not touched.
# shellcheck shell=bash disable=SC2154

TEST_PASSED=0 TEST_FAILED=0 TEST_SKIPPED=0

cmd_test() {
	packages_install test
	TEST_RESULTS=$(mktemp -d)
	trap test_cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	# A test must not depend on, or touch, what the caller has set up.
	unset DATABASE_URL
	build tests
	if [ $# -gt 0 ]; then
		test_part "API" test_pytest api "$@"
	else
		test_part "the generators" test_pytest tools
		test_part "units" test_ctest unit
		test_part "the database driver" test_driver
		test_part "API" test_pytest api
		test_sanitized
	fi
	test_summary
}

test_sanitized() {
	export PARTYSTUDY_SANITIZE=1
	settings_derive
	build tests
	test_part "units, sanitized" test_ctest unit
	test_part "API, sanitized" test_pytest api
}

# test_part TITLE FUNCTION ARGUMENT…: runs it and adds up what it leaves in $TEST_XML.
test_part() {
	local title=$1 status=0 passed failed skipped
	shift
	TEST_XML=$TEST_RESULTS/$((++TEST_PART)).xml
	say "testing: $title"
	"$@" || status=$?
	read -r passed failed skipped < <(test_counts "$status")
	TEST_PASSED=$((TEST_PASSED + passed)) TEST_FAILED=$((TEST_FAILED + failed)) TEST_SKIPPED=$((TEST_SKIPPED + skipped))
	say "testing: $title: $passed passed, $failed failed, $skipped skipped"
}
TEST_PART=0

# "passed failed skipped" of a JUnit file, as ctest and pytest write them. A part that failed
# without a failure on record (it crashed, it found no test) counts as one failure.
test_counts() {
	/usr/bin/python3 - "$TEST_XML" "$1" <<-'END'
		import sys
		from xml.etree import ElementTree
		total = failed = skipped = 0
		try:
		    for suite in ElementTree.parse(sys.argv[1]).getroot().iter("testsuite"):
		        number = lambda name: int(suite.get(name) or 0)
		        total += number("tests")
		        failed += number("failures") + number("errors")
		        skipped += number("skipped") + number("disabled")
		except (OSError, ElementTree.ParseError):
		    pass
		passed = max(total - failed - skipped, 0)
		if failed == 0 and (sys.argv[2] != "0" or passed == 0):
		    failed = 1
		print(passed, failed, skipped)
	END
}

# test_pytest FOLDER ARGUMENT…
test_pytest() {
	local folder=$1
	shift
	(cd "$ROOT" && PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -q -p no:cacheprovider \
		--junitxml="$TEST_XML" "tests/$folder" "$@") >&2
}

test_ctest() {
	[ "$SANITIZE" = 0 ] || export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
	# Leaks cannot be looked for where the process may not be traced, as in some containers.
	[ "$SANITIZE" = 0 ] || leaks_detectable || ASAN_OPTIONS=abort_on_error=1:detect_leaks=0
	ctest --test-dir "$BUILD_DIR" -L "^$1\$" --output-on-failure --no-tests=error \
		--output-junit "$TEST_XML" >&2
}

leaks_detectable() {
	local program=$TEST_RESULTS/leakcheck
	echo 'int main(void) { return 0; }' | gcc -x c -fsanitize=address -o "$program" - &&
		ASAN_OPTIONS=detect_leaks=1 "$program" >/dev/null 2>&1
}

# The driver's tests get a cluster of their own, which one of them stops and starts.
test_driver() {
	/usr/bin/python3 "$ROOT/tests/db/with_cluster.py" --schema "$ROOT/tests/db/schema.sql" -- \
		ctest --test-dir "$BUILD_DIR" -L '^db$' --output-on-failure --no-tests=error \
		--output-junit "$TEST_XML" >&2
}

test_cleanup() {
	rm -rf "$TEST_RESULTS"
}

test_summary() {
	printf '%d passed, %d failed, %d skipped\n' "$TEST_PASSED" "$TEST_FAILED" "$TEST_SKIPPED"
	[ "$TEST_FAILED" -eq 0 ] || exit 1
}
