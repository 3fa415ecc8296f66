# build: CMake, only as much as has changed. The sanitizer build has a directory of its own.
# shellcheck shell=bash disable=SC2154

# build server|tests: `tests` builds the test executables as well.
build() {
	local what=$1 targets=(partystudy partystudy-secret) options=() fd
	{ mkdir -p "$BUILD_DIR" && [ -w "$BUILD_DIR" ]; } 2>/dev/null ||
		fail "cannot write to $BUILD_DIR (made by another user? set PARTYSTUDY_BUILD_DIR)"
	# Two commands may want to build at once, for instance run and test.
	exec {fd}>"$BUILD_DIR/.lock"
	flock -n "$fd" || { say "waiting for another build in $BUILD_DIR" && flock "$fd"; }

	options+=("-DCMAKE_BUILD_TYPE=$BUILD_TYPE")
	[ "$SANITIZE" = 0 ] || options+=(-DPARTYSTUDY_SANITIZE=ON)
	if [ "$what" = tests ]; then
		options+=(-DPARTYSTUDY_TESTS=ON)
		targets=(all)
	fi
	say "building in $BUILD_DIR"
	build_configure "${options[@]}"
	# Make says much when there is nothing to do; what is compiled is worth seeing.
	PYTHONDONTWRITEBYTECODE=1 cmake --build "$BUILD_DIR" --parallel "$(nproc)" --target "${targets[@]}" 2>&1 |
		{ grep -v -E 'Built target|Consolidate compiler|^g?make(\[[0-9]+\])?: [^*]' || true; } >&2 ||
		{ give_back "$BUILD_DIR" && fail "the build failed"; }
	give_back "$BUILD_DIR"
	exec {fd}>&-
}

# give_back DIR: what root makes in the directory of another user is that user's, who will work there again.
give_back() {
	[ "$(id -u)" -ne 0 ] || [ "$(stat -c %U "$1")" = root ] ||
		find "$1" -xdev -user root -exec chown -h --reference="$1" {} +
}

# CMake configures again by itself when CMakeLists.txt changes; we when the options do.
build_configure() {
	local stamp="$BUILD_DIR/.options" given="$*"
	if ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$ROOT" "$BUILD_DIR/CMakeCache.txt" 2>/dev/null; then
		rm -rf "$BUILD_DIR/CMakeCache.txt" "$BUILD_DIR/CMakeFiles" "$stamp" # none, or of a tree that was moved
	fi
	if [ "$(cat "$stamp" 2>/dev/null)" != "$given" ]; then
		cmake -S "$ROOT" -B "$BUILD_DIR" "$@" >"$BUILD_DIR/configure.log" 2>&1 || {
			tail -n 30 "$BUILD_DIR/configure.log" >&2
			fail "CMake could not configure the build"
		}
		printf '%s\n' "$given" >"$stamp"
	fi
}

version() {
	sed -n 's/^project(partystudy VERSION \([0-9.]*\).*/\1/p' "$ROOT/CMakeLists.txt"
}
