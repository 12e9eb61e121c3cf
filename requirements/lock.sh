#!/usr/bin/env bash
# Writes requirements/*.txt: one hash-pinned lock per image and one for development, all of them
# agreeing with the development lock. Nothing younger than seven days gets in.
set -euo pipefail
cd "$(dirname "$0")/.."
UV=${UV:?set UV to the uv program; make lock does}
export UV_CUSTOM_COMPILE_COMMAND="make lock"

members=()
for file in crds/pyproject.toml operator/pyproject.toml runtime/*/pyproject.toml; do
  members+=("$file")
done
no_members=()
for file in "${members[@]}"; do
  no_members+=(--no-emit-package "$(sed -n 's/^name = "\(.*\)"/\1/p' "$file")")
done
compile() { # output, inputs and options
  local output=$1
  shift
  "$UV" pip compile "$@" --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
    --no-header --no-annotate --exclude-newer "7 days" "${no_members[@]}" --quiet --output-file "$output"
}

compile requirements/uv.txt requirements/uv.in
compile requirements/development.txt requirements/development.in "${members[@]}"
compile requirements/build.txt requirements/build.in --constraint requirements/development.txt
compile requirements/postgres.txt requirements/postgres.in --constraint requirements/development.txt
for image in operator gateway llm agent portal local; do
  directory=runtime/$image
  [ "$image" = operator ] && directory=operator
  compile "requirements/$image.txt" "$directory/pyproject.toml" --constraint requirements/development.txt
done
