#!/bin/sh
# Makes a fresh clone ready: npm packages, the compiled dist/ and, with --test, the tools that the tests run against the kernel.
# Does nothing that is already done, so that `npm start` and `npm test` can call it every time.
set -eu
cd "$(dirname "$0")/.."

if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
  echo "tapstack needs Node 20.19 or newer; this is $(node --version). Install a newer Node and try again." >&2
  exit 1
fi

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "installing npm packages" >&2
  npm ci --no-fund --no-audit --loglevel=error >&2
  touch node_modules/.package-lock.json
fi

if [ ! -e dist/.tsbuildinfo ] || [ -n "$(find src types tsconfig.json tsconfig.build.json -newer dist/.tsbuildinfo -print -quit)" ]; then
  echo "compiling" >&2
  ./node_modules/.bin/tsc -p tsconfig.build.json
  touch dist/.tsbuildinfo
fi

[ "${1:-}" = --test ] || exit 0
missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need ip iproute2
need unshare util-linux
need ping iputils-ping
need arping iputils-arping
need nc netcat-openbsd
need socat socat
need curl curl
need nmap nmap
need traceroute traceroute
need nft nftables
need tshark tshark
need python3 python3
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing the tools that the interop tests use:$missing" >&2
  apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
  echo "the interop tests that need these Debian packages will be skipped:$missing" >&2
fi
