"""A rolling update of real guests, seen by a guest that uses them."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .boot_sector import boot_sector_image
from .desk import Desk, clean, image_yaml
from .disk_guest import disk_guest
from .guest import Guest
from .hosts import IMAGES, wait_until
from .laboratory import Laboratory

_WEBS = ("10.42.0.10", "10.42.0.11", "10.42.0.12")
_FREE = "10.42.0.1"
"""The lowest address that nobody has: who stands in gets it."""

# Whoever is back stays so for longer than the peer takes for a round: it never sees two of them away
# that were away one after the other.
_SERVICE = f"""\
apiVersion: reconciler/v1
kind: Service
name: shop
networks:
  back: {{cidr: 10.42.0.0/24}}
components:
  web:
    image: one
    replicas: 3
    resources: {{cpus: 1, memory: 96MiB}}
    disks: {{root: 64MiB}}
    networks: {{back: {{addresses: [{", ".join(_WEBS)}]}}}}
    healthcheck: {{http: ':80/image', interval: 1s, retries: 60, start_period: 30s, timeout: 3s}}
    update: {{parallelism: 1, monitor: 6s}}
  peer:
    image: guest
    depends_on: {{web: healthy}}
    resources: {{cpus: 1, memory: 96MiB}}
    networks: {{back: {{addresses: [10.42.0.20]}}}}
    environment: {{LAB_FETCH: "{" ".join(f"http://{each}/image" for each in (*_WEBS, _FREE))}"}}
"""


@pytest.fixture
def desk(laboratory: Laboratory, guest: Guest, tmp_path: Path) -> Iterator[Desk]:
    for host in laboratory.hosts:
        clean(host)
    (tmp_path / "fleet.yaml").write_text(laboratory.fleet_yaml())
    disks = []
    for name in ("one", "two"):
        (tmp_path / f"{name}.qcow2").symlink_to(disk_guest(guest, name))
        disks.append(tmp_path / f"{name}.qcow2")
    sick = boot_sector_image(tmp_path / "sick.qcow2")
    (tmp_path / "images.yaml").write_text(image_yaml([*disks, sick], guest))
    (tmp_path / "shop.yaml").write_text(_SERVICE)
    yield Desk(laboratory, tmp_path)
    for host in laboratory.hosts:
        clean(host)
        host.cut_links()


class Peer:
    """What the guest that uses the others has seen, round by round, since it was last asked."""

    def __init__(self, desk: Desk) -> None:
        self._host = desk.whereabouts()["shop-peer-0"]
        self._read = 0

    def rounds(self) -> list[tuple[int, str]]:
        """How many answered in each round, and what."""
        text = self._host.serial("shop-peer-0")
        new, self._read = text[self._read :], len(text)
        return [(int(count), said) for count, said in re.findall(r"FETCHED (\d)([^\r\n]*)", new)]

    def sees(self, words: str) -> None:
        wait_until(
            lambda: words in self._host.serial("shop-peer-0")[self._read :],
            what=f"{words!r} from the peer",
            within=60,
        )


def outcomes_of(report: Any) -> dict[str, str]:
    return {step["id"]: step["outcome"] for step in report["steps"]}


def served(desk: Desk) -> Peer:
    """All three are there, and a peer that has seen them."""
    code, report = desk.reconcile("apply", "--yes", "--wait")
    assert code == 0, report
    peer = Peer(desk)
    peer.sees("FETCHED 3 one one one")
    peer.rounds()
    return peer


def replaced(desk: Desk) -> dict[str, str]:
    """They get another image; what became of each step."""
    desk.edit("image: one", "image: two")
    since = time.monotonic()
    code, report = desk.reconcile("apply", "--yes", "--wait")
    assert code == 0, report
    print(f"three replicas were replaced in {time.monotonic() - since:.0f} s")
    return outcomes_of(report)


def test_of_three_replicas_two_answer_at_every_moment_of_a_rolling_update(desk: Desk) -> None:
    peer = served(desk)
    replaced(desk)
    peer.sees("FETCHED 3 two two two")
    rounds = peer.rounds()
    print(rounds)
    assert min(count for count, _ in rounds) == 2, "one is away at a time, and is seen to be"
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0

    desk.edit("image: two", "image: sick")
    desk.edit("retries: 60, start_period: 30s", "retries: 3, start_period: 2s")
    code, report = desk.reconcile("apply", "--yes")
    assert code == 6, report
    outcomes = outcomes_of(report)
    assert outcomes["replace/shop-web-0"] == "done"
    assert outcomes["wait/shop-web-0"] == "unhealthy"
    assert outcomes["replace/shop-web-1"] == outcomes["replace/shop-web-2"] == "skipped"
    # It stands still by itself, however often it is asked for.
    assert desk.reconcile("apply", "--yes")[0] == 6
    assert min(count for count, _ in peer.rounds()) == 2

    desk.edit("image: sick", "image: two")
    desk.edit("retries: 3, start_period: 2s", "retries: 60, start_period: 30s")
    code, report = desk.reconcile("apply", "--yes", "--wait")
    assert code == 0, report
    peer.sees("FETCHED 3 two two two")
    assert min(count for count, _ in peer.rounds()) == 2


def test_with_one_more_standing_in_three_answer_at_every_moment(desk: Desk) -> None:
    desk.edit("update: {parallelism: 1,", "update: {order: start-first, parallelism: 1,")
    peer = served(desk)
    assert replaced(desk)["destroy/shop-web-3"] == "done"
    peer.sees("FETCHED 3 two two two")
    rounds = peer.rounds()
    print(rounds)
    assert {count for count, _ in rounds} == {3, 4}, "one more is seen before one is taken"
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0

    # One that never gets healthy is a stand-in: whoever is well is not touched.
    desk.edit("image: two", "image: sick")
    desk.edit("retries: 60, start_period: 30s", "retries: 3, start_period: 2s")
    before = desk.whereabouts()
    for _ in range(2):
        code, report = desk.reconcile("apply", "--yes")
        assert code == 6, report
        outcomes = outcomes_of(report)
        assert outcomes["wait/shop-web-3"] == "unhealthy"
        said = {name: each for name, each in outcomes.items() if name.startswith("replace/")}
        assert said == dict.fromkeys((f"replace/shop-web-{number}" for number in range(3)), "skipped")
    peer.sees("FETCHED 3 two two two")
    assert min(count for count, _ in peer.rounds()) == 3

    desk.edit("image: sick", "image: two")
    desk.edit("retries: 3, start_period: 2s", "retries: 60, start_period: 30s")
    code, report = desk.reconcile("apply", "--yes", "--wait")
    assert code == 0, report
    assert desk.whereabouts() == before, "it went, and nobody else was moved or made anew"
    assert min((count for count, _ in peer.rounds()), default=3) == 3
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0


def _roll_back(desk: Desk, order: str = "stop-first") -> Peer:
    """All three are there, and are to become again what they were where a change fails; with the peer."""
    desk.edit("update: {", f"update: {{order: {order}, on_failure: rollback, ")
    desk.edit("retries: 60, start_period: 30s", "retries: 10, start_period: 20s")
    return served(desk)


def _kept(desk: Desk) -> list[str]:
    """What lies on the hosts of what machines were."""
    files = (name for host in desk.lab.hosts for name in host.run(["ls", IMAGES]).split())
    return [name for name in files if ".former." in name]


def _check_calm(desk: Desk) -> None:
    """Nothing is left to do, and that what the files ask for was refused is said of all three."""
    for verb in ("plan", "apply"):
        code, said = desk.reconcile(verb, *(["--yes"] if verb == "apply" else []))
        assert (code, said["steps"]) == (6, []), said
        blocked = {each["instance"]: each["kind"] for each in said["blocked"]}
        assert blocked == {f"shop-web-{number}": "refused" for number in range(3)}


def test_a_sick_image_is_rolled_back_by_the_same_apply_and_is_not_tried_again(desk: Desk) -> None:
    peer, before = _roll_back(desk), desk.whereabouts()
    desk.edit("image: one", "image: sick")
    since = time.monotonic()
    code, report = desk.reconcile("apply", "--yes", "--wait")
    print(f"a sick image was tried and rolled back in {time.monotonic() - since:.0f} s")
    assert code == 6, report
    outcomes, back = outcomes_of(report), outcomes_of(report["rolled_back"])
    assert outcomes["wait/shop-web-0"] == "unhealthy"
    assert outcomes["replace/shop-web-1"] == outcomes["replace/shop-web-2"] == "skipped"
    assert set(back.values()) == {"done"}, back
    assert [name for name in back if name.startswith("replace/")] == ["replace/shop-web-0"]
    # It has its address from what its guest was told before: nobody else knows that any more.
    peer.sees("FETCHED 3 one one one")
    assert min(count for count, _ in peer.rounds()) == 2
    assert desk.whereabouts() == before
    assert _kept(desk) == []
    _check_calm(desk)

    desk.edit("image: sick", "image: two")
    code, report = desk.reconcile("apply", "--yes", "--wait")
    assert code == 0, report
    peer.sees("FETCHED 3 two two two")
    assert min(count for count, _ in peer.rounds()) == 2
    assert _kept(desk) == []
    assert desk.reconcile("plan", "--detailed-exitcode")[0] == 0


def test_a_sick_stand_in_is_given_up_and_nobody_was_touched(desk: Desk) -> None:
    peer, before = _roll_back(desk, "start-first"), desk.whereabouts()
    desk.edit("image: one", "image: sick")
    code, report = desk.reconcile("apply", "--yes")
    assert code == 6, report
    back = outcomes_of(report["rolled_back"])
    assert back["destroy/shop-web-3"] == "done"
    assert not [name for name in back if name.startswith("replace/")]
    peer.sees("FETCHED 3 one one one")
    assert min(count for count, _ in peer.rounds()) == 3
    assert desk.whereabouts() == before
    _check_calm(desk)


def test_a_rollback_that_is_killed_is_finished_by_the_next_apply(desk: Desk, tmp_path: Path) -> None:
    peer, before = _roll_back(desk), desk.whereabouts()
    desk.edit("image: one", "image: sick")
    log = tmp_path / "killed.log"
    killed = desk.start("apply", "--yes", log=log)
    given_up = "done: give up the form of shop-web-"
    wait_until(lambda: given_up in log.read_text(errors="replace"), what="it is given up", within=120)
    killed.kill()
    killed.wait()
    code, report = desk.reconcile("apply", "--yes")
    assert code == 6, report
    assert {each["outcome"] for each in report["steps"]} <= {"done"}, report
    peer.sees("FETCHED 3 one one one")
    assert min(count for count, _ in peer.rounds()) == 2
    assert desk.whereabouts() == before
    assert _kept(desk) == []
    _check_calm(desk)
