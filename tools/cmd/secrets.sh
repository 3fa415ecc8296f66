# secrets: what is made once and kept in var/: signing keys, the self-signed certificate, the demo
# password. Each is written under another name first and then moved: half a file is no file.
# The server's user reads keys through its group, nobody else does.
# shellcheck shell=bash disable=SC2154

# secret_tool ARGUMENT…: partystudy-secret, with the settings that the server gets.
secret_tool() (
	server_environment
	exec "$BUILD_DIR/partystudy-secret" "$@"
)

secrets_make() {
	secrets_keys
	secrets_certificate
}

secrets_keys() {
	[ -z "${PARTYSTUDY_KEY_DIR:-}" ] || return 0 # somebody else's: we add nothing
	if ! compgen -G "$VAR/keys/*.pem" >/dev/null; then
		say "making a signing key"
		mkdir -p "$VAR/keys"
		secret_tool new-key keys >/dev/null || fail "cannot make a signing key"
	fi
	secrets_protect "$VAR/keys" "$VAR"/keys/*.pem
}

secrets_certificate() {
	local dir=$VAR/tls
	[ -z "${PARTYSTUDY_TLS_CERT:-}" ] || return 0
	if [ ! -s "$dir/cert.pem" ] || [ ! -s "$dir/key.pem" ]; then
		say "making a self-signed certificate"
		mkdir -p "$dir"
		(umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 825 \
			-subj /CN=partystudy -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
			-addext 'keyUsage=critical,digitalSignature' -addext 'extendedKeyUsage=serverAuth' \
			-keyout "$dir/key.new" -out "$dir/cert.new" 2>"$VAR/log/openssl.log") ||
			fail "openssl could not make a certificate; see $VAR/log/openssl.log"
		chmod 644 "$dir/cert.new"
		mv -f "$dir/key.new" "$dir/key.pem"
		mv -f "$dir/cert.new" "$dir/cert.pem"
	fi
	secrets_protect "$dir" "$dir/key.pem"
}

# secrets_protect DIR FILE…: for us, and for the server's user when that is another.
secrets_protect() {
	local dir=$1 server
	shift
	server=$(server_user)
	if [ "$(id -un)" = "$server" ]; then
		chmod 700 "$dir" && chmod 600 "$@"
	else
		chgrp "$(id -gn "$server")" "$dir" "$@" && chmod 750 "$dir" && chmod 640 "$@"
	fi
}

# 20 characters of 32 (100 bits), none of which is taken for another: no 0, o, 1, l.
demo_password() {
	local letters=abcdefghijkmnpqrstuvwxyz23456789 password='' byte
	[ ! -s "$VAR/demo-password" ] || return 0
	for byte in $(openssl rand 20 | od -A n -t u1 -v); do
		password+=${letters:byte%32:1}
	done
	(umask 077 && printf '%s\n' "$password" >"$VAR/demo-password.new")
	mv -f "$VAR/demo-password.new" "$VAR/demo-password"
}
