"""Enforces NetworkPolicies on the test bed's node: `python -m support.testbed.node.enforcer`.

It stands in for a cluster's CNI (on kind, kindnet enforces): standard library and the nft command.
"""

import argparse
import ssl
import threading
from pathlib import Path

from support.testbed.node.enforcer import kernel, questions, watching
from support.testbed.node.enforcer.knowledge import READERS, Knowledge
from support.testbed.node.enforcer.rules import Network


def main() -> None:
    """Watch, enforce and answer until killed."""
    asked = _parser().parse_args()
    tls = ssl.create_default_context(cafile=asked.authority)
    tls.load_cert_chain(asked.certificate, asked.key)
    server = watching.Server(asked.server, tls)
    network = Network(pods=asked.pods, node=asked.node_address, bridge=asked.bridge)
    knowledge = Knowledge()
    kernel.remove()
    for kind in READERS:
        threading.Thread(
            target=watching.follow, args=(server, kind, knowledge), daemon=True
        ).start()
    threading.Thread(target=kernel.enforce, args=(knowledge, network), daemon=True).start()
    questions.serve(asked.socket, knowledge)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="HOST:PORT of the API server")
    parser.add_argument("--authority", required=True, help="file: the API server's CA")
    parser.add_argument("--certificate", required=True, help="file: who we are")
    parser.add_argument("--key", required=True, help="file: the certificate's key")
    parser.add_argument("--pods", required=True, help="range of the pods' addresses")
    parser.add_argument("--node-address", required=True, help="the node's address on the bridge")
    parser.add_argument("--bridge", required=True, help="the pods' bridge")
    parser.add_argument("--socket", required=True, type=Path, help="where questions are asked")
    return parser


main()
