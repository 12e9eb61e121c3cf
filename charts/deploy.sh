#!/usr/bin/env bash
# Installs both charts and the samples for a trial, and ends when everything is Ready: deploy.sh [HELM ARGUMENT ...]
#   into the cluster of KUBECONFIG, with images from KONSTRUCT_REGISTRY; without KUBECONFIG into the one of
#   `make cluster`, with what `make images` pushed there. Arguments go to `helm upgrade` of charts/konstruct.
# Everything is in one pod's empty volume, the database included; another time it upgrades what is there.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
NAMESPACE=konstruct-system
if [ -z "${KUBECONFIG:-}" ]; then
  eval "$(PYTHONPATH=$ROOT/tests "$ROOT/.venv/bin/python" -m support.node up)"
fi
HELM=$(command -v helm || echo "$("$ROOT/tests/support/testbed/build.sh" helm)/helm")
install() { "$HELM" upgrade --install "$@" --namespace $NAMESPACE --wait --timeout 10m >/dev/null; }

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
