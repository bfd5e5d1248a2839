#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Make build/orthoweave.zip of the last commit and check it as the plugin store does.
set -eu
cd "$(dirname "$0")/.."
if [ -n "$(git status --porcelain)" ]; then
    echo "package: the work tree has changes that are not committed:" >&2
    git status --short >&2
    exit 1
fi
dev/setup package
root=$PWD

mkdir -p build
git archive --prefix=orthoweave/ --format=zip -o build/orthoweave.zip HEAD
.venv/bin/python dev/check_zip.py build/orthoweave.zip

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
.venv/bin/python -m zipfile -e build/orthoweave.zip "$folder"
cd "$folder"
python="$root/.venv/bin/python"

echo "package: scanning"
# B404 and B603 (a process is started) are allowed in the one module that starts pip
"$python" -m bandit -r orthoweave -q --skip B404,B603
"$python" -m flake8 --isolated --max-line-length 120 --extend-ignore E203,W503 orthoweave
"$python" -m detect_secrets scan --all-files orthoweave >secrets.json
"$python" -c 'import json, sys; found = json.load(open("secrets.json"))["results"]
sys.exit(f"package: looks like secrets: {found}" if found else 0)'

ORTHOWEAVE_PLUGIN="$folder/orthoweave" "$root/dev/smoke"
echo "package: build/orthoweave.zip is ready"
