#!/usr/bin/env bash
# A real Kubernetes API on this machine without Docker: cluster.sh up | env | down | sweep
# (A whole cluster, with a node on which pods run, is node.sh.)
#   up     etcd, API server and controller manager on free loopback ports (3 s); prints the exports
#   env    prints the exports of a running cluster: KUBECONFIG and the PATH with its kubectl
#   down   stops it and removes everything it made
#   sweep  does `down` for every cluster whose owner died (a test run that was killed)
# One cluster per KONSTRUCT_TESTBED (a name, default `default`), in ${KONSTRUCT_CACHE:-~/.cache/konstruct}/testbed/run/<name>.
# With KONSTRUCT_TESTBED_OWNER (a process id) the cluster belongs to that process; see sweep.
# Works as root or not. Needs bash, openssl, python3 and what build.sh needs.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
RUNS=${KONSTRUCT_CACHE:-$HOME/.cache/konstruct}/testbed/run
NAME=${KONSTRUCT_TESTBED:-default}
DIR=$RUNS/$NAME
# Written into objects only: without a node nothing listens on these.
ADVERTISED=10.88.0.1 SERVICES=10.96.0.0/16 FIRST_SERVICE=10.96.0.1

# shellcheck source=processes.sh
source "$HERE/processes.sh"
free_ports() { # how many
  python3 -c '
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
[one.bind(("127.0.0.1", 0)) for one in held]
print(*[one.getsockname()[1] for one in held])' "$1"
}

credentials() { # API server's port: keys, certificates and kubeconfig files
  mkdir -p "$DIR/pki" "$DIR/log"; chmod 700 "$DIR"; cd "$DIR/pki"
  authority
  certificate apiserver /CN=kube-apiserver "extendedKeyUsage=serverAuth
subjectAltName=DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:$FIRST_SERVICE,IP:$ADVERTISED"
  certificate admin /O=system:masters/CN=admin extendedKeyUsage=clientAuth
  certificate controllers /CN=system:kube-controller-manager extendedKeyUsage=clientAuth
  local user
  for user in admin controllers; do kubeconfig $user "127.0.0.1:$1"; done
}

up() {
  command -v openssl >/dev/null || { echo "The test bed needs openssl for its certificates: apt-get install openssl" >&2; return 1; }
  local etcd kubernetes api_port etcd_port peer_port
  etcd=$("$HERE/build.sh" etcd); kubernetes=$("$HERE/build.sh" kubernetes)
  if [ -f "$DIR/ready" ] && alive etcd && alive apiserver && alive controllers; then show; return; fi
  sweep; down
  mkdir -p "$DIR"; echo "${KONSTRUCT_TESTBED_OWNER:-}" >"$DIR/owner"
  read -r api_port etcd_port peer_port <<<"$(free_ports 3)"
  credentials "$api_port"
  ln -s "$kubernetes/kubectl" "$DIR/kubectl"
  start etcd "$etcd/server" --data-dir "$DIR/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:$peer_port" --initial-advertise-peer-urls "http://127.0.0.1:$peer_port" \
    --initial-cluster "default=http://127.0.0.1:$peer_port"
  start apiserver "$kubernetes/kube-apiserver" --etcd-servers="http://127.0.0.1:$etcd_port" \
    --bind-address=127.0.0.1 --secure-port="$api_port" --advertise-address=$ADVERTISED --service-cluster-ip-range=$SERVICES \
    --client-ca-file="$DIR/pki/ca.crt" --tls-cert-file="$DIR/pki/apiserver.crt" --tls-private-key-file="$DIR/pki/apiserver.key" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true --profiling=false \
    --service-account-key-file="$DIR/pki/accounts.pub" --service-account-signing-key-file="$DIR/pki/accounts.key" \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local
  export KUBECONFIG=$DIR/admin.conf
  until_ok 600 apiserver "$DIR/kubectl" get --raw /readyz
  start controllers "$kubernetes/kube-controller-manager" --kubeconfig="$DIR/controllers.conf" --secure-port=0 \
    --service-account-private-key-file="$DIR/pki/accounts.key" --root-ca-file="$DIR/pki/ca.crt" \
    --use-service-account-credentials=true --leader-elect=false
  until_ok 300 controllers "$DIR/kubectl" get serviceaccount default
  touch "$DIR/ready"
  show
}

show() { echo "export KUBECONFIG=$DIR/admin.conf PATH=$DIR:\$PATH"; }

down() {
  for program in controllers apiserver etcd; do stop $program; done
  rm -rf "$DIR"
}

sweep() {
  local run owner
  for run in "$RUNS"/*/; do
    [ -f "$run/owner" ] || continue
    owner=$(cat "$run/owner")
    [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null && (DIR=${run%/}; down)
  done
  return 0
}

case ${1:-} in
  up) up ;;
  env) [ -f "$DIR/ready" ] || { echo "No test bed runs under $DIR; start one with: $0 up" >&2; exit 1; }; show ;;
  down) down ;;
  sweep) sweep ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
