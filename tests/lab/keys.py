"""Make the laboratory's SSH keys and the known_hosts file that names them."""

from collections.abc import Iterable
from pathlib import Path

from .namespaces import run


def make_key(path: Path, *, comment: str) -> str:
    """Write an ed25519 key pair without a passphrase; the public line comes back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])
    return path.with_name(path.name + ".pub").read_text().strip()


def known_hosts(keys: Iterable[tuple[str, str]]) -> str:
    """The known_hosts text for (address, public key) pairs, all at port 22."""
    return "".join(f"{address} {' '.join(key.split()[:2])}\n" for address, key in keys)
