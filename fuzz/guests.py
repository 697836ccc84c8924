"""What guests are told, from somebody's cloud-config and values, and what becomes of their ``/etc/hosts``."""

from __future__ import annotations

import json
import subprocess

import yaml

from fuzz.inputs import Input
from fuzz.targets import Target, loaded
from reconciler.actions import Create
from reconciler.context.cloud_config import meta_data, user_data
from reconciler.context.network_config import network_config
from reconciler.context.script import BEGIN, END, WITHOUT_OURS
from reconciler.planner import make_plan
from reconciler.specs.desired import HostName, Instance, Resources
from reconciler.state import HostState, Observed

_CLOUD_INIT = "user.cloud-init.yaml"
_VALUE = "value"
_HOSTS = "hosts"
_FLEET = """\
apiVersion: reconciler/v1
kind: Fleet
name: lab
hosts:
  hv1: {connect: 'sim://', capacity: {cpus: 64, memory: 64GiB, disk: 1TiB}}
---
apiVersion: reconciler/v1
kind: Image
name: debian-12
source: https://images.example/debian-12.qcow2
sha256: abababababababababababababababababababababababababababababababab
format: qcow2
---
apiVersion: reconciler/v1
kind: Service
name: shop
networks: {back: {cidr: 10.42.0.0/24, mtu: 1400}}
defaults: {image: debian-12, networks: [back], disks: {root: 10GiB}}
components:
  db: {replicas: 2, resources: {cpus: 1, memory: 1GiB}}
  app:
    resources: {cpus: 1, memory: 1GiB}
    cloud_init: user.cloud-init.yaml
    environment: {A: VALUE}
"""
_SIM = Resources(64, 64 * 1024, 1024 * 1024)
_EMPTY = Observed("lab", (HostState(HostName("hv1"), _SIM),))


def feed_context(files: Input) -> None:
    """What may be loaded can be told: documents that are what cloud-init reads, with ours in them."""
    value = files[_VALUE].decode("utf-8", "replace")
    said = _FLEET.replace("VALUE", json.dumps(value)).encode()
    desired = loaded({"fleet.yaml": said, _CLOUD_INIT: files[_CLOUD_INIT]})
    if desired is None:
        return
    steps = make_plan(desired, _EMPTY).steps
    made = [step.action.instance for step in steps if isinstance(step.action, Create)]
    # Whoever asks for what nobody answers is held, and then nothing is made of it.
    assert len(made) >= len(desired.instances) - 1
    for instance in made:
        _is_told(instance)


def _is_told(instance: Instance) -> None:
    text = user_data(instance)
    assert text.startswith("#cloud-config\n")
    documents = [yaml.safe_load(text), yaml.safe_load(meta_data(instance))]
    assert all(isinstance(each, dict) for each in documents)
    assert instance.context is not None
    cards = yaml.safe_load(network_config(instance.context.interfaces) or "")
    assert cards["ethernets"]["eth0"]["mtu"] == 1400
    commands = documents[0].get("bootcmd")
    if isinstance(commands, list):
        assert "/etc/hosts" in str(commands[0]), "ours do not come first"


def feed_hosts(files: Input) -> None:
    """Whatever somebody wrote into ``/etc/hosts`` stays; what is between our marks goes."""
    text = files[_HOSTS].replace(b"\0", b"")
    done = subprocess.run(["awk", WITHOUT_OURS], input=text, capture_output=True, check=True, timeout=20)
    assert done.stdout == _without_ours(text), "awk and Python differ"


def _without_ours(text: bytes) -> bytes:
    """The same as the script for awk says, once more."""
    kept, held, inside = b"", b"", False
    lines = text.split(b"\n")
    for line in lines[:-1] if lines[-1] == b"" else lines:
        if line == BEGIN.encode():
            inside, held = True, b""
        elif inside and line == END.encode():
            inside = False
        elif inside:
            held += line + b"\n"
        else:
            kept += line + b"\n"
    return kept + held if inside else kept


def context_seeds() -> list[Input]:
    """Cloud-configs and values, with expressions and without."""
    configs = (
        "#cloud-config\npackages: [postgresql]\nbootcmd: [[sh, -c, true]]\nhostname: mine\n",
        "#cloud-config\nruncmd:\n  - [echo, '${{ components.db.addresses[0] }}']\nmanage_etc_hosts: true\n",
        "#cloud-config\nwrite_files:\n- path: /etc/x\n  content: |\n    ${{ instance.name }}\n    b\n",
        "## template: jinja\n#cloud-config\nssh_authorized_keys: [a b c]\nbootcmd: echo\n",
        "",
    )
    values = (
        "postgres://${{ components.db.addresses[0] }}:5432/shop",
        "${{ components.db.instances.map(i, i.name + '=' + i.address).join(',') }}",
        'a "quoted" $HOME `id` \\n',
        "${{ '}}' }}",
    )
    return [{_CLOUD_INIT: config.encode(), _VALUE: value.encode()} for config in configs for value in values]


def hosts_seeds() -> list[Input]:
    """With our block at the end, in the middle, twice, without its end, and without one."""
    ours = f"{BEGIN}\n10.42.0.10 shop-db-0 db-0 db\n{END}\n"
    mine = "127.0.0.1 localhost\n10.9.9.9 mine\n"
    texts = (mine + ours, ours + mine, ours + mine + ours, mine + ours.replace(END, ""), mine, "")
    return [{_HOSTS: text.encode()} for text in texts]


CONTEXT = Target("context", feed_context)
HOSTS = Target("hosts", feed_hosts)
