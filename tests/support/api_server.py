"""Our kinds on a real API server, over HTTP: verdicts on many documents without many processes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from kubernetes import client, config

from konstruct_crds.documents import naming_of
from konstruct_crds.metadata import API_VERSION
from support.cluster import Cluster

Document = Mapping[str, Any]


class RefusedByApiServer(Exception):
    """The API server found the document invalid; the text is its own."""


@dataclass(frozen=True)
class ApiServer:
    """The API server of a test cluster. Namespaced documents go to `namespace`."""

    api: client.ApiClient
    namespace: str

    @classmethod
    def of(cls, cluster: Cluster, namespace: str) -> "ApiServer":
        api = config.new_client_from_config(str(cluster.kubeconfig))  # type: ignore[no-untyped-call]
        return cls(api, namespace)

    def refusal(self, document: Document) -> str:
        """Return why `document` would not be created, as strictly as kubectl asks; or nothing."""
        try:
            self._send("POST", self._path(document), document, dryRun="All")
        except RefusedByApiServer as error:
            return str(error)
        return ""

    def replacement_refusal(self, document: Document) -> str:
        """Return why `document` would not take the place of the stored one, or nothing."""
        path = f"{self._path(document)}/{document['metadata']['name']}"
        stored = self._send("GET", path)
        version = stored["metadata"]["resourceVersion"]
        body = {**document, "metadata": {**document["metadata"], "resourceVersion": version}}
        try:
            self._send("PUT", path, body, dryRun="All")
        except RefusedByApiServer as error:
            return str(error)
        return ""

    def create(self, document: Document, status: Document | None = None) -> dict[str, Any]:
        """Store a document, with a status if one is given, and return it as stored."""
        created = self._send("POST", self._path(document), document)
        if not status:
            return created
        path = f"{self._path(document)}/{document['metadata']['name']}/status"
        body = {**created, "status": {**created["status"], **status}}
        return self._send("PUT", path, body)

    def delete(self, document: Document) -> None:
        """Remove a stored document."""
        self._send("DELETE", f"{self._path(document)}/{document['metadata']['name']}")

    def _path(self, document: Document) -> str:
        naming = naming_of(document["kind"])
        inside = f"/namespaces/{self.namespace}" if naming.scope == "Namespaced" else ""
        return f"/apis/{API_VERSION}{inside}/{naming.plural}"

    def _send(
        self, method: str, path: str, body: Document | None = None, **query: str
    ) -> dict[str, Any]:
        if body is not None:
            query["fieldValidation"] = "Strict"
        response = self.api.rest_client.pool_manager.request(
            method,
            f"{self.api.configuration.host}{path}?{urlencode(query)}",
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            body=json.dumps(body) if body is not None else None,
        )
        answer: dict[str, Any] = json.loads(response.data)
        if response.status in {400, 422}:
            raise RefusedByApiServer(answer["message"])
        assert response.status < 400, answer
        return answer
