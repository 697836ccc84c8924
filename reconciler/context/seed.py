"""The NoCloud seed: a small CD that cloud-init looks for, made in memory."""

from __future__ import annotations

from io import BytesIO

from reconciler.context.cloud_config import meta_data, user_data
from reconciler.context.network_config import network_config
from reconciler.specs.desired import Instance

VOLUME_ID = "cidata"
"""What cloud-init looks for among all disks."""


def nocloud_seed(instance: Instance) -> bytes:
    """An ISO 9660 image (Rock Ridge and Joliet) with ``meta-data``, ``user-data`` and,
    where the guest is told how to set up its cards, ``network-config``.

    The same instance gives the same documents, but not the same bytes: the image carries the time at
    which it was made. Compare ``Machine.context`` instead. Raises InvalidInput where the user's
    ``cloud_init`` is no cloud-config.
    """
    from pycdlib import PyCdlib

    documents = {"meta-data": meta_data(instance), "user-data": user_data(instance)}
    network = network_config(instance.context.interfaces if instance.context else ())
    if network is not None:
        documents["network-config"] = network
    iso = PyCdlib()
    iso.new(interchange_level=3, vol_ident=VOLUME_ID, joliet=3, rock_ridge="1.09")
    for name, text in documents.items():
        data = text.encode()
        plain = f"/{name.replace('-', '').upper()}.;1"
        iso.add_fp(BytesIO(data), len(data), plain, rr_name=name, joliet_path=f"/{name}")
    image = BytesIO()
    iso.write_fp(image)
    iso.close()
    return image.getvalue()
