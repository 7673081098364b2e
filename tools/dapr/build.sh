#!/usr/bin/env bash
# Builds daprd, placement and scheduler from the versions that go.mod and go.sum pin.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# go.mod is the one place that names the versions.
version="$(sed -n 's|^[[:space:]]*github.com/dapr/dapr v||p' "$here/go.mod")"
needed="$(sed -n 's|^go ||p' "$here/go.mod")"

usage() {
	cat <<EOF
Usage: build.sh [--force] [folder]

Builds daprd, placement and scheduler $version into the folder (default: bin beside this script).
A binary that is already there and answers --version with $version is left as it is.

  --force   build all three anyway, after a change to cmd/ for one
  --help    print this

Needs Go $needed or newer; and, the first time, the network, 4 GiB of disk for Go's caches and some minutes.
EOF
}

fail() {
	echo "build.sh: $*" >&2
	exit 1
}

# 'none' where there is no binary, or one that does not run here (built for another machine, for one).
version_of() {
	"$1" --version 2>/dev/null || echo none
}

check_go() {
	# What go.sh has fetched, where there is no other.
	command -v go >/dev/null || PATH="$here/.go/bin:$PATH"
	command -v go >/dev/null || fail "Go is not installed; it takes Go $needed or newer: $here/go.sh fetches it, or https://go.dev/dl/"
	# Asked within the module, so that a Go which is allowed to fetch a newer toolchain for it answers with that one.
	local found
	found="$(cd "$here" && go env GOVERSION)" || fail "'go env GOVERSION' failed; it takes Go $needed or newer"
	found="${found#go}"
	# A name like 1.27rc1 or "1.27 X:something" sorts by its number.
	local number="${found%%[!0-9.]*}"
	[ "$(printf '%s\n' "$needed" "$number" | sort -V | head -n 1)" = "$needed" ] ||
		fail "Go $found is too old; it takes Go $needed or newer, from https://go.dev/dl/"
}

force=false
folder=""
for argument in "$@"; do
	case "$argument" in
	--force) force=true ;;
	--help | -h)
		usage
		exit 0
		;;
	-*) fail "unknown option $argument; see build.sh --help" ;;
	*)
		[ -z "$folder" ] || fail "one folder at most, got '$folder' and '$argument'"
		folder="$argument"
		;;
	esac
done

folder="${folder:-$here/bin}"
mkdir -p "$folder"
folder="$(cd "$folder" && pwd)"

# Built under another name and then moved: a build that is cut short leaves no half a binary, and one that is
# running goes on running.
partial=""
trap '[ -z "$partial" ] || rm -f "$partial"' EXIT

checked=false
for name in placement scheduler daprd; do
	if [ "$force" = false ] && [ "$(version_of "$folder/$name")" = "$version" ]; then
		note=""
		[ -z "$(find "$here/go.mod" "$here/go.sum" "$here/cmd" -newer "$folder/$name")" ] ||
			note=", but older than its sources; --force builds it again"
		echo "$name: already there$note"
		continue
	fi
	if [ "$checked" = false ]; then
		check_go
		checked=true
	fi
	echo "$name: building $version (some minutes the first time, seconds later)"
	partial="$folder/.$name.$$"
	started=$SECONDS
	# The version is stamped twice: for --version and the metadata API, and for the log lines.
	# -buildvcs=false: the commit stamped would be this repository's, and without git the build would stop.
	(cd "$here" && CGO_ENABLED=0 GOFLAGS=-mod=mod go build -trimpath -buildvcs=false \
		-ldflags "-s -w -X github.com/dapr/dapr/pkg/buildinfo.version=$version -X github.com/dapr/kit/logger.DaprVersion=$version" \
		-o "$partial" "./cmd/$name") || fail "$name does not build"
	mv "$partial" "$folder/$name"
	echo "$name: built in $((SECONDS - started)) s"
done

for name in daprd placement scheduler; do
	answered="$(version_of "$folder/$name")"
	[ "$answered" = "$version" ] || fail "$folder/$name answers --version with '$answered', not $version"
	echo "$folder/$name $answered"
done
