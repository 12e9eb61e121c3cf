"""How this process reaches its API server: with a pod's service account, else by a kubeconfig.

The Kubernetes client reads kubeconfigs, with all the ways to log in that they know. A pod needs two
files and two variables, and its image does without the client, which takes 10 MiB with what it
brings along.
https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/#directly-accessing-the-rest-api
"""

import os
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from konstruct_operator.errors import ConfigurationWrong

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TOKEN_SECONDS: Final = 60.0
"""How long a token that was read counts; the kubelet renews its file well before it runs out."""


@dataclass(frozen=True)
class Access:
    """An API server: its URL, whom to trust, and what to send as Authorization ('': nothing)."""

    url: str
    trust: ssl.SSLContext | bool
    authorization: Callable[[], Awaitable[str]]
    proxy: str | None = None
    server_name: str | None = None

    @property
    def base_path(self) -> str:
        """Return what all paths of this API server begin with."""
        return urlsplit(self.url).path


@dataclass(frozen=True)
class Account:
    """A pod's service account: where its API server is, and the files that the kubelet keeps."""

    url: str
    authority: Path
    token_file: Path

    def token(self) -> str:
        """Return the token that counts now. Raises OSError when there is none."""
        return self.token_file.read_text().strip()


def pods_account(
    environment: Mapping[str, str] = os.environ, *, folder: Path = SERVICE_ACCOUNT
) -> Account | None:
    """Return the account of the pod that this process runs in, None outside one."""
    host = environment.get("KUBERNETES_SERVICE_HOST")
    if not host or not (folder / "token").is_file():
        return None
    name = f"[{host}]" if ":" in host else host
    url = f"https://{name}:{environment.get('KUBERNETES_SERVICE_PORT', '443')}"
    return Account(url, folder / "ca.crt", folder / "token")


async def access(
    environment: Mapping[str, str] = os.environ,
    *,
    folder: Path = SERVICE_ACCOUNT,
    clock: Callable[[], float] = time.monotonic,
) -> Access:
    """Return the way to the API server. Raises ConfigurationWrong where there is none.

    A pod's leads through its cluster's own network, never through a proxy.
    """
    account = pods_account(environment, folder=folder)
    if account is None:
        return await _of_a_kubeconfig(environment.get("KUBECONFIG"))
    try:
        trust = ssl.create_default_context(cafile=str(account.authority))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationWrong(
            "The service account has no readable ca.crt: check automountServiceAccountToken."
        ) from error
    return Access(account.url, trust, _Token(account, clock).authorization)


class _Token:
    def __init__(self, account: Account, clock: Callable[[], float]) -> None:
        self._account, self._clock = account, clock
        self._read_at = float("-inf")
        self._token = ""

    async def authorization(self) -> str:
        if self._clock() - self._read_at >= _TOKEN_SECONDS:
            self._token, self._read_at = self._account.token(), self._clock()
        return f"Bearer {self._token}"


async def _of_a_kubeconfig(file: str | None) -> Access:
    try:
        from kubernetes.aio import config  # noqa: PLC0415 - an image has none
        from kubernetes.aio.client import ApiClient, Configuration  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationWrong(
            "Not in a pod with a service account. To use a kubeconfig, install"
            " konstruct-operator[kubeconfig]."
        ) from error
    configuration = Configuration()
    try:
        # The library reads the variable when it is imported, which may be too early.
        await config.load_kube_config(config_file=file, client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError) as error:
        raise ConfigurationWrong(
            "No Kubernetes API: run inside a pod with a service account, or set KUBECONFIG."
        ) from error

    async def authorization() -> str:
        credential = (await configuration.auth_settings()).get("BearerToken")
        return str(credential["value"] or "") if credential else ""

    return Access(
        configuration.host,
        ApiClient(configuration).rest_client.ssl_context or True,
        authorization,
        proxy=configuration.proxy or _proxy_of_the_environment(configuration.host),
        server_name=configuration.tls_server_name,
    )


def _proxy_of_the_environment(url: str) -> str | None:
    """Return what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say about an address.

    aiohttp's `trust_env` asks them, and a netrc file, anew for each request, in two threads.
    """
    address = urlsplit(url)
    return None if proxy_bypass(address.netloc) else getproxies().get(address.scheme)
