"""What is remembered of a directory is what it says, or is not believed; each law with what breaks it."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import typing
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType, UnionType

import pytest

from reconciler.errors import InvalidInput
from reconciler.specs import packing
from reconciler.specs.desired import Desired, Overcommit
from reconciler.specs.load import load as load_as_it_is
from reconciler.store.memory import FileMemory
from tests.unit.specs.writing import component, write

Load = Callable[..., Desired]
Law = Callable[[Load, type[FileMemory], Path], None]

KEY = f"ssh-ed25519 {'A' * 68} ops@desk\n"
TELLING = (
    "replicas: 3\nssh_keys: ['file:ops.pub']\nenvironment: {TOKEN: s3cret, N: 'n-${{ instance.name }}'}\n"
    "healthcheck: {http: ':80/'}\n"
    "placement: {anti_affinity: host, spread: {over: rack}, require: [host.capacity.cpus > 2]}\n"
)


def lay_out(tmp_path: Path) -> Path:
    directory = tmp_path / "d"
    directory.mkdir()
    (directory / "ops.pub").write_text(KEY)
    return write(directory, shop=component(TELLING))


def kept(directory: Path) -> Path:
    (path,) = (directory / ".reconciler").glob("parsed-*")
    return path


def recalls(load: Load, memory: type[FileMemory], tmp_path: Path) -> None:
    directory = lay_out(tmp_path)
    first = load(directory, memory=memory(least=0))
    written = kept(directory).stat().st_ino
    assert load(directory, memory=memory(least=0)) == first == load_as_it_is(directory)
    assert kept(directory).stat().st_ino == written


def changed_text_is_read(load: Load, memory: type[FileMemory], tmp_path: Path) -> None:
    directory = lay_out(tmp_path)
    load(directory, memory=memory(least=0))
    write(directory, shop=component(TELLING.replace("replicas: 3", "replicas: 4")))
    assert len(load(directory, memory=memory(least=0)).instances) == 4


def changed_attachments_are_read(load: Load, memory: type[FileMemory], tmp_path: Path) -> None:
    directory = lay_out(tmp_path)
    load(directory, memory=memory(least=0))
    (directory / "ops.pub").write_text(KEY.replace("ops@desk", "new@desk"))
    context = load(directory, memory=memory(least=0)).instances[0].context
    assert context is not None and "new@desk" in context.ssh_keys[0]


def links_that_leave_are_refused(load: Load, memory: type[FileMemory], tmp_path: Path) -> None:
    directory = lay_out(tmp_path)
    load(directory, memory=memory(least=0))
    (tmp_path / "elsewhere.pub").write_text(KEY)
    (directory / "ops.pub").unlink()
    (directory / "ops.pub").symlink_to(tmp_path / "elsewhere.pub")
    with pytest.raises(InvalidInput, match="outside of the directory"):
        load(directory, memory=memory(least=0))


def missing_images_are_missed(load: Load, memory: type[FileMemory], tmp_path: Path) -> None:
    directory = lay_out(tmp_path)
    (directory / "d.qcow2").write_bytes(b"")
    image = (directory / "image.yaml").read_text().replace("https://images.example/d.qcow2", "d.qcow2")
    (directory / "image.yaml").write_text(image)
    load(directory, memory=memory(least=0))
    (directory / "d.qcow2").unlink()
    with pytest.raises(InvalidInput, match="there is no file"):
        load(directory, memory=memory(least=0))


def other_versions_are_not_believed(load: Load, memory: type[FileMemory], tmp_path: Path) -> None:
    class Foreign(FileMemory):
        """As another version would have kept it: everything the same, but for who read it."""

        def keep(self, folder: Path, name: str, data: bytes) -> None:
            answer = json.loads(data)
            answer["question"] = "0" * 64
            answer["blocks"][-1][6] = ["/elsewhere"]
            super().keep(folder, name, json.dumps(answer).encode())

    directory = lay_out(tmp_path)
    first = load(directory, memory=Foreign(least=0))
    assert load(directory, memory=memory(least=0)) == first


def torn_files_are_not_believed(load: Load, memory: type[FileMemory], tmp_path: Path) -> None:
    directory = lay_out(tmp_path)
    first = load(directory, memory=memory(least=0))
    whole = kept(directory).read_bytes()
    torn = whole.replace(b"s3cret", b"s4cret")
    assert torn != whole
    for data in (torn, whole[: len(whole) // 2], b"", os.urandom(200), whole[:32] + b"[]"):
        kept(directory).write_bytes(data)
        assert load(directory, memory=memory(least=0)) == first


def what_others_could_write_is_not_believed(load: Load, memory: type[FileMemory], tmp_path: Path) -> None:
    directory = lay_out(tmp_path)
    load(directory, memory=memory(least=0))
    path = kept(directory)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o666)
    assert memory().recall(directory, path.name.removeprefix("parsed-")) is None
    path.chmod(0o600)
    path.rename(directory / "elsewhere")
    path.symlink_to(directory / "elsewhere")
    assert memory().recall(directory, path.name.removeprefix("parsed-")) is None


def a_store_that_cannot_be_written_to_is_none(load: Load, memory: type[FileMemory], tmp_path: Path) -> None:
    directory = lay_out(tmp_path)
    (directory / ".reconciler").write_text("")  # nobody can make anything below a file, root included
    first = load(directory, memory=memory(least=0))
    assert load(directory, memory=memory(least=0)) == first


LAWS: tuple[Law, ...] = (
    recalls,
    changed_text_is_read,
    changed_attachments_are_read,
    links_that_leave_are_refused,
    missing_images_are_missed,
    other_versions_are_not_believed,
    torn_files_are_not_believed,
    what_others_could_write_is_not_believed,
    a_store_that_cannot_be_written_to_is_none,
)

RECALL, MEMORY = "reconciler.specs.recall", "reconciler.store.memory"
MUTANTS: tuple[tuple[Law, str, str, str], ...] = (
    (recalls, RECALL, 'unpack(answer["blocks"])', 'unpack(answer["blocks"][:-1])'),
    (
        changed_text_is_read,
        RECALL,
        "os.fspath(real(source.path)), source.text]",
        "os.fspath(real(source.path))]",
    ),
    (changed_attachments_are_read, RECALL, '_digest(read_source(path, ""))]', '""]'),
    (links_that_leave_are_refused, RECALL, "os.fspath(path), os.fspath(real(path)), ", "os.fspath(path), "),
    (
        missing_images_are_missed,
        RECALL,
        "return desired if _images_are_there(desired) else None",
        "return desired",
    ),
    (other_versions_are_not_believed, RECALL, 'answer["question"] != question.digest()', "False"),
    (
        torn_files_are_not_believed,
        MEMORY,
        "return data if hashlib.sha256(data).digest() == digest else None",
        "return data",
    ),
    (what_others_could_write_is_not_believed, MEMORY, " and not found.st_mode & 0o077", ""),
    (what_others_could_write_is_not_believed, MEMORY, "os.O_NOFOLLOW | ", ""),
    (
        a_store_that_cannot_be_written_to_is_none,
        MEMORY,
        "with contextlib.suppress(OSError):\n            path.parent",
        "if True:\n            path.parent",
    ),
)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_memory_spares_work_and_is_never_truth(law: Law, tmp_path: Path) -> None:
    law(load_as_it_is, FileMemory, tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant[0].__name__}: {mutant[2][:30]}")
def test_each_law_of_the_memory_catches_what_breaks_it(
    mutant: tuple[Law, str, str, str], tmp_path: Path
) -> None:
    law, name, line, instead = mutant
    broken = broken_module(name, line, instead)
    memory = broken.FileMemory if name == MEMORY else FileMemory
    with pytest.raises((AssertionError, OSError, pytest.fail.Exception)):
        law(loading_with(broken) if name == RECALL else load_as_it_is, memory, tmp_path)


def broken_module(name: str, line: str, instead: str) -> ModuleType:
    """A module with one of its lines changed."""
    path = import_module(name).__file__
    assert path is not None
    source = Path(path).read_text()
    assert source.count(line) == 1, f"{line!r} is not in {name} once"
    module = ModuleType(f"broken_{name.replace('.', '_')}")
    module.__file__ = path
    # Dataclasses look their module up by its name.
    sys.modules[module.__name__] = module
    try:
        exec(compile(source.replace(line, instead), path, "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]
    return module


def loading_with(recall: ModuleType) -> Load:
    module = ModuleType("broken_load")
    path = import_module("reconciler.specs.load").__file__
    assert path is not None
    exec(compile(Path(path).read_text(), path, "exec"), module.__dict__)
    for name in ("Question", "recalled", "remember"):
        setattr(module, name, getattr(recall, name))
    loading: Load = module.load
    return loading


def test_everything_that_may_be_desired_can_be_remembered() -> None:
    assert kinds_in(Desired) <= set(packing.KINDS)


def kinds_in(kind: object, seen: frozenset[type] = frozenset()) -> set[type]:
    """Every class that is anywhere in the annotations of a class."""
    if isinstance(kind, UnionType) or typing.get_origin(kind) is not None:
        return set().union(*(kinds_in(each, seen) for each in typing.get_args(kind)))
    if isinstance(kind, typing.NewType):
        return kinds_in(kind.__supertype__, seen)
    if not isinstance(kind, type) or kind in (*seen, str, int, float, bool, type(None)):
        return set()
    if not dataclasses.is_dataclass(kind):
        return {kind}
    hints = typing.get_type_hints(kind)
    found = (kinds_in(hints[each.name], seen | {kind}) for each in dataclasses.fields(kind))
    return {kind}.union(*found)


def test_what_is_shared_is_shared_again(tmp_path: Path) -> None:
    desired = load_as_it_is(lay_out(tmp_path))
    again = packing.unpack(json.loads(packing.pack(desired)))
    assert again == desired
    assert again.instances[0].placement is again.instances[1].placement
    assert again.instances[0].machine.disks is again.instances[1].machine.disks


def test_numbers_that_are_equal_stay_what_they_were(tmp_path: Path) -> None:
    desired = load_as_it_is(lay_out(tmp_path))
    (host, *_) = desired.fleet.hosts
    hosts = tuple(replace(host, overcommit=Overcommit(cpu=cpu)) for cpu in (4, 4.0, 1, 1.0))
    unlike = replace(desired, fleet=replace(desired.fleet, hosts=hosts))
    assert repr(packing.unpack(json.loads(packing.pack(unlike)))) == repr(unlike)


def test_a_small_directory_is_not_worth_keeping(tmp_path: Path) -> None:
    directory = lay_out(tmp_path)
    load_as_it_is(directory, memory=FileMemory())
    assert not (directory / ".reconciler").exists()


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    directory = lay_out(tmp_path)
    (directory / ".reconciler").mkdir()
    old, new = directory / ".reconciler" / ".parsed-old", directory / ".reconciler" / ".parsed-new"
    for path in (old, new):
        path.write_text("")
    os.utime(old, (0, 0))
    load_as_it_is(directory, memory=FileMemory(least=0))
    assert not old.exists() and new.exists()
