#!/usr/bin/env bash
# Installs both charts and the samples for a trial, and ends when everything is Ready: deploy.sh [HELM ARGUMENT ...]
#   into the cluster of KUBECONFIG, with images from KONSTRUCT_REGISTRY; without KUBECONFIG into the one of
#   `make cluster`, with what `make images` pushed there. Arguments go to `helm upgrade` of charts/konstruct.
# Everything is in one pod's empty volume, the database included; another time it upgrades what is there. It waits
# PATIENCE seconds (default 600), and less long for an image that cannot be pulled: then it says which and why.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
NAMESPACE=konstruct-system
if [ -z "${KUBECONFIG:-}" ]; then
  eval "$(PYTHONPATH=$ROOT/tests "$ROOT/.venv/bin/python" -m support.node up)"
fi
HELM=$(command -v helm || echo "$("$ROOT/tests/support/testbed/build.sh" helm)/helm")
PATIENCE=${PATIENCE:-600}
PULL_PATIENCE=60 # the kubelet tries again after 10, 20 and 40 seconds
HOPELESS='ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|CreateContainerConfigError'

install() { # release chart [HELM ARGUMENT ...]
  local helm since='' words
  "$HELM" upgrade --install "$@" --namespace $NAMESPACE --wait --timeout "${PATIENCE}s" >/dev/null & helm=$!
  while kill -0 $helm 2>/dev/null; do
    sleep 2
    words=$(waiting | grep -E "$HOPELESS" || true)
    if [ -z "$words" ]; then since=''; continue; fi
    since=${since:-$SECONDS}
    [ $((SECONDS - since)) -ge $PULL_PATIENCE ] || continue
    kill $helm; wait $helm 2>/dev/null || true
    give_up "These pods cannot start:" "$words"
  done
  wait $helm || give_up "Helm gave up on release $1. What is not Ready:" "$(waiting)"
}

waiting() { # one line per container that waits: pod, reason, message
  kubectl get pods --namespace $NAMESPACE --output go-template='{{range $pod := .items}}{{range .status.initContainerStatuses}}{{with .state.waiting}}{{$pod.metadata.name}}: {{.reason}} {{.message}}
{{end}}{{end}}{{range .status.containerStatuses}}{{with .state.waiting}}{{$pod.metadata.name}}: {{.reason}} {{.message}}
{{end}}{{end}}{{end}}' 2>/dev/null | sed 's/<no value>//g; /^[[:space:]]*$/d'
}

give_up() { # headline details
  { echo "$1"; sed 's/^/  /' <<<"$2"
    echo "Images come from ${KONSTRUCT_REGISTRY:-image.repository of the chart}; \`make images\` builds and pushes them. Look at:"
    echo "  kubectl --namespace $NAMESPACE get pods; kubectl --namespace $NAMESPACE get events --sort-by=.lastTimestamp"
    echo "Then run this again: it goes on with what is there."; } >&2
  exit 1
}

values=(--values "$ROOT/charts/konstruct/ci/trial-values.yaml")
if [ -n "${KONSTRUCT_REGISTRY:-}" ]; then
  values+=(--set "image.repository=$KONSTRUCT_REGISTRY/konstruct,image.tag=dev,image.pullPolicy=Always")
fi
if [ -z "$(kubectl get pods --namespace kube-system --selector k8s-app=kube-dns --output name)" ]; then
  # The test bed's node: its DNS runs in no pod, and policies can only name its address.
  address=$(kubectl get nodes --output jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')
  values+=(--set "dns.cidrs={$address/32}")
fi

kubectl get namespace $NAMESPACE >/dev/null 2>&1 || kubectl create namespace $NAMESPACE
kubectl label --overwrite namespace $NAMESPACE pod-security.kubernetes.io/enforce=restricted
echo "Installing the kinds and the programs ..."
install konstruct-crds "$ROOT/charts/konstruct-crds"
install konstruct "$ROOT/charts/konstruct" "${values[@]}" "$@"
echo "Applying manifests/samples ..."
kubectl apply --filename "$ROOT/manifests/samples"
kubectl wait --for=condition=Ready --timeout=5m konstruct --all --all-namespaces
kubectl get konstruct --all-namespaces
cat <<WORDS

Chat with the samples' agent (the demo model answers until models.keysSecret names a key):

  export KUBECONFIG=$KUBECONFIG PATH=$(dirname "$(command -v kubectl)"):\$PATH
  kubectl --namespace $NAMESPACE port-forward service/konstruct-gateway 8000 &
  .venv/bin/konstruct chat acme/website "hello" --url http://localhost:8000
WORDS
