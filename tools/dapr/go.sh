#!/usr/bin/env bash
# Fetches the Go that go.mod asks for, for a machine that has none: the toolchain as Go's own module proxy hands it out, checked against the sum below.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
version="$(sed -n 's|^go ||p' "$here/go.mod")"

usage() {
	cat <<EOF
Usage: go.sh [folder]

Fetches Go $version into the folder (default: go beside this script), unless it is there, and prints the folder to put on PATH.
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
--help | -h)
	usage
	exit 0
	;;
-*) fail "unknown option $1; see go.sh --help" ;;
esac
[ $# -le 1 ] || fail "one folder at most"
folder="${1:-$here/go}"

# Of Go 1.26.5. A new version in go.mod needs new sums here, or nothing is fetched.
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

if [ "$("$folder/bin/go" env GOVERSION 2>/dev/null || true)" = "go$version" ]; then
	echo "$folder/bin"
	exit 0
fi
for tool in curl unzip sha256sum; do
	command -v "$tool" >/dev/null || fail "$tool is not installed, and it takes it to fetch Go"
done

proxy="${GOPROXY:-}"
proxy="${proxy%%[,|]*}"
case "$proxy" in https://* | http://*) ;; *) proxy=https://proxy.golang.org ;; esac
name="golang.org/toolchain@v0.0.1-go$version.$platform"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
echo "go.sh: fetches Go $version for $platform" >&2
curl -fsSL --retry 3 --max-time 600 -o "$work/go.zip" "${proxy%/}/${name/@/\/@v\/}.zip" || fail "Go $version could not be fetched; install it from https://go.dev/dl/"
# Before anything of it is unpacked or run.
echo "$sum  $work/go.zip" | sha256sum --check --status || fail "what came for Go $version is not what was expected ($(sha256sum "$work/go.zip" | cut -d' ' -f1), not $sum)"
unzip -q "$work/go.zip" -d "$work"
# Modules keep no modes.
chmod +x "$work/$name"/bin/* "$work/$name"/pkg/tool/*/*
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
mv "$work/$name" "$folder"
echo "$folder/bin"
