"""The model process's side of embedding, on an encoder (BERT) and a decoder (llama) with random weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.models.tiny_embedder import CONTEXT, DECODER_WIDTH, WIDTH, tiny_decoder, tiny_encoder
from workers.engines.processes.messages import Failed
from workers.engines.text.llama.protocol import Embed, Embedded, LoadGguf
from workers.engines.text.llama.server.embedder import SEQUENCES, Embedder, TextTooLong
from workers.engines.text.llama.server.native import DecodeAborted, LoadingFailed

TEXTS = ("The keeper opens the door.", "Cold air.", "", "门 开 了 é", "The keeper opens the door.")
WIDTHS = {"mean": WIDTH, "cls": WIDTH, "": WIDTH, "decoder": DECODER_WIDTH}
TOLERANCE = 2e-3
"""Largest difference of a number, alone against in a batch: other matrix shapes, other order of additions."""

Make = Callable[[str], Embedder]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    folder = tmp_path_factory.mktemp("embedders")
    made: dict[str, Embedder] = {}

    def embedder(kind: str) -> Embedder:
        if kind not in made:
            made[kind] = load(model(folder, kind))
        return made[kind]

    return embedder


def model(folder: Path, kind: str) -> Path:
    match kind:
        case "decoder":
            return tiny_decoder(folder)
        case "mean" | "cls" | "rank" | "":
            return tiny_encoder(folder, pooling=kind)
        case _:
            raise AssertionError(kind)


def load(path: Path, *, context: int = 512, should_stop: Callable[[], bool] = lambda: False) -> Embedder:
    return Embedder(LoadGguf(path=str(path), context=context, embedding=True), lambda: None, should_stop)


@pytest.mark.parametrize("kind", WIDTHS)
def test_vectors_are_of_unit_length_and_the_same_for_the_same_text(make: Make, kind: str) -> None:
    embedder = make(kind)
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimensions) == (5, WIDTHS[kind])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert np.abs(vectors[0] - vectors[4]).max() < TOLERANCE
    assert float(vectors[0] @ vectors[1]) < 0.999
    assert np.array_equal(vectors, embedder.embed(TEXTS))


@pytest.mark.parametrize("kind", WIDTHS)
def test_what_is_embedded_beside_a_text_does_not_change_its_vector(make: Make, kind: str) -> None:
    embedder = make(kind)
    texts = [f"{TEXTS[i % 4]} The {i}th of many words." for i in range(3 * SEQUENCES + 7)]
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert np.abs(together - alone).max() < TOLERANCE


def test_no_texts_no_vectors(make: Make) -> None:
    assert make("mean").embed([]).shape == (0, WIDTH)


def test_control_tokens_in_a_text_are_words(make: Make) -> None:
    for kind, written in (("mean", "[SEP]"), ("decoder", "<|im_end|>")):
        embedder = make(kind)
        # One token around it at each end of an encoder's text; none of the control token's own.
        assert embedder.count(written) > 3
        plain, control = embedder.embed(["x", f"x {written}"])
        assert float(plain @ control) < 0.9999


@pytest.mark.parametrize("kind", ["mean", "decoder"])
def test_a_text_may_be_as_long_as_the_limit_and_no_longer(make: Make, kind: str) -> None:
    embedder = make(kind)
    assert embedder.size == {"mean": CONTEXT, "decoder": 512}[kind]
    ends = embedder.count("") if kind == "mean" else 0
    word = embedder.count("a a") - embedder.count("a")
    assert word == 1
    fits = "a" + " a" * (embedder.size - ends - 1)
    assert embedder.count(fits) == embedder.size
    assert embedder.embed(["short", fits]).shape[0] == 2
    with pytest.raises(TextTooLong) as caught:
        embedder.embed(["short", fits + " a"])
    assert (caught.value.index, caught.value.tokens, caught.value.limit) == (1, embedder.size + 1, embedder.size)


def test_answers_of_the_protocol(make: Make) -> None:
    embedder = make("cls")
    answer = embedder.answer(Embed(id=7, texts=TEXTS))
    assert isinstance(answer, Embedded)
    assert (answer.id, answer.dimensions) == (7, WIDTH)
    assert np.array_equal(np.array(answer.rows(), np.float32), embedder.embed(TEXTS))
    long = "long " * 400
    tokens = embedder.count(long)
    assert embedder.answer(Embed(id=8, texts=("fine", long))) == Failed(
        id=8,
        reason="context_full",
        message=f"text 1 has {tokens} tokens; the limit is {CONTEXT}",
        prompt_tokens=tokens,
        context_tokens=CONTEXT,
    )


def test_a_pass_can_be_stopped(make: Make, tmp_path: Path) -> None:
    stop = False
    embedder = load(tiny_encoder(tmp_path), should_stop=lambda: stop)
    before = embedder.embed(["one"])
    stop = True
    with pytest.raises(DecodeAborted):
        embedder.embed(["one"])
    assert embedder.answer(Embed(id=1, texts=("one",))) == Failed(id=1, reason="cancelled")
    stop = False
    assert np.array_equal(embedder.embed(["one"]), before)


def test_a_reranker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadingFailed, match=r"no embeddings: it ranks texts"):
        load(model(tmp_path, "rank"))


@pytest.mark.parametrize("fault", ["missing", "text", "truncated"])
def test_files_that_are_no_model_are_refused(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "bad.gguf"
    match fault:
        case "text":
            path.write_text("<html>Not found</html>")
        case "truncated":
            data = tiny_encoder(tmp_path).read_bytes()
            path.write_bytes(data[: len(data) // 2])
        case _:
            pass
    with pytest.raises(LoadingFailed):
        load(path)
