from pathlib import Path

import pytest

from tests.models.tiny_embedder import tiny_encoder
from tests.models.tiny_gguf import CONTEXT
from workers.engines.text.discovery import OVERHEAD, ModelCandidate, choose_model, find_models
from workers.engines.text.gguf_file import BrokenGguf, read_header
from workers.engines.text.settings import TextSettings

PLENTY = 2**40


def search(root: Path, available: int = PLENTY, **values: object) -> list[ModelCandidate]:
    return find_models(TextSettings.model_validate({"models_dir": root} | values), available)


def put(root: Path, model: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(model.read_bytes())


def found(root: Path, candidates: list[ModelCandidate]) -> list[str]:
    return [candidate.path.relative_to(root).as_posix() for candidate in candidates]


def test_the_order_of_the_folders(tmp_path: Path, model: Path) -> None:
    put(
        tmp_path,
        model,
        "zebra.gguf",
        "a/other.GGUF",
        "qwen2.5-72b/q.gguf",
        "text/qwen2.5-72b/q.gguf",
        "llama-3.1-8b/b.gguf",
        "llama-3.1-8b/a.gguf",
        "text/llama-3.1-8b/l.gguf",
        "a/mmproj-other.gguf",
        "a/readme.txt",
    )
    assert found(tmp_path, search(tmp_path)) == [
        "text/llama-3.1-8b/l.gguf",
        "llama-3.1-8b/a.gguf",
        "llama-3.1-8b/b.gguf",
        "text/qwen2.5-72b/q.gguf",
        "qwen2.5-72b/q.gguf",
        "a/other.GGUF",
        "zebra.gguf",
    ]


def test_a_split_model_counts_once(tmp_path: Path, model: Path) -> None:
    put(tmp_path, model, *(f"big-0000{i}-of-00003.gguf" for i in (1, 2, 3)))
    (candidate,) = search(tmp_path)
    assert candidate.path.name == "big-00001-of-00003.gguf"
    assert candidate.size == 3 * model.stat().st_size
    assert candidate.usable


def test_a_split_model_with_a_missing_part(tmp_path: Path, model: Path) -> None:
    put(tmp_path, model, "big-00001-of-00002.gguf")
    (candidate,) = search(tmp_path)
    assert candidate.broken
    assert "big-00002-of-00002.gguf" in candidate.reason


def test_the_first_that_fits_is_chosen(tmp_path: Path, model: Path) -> None:
    size = model.stat().st_size
    put(tmp_path, model, "small.gguf")
    large = tmp_path / "text" / "qwen2.5-72b" / "large.gguf"
    put(tmp_path, model, "text/qwen2.5-72b/large.gguf")
    with large.open("ab") as file:
        file.truncate(100 * size)
    candidates = search(tmp_path, available=20 * size)
    assert [candidate.fits for candidate in candidates] == [False, True]
    assert "only" in candidates[0].reason
    chosen = choose_model(candidates)
    assert chosen is not None
    assert chosen.path.name == "small.gguf"


def test_the_context_needs_memory_too(tmp_path: Path, model: Path) -> None:
    put(tmp_path, model, "tiny.gguf")
    header = read_header(tmp_path / "tiny.gguf")
    # Four layers, two key-value heads of 32 numbers, keys and values, two bytes each.
    assert header.kv_bytes_per_token() == 4 * 2 * (32 + 32) * 2
    weights = int(header.size * OVERHEAD)
    context = header.kv_bytes_per_token() * CONTEXT
    assert search(tmp_path, weights + context)[0].fits
    assert not search(tmp_path, weights + context - 1)[0].fits
    assert search(tmp_path, weights + context // 2, llama_context=1024)[0].fits


@pytest.mark.parametrize("keep", [0, 3, 4, 20, 200, 3000, 0.5, 0.9])
def test_broken_files_are_reported_not_chosen(tmp_path: Path, model: Path, keep: float) -> None:
    data = model.read_bytes()
    (tmp_path / "a.gguf").write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    put(tmp_path, model, "b.gguf")
    broken, whole = search(tmp_path)
    assert broken.broken
    assert broken.reason
    assert choose_model([broken, whole]) is whole


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>404</html>", "magic"),
        (b"GGUF\x63\x00\x00\x00" + bytes(16), "version 99"),
        (b"GGUF\x03\x00\x00\x00" + b"\xff" * 16, "implausible"),
        (b"GGUF\x03\x00\x00\x00" + bytes(8) + b"\x01" + bytes(7) + b"\xff" * 8, "implausible"),
    ],
)
def test_reasons(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(BrokenGguf, match=reason):
        read_header(path)


def test_an_explicit_model_is_the_only_one(tmp_path: Path, model: Path) -> None:
    put(tmp_path, model, "llama-3.1-8b/x.gguf")
    (candidate,) = search(tmp_path, available=1, text_model=model)
    assert candidate.path == model
    assert not candidate.fits
    assert candidate.usable, "the operator knows better"


@pytest.mark.parametrize("name", ["missing.gguf", "empty"])
def test_an_explicit_model_that_is_not_there(tmp_path: Path, model: Path, name: str) -> None:
    put(tmp_path, model, "llama-3.1-8b/x.gguf")
    (tmp_path / "empty").mkdir()
    (candidate,) = search(tmp_path, text_model=tmp_path / name)
    assert candidate.broken
    assert choose_model([candidate]) is None


def test_an_explicit_folder(tmp_path: Path, model: Path) -> None:
    put(tmp_path, model, "mine/x.gguf", "other/y.gguf")
    assert found(tmp_path, search(tmp_path, text_model=tmp_path / "mine")) == ["mine/x.gguf"]


def test_no_folder_at_all(tmp_path: Path) -> None:
    assert search(tmp_path / "nowhere") == []
    assert choose_model([]) is None


def test_models_that_make_vectors_are_not_for_writing(tmp_path: Path, model: Path) -> None:
    put(tmp_path, model, "embedding/small/e.gguf", "image/sdxl/x.gguf", "writer.gguf")
    tiny_encoder(tmp_path, name="astray.gguf")
    candidates = search(tmp_path)
    assert found(tmp_path, candidates) == ["astray.gguf", "writer.gguf"]
    assert candidates[0].broken
    assert choose_model(candidates) == candidates[1]
