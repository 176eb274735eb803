"""The data directory: what was not made here is left as it is, odd places work, and a full disk is said."""

import asyncio
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis.asyncio

from bot.stack import StackError, StackPaths, StackUrls, embedded_stack
from bot.stack.home import POSTGRES_PORT, SOCKET_PATH_LIMIT_BYTES, hold_lock, read_record, write_record
from bot.stack.postgres import binary_dir
from bot.stack.server_user import reachable_programs
from tests.bot.stack.asking import query

ROOT = os.geteuid() == 0
NOBODY = 65534
SOURCE = Path(__file__).resolve().parents[3]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def tree(root: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Modes, owners and contents of everything below a directory, itself included."""
    found = {".": (mode(root), root.stat().st_uid, root.stat().st_gid, b"")}
    for path in root.rglob("*"):
        state = path.stat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(root))] = (mode(path), state.st_uid, state.st_gid, content)
    return found


async def test_directories_above_keep_their_modes_and_ours_are_private(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    home = closed / "home"
    closed.mkdir(mode=0o700)
    above = {path: mode(path) for path in (closed, *closed.parents)}
    async with embedded_stack(home, durable=False) as stack:
        assert await query(stack.database_url, "SELECT 1") == 1
        assert mode(stack.paths.run / "stack.json") == 0o600
        for made in (home, stack.paths.run, stack.paths.logs, stack.paths.postgres_data):
            assert mode(made) & 0o077 == 0, made
    assert {path: mode(path) for path in above} == above


async def test_an_existing_home_keeps_its_mode_and_what_is_in_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "letters").mkdir(parents=True, mode=0o750)
    (home / "letters" / "draft").write_text("dear")
    home.chmod(0o710)
    before = tree(home / "letters")
    async with embedded_stack(home, durable=False) as stack:
        assert await query(stack.database_url, "SELECT 1") == 1
    assert mode(home) == 0o710
    assert tree(home / "letters") == before


async def test_a_directory_that_holds_no_database_is_left_alone(tmp_path: Path) -> None:
    data = StackPaths(tmp_path / "home").postgres_data
    (data / "thesis").mkdir(parents=True)
    (data / "thesis" / "chapter").write_text("years of work")
    before = tree(data)
    with pytest.raises(StackError, match="no database"):
        async with embedded_stack(tmp_path / "home", durable=False):
            pytest.fail("started in a stranger's directory")
    assert tree(data) == before


@pytest.mark.skipif(not ROOT, reason="only root can give files away")
async def test_a_database_of_another_user_is_left_alone(tmp_path: Path) -> None:
    data = StackPaths(tmp_path / "home").postgres_data
    data.mkdir(parents=True, mode=0o700)
    (data / "PG_VERSION").write_text("18\n")
    os.chown(data, NOBODY, NOBODY)
    before = tree(data)
    with pytest.raises(StackError, match="belongs to the user"):
        async with embedded_stack(tmp_path / "home", durable=False):
            pytest.fail("started on a stranger's database")
    assert tree(data) == before


@pytest.mark.skipif(not ROOT, reason="only root can give files away")
@pytest.mark.parametrize("command", ["migrate", "demo", "doctor"])
async def test_a_home_of_another_user_is_said(tmp_path: Path, command: str) -> None:
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True, mode=0o700)
    for path in (home, home / "run"):
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o700)
    # Root without its capabilities is a user like others: so are containers run.
    bare = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    process = await asyncio.create_subprocess_exec(
        *bare, sys.executable, "-P", "-m", "bot", command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={**os.environ, "STORYFORK_HOME": str(home), "PYTHONPATH": str(SOURCE)},
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 1, said
    assert b"STORYFORK_HOME" in said
    assert b"Traceback" not in said


def test_a_record_cut_off_by_a_power_failure_is_as_good_as_none(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path)
    paths.create()
    with hold_lock(paths):
        (paths.run / "stack.json").write_text('{"pid": 1, "data')
        assert read_record(paths) is None
        write_record(paths, StackUrls("postgres://x", "redis://y"))
        assert read_record(paths) == StackUrls("postgres://x", "redis://y")


async def test_an_initdb_that_was_killed_is_started_over(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path / "home")
    paths.create()
    paths.postgres_data.mkdir(mode=0o700)
    # What a killed initdb leaves: its note, and the beginnings of a database.
    found = paths.postgres_data.stat()
    (paths.run / "initdb-unfinished").write_text(f"{found.st_dev}:{found.st_ino}")
    (paths.postgres_data / "PG_VERSION").write_text("18\n")
    (paths.postgres_data / "base").mkdir()
    async with embedded_stack(paths.home, durable=False) as stack:
        assert await query(stack.database_url, "SELECT 1") == 1
    assert not (paths.run / "initdb-unfinished").exists()


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that every user may enter."""
    with tempfile.TemporaryDirectory(prefix="storyfork-open-") as place:
        Path(place).chmod(0o755)
        yield Path(place)


def test_programs_that_the_server_cannot_reach_are_copied(open_place: Path, tmp_path: Path) -> None:
    installed = tmp_path / "venv"
    installed.mkdir(mode=0o700)
    wheel = binary_dir().parents[1]
    shutil.copytree(binary_dir().parent, installed / wheel.name / binary_dir().parent.name, symlinks=True)
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), installed / f"{wheel.name}.libs")
    binaries = installed / binary_dir().relative_to(wheel.parent)
    modes = {path: mode(path) for path in (binaries / "postgres", installed, *installed.parents)}
    with pytest.raises(StackError, match="closed"):
        reachable_programs(binaries, installed / "place")
    copy = reachable_programs(binaries, open_place / "place")
    assert copy.is_relative_to(open_place)
    assert reachable_programs(binaries, open_place / "place") == copy
    assert reachable_programs(copy, open_place / "unused") == copy
    assert {path: mode(path) for path in modes} == modes
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if ROOT else []
    for program in ("postgres", "initdb"):
        subprocess.run([*user, str(copy / program), "--version"], check=True, capture_output=True, cwd="/")


ODD = ["a, 100%25 'b' \"c\" ü✓ #d?e=f&g;$h `i` \\j", "200-" * 50, "line\nbreak"]


@pytest.mark.parametrize("name", ODD, ids=["characters", "long", "line break"])
async def test_a_home_may_have_any_name(tmp_path: Path, name: str) -> None:
    paths = StackPaths(tmp_path / name / "home")
    assert len(os.fsencode(paths.sockets / "db" / f".s.PGSQL.{POSTGRES_PORT}")) <= SOCKET_PATH_LIMIT_BYTES
    async with embedded_stack(paths.home, durable=False) as stack:
        assert await query(stack.database_url, "SELECT 1") == 1
        client = redis.asyncio.from_url(stack.redis_url)
        assert await client.ping()
        await client.aclose()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.skipif(not ROOT, reason="only root mounts file systems")
async def test_a_full_disk_is_said_and_nothing_is_half_made(small_disk: Path) -> None:
    home = small_disk / "home"
    with pytest.raises(StackError, match="No space left"):
        async with embedded_stack(home, durable=False):
            pytest.fail("started without space")
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"), filler.open("wb", buffering=0) as file:
        for _ in range(10_000):
            assert file.write(b"x" * 4096) == 4096
    with pytest.raises(StackError, match=r"No space left|STORYFORK_HOME"):
        async with embedded_stack(home, durable=False):
            pytest.fail("started without space")
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=300m", str(small_disk)], check=True)
    async with embedded_stack(home, durable=False) as stack:
        assert await query(stack.database_url, "SELECT 1") == 1
