#!/usr/bin/env bash
# Fetches the Go that go.mod asks for, for a machine that has none: the toolchain as Go's own module proxy hands it out, checked against a sum.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
version="$(sed -n 's|^go ||p' "$here/go.mod")"
# In a folder with a dot, which Go leaves alone: its sources are no part of the module here.
folder="$here/.go"

usage() {
	cat <<EOF
Usage: go.sh

Fetches Go $version into $folder, unless it is there, and prints the folder to put on PATH. build.sh finds it by itself.
70 MB come from the first address in GOPROXY, by default https://proxy.golang.org. For Linux on x64 and arm64.

  --help    print this

Needs curl, unzip and sha256sum.
EOF
}

fail() {
	echo "go.sh: $*" >&2
	exit 1
}

case "${1:-}" in
"") ;;
--help | -h)
	usage
	exit 0
	;;
*) fail "unknown argument $1; see go.sh --help" ;;
esac

# Of the zip that the module proxy has for this version, by platform.
sums_of=1.26.5
case "$(uname -s)-$(uname -m)" in
Linux-x86_64)
	platform=linux-amd64
	sum=fa1f92e41b70c6649bd78b1ab98b940f19adf3e71aeb0bcb5a177bcc25699df5
	;;
Linux-aarch64)
	platform=linux-arm64
	sum=3cfc9c4e6df7487d753692a704ac81e25fc07b0be4cd02d59c2f9884c1d114cf
	;;
*) fail "there is no sum for $(uname -s) on $(uname -m) here; install Go $version from https://go.dev/dl/" ;;
esac
[ "$version" = "$sums_of" ] || fail "go.mod asks for Go $version, and the sums here are those of $sums_of; add the new ones"

if [ "$("$folder/bin/go" env GOVERSION 2>/dev/null || true)" = "go$version" ]; then
	echo "$folder/bin"
	exit 0
fi
for tool in curl unzip sha256sum; do
	command -v "$tool" >/dev/null || fail "$tool is not installed, and it takes it to fetch Go"
done

# The first address of the list, as Go reads it. It may hold a password, so it is not repeated, and stands in no command line.
proxy=""
for one in $(printf '%s' "${GOPROXY:-https://proxy.golang.org}" | tr ',|' '  '); do
	case "$one" in
	http://* | https://*) proxy="${one%/}" && break ;;
	direct) ;;
	off) fail "GOPROXY says off, so nothing is fetched; install Go $version from https://go.dev/dl/" ;;
	*) fail "GOPROXY names a place that is not understood here; https://…, http://… and direct are" ;;
	esac
done
proxy="${proxy:-https://proxy.golang.org}"

name="golang.org/toolchain@v0.0.1-go$version.$platform"
# Beside its place, so that it comes there whole, by one rename.
work="$(mktemp -d "$folder.XXXXXX")"
trap 'rm -rf "$work"' EXIT
echo "go.sh: fetches Go $version for $platform" >&2
printf 'url = "%s"\n' "$proxy/${name/@/\/@v\/}.zip" |
	curl -fsL --retry 3 --max-time 600 -o "$work/go.zip" --config - ||
	fail "Go $version could not be fetched (curl's exit code $?); install it from https://go.dev/dl/"
# Before anything of it is unpacked or run.
came="$(sha256sum "$work/go.zip" | cut -d' ' -f1)"
[ "$came" = "$sum" ] || fail "what came for Go $version is not what was expected: its sum is $came, not $sum"
unzip -q "$work/go.zip" -d "$work"
rm -rf "$folder"
mv -T "$work/$name" "$folder"
echo "$folder/bin"
