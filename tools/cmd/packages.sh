# packages: what has to be installed, and installing it. A second run asks dpkg only, never apt.
# shellcheck shell=bash disable=SC2154,SC2030,SC2031  # ROOT comes from ../../partystudy

PACKAGES_RUN=(cmake make gcc libc6-dev pkg-config python3 python3-yaml curl openssl util-linux
	kore libpq-dev libjansson-dev libjwt-dev libssl-dev libsodium-dev)
PACKAGES_TEST=(libcmocka-dev procps python3-cryptography python3-hypothesis python3-jsonschema python3-pytest python3-requests
	testssl.sh)

# packages_install run|test: installs what is missing for it.
packages_install() {
	local wanted=("${PACKAGES_RUN[@]}") missing=()
	[ "$1" = run ] || wanted+=("${PACKAGES_TEST[@]}")
	if [ -n "${DATABASE_URL:-}" ] && [ "$1" = run ]; then
		command -v psql >/dev/null || wanted+=(postgresql-client)
	elif [ -z "$(pg_bin)" ]; then
		wanted+=(postgresql)
	fi
	mapfile -t missing < <(packages_missing "${wanted[@]}")
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null ||
		fail "apt-get is needed to install these, or install them yourself: ${missing[*]}"
	[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
		fail "these are missing, and installing them needs root or sudo: apt-get install ${missing[*]}"
	say "installing: ${missing[*]}"
	packages_apt "${missing[@]}" ||
		fail "these could not be installed, for the reasons above: apt-get install ${missing[*]}"
}

packages_missing() {
	local package status
	for package in "$@"; do
		status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || status=
		[ "$status" = installed ] || printf '%s\n' "$package"
	done
}

# In a subshell, so that its trap removes the drop-in whatever happens.
packages_apt() (
	root=()
	if [ "$(id -u)" -ne 0 ]; then
		root=(sudo)
		sudo true || return 1
	fi
	if [[ " $* " == *" postgresql "* ]]; then
		trap no_system_cluster_end EXIT
		no_system_cluster_begin || return
	fi
	"${root[@]}" apt-get update -qq &&
		"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
			--no-install-recommends -o Dpkg::Use-Pty=0 "$@" >&2
)

# Debian's postgresql package creates a cluster "main" and starts it as a system service. We need
# its programs only, so for the time of the installation a drop-in says otherwise; nothing of it
# stays behind, and an administrator who wants such a cluster later gets it as usual.
CREATECLUSTER_D=/etc/postgresql-common/createcluster.d

no_system_cluster_begin() {
	"${root[@]}" mkdir -p "$CREATECLUSTER_D"
	echo 'create_main_cluster = false' |
		"${root[@]}" tee "$CREATECLUSTER_D/partystudy.conf" >/dev/null
}

no_system_cluster_end() {
	"${root[@]}" rm -f "$CREATECLUSTER_D/partystudy.conf"
	"${root[@]}" rmdir --ignore-fail-on-non-empty "$CREATECLUSTER_D"
}
