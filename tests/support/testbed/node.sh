#!/usr/bin/env bash
# A whole Kubernetes cluster on this machine without Docker: node.sh up | env | enter | down
#   up     API server, scheduler, kubelet, containerd, kube-proxy, DNS, enforced NetworkPolicies and an
#          image registry on 127.0.0.1:5000 (10 s); prints the exports. What runs already is left alone.
#   env    prints the exports of the running cluster: KUBECONFIG and the PATH with its kubectl
#   enter  COMMAND...  runs a command among the node's processes: enter nft list ruleset, enter ctr ...
#   down   ends it and removes everything it made; also what a killed or crashed one left behind
# Everything runs in namespaces of its own (processes, network, mounts): the node's bridge, nft tables, sockets and
# mounts are not seen outside of them, so a developer's own containers are left alone, and all of them end with the
# namespaces' first process, however that ends. Outside are one veth pair, one port on 127.0.0.1, the folder
# ${KONSTRUCT_CACHE:-~/.cache/konstruct}/testbed/node, and the cgroup konstruct-testbed. One per machine.
# Needs root, what build.sh needs, and the Debian packages that `make cluster` installs. cgroup v1 or v2.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
CACHE=${KONSTRUCT_CACHE:-$HOME/.cache/konstruct}/testbed
REGISTRY_PORT=${KONSTRUCT_REGISTRY_PORT:-5000}
# Sockets have short names only; and this tells any caller where the machine's one node lies.
STATE=/run/konstruct-testbed
DIR=$(cat "$STATE/directory" 2>/dev/null || echo "$CACHE/node")
NODE=10.214.0.1 PODS=10.214.0.0/24 SERVICES=10.215.0.0/16 FIRST_SERVICE=10.215.0.1 DNS=10.215.0.10
# The machine as the pods see it: where tests put far ends, and an address that stands for the Internet (RFC 5737).
MACHINE=10.214.1.1 UPLINK=10.214.1.2 INTERNET=203.0.113.1
VETH=konstruct-node CGROUP=konstruct-testbed
# Mounted anew inside the namespaces, because containerd, CNI and the kubelet write there whatever they are told.
PRIVATE="/run/netns /run/containerd /var/lib/cni /var/log/containers"
# shellcheck source=processes.sh
source "$HERE/processes.sh"

inside() { nsenter --target "$(cat "$STATE/init.pid")" --mount --net --pid -- "$@"; }
start_inside() { # program command...
  local program=$1; shift
  start "$program" nsenter --target "$(cat "$STATE/init.pid")" --mount --net --pid --wd="$DIR" -- "$@"
}
render() { # file of node/: with the addresses and paths of this cluster
  sed -e "s#@DIR@#$DIR#g; s#@STATE@#$STATE#g; s#@PODS@#$PODS#g; s#@NODE@#$NODE#g; s#@DNS@#$DNS#g; s#@CGROUP@#/$CGROUP#g" "$HERE/node/$1"
}
content() { # what the running cluster was made of; another hash is another cluster
  # shellcheck disable=SC2046 # paths are words
  cat "$HERE"/*.sh $(find "$HERE/node" -type f -not -name '*.pyc' | sort) <(echo "$REGISTRY_PORT" "$@") | sha256sum | cut -c1-12
}

credentials() {
  mkdir -p "$DIR/pki" "$DIR/log"; chmod 711 "$DIR"; cd "$DIR/pki"; chmod 700 .
  authority
  local names="subjectAltName=DNS:localhost,DNS:node,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$FIRST_SERVICE,IP:$NODE"
  certificate apiserver /CN=kube-apiserver "extendedKeyUsage=serverAuth
$names"
  certificate kubelet-server /CN=node "extendedKeyUsage=serverAuth
$names"
  certificate admin /O=system:masters/CN=admin extendedKeyUsage=clientAuth
  certificate kubelet-client /O=system:masters/CN=apiserver-kubelet extendedKeyUsage=clientAuth
  certificate controllers /CN=system:kube-controller-manager extendedKeyUsage=clientAuth
  certificate scheduler /CN=system:kube-scheduler extendedKeyUsage=clientAuth
  certificate kubelet /O=system:nodes/CN=system:node:node extendedKeyUsage=clientAuth
  certificate proxy /CN=system:kube-proxy extendedKeyUsage=clientAuth
  certificate dns /CN=konstruct-testbed:dns extendedKeyUsage=clientAuth
  certificate enforcer /CN=konstruct-testbed:enforcer extendedKeyUsage=clientAuth
  local user
  for user in admin controllers scheduler kubelet proxy dns; do kubeconfig $user "$NODE:6443"; done
}

namespaces() { # the first process, which holds them, and the wire to the machine
  local place made=()
  for place in $PRIVATE; do [ -d "$place" ] || { mkdir -p "$place"; made+=("$place"); }; done
  echo "${made[@]}" >"$STATE/made"
  # shellcheck disable=SC2016 # $0 and $1 are the inner shell's
  start init unshare --mount --net --pid --fork --kill-child=KILL --mount-proc --propagation private bash -euc '
    mount --make-rshared /
    for place in $1; do mount -t tmpfs tmpfs "$place"; done
    echo 1 >/proc/sys/net/ipv4/ip_forward
    echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
    echo 1 >/proc/sys/net/bridge/bridge-nf-call-ip6tables
    ip link set lo up
    touch "$2/unshared"
    exec "$0"' "$DIR/pause" "$PRIVATE" "$STATE"
  until_ok 50 init test -e "$STATE/unshared"
  local unshare; unshare=$(cat "$DIR/init.pid")
  tr -d ' ' <"/proc/$unshare/task/$unshare/children" >"$STATE/init.pid"
  ip link add $VETH type veth peer name uplink netns "$(cat "$STATE/init.pid")"
  ip address add $MACHINE/30 dev $VETH; ip address add $INTERNET/32 dev $VETH
  ip link set $VETH up
  inside ip address add $UPLINK/30 dev uplink; inside ip link set uplink up
  inside ip route add default via $MACHINE
  inside ip link add konstruct0 type bridge; inside ip address add $NODE/24 dev konstruct0; inside ip link set konstruct0 up
  ip route add $PODS via $UPLINK src $MACHINE; ip route add $SERVICES via $UPLINK src $MACHINE
}

pause() { # the sandboxes' first process, which is ours too: a static program and its image, built once
  local hash place
  hash=$(sha256sum "$HERE/node/pause.c" | cut -c1-12); place=$CACHE/pause-$hash
  if [ ! -d "$place" ]; then
    rm -rf "$place.new"; mkdir -p "$place.new/root"
    gcc -static -Os -s -o "$place.new/pause" "$HERE/node/pause.c"
    cp "$place.new/pause" "$place.new/root/"
    python3 "$HERE/node/one_layer_image.py" --name localhost/konstruct-pause:1 --entrypoint /pause \
      --root "$place.new/root" --output "$place.new/pause.tar"
    mv -T "$place.new" "$place"
  fi
  cp "$place/pause" "$place/pause.tar" "$DIR/"
}

cgroups() {
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then # v2: the children of the root get what it has
    sed 's/[^ ]*/+&/g' /sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
    mkdir -p /sys/fs/cgroup/$CGROUP
    sed 's/[^ ]*/+&/g' /sys/fs/cgroup/$CGROUP/cgroup.controllers >/sys/fs/cgroup/$CGROUP/cgroup.subtree_control
  else
    local controller
    for controller in /sys/fs/cgroup/*/; do
      [ -f "$controller/cgroup.procs" ] && mkdir -p "$controller$CGROUP"
    done
  fi
}

control_plane() { # etcd-directory kubernetes-directory node-directory
  start_inside etcd "$1/server" --data-dir "$DIR/etcd" --unsafe-no-fsync --log-level warn
  start_inside apiserver "$2/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 --advertise-address=$NODE \
    --client-ca-file="$DIR/pki/ca.crt" --tls-cert-file="$DIR/pki/apiserver.crt" --tls-private-key-file="$DIR/pki/apiserver.key" \
    --kubelet-client-certificate="$DIR/pki/kubelet-client.crt" --kubelet-client-key="$DIR/pki/kubelet-client.key" \
    --kubelet-certificate-authority="$DIR/pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --service-cluster-ip-range=$SERVICES --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
    --allow-privileged=true --profiling=false \
    --service-account-key-file="$DIR/pki/accounts.pub" --service-account-signing-key-file="$DIR/pki/accounts.key" \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local
  until_ok 600 apiserver "$DIR/kubectl" get --raw /readyz
  start_inside controllers "$2/kube-controller-manager" --kubeconfig="$DIR/controllers.conf" --secure-port=0 \
    --service-account-private-key-file="$DIR/pki/accounts.key" --root-ca-file="$DIR/pki/ca.crt" \
    --cluster-signing-cert-file="$DIR/pki/ca.crt" --cluster-signing-key-file="$DIR/pki/ca.key" \
    --use-service-account-credentials=true --leader-elect=false
  start_inside scheduler "$3/kube-scheduler" --kubeconfig="$DIR/scheduler.conf" --secure-port=0 --leader-elect=false
}

node() { # node-directory coredns-directory crane-directory
  local plugin
  mkdir -p "$DIR/cni/net.d" "$DIR/cni/bin" "$DIR/registry" "$DIR/hosts.d/127.0.0.1:$REGISTRY_PORT" "$DIR/pod-logs"
  for plugin in bridge host-local portmap loopback; do ln -sf /usr/lib/cni/$plugin "$DIR/cni/bin/$plugin"; done
  install -m755 "$HERE/node/announce-pod" "$DIR/cni/bin/konstruct-announce-pod"
  render bridge.conflist >"$DIR/cni/net.d/10-konstruct.conflist"
  local file
  for file in containerd.toml kubelet.yaml kube-proxy.yaml Corefile cluster.yaml; do render $file >"$DIR/$file"; done
  printf 'server = "http://%s"\n[host."http://%s:5000"]\n  capabilities = ["pull", "resolve"]\n' $NODE:5000 $NODE \
    >"$DIR/hosts.d/127.0.0.1:$REGISTRY_PORT/hosts.toml"
  start_inside containerd containerd --config "$DIR/containerd.toml"
  start_inside registry "$3/crane" registry serve --address $NODE:5000 --disk "$DIR/registry"
  start wire socat -lf "$DIR/log/wire.socat.log" "TCP-LISTEN:$REGISTRY_PORT,bind=127.0.0.1,fork,reuseaddr" "TCP:$NODE:5000,connect-timeout=5"
  "$DIR/kubectl" apply --server-side -f "$DIR/cluster.yaml" >/dev/null
  start_inside enforcer env PYTHONPATH="$HERE/../.." PYTHONDONTWRITEBYTECODE=1 python3 -m support.testbed.node.enforcer \
    --server $NODE:6443 --authority "$DIR/pki/ca.crt" --certificate "$DIR/pki/enforcer.crt" --key "$DIR/pki/enforcer.key" \
    --pods $PODS --node-address $NODE --bridge konstruct0 --socket "$STATE/enforcer.sock"
  until_ok 100 containerd inside ctr --address "$STATE/containerd.sock" version
  inside ctr --address "$STATE/containerd.sock" --namespace k8s.io images import "$DIR/pause.tar" >/dev/null
  start_inside kubelet "$1/kubelet" --config "$DIR/kubelet.yaml" --kubeconfig "$DIR/kubelet.conf" --root-dir "$DIR/kubelet" \
    --hostname-override node --node-ip $NODE
  start_inside proxy "$1/kube-proxy" --config "$DIR/kube-proxy.yaml"
  start_inside dns "$2/coredns" -conf "$DIR/Corefile"
  until_ok 300 kubelet "$DIR/kubectl" wait --for=condition=Ready node/node --timeout=1s
  until_ok 100 dns inside curl --silent --fail --noproxy '*' http://127.0.0.1:8181/ready
  until_ok 100 enforcer test -S "$STATE/enforcer.sock"
  until_ok 300 controllers "$DIR/kubectl" get serviceaccount default
}

up() {
  [ "$(id -u)" -eq 0 ] || { echo "A node needs root: sudo make cluster. (Where Docker runs, kind is used and needs none.)" >&2; return 1; }
  local etcd kubernetes node coredns crane now
  etcd=$("$HERE/build.sh" etcd); kubernetes=$("$HERE/build.sh" kubernetes); node=$("$HERE/build.sh" node)
  coredns=$("$HERE/build.sh" coredns); crane=$("$HERE/build.sh" crane)
  mkdir -p "$CACHE"; exec 9>"$CACHE/node.lock"; flock 9
  now=$(content "$etcd" "$kubernetes" "$node" "$coredns" "$crane")
  if running && [ "$(cat "$DIR/ready")" = "$now" ]; then keep; show; return; fi
  down
  DIR=$CACHE/node
  mkdir -p "$STATE" "$DIR"; echo "$DIR" >"$STATE/directory"; keep
  credentials
  ln -s "$kubernetes/kubectl" "$DIR/kubectl"
  export KUBECONFIG=$DIR/admin.conf
  pause; cgroups; namespaces
  control_plane "$etcd" "$kubernetes" "$node"
  node "$node" "$coredns" "$crane"
  echo "$now" >"$DIR/ready"
  show
}

keep() { # a person who asks for a cluster has it until they say otherwise; tests take theirs away again
  [ -n "${KONSTRUCT_TESTBED_FOR_TESTS:-}" ] || touch "$STATE/kept"
}

running() { # all of it
  local program
  [ -f "$DIR/ready" ] || return 1
  for program in init etcd apiserver controllers scheduler containerd registry wire enforcer kubelet proxy dns; do
    alive $program || return 1
  done
}

show() {
  echo "export KUBECONFIG=$DIR/admin.conf PATH=$DIR:\$PATH KONSTRUCT_REGISTRY=127.0.0.1:$REGISTRY_PORT"
}

down() {
  local init place _
  stop wire
  init=$(cat "$STATE/init.pid" 2>/dev/null || true)
  stop init # the kernel ends whatever runs in its namespaces, and they take their mounts and links along
  for _ in $(seq 100); do [ -n "$init" ] && grep -qa "$DIR/pause" "/proc/$init/cmdline" 2>/dev/null || break; sleep 0.1; done
  ip link delete $VETH 2>/dev/null || true
  for _ in $(seq 50); do # a cgroup is busy until the last of its processes is reaped
    find /sys/fs/cgroup/$CGROUP /sys/fs/cgroup/*/$CGROUP -depth -type d -exec rmdir {} \; 2>/dev/null || true
    compgen -G "/sys/fs/cgroup/$CGROUP" >/dev/null || compgen -G "/sys/fs/cgroup/*/$CGROUP" >/dev/null || break
    sleep 0.1
  done
  for place in $(cat "$STATE/made" 2>/dev/null || true); do rmdir "$place" 2>/dev/null || true; done
  # Gigabytes of unpacked images take a while on a busy disk: out of the way now, deleted behind our back.
  [ -d "$DIR" ] && mv "$DIR" "$DIR.gone.$$"
  nohup setsid nice rm -rf --one-file-system "$DIR".gone.* >/dev/null 2>&1 9>&- </dev/null &
  rm -rf --one-file-system "$STATE"
}

case ${1:-} in
  up) up ;;
  env) running || { echo "No node runs here; start one with: $0 up" >&2; exit 1; }; show ;;
  enter) shift; running || { echo "No node runs here." >&2; exit 1; }; inside "$@" ;;
  down) mkdir -p "$CACHE"; exec 9>"$CACHE/node.lock"; flock 9; down ;;
  *) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
