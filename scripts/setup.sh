#!/bin/sh
# Makes a fresh clone ready: npm packages, the compiled dist/, the tools of the lab, with --test those of the interop tests, with --bench
# those of the benchmarks.
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

missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
# What the lab is made with, and what one tries in it. Without them the tour falls back to checks of its own.
need ip iproute2
need unshare util-linux
need ping iputils-ping
need curl curl
need nc netcat-openbsd
if [ "${1:-}" = --test ]; then
  need arping iputils-arping
  need socat socat
  need nmap nmap
  need traceroute traceroute
  need nft nftables
  need tshark tshark
  need hping3 hping3
  need python3 python3
  need setpriv util-linux
  need gcc gcc
  [ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
fi
if [ "${1:-}" = --bench ]; then
  need ethtool ethtool
  need nft nftables
  need python3 python3
fi
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing Debian packages:$missing" >&2
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >/dev/null; then
    echo "could not install$missing; what needs them will be skipped or done without" >&2
  fi
else
  echo "these Debian packages are missing, and what needs them will be skipped or done without:$missing" >&2
fi
