#!/usr/bin/env bash
# A real Kubernetes API on this machine without Docker: cluster.sh up | env | down | sweep
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

alive() { # program: does its process run, and is it ours (process ids are used again)?
  [ -f "$DIR/$1.pid" ] && tr '\0' ' ' 2>/dev/null <"/proc/$(cat "$DIR/$1.pid")/cmdline" | grep -qF "$DIR/"
}
start() { # program command...: one background process with its pid and log in $DIR
  local program=$1; shift
  alive "$program" && return
  (cd "$DIR" && exec nohup setsid "$@" >"$DIR/log/$program.log" 2>&1 9>&- </dev/null) & echo $! >"$DIR/$program.pid"
}
stop() { # program: at once; nothing in here is worth a graceful end
  alive "$1" && kill -9 "$(cat "$DIR/$1.pid")" 2>/dev/null || true
  rm -f "$DIR/$1.pid"
}
until_ok() { # tenths-of-a-second program command...: fails at once when the program has died
  local tries=$1 program=$2; shift 2
  for _ in $(seq "$tries"); do
    "$@" >/dev/null 2>&1 && return 0
    alive "$program" || break
    sleep 0.1
  done
  echo "The test bed's $program did not come up ($*); the end of $DIR/log/$program.log:" >&2
  tail -5 "$DIR/log/$program.log" >&2 || true
  return 1
}
free_ports() { # how many
  python3 -c '
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
[one.bind(("127.0.0.1", 0)) for one in held]
print(*[one.getsockname()[1] for one in held])' "$1"
}

certificate() { # name subject extensions
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" -extfile <(echo "$3") 2>/dev/null
}
credentials() { # API server's port: keys, certificates and kubeconfig files
  mkdir -p "$DIR/pki" "$DIR/log"; chmod 700 "$DIR"; cd "$DIR/pki"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -keyout ca.key -out ca.crt -subj /CN=konstruct-testbed 2>/dev/null
  certificate apiserver /CN=kube-apiserver "extendedKeyUsage=serverAuth
subjectAltName=DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:$FIRST_SERVICE,IP:$ADVERTISED"
  certificate admin /O=system:masters/CN=admin extendedKeyUsage=clientAuth
  certificate controllers /CN=system:kube-controller-manager extendedKeyUsage=clientAuth
  openssl genrsa -out accounts.key 2048 2>/dev/null; openssl rsa -in accounts.key -pubout -out accounts.pub 2>/dev/null
  local user
  for user in admin controllers; do
    # The context's name tells every test that this cluster may be written to.
    cat >"$DIR/$user.conf" <<Y
{apiVersion: v1, kind: Config, current-context: konstruct-testbed,
 clusters: [{name: konstruct-testbed, cluster: {server: "https://127.0.0.1:$1", certificate-authority-data: $(base64 -w0 ca.crt)}}],
 users: [{name: $user, user: {client-certificate-data: $(base64 -w0 $user.crt), client-key-data: $(base64 -w0 $user.key)}}],
 contexts: [{name: konstruct-testbed, context: {cluster: konstruct-testbed, user: $user}}]}
Y
  done
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
  *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
