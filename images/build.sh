#!/usr/bin/env bash
# Builds the images and pushes them to the test cluster's registry: build.sh [IMAGE ...]
#   default: operator gateway llm agent portal postgres. Prints one reference per image.
# An image's tag is the hash of what it is built from, so what has been built, or pushed, is not built or pushed again;
# `dev` follows it. With Docker where its daemon answers, else with buildah (as root, in a storage of its own).
#   BASE_IMAGE          what images are based on; default: a slim Python image, and where that cannot be had,
#                       a Debian made by debootstrap
#   KONSTRUCT_REGISTRY  where to push (default 127.0.0.1:5000); nothing is pushed when nobody answers there
#   PIP_CERT, SSL_CERT_FILE  passed to the build stage, where a proxy inspects TLS
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
CACHE=${KONSTRUCT_CACHE:-$HOME/.cache/konstruct}/images
REGISTRY=${KONSTRUCT_REGISTRY:-127.0.0.1:5000}
PUBLIC_BASE=docker.io/library/python:3.11-slim-bookworm
DEBIAN=bookworm
DEBIAN_PACKAGES=python3,python3-venv,ca-certificates
[ $# -gt 0 ] || set -- operator gateway llm agent portal postgres

with_docker() { docker info >/dev/null 2>&1; }
store() { buildah --root "$CACHE/storage" --runroot /run/konstruct-images --storage-driver overlay "$@"; }
say() { echo "$*" >&2; }

containerfile() {
  case $1 in
    operator) echo operator/Containerfile ;;
    gateway | llm | agent | portal) echo "runtime/$1/Containerfile" ;;
    postgres) echo images/postgres/Containerfile ;;
    *) say "build.sh: there is no image '$1'; there are: operator gateway llm agent portal postgres"; return 2 ;;
  esac
}

base() { # the image that all are based on
  if [ -n "${BASE_IMAGE:-}" ]; then echo "$BASE_IMAGE"; return; fi
  if with_docker; then echo "$PUBLIC_BASE"; return; fi
  local made; made=localhost/konstruct-base:$(printf %s "$DEBIAN $DEBIAN_PACKAGES $(base_trimmings)" | sha256sum | cut -c1-12)
  if ! store inspect "$made" >/dev/null 2>&1; then
    if timeout 60 buildah --root "$CACHE/storage" --runroot /run/konstruct-images --storage-driver overlay pull --quiet "$PUBLIC_BASE" >/dev/null 2>&1; then
      echo "$PUBLIC_BASE"; return
    fi
    say "$PUBLIC_BASE cannot be had; making a base image with debootstrap (once, 45 s) ..."
    make_base "$made" >&2
  fi
  echo "$made"
}

base_trimmings() { # what nobody reads in a pod
  echo var/cache/apt var/lib/apt/lists var/log usr/share/doc usr/share/man usr/share/info usr/share/locale
}

make_base() { # name
  local folder=$CACHE/base container place
  rm -rf --one-file-system "$folder"; mkdir -p "$folder"
  # In a mount namespace: what it mounts ends with it, however it ends.
  unshare --mount --propagation private debootstrap --variant=minbase --include=$DEBIAN_PACKAGES $DEBIAN "$folder" >"$CACHE/debootstrap.log" 2>&1 ||
    { say "debootstrap failed; the end of $CACHE/debootstrap.log:"; tail -5 "$CACHE/debootstrap.log" >&2; return 1; }
  for place in $(base_trimmings); do find "$folder/$place" -mindepth 1 -delete; done
  container=$(store from scratch)
  store add --quiet "$container" "$folder" / >/dev/null
  store config --cmd /bin/sh "$container"
  store commit --quiet --rm "$container" "$1" >/dev/null
  rm -rf --one-file-system "$folder"
}

content() { # image base: the hash over the Containerfile, what it copies, and the base
  local file; file=$(containerfile "$1")
  # shellcheck disable=SC2046 # paths are words
  (cd "$ROOT" && { echo "$2"; cat "$file"
    find $(awk '$1 == "COPY" && $2 !~ /^--from/ {for (i = 2; i < NF; i++) if ($i !~ /^--/) print $i}' "$file") \
      -type f -not -path '*/__pycache__/*' -not -path '*.egg-info/*' -print0 | sort -z | xargs -0 sha256sum; }) |
    sha256sum | cut -c1-12
}

build() { # image reference base
  local arguments=(--build-arg "BASE_IMAGE=$3" --file "$ROOT/$(containerfile "$1")" --tag "$2") name
  for name in PIP_CERT SSL_CERT_FILE; do
    [ -n "${!name:-}" ] && arguments+=(--build-arg "$name=${!name}")
  done
  say "Building $1 ..."
  if with_docker; then docker build --quiet "${arguments[@]}" "$ROOT" >&2; return; fi
  # The authorities are mounted while steps run and are part of no layer.
  [ -d /etc/ssl/certs ] && arguments+=(--volume /etc/ssl/certs:/etc/ssl/certs:ro)
  store bud --quiet --isolation chroot --layers --ignorefile "$ROOT/.dockerignore" "${arguments[@]}" "$ROOT" >"$CACHE/$1.log" 2>&1 ||
    { say "Building $1 failed; the end of $CACHE/$1.log:"; tail -15 "$CACHE/$1.log" >&2; return 1; }
}

built() { # reference
  if with_docker; then docker image inspect "$1" >/dev/null 2>&1; else store inspect "$1" >/dev/null 2>&1; fi
}

digest() { # image tag -> the digest that the registry has under that tag; empty: none
  curl --silent --fail --noproxy '*' --head --output /dev/null --write-out '%header{docker-content-digest}' \
    --header 'Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json' \
    "http://$REGISTRY/v2/konstruct/$1/manifests/$2" || true
}

pushed() { # image tag: is it there, and is it what `dev` means?
  local there; there=$(digest "$1" "$2")
  [ -n "$there" ] && [ "$there" = "$(digest "$1" dev)" ]
}

push() { # image reference tag...
  local image=$1 reference=$2 tag; shift 2
  for tag; do
    if with_docker; then
      docker tag "$reference" "$REGISTRY/konstruct/$image:$tag"; docker push --quiet "$REGISTRY/konstruct/$image:$tag" >&2
    else
      store push --quiet --tls-verify=false "$reference" "docker://$REGISTRY/konstruct/$image:$tag" >&2
    fi
  done
}

forget_older() { # image reference: all but what was asked for last and the one before it, for whoever goes back
  local one used=$CACHE/$1.used
  { echo "$2"; [ ! -f "$used" ] || grep --line-regexp --fixed-strings --invert-match "$2" "$used" || true; } | head -2 >"$used.new"
  mv "$used.new" "$used"
  for one in $(kept "$1"); do
    grep --line-regexp --fixed-strings --quiet "$one" "$used" || remove "$one"
  done
}

kept() { # image -> the references that are stored
  if with_docker; then docker images --format '{{.Repository}}:{{.Tag}}' "localhost/konstruct/$1"
  else store images --noheading --filter "reference=localhost/konstruct/$1" --format '{{.Name}}:{{.Tag}}' 2>/dev/null; fi
}

remove() { # reference
  if with_docker; then docker rmi "$1" >/dev/null 2>&1 || true; else store rmi "$1" >/dev/null 2>&1 || true; fi
}

forget_old_steps() { # what a build left between its steps, once it is three days old: the next makes anew what it needs
  local long=$((3 * 24 * 3600)) now id made; now=$(date +%s)
  store images --noheading --filter dangling=true --format '{{.ID}} {{.CreatedAtRaw}}' 2>/dev/null | while read -r id made; do
    made=$(date --date "${made%% +*}" +%s 2>/dev/null) || continue
    [ $((now - made)) -lt $long ] || store rmi "$id" >/dev/null 2>&1 || true
  done
}

with_docker || [ "$(id -u)" -eq 0 ] || { say "Where Docker does not run, building images needs root."; exit 1; }
mkdir -p "$CACHE"; exec 9>"$CACHE/lock"; flock 9
answering=yes
curl --silent --fail --noproxy '*' --output /dev/null "http://$REGISTRY/v2/" || answering=
base=$(base 9>&-)
for image; do
  tag=$(content "$image" "$base")
  reference=localhost/konstruct/$image:$tag
  built "$reference" || build "$image" "$reference" "$base" 9>&-
  forget_older "$image" "$reference"
  if [ -n "$answering" ]; then
    pushed "$image" "$tag" || push "$image" "$reference" "$tag" dev
    echo "$REGISTRY/konstruct/$image:$tag"
  else
    echo "$reference"
  fi
done
with_docker || forget_old_steps 9>&-
[ -n "$answering" ] || say "Nothing was pushed: no registry answers at $REGISTRY (make cluster starts one)."
