"""Which files of a directory are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.specs.load import load
from tests.unit.specs.writing import FLEET, component, faults_of, messages_of, service, write


def test_subdirectories_and_both_suffixes_are_read(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "shop.yml").write_text(component(""))
    assert load(tmp_path).services == ("shop",)


def test_dot_directories_are_not_entered(tmp_path: Path) -> None:
    write(tmp_path)
    for name in (".git", ".reconciler"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "other.yaml").write_text("not: ours")
    assert load(tmp_path).services == ()


def test_other_files_are_not_read(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "README.md").write_text("{{{")
    (tmp_path / "fleet.yaml.bak").write_text("{{{")
    assert load(tmp_path).fleet.name == "lab"


def test_missing_directory_is_said_to_be_missing(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    assert messages_of(missing) == [f"{missing}:1:1: error: there is no such directory"]


def test_file_in_place_of_a_directory_is_said_to_be_a_file(tmp_path: Path) -> None:
    write(tmp_path)
    file = tmp_path / "fleet.yaml"
    assert messages_of(file) == [f"{file}:1:1: error: is a file, not a directory"]


def test_empty_directory_lacks_a_fleet(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path)
    assert str(fault) == f"{tmp_path}:1:1: error: there is no Fleet here"
    assert "--fleet" in fault.hint


def test_file_of_one_mebibyte_is_read_and_a_byte_more_is_not(tmp_path: Path) -> None:
    write(tmp_path)
    padding = 1024 * 1024 - len(FLEET) - 1
    (tmp_path / "fleet.yaml").write_text(FLEET + "#" * padding + "\n")
    assert load(tmp_path).fleet.name == "lab"
    (tmp_path / "fleet.yaml").write_text(FLEET + "#" * padding + "#\n")
    assert messages_of(tmp_path) == ["fleet.yaml:1:1: error: is larger than 1 MiB (1048577 bytes)"]


def test_link_out_of_the_directory_is_refused(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside.yaml"
    inside.mkdir()
    write(inside)
    outside.write_text(component(""))
    (inside / "shop.yaml").symlink_to(outside)
    assert messages_of(inside) == [
        f"shop.yaml:1:1: error: this link leaves the directory: it leads to {outside}"
    ]


def test_linked_folder_out_of_the_directory_is_refused(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    write(inside)
    (inside / "more").symlink_to(outside)
    assert messages_of(inside) == [f"more:1:1: error: this link leaves the directory: it leads to {outside}"]


def test_links_within_the_directory_are_read_once(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "shop.yaml").write_text(component(""))
    (tmp_path / "again.yaml").symlink_to("real/shop.yaml")
    (tmp_path / "loop").symlink_to(".")
    assert len(load(tmp_path).instances) == 1


def test_mounted_configuration_that_is_all_links_is_read(tmp_path: Path) -> None:
    (tmp_path / "..data_1").mkdir()
    write(tmp_path / "..data_1")
    for name in ("fleet.yaml", "image.yaml"):
        (tmp_path / name).symlink_to(f"..data_1/{name}")
    assert load(tmp_path).fleet.name == "lab"


def test_dangling_link_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "shop.yaml").symlink_to("gone.yaml")
    assert messages_of(tmp_path) == ["shop.yaml:1:1: error: there is no such file"]


def test_link_to_itself_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "shop.yaml").symlink_to("shop.yaml")
    (message,) = messages_of(tmp_path)
    assert message.startswith("shop.yaml:1:1: error: cannot be read")


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path)
    os.mkfifo(tmp_path / "pipe.yaml")
    assert messages_of(tmp_path) == ["pipe.yaml:1:1: error: is not a regular file"]


def test_byte_order_mark_at_the_beginning_is_accepted(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "fleet.yaml").write_bytes(b"\xef\xbb\xbf" + FLEET.encode())
    assert load(tmp_path).fleet.name == "lab"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_system(tmp_path: Path, end: str) -> None:
    write(tmp_path)
    (tmp_path / "shop.yaml").write_bytes(component("replcas: 2\n").replace("\n", end).encode())
    (fault,) = faults_of(tmp_path)
    assert (fault.position.line, fault.position.column, fault.excerpt) == (9, 5, "    replcas: 2")


def test_file_name_cannot_take_a_terminal_over(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "\x1b[2Jshop.yaml").write_text(service("colour: red\n"))
    assert all("\x1b" not in message for message in messages_of(tmp_path))


def test_fleet_file_takes_the_place_of_the_fleet_of_the_directory(tmp_path: Path) -> None:
    directory, other = tmp_path / "services", tmp_path / "real" / "hosts.yaml"
    directory.mkdir()
    other.parent.mkdir()
    write(directory, shop=component(""))
    other.write_text(FLEET.replace("name: lab", "name: real").replace("sim1", "hv1"))
    desired = load(directory, fleet=other)
    assert desired.fleet.name == "real"
    assert [host.name for host in desired.fleet.hosts] == ["hv1"]
    assert desired.directory == str(other.parent)
    assert load(directory).directory == str(directory)


def test_fleet_file_makes_faults_of_the_other_fleet_irrelevant(tmp_path: Path) -> None:
    directory, other = tmp_path / "services", tmp_path / "hosts.yaml"
    directory.mkdir()
    write(directory, fleet=FLEET + "colour: red\n")
    other.write_text(FLEET)
    assert messages_of(directory, fleet=other) == []


def test_fleet_file_within_the_directory_is_used_alone(tmp_path: Path) -> None:
    write(tmp_path, other=FLEET.replace("name: lab", "name: real"))
    assert load(tmp_path, fleet=tmp_path / "other.yaml").fleet.name == "real"


def test_missing_fleet_file_is_named_as_it_was_given(tmp_path: Path) -> None:
    write(tmp_path)
    missing = tmp_path / "hosts.yaml"
    assert messages_of(tmp_path, fleet=missing) == [f"{missing}:1:1: error: there is no such file"]


def test_fleet_file_holds_nothing_but_a_fleet(tmp_path: Path) -> None:
    directory, other = tmp_path / "services", tmp_path / "hosts.yaml"
    directory.mkdir()
    write(directory)
    other.write_text(FLEET + "---\n" + component(""))
    assert messages_of(directory, fleet=other) == [
        f"{other}:8:7: error: a fleet file holds one Fleet and no Service  [kind]"
    ]


def test_fleet_file_without_a_fleet_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path)
    other = tmp_path / "hosts.txt"
    other.write_text("# nobody\n")
    assert f"{other}:1:1: error: there is no document in this file" in messages_of(tmp_path, fleet=other)
