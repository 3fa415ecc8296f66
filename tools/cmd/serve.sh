# serve: run and stop. The process tree of `run`:
#
#   partystudy run (var/run.pid; holds var/lock)
#    └─ kore, the parent (var/kore.pid) → one worker per core
#   postgres, in a session of its own so that Ctrl-C does not reach it before the server has drained
#
# The lock is inherited by kore: should this script be killed with -9, a second `run` still sees
# that a server is up, and `stop` finds it by var/kore.pid.
# shellcheck shell=bash disable=SC2154

KORE_PID=''

cmd_run() {
	make_var
	take_lock
	trap run_cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	check_ports
	check_disk
	packages_install run
	build server
	prepare
	run_server
}

# Everything that serving needs, apart from the build.
prepare() {
	if ! external_database; then
		cluster_start
	fi
	migrate
	demo_load
	secrets_make
	write_kore_conf
}

make_var() {
	{ mkdir -p "$VAR" && [ -w "$VAR" ]; } 2>/dev/null ||
		fail "cannot write to $VAR (made by another user? set PARTYSTUDY_VAR)"
	mkdir -p "$VAR/log"
}

# take_lock: this is the one server in this var/.
take_lock() {
	exec {LOCK_FD}>&-
	exec {LOCK_FD}>>"$VAR/lock"
	flock -n "$LOCK_FD" ||
		fail "it runs already (process $(cat "$VAR/run.pid" 2>/dev/null || echo '?')); ./partystudy stop ends it"
	printf '%s\n' "$$" >"$VAR/run.pid"
}

check_ports() {
	local name port address seen=' '
	for name in HTTP HTTPS OPS; do
		port=$(setting "PARTYSTUDY_${name}_PORT")
		[[ $seen != *" $port "* ]] || misuse "PARTYSTUDY_${name}_PORT: port $port is given twice"
		seen+="$port "
		address=127.0.0.1
		[ "$name" = OPS ] || address=$(setting "PARTYSTUDY_${name}_ADDRESS")
		[ "$address" != 0.0.0.0 ] || address=127.0.0.1
		# The workers share their ports with each other (SO_REUSEPORT), so a second server of the
		# same user would start, and take half of the connections.
		! (exec 3<>"/dev/tcp/$address/$port") 2>/dev/null ||
			fail "port $port is in use by another program; set PARTYSTUDY_${name}_PORT to a free one"
	done
}

# 300 MB: the build and a fresh cluster with its first WAL segments.
check_disk() {
	local dir free
	[ ! -s "$VAR/db-password" ] || return 0
	for dir in "$VAR" "$ROOT"; do
		free=$(df -Pm "$dir" | awk 'NR == 2 { print $4 }')
		[ "$free" -ge 300 ] || fail "only $free MB are free on the disk of $dir; the first run needs 300"
	done
}

write_kore_conf() {
	local text connections files hard
	text=$(cat "$ROOT/conf/kore.conf.in")
	connections=$(setting PARTYSTUDY_WORKER_CONNECTIONS)
	files=$((connections + 256)) # the database's, the listeners' and the log's besides
	hard=$(ulimit -H -n)
	if [ "$(id -u)" -ne 0 ] && [ "$hard" != unlimited ] && [ "$files" -gt "$hard" ]; then
		files=$hard
	fi
	text=${text//@WORKERS@/"$(workers)"}
	text=${text//@CONNECTIONS@/"$connections"}
	text=${text//@FILES@/"$files"}
	text=${text//@USER@/"$(server_user)"}
	text=${text//@HASH_CONCURRENCY@/"$(setting PARTYSTUDY_HASH_CONCURRENCY)"}
	text=${text//@SECCOMP_TRACE@/"$([ "$(setting PARTYSTUDY_SECCOMP_TRACE)" = 1 ] && echo yes || echo no)"}
	text=${text//@BODY_MAX@/"$(largest_body)"}
	printf '%s\n' "$text" >"$VAR/kore.conf.new"
	mv -f "$VAR/kore.conf.new" "$VAR/kore.conf"
	ln -sfn "$BUILD_DIR/libpartystudy.so" "$VAR/libpartystudy.so"
	[ "$SANITIZE" = 0 ] || ln -sfn "$BUILD_DIR/libsanitize_preload.so" "$VAR/libsanitize_preload.so"
}

workers() {
	local workers
	workers=$(setting PARTYSTUDY_WORKERS)
	[ "$workers" != 0 ] || workers=$(nproc)
	printf '%s\n' "$workers"
}

largest_body() {
	local one two
	one=$(setting PARTYSTUDY_BODY_MAX)
	two=$(setting PARTYSTUDY_BATCH_BODY_MAX)
	printf '%s\n' "$((one > two ? one : two))"
}

# Becomes Kore. Names are relative to var/, which is its working directory: they hold for workers
# that may not enter the directories above it, and Kore's configuration cannot name a path with a
# space.
serve_exec() {
	local options=(-c kore.conf -f -n)
	[ "$(id -u)" -eq 0 ] || options+=(-r)
	server_environment
	if [ "$SANITIZE" = 1 ]; then
		LD_PRELOAD=$(gcc -print-file-name=libasan.so):./libsanitize_preload.so
		export LD_PRELOAD # by a relative name: it cannot hold one with a space
	fi
	# Kore's own lines go through stdio: into a file they would come 4 KB late.
	exec "$@" stdbuf -oL kore "${options[@]}"
}

# What the C side reads; the working directory is var/ from here on.
server_environment() {
	DATABASE_URL=$(app_connection)
	export DATABASE_URL
	export PARTYSTUDY_KEY_DIR=${PARTYSTUDY_KEY_DIR:-keys}
	export PARTYSTUDY_TLS_CERT=${PARTYSTUDY_TLS_CERT:-tls/cert.pem}
	export PARTYSTUDY_TLS_KEY=${PARTYSTUDY_TLS_KEY:-tls/key.pem}
	# libpq looks for certificates in the home directory, and gives up where it may not look.
	[ "$(server_user)" = "$(id -un)" ] || HOME=$(getent passwd "$(server_user)" | cut -d : -f 6)
	# An error has to end the process. Kore and what it leaves behind at exit are not ours to judge.
	export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:disable_coredump=1
	export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
	cd "$VAR" || exit 1
}

run_server() {
	local ops status=0 log=$VAR/log/server.log
	ops=$(setting PARTYSTUDY_OPS_PORT)
	[ "$(stat -c %s "$log" 2>/dev/null || echo 0)" -lt 50000000 ] || mv -f "$log" "$log.1"
	say "starting the server"
	(serve_exec setsid) >>"$log" 2>&1 </dev/null &
	KORE_PID=$!
	if ! wait_ready "http://127.0.0.1:$ops/readyz"; then
		tail -n 15 "$log" >&2
		fail "the server did not get ready; its log: $log"
	fi
	trap 'stop_server' INT TERM HUP
	welcome
	# A trapped signal ends `wait`, not the server.
	while kill -0 "$KORE_PID" 2>/dev/null; do
		wait "$KORE_PID" || status=$?
	done
	KORE_PID=''
	if [ -z "${STOPPING:-}" ]; then
		tail -n 15 "$log" >&2
		fail "the server ended by itself (status $status); its log: $log"
	fi
	say "the server has stopped"
}

wait_ready() {
	local tries
	for ((tries = 0; tries < 300; tries++)); do
		! curl -fs -o /dev/null --max-time 2 "$1" || return 0
		kill -0 "$KORE_PID" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

# Kore passes the signal on; the workers finish what is in flight.
stop_server() {
	if [ -z "${STOPPING:-}" ]; then
		STOPPING=1
		say "stopping; requests in flight are finished first"
		kill -TERM "$KORE_PID" 2>/dev/null || true
	fi
}

run_cleanup() {
	local tries
	trap '' INT TERM HUP
	if [ -n "$KORE_PID" ]; then
		kill -TERM "$KORE_PID" 2>/dev/null || true
		for ((tries = 0; tries < 100; tries++)); do
			kill -0 "$KORE_PID" 2>/dev/null || break
			sleep 0.1
		done
		kill -KILL -- "-$KORE_PID" 2>/dev/null || true
	fi
	if ! external_database; then
		cluster_stop
	fi
	rm -f "$VAR/run.pid"
	give_back "$VAR"
}

welcome() {
	local text
	text=$(cat "$ROOT/conf/welcome.txt")
	text=${text//@HTTP_PORT@/"$(setting PARTYSTUDY_HTTP_PORT)"}
	text=${text//@HTTPS_PORT@/"$(setting PARTYSTUDY_HTTPS_PORT)"}
	text=${text//@OPS_PORT@/"$(setting PARTYSTUDY_OPS_PORT)"}
	text=${text//@PASSWORD_FILE@/"$(printf %q "$VAR/demo-password")"}
	text=${text//@LOG@/"$VAR/log/server.log"}
	if [ "$DEMO" = 0 ] || [ ! -s "$VAR/demo-password" ]; then
		text=${text%%$'\n'@DEMO@*} # without the demo organisation there is nobody to log in as
	fi
	text=${text//@DEMO@$'\n'/}
	printf '%s\n' "$text"
}

cmd_stop() {
	local pid deadline
	[ -d "$VAR" ] || { say "nothing runs" && return; }
	[ -w "$VAR" ] || fail "$VAR belongs to another user, and what runs there too: stop it as that user"
	cluster_locate
	exec {LOCK_FD}>&-
	exec {LOCK_FD}>>"$VAR/lock"
	if flock -n "$LOCK_FD"; then
		cluster_running || say "nothing runs"
	else
		pid=$(running_pid) || fail "something holds $VAR/lock, but its process is not to be found"
		say "stopping process $pid"
		kill -TERM "$pid" 2>/dev/null || fail "process $pid belongs to another user: stop it as that user"
		deadline=$(($(setting PARTYSTUDY_DRAIN_TIMEOUT) + 30))
		flock -w "$deadline" "$LOCK_FD" || fail "process $pid has not ended within $deadline s"
	fi
	cluster_stop
}

# The script's, or Kore's when the script was killed.
running_pid() {
	local file pid
	for file in "$VAR/run.pid" "$VAR/kore.pid"; do
		pid=$(cat "$file" 2>/dev/null) || continue
		# The number may be another program's by now.
		if [ -n "$pid" ] && grep -qaE 'partystudy|kore' "/proc/$pid/cmdline" 2>/dev/null; then
			printf '%s\n' "$pid"
			return 0
		fi
	done
	return 1
}

# For the tests and for service managers: `_prepare` once, then `_serve` in the foreground.
cmd_prepare() {
	make_var
	prepare
	printf 'APP_URL=%s\nOWNER_URL=%s\nBASE_URL=http://127.0.0.1:%s\nTLS_URL=https://127.0.0.1:%s\nOPS_URL=http://127.0.0.1:%s\n' \
		"$(app_connection)" "$(owner_connection)" "$(setting PARTYSTUDY_HTTP_PORT)" \
		"$(setting PARTYSTUDY_HTTPS_PORT)" "$(setting PARTYSTUDY_OPS_PORT)"
}

cmd_serve() {
	make_var
	take_lock
	check_ports
	external_database || cluster_locate
	write_kore_conf
	serve_exec
}
