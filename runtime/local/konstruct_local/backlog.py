"""What waits to be sent and what was not delivered, asked of the installation's own database."""

from konstruct_local.database import with_login
from konstruct_local.errors import LocalError
from konstruct_local.home import Home
from konstruct_local.keys import KeyFile
from konstruct_local.postgres_leftover import read_postmaster
from konstruct_local.postgres_programs import data_directory
from konstruct_local.settings import LocalSettings
from konstruct_store import Store, migrate, outbox
from konstruct_store.errors import StoreError
from konstruct_store.outbox import Backlog


async def read_backlog(settings: LocalSettings, home: Home) -> list[Backlog] | None:
    """Return the backlog by state; None while there is no database that could be asked."""
    url = _gateway_url(settings, home)
    if not url:
        return None
    try:
        store = await Store.connect(url, minimum=1, maximum=1)
    except StoreError:
        return None
    try:
        return await outbox.backlog(store)
    except StoreError:
        return None
    finally:
        await store.close()


def _gateway_url(settings: LocalSettings, home: Home) -> str:
    """Return the gateway's log-in of the given database, or of the embedded one if it runs."""
    if not home.keys.exists():
        return ""
    try:
        keys = KeyFile(home.keys).load()
    except LocalError:
        return ""
    place = settings.database_url
    if not place:
        running = read_postmaster(data_directory(home.path) / "data")
        if running is None or not running.ready:
            return ""
        place = f"postgresql://127.0.0.1:{running.port}/postgres"
    return with_login(place, migrate.login_name("gateway"), keys.database_passwords["gateway"])
